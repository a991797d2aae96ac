// Keeps "5 min ago" true while a page stays open.
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const EVERY_MILLISECONDS = 5000;

export function relative(instant, now) {
  const seconds = Math.round((instant - now) / 1000);
  if (seconds === 0) return "now";
  const size = Math.abs(seconds);
  const [unit, length] = UNITS.find(([, each]) => size >= each);
  const amount = `${Math.floor(size / length)} ${unit}`;
  return seconds > 0 ? `in ${amount}` : `${amount} ago`;
}

export function keepTimes() {
  // The service's clock decides, not this machine's: how far it is ahead of it was told by the page.
  const told = document.querySelector("meta[name=now]");
  const lead = told ? Date.parse(told.content) - Date.now() : 0;
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-relative]")) {
      const words = relative(Date.parse(time.dateTime), Date.now() + lead);
      if (time.textContent !== words) time.textContent = words;
    }
  }, EVERY_MILLISECONDS);
}

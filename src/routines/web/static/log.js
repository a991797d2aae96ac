// Reads on in what a heartbeat prints while it runs. It is only ever text here.
const EVERY_MILLISECONDS = 700;
const AFTER_A_FAILURE_MILLISECONDS = 5000;
const CHARACTERS_MAX = 2_000_000; // what a browser still shows at once; "All of it as text" has the rest
const NEAR_THE_END_PIXELS = 40;

const log = document.getElementById("log");
const state = document.getElementById("log-state");

function say(words) {
  if (state.textContent !== words) state.textContent = words;
}

function put(node) {
  const reading = log.scrollHeight - log.scrollTop - log.clientHeight > NEAR_THE_END_PIXELS;
  log.append(node);
  while (log.textContent.length > CHARACTERS_MAX && log.childNodes.length > 1) log.firstChild.remove();
  if (!reading) toEnd();
}

function toEnd() {
  log.scrollTop = log.scrollHeight;
}

function gap(bytes) {
  const words = document.createElement("em");
  words.className = "gap";
  words.textContent = `${bytes} bytes are left out here.`;
  put(words);
}

async function readOn() {
  const after = Number(log.dataset.after);
  const response = await fetch(`${log.dataset.log}?after=${after}`).catch(() => null);
  if (!response?.ok) {
    say("The service does not answer; trying again.");
    setTimeout(readOn, AFTER_A_FAILURE_MILLISECONDS);
    return;
  }
  const part = await response.json();
  if (part.start > after) gap(part.start - after);
  if (part.content) put(document.createTextNode(part.content));
  log.dataset.after = part.after;
  if (part.isEnd) {
    log.removeAttribute("data-open");
    say(log.textContent.trim() ? "That is all." : "Nothing.");
    return;
  }
  say("It goes on by itself.");
  setTimeout(readOn, part.after > after && part.content.length > 10_000 ? 0 : EVERY_MILLISECONDS);
}

if (log) {
  toEnd();
  if ("open" in log.dataset) readOn();
}

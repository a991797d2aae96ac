// Tells the service, once for each browser, in which time zone its viewer is; pages then come in that zone.
// It runs before the page is shown, so that no time is seen in another zone first. A zone that was chosen stays.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const known = /(?:^|; )routines_zone=/.test(document.cookie);
if (zone && zone !== "UTC" && !known) {
  document.cookie = `routines_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=strict`;
  if (document.cookie.includes("routines_zone=")) location.reload();
}

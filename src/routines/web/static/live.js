// Follows what happens in the company, and takes over what has changed on the page, part by part.
// A part is an element with an id and `data-live`. One in which the viewer is at work is left alone until they leave it.
import { offerCopies } from "./copies.js";

const SOON_MILLISECONDS = 150; // what happens together is shown together
const REST_MILLISECONDS = 1000; // a page that is asked for all the time is no use to anybody
const AGAIN_MILLISECONDS = 5000;

export function follow() {
  const { events, about } = document.body.dataset;
  if (!events || !document.querySelector("[data-live]")) return;
  const sign = document.querySelector(".live");
  let asked = 0;
  let waiting = false;
  let leftAlone = false;
  let stream = null;
  let told = "";

  async function refresh() {
    waiting = false;
    asked = Date.now();
    const response = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
    if (!response?.ok || response.redirected) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    leftAlone = false;
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const other = fresh.getElementById(part.id);
      if (!other || other.innerHTML === part.innerHTML) continue;
      if (inUse(part)) {
        leftAlone = true;
      } else {
        part.replaceWith(document.adoptNode(other));
        offerCopies(other);
      }
    }
  }

  function noticed() {
    if (waiting) return;
    waiting = true;
    setTimeout(refresh, Math.max(SOON_MILLISECONDS, asked + REST_MILLISECONDS - Date.now()));
  }

  function open() {
    stream = new EventSource(told ? events.replace(/after=.*/, `after=${told}`) : events);
    stream.onopen = () => { if (sign) sign.hidden = false; };
    stream.onerror = () => {
      if (sign) sign.hidden = true;
      if (stream?.readyState !== EventSource.CLOSED) return; // the browser comes back by itself
      close(); // it was refused, as by a server that is about to stop
      setTimeout(() => { if (!stream && !document.hidden) { open(); noticed(); } }, AGAIN_MILLISECONDS);
    };
    stream.onmessage = ({ data, lastEventId }) => {
      told = lastEventId;
      if (!about || data.includes(about)) noticed();
    };
  }

  function close() {
    stream?.close();
    stream = null;
    if (sign) sign.hidden = true;
  }

  // A browser has six connections for each site over HTTP/1.1: pages that nobody looks at leave them to those in view.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
    } else if (!stream) {
      open();
      noticed();
    }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", ({ persisted }) => { if (persisted && !stream) { open(); noticed(); } });
  for (const leaving of ["focusout", "toggle", "pointerup"]) {
    document.addEventListener(leaving, () => { if (leftAlone) noticed(); }, true);
  }
  if (!document.hidden) open();
}

function inUse(part) {
  const focused = part.contains(document.activeElement); // else who goes by the keyboard would lose their place
  const pressing = part.matches(":active");
  const selection = getSelection();
  const selecting = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  return focused || pressing || selecting || part.querySelector("details[open], input:checked") !== null;
}

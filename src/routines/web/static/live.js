// Follows what happens in the company, and takes over what has changed on the page, part by part.
// A part is an element with an id and `data-live`. One in which the viewer is at work is left alone until they leave it.
import { offerCopies } from "./copies.js";

const SOON_MILLISECONDS = 150; // what happens together is shown together
const REST_MILLISECONDS = 1000; // a page that is asked for all the time is no use to anybody

export function follow() {
  const { events, about } = document.body.dataset;
  if (!events || !document.querySelector("[data-live]")) return;
  let asked = 0;
  let waiting = false;

  async function refresh() {
    waiting = false;
    asked = Date.now();
    const response = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
    if (!response?.ok || response.redirected) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const other = fresh.getElementById(part.id);
      if (other && !inUse(part) && other.innerHTML !== part.innerHTML) {
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

  const stream = new EventSource(events);
  const sign = document.querySelector(".live");
  stream.onopen = () => { if (sign) sign.hidden = false; };
  stream.onerror = () => { if (sign) sign.hidden = true; };
  stream.onmessage = ({ data }) => { if (!about || data.includes(about)) noticed(); };
  addEventListener("pagehide", () => stream.close());
}

function inUse(part) {
  const focused = part.contains(document.activeElement); // else who goes by the keyboard would lose their place
  const pressing = part.matches(":active");
  const selection = getSelection();
  const selecting = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  return focused || pressing || selecting || part.querySelector("details[open], input:checked") !== null;
}

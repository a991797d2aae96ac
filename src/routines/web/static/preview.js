// Shows what a schedule means while it is typed: the service is asked as by the button that previews it, and the parts
// that depend on it are taken over. Nothing about schedules is known here.
const REST_MILLISECONDS = 250; // between two keys of somebody who types
const WITHOUT_MEANING = ["title", "description", "label", "parentIssueId"];

const form = document.querySelector("form[data-preview]");
let asked = 0;
let waiting;

async function ask() {
  const number = ++asked;
  const fields = new URLSearchParams(new FormData(form));
  fields.set("preview", "yes");
  const response = await fetch(location.href, { method: "POST", body: fields }).catch(() => null);
  if (!response?.ok || number !== asked) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (number !== asked) return;
  for (const part of form.querySelectorAll("[data-previewed]")) {
    const other = fresh.getElementById(part.id);
    if (other && other.innerHTML !== part.innerHTML) part.replaceChildren(...other.childNodes);
  }
  for (const field of form.querySelectorAll(".schedule input, .schedule select")) {
    const invalid = field.id && fresh.getElementById(field.id)?.hasAttribute("aria-invalid");
    field.toggleAttribute("aria-invalid", Boolean(invalid));
    if (invalid) field.setAttribute("aria-invalid", "true");
  }
  // Whoever goes on in cron begins with what the form has said so far.
  const text = form.elements.cronExpression;
  if (form.elements.every.value !== "cron") text.value = fresh.getElementById(text.id)?.value ?? text.value;
}

form?.addEventListener("input", ({ target }) => {
  if (WITHOUT_MEANING.includes(target.name)) return;
  clearTimeout(waiting);
  waiting = setTimeout(ask, REST_MILLISECONDS);
});

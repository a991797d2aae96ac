// One box that ticks all others of a name in its form.
document.addEventListener("change", ({ target }) => {
  const name = target.dataset?.ticks;
  if (!name) return;
  for (const box of target.form.querySelectorAll(`input[type=checkbox][name="${CSS.escape(name)}"]`)) box.checked = target.checked;
});

// Beside the downloads: how large the print will be at the height that was typed.

// The model's proportions come from the viewer; its Y is up, the print's Z is.
function showSize(form, size) {
  const height = Number(form.heightMm.value);
  if (!size || !(height > 0)) return;
  const millimetres = (side) => (side * height / size.y).toFixed(1).replace(/\.0$/, "");
  form.querySelector("[data-size-text]").textContent = form.dataset.size
    .replace("{x}", millimetres(size.x)).replace("{y}", millimetres(size.z)).replace("{z}", millimetres(size.y));
}

function wire(form) {
  let size = null;
  document.getElementById(form.dataset.viewerId)?.addEventListener("viewer:shown", (event) => {
    size = event.detail;
    showSize(form, size);
  });
  form.heightMm.addEventListener("input", () => showSize(form, size));
}

/** Wire the print forms below `root` that are not wired yet. Before their models are shown: that tells the size. */
export function watchPrintForms(root) {
  for (const form of root.querySelectorAll('form[data-print=""]')) {
    form.dataset.print = "watched";
    wire(form);
  }
}

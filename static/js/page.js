// Small comforts of every page; all of it works without them.

// A second press while the first is on its way would do the thing twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if ("sent" in form.dataset) event.preventDefault();
  else form.dataset.sent = "";
});

// Coming back with the browser's back button shows the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// A disclosure that asks before deleting closes like a menu.
document.addEventListener("keydown", (event) => {
  const asked = event.key === "Escape" && document.querySelector("details.ask[open]");
  if (!asked) return;
  asked.open = false;
  asked.querySelector("summary").focus();
});

function countCharacters(form) {
  const field = form.querySelector("#prompt");
  const count = form.querySelector("[data-count]");
  const { text, limit } = count.dataset;
  const show = () => {
    count.textContent = text.replace("{n}", field.value.length).replace("{limit}", limit);
    count.classList.toggle("is-full", field.value.length >= Number(limit));
  };
  field.addEventListener("input", show);
  show();
  return show;
}

function offerExamples(form, changed) {
  const field = form.querySelector("#prompt");
  form.querySelector("[data-examples]").hidden = false;
  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-example]");
    if (!chip) return;
    field.value = chip.textContent;
    field.focus();
    changed();
  });
}

function sendWithKeys(form) {
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) form.requestSubmit();
  });
}

const promptForm = document.querySelector("[data-prompt-form]");
if (promptForm) {
  offerExamples(promptForm, countCharacters(promptForm));
  sendWithKeys(promptForm);
}

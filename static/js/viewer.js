// Puts a <model-viewer> over each picture of a finished model.

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const HOME = "25deg 75deg 110%"; // where the camera starts
let library = null;

// The library can fetch decoders for compressed files from its maker's host. Our files need none of them:
// point it here, so that nothing is ever asked of another host.
function keepItHere(url) {
  const nowhere = new URL("./", new URL(url, location.href)).href;
  self.ModelViewerElement ??= {};
  self.ModelViewerElement.dracoDecoderLocation = nowhere;
  self.ModelViewerElement.ktx2TranscoderLocation = nowhere;
  self.ModelViewerElement.lottieLoaderLocation = `${nowhere}lottie.js`;
}

// On import it also compiles a decoder to WebAssembly, which our content security policy refuses. Where there
// is no WebAssembly it does without.
async function importPlain(url) {
  const { WebAssembly } = self;
  self.WebAssembly = undefined;
  try {
    return await import(url);
  } finally {
    self.WebAssembly = WebAssembly;
  }
}

function load(url) {
  keepItHere(url);
  library ??= importPlain(url);
  return library;
}

// Its shadow root holds a <style> element, which our content security policy refuses once it is in the page.
// The same text as a constructed sheet is allowed. Entering the page empties the list of such sheets: so out
// with the element before, in with the sheet after.
function place(viewer, before) {
  const styles = [...viewer.shadowRoot.querySelectorAll("style")];
  for (const style of styles) style.remove();
  before.before(viewer);
  for (const style of styles) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style.textContent);
    viewer.shadowRoot.adoptedStyleSheets.push(sheet);
  }
}

function build(box) {
  const viewer = document.createElement("model-viewer");
  const settings = {
    "src": box.dataset.src,
    "alt": box.dataset.alt,
    "a11y": box.dataset.a11y,
    "camera-controls": "",
    "touch-action": "pan-y",
    "interaction-prompt": "none",
    "shadow-intensity": "0.9",
    "environment-image": "neutral",
    "tone-mapping": "neutral",
    "camera-orbit": HOME,
    "rotation-per-second": "18deg",
    "loading": "eager",
  };
  for (const [name, value] of Object.entries(settings)) viewer.setAttribute(name, value);
  return viewer;
}

function wireTools(box, viewer) {
  const tools = box.querySelector("[data-tools]");
  const turn = tools.querySelector("[data-turn]");
  const setTurning = (on) => {
    viewer.toggleAttribute("auto-rotate", on);
    turn.setAttribute("aria-pressed", String(on));
  };
  turn.addEventListener("click", () => setTurning(!viewer.hasAttribute("auto-rotate")));
  tools.querySelector("[data-home]").addEventListener("click", () => {
    viewer.resetTurntableRotation();
    viewer.cameraOrbit = HOME;
    viewer.fieldOfView = "auto";
    viewer.cameraTarget = "auto auto auto";
    viewer.jumpCameraToGoal();
  });
  setTurning(!calm.matches);
  tools.hidden = false;
}

function say(box, text) {
  const note = box.querySelector("[data-note]");
  note.textContent = text;
  note.hidden = !text;
}

async function show(box, url) {
  box.dataset.viewer = "begun";
  say(box, box.dataset.loading);
  try {
    await load(url);
  } catch {
    say(box, box.dataset.failed);
    return;
  }
  const viewer = build(box);
  viewer.addEventListener("load", () => {
    say(box, "");
    box.classList.add("is-shown");
    wireTools(box, viewer);
    box.dispatchEvent(new CustomEvent("viewer:shown", { bubbles: true, detail: viewer.getDimensions() }));
  }, { once: true });
  viewer.addEventListener("error", () => {
    viewer.remove();
    say(box, box.dataset.failed);
  }, { once: true });
  place(viewer, box.querySelector("[data-tools]"));
}

/** Show the models below `root` that are not shown yet; `url` is where the library lies. */
export function showModels(root, url) {
  for (const box of root.querySelectorAll('[data-viewer=""]')) show(box, url);
}

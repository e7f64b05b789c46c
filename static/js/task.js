// One creation, live. The server renders every state; an event only says that it is time to ask again.

import { watchPrintForms } from "./print.js";
import { showModels } from "./viewer.js";

const EVENTS = [
  "task:init", "task:updated",
  "image:generating", "image:completed", "image:failed",
  "model:generating", "model:progress", "model:completed", "model:failed",
];
const GATHER_MS = 100; // events closer together than this share one request
const POLL_MS = 3000; // where the event stream cannot pass, and in tabs that nobody sees

const library = document.querySelector("script[data-viewer]").dataset.viewer;
const live = document.getElementById("live");
let stream = null;
let gathering = 0;
let polling = 0;
let asking = false;
let askAgain = false;

const region = () => document.getElementById("task");

// Focus stays where it was: on the same control, or on the part when the control is gone.
function replacePart(before, after) {
  const focused = before.contains(document.activeElement) ? document.activeElement : null;
  before.replaceWith(after);
  if (!focused) return;
  const heir = focused.id && after.querySelector(`#${CSS.escape(focused.id)}`);
  if (heir) {
    heir.focus({ preventScroll: true });
  } else {
    after.tabIndex = -1;
    after.focus({ preventScroll: true });
  }
}

function swap(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("task");
  const current = region();
  for (const after of fresh.querySelectorAll("[data-part]")) {
    const before = document.getElementById(after.id);
    if (before.dataset.state !== after.dataset.state) replacePart(before, document.adoptNode(after));
  }
  const said = current.dataset.announce;
  for (const name of ["step", "running", "announce"]) {
    if (name in fresh.dataset) current.dataset[name] = fresh.dataset[name];
    else delete current.dataset[name];
  }
  if (said !== current.dataset.announce) live.textContent = current.dataset.announce;
  enliven();
}

async function ask() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  try {
    const response = await fetch(region().dataset.fragment);
    // deleted in another tab, or signed out: the whole page says so better than this region could
    if (response.redirected || response.status === 404) location.reload();
    else if (response.ok) swap(await response.text());
  } catch {
    // offline for a moment: the stream's reconnection or the next poll asks again
  } finally {
    asking = false;
    if (askAgain) {
      askAgain = false;
      soon();
    }
  }
  keepUp();
}

function soon() {
  gathering ||= setTimeout(() => {
    gathering = 0;
    ask();
  }, GATHER_MS);
}

function listen() {
  if (stream) return;
  stream = new EventSource(region().dataset.events);
  for (const name of EVENTS) stream.addEventListener(name, soon);
  stream.addEventListener("error", keepUp);
}

function stopListening() {
  stream?.close();
  stream = null;
}

// Browsers allow few connections to one host over all tabs: a hidden tab gives its stream up and polls.
function keepUp() {
  clearTimeout(polling);
  const running = "running" in region().dataset;
  if (!running || document.hidden) stopListening();
  else listen();
  if (running && (!stream || stream.readyState === EventSource.CLOSED)) polling = setTimeout(ask, POLL_MS);
}

function enliven() {
  watchPrintForms(region());
  showModels(region(), library);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) keepUp();
  else ask();
});
addEventListener("pagehide", stopListening);
addEventListener("pageshow", (event) => event.persisted && ask());

enliven();
keepUp();

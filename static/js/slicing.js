// While the slicer works, its part of the page is fetched anew every two seconds.

const PAUSE_MS = 2000;

async function refresh(section) {
  const answer = await fetch(section.dataset.slicing, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("slicing");
  if (fresh) section.replaceWith(fresh);
}

/** Follow a slicing that is under way until it has ended. A failure of the network is tried again. */
export function watchSlicing() {
  const section = document.querySelector("[data-slicing]");
  if (!section) return;
  setTimeout(() => refresh(section).catch(() => {}).finally(watchSlicing), PAUSE_MS);
}

// After live messages the page fetches itself again and swaps the parts that changed.
const QUIET_MS = 700; // wait until messages pause ...
const LONGEST_MS = 2500; // ... but not for ever
const PARTS = "[data-part]:not([data-keep])";

export function startRefresh() {
  if (!document.querySelector("[data-part]")) return;
  let timer = 0;
  let first = 0;
  let missed = false;

  function soon() {
    if (document.hidden) {
      missed = true;
      return;
    }
    const now = performance.now();
    first ||= now;
    clearTimeout(timer);
    timer = setTimeout(run, Math.max(0, Math.min(QUIET_MS, first + LONGEST_MS - now)));
  }

  async function run() {
    first = 0;
    missed = false;
    try {
      await refresh();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // no network: the live state says so
    }
  }

  document.addEventListener("aeras:live", soon);
  document.addEventListener("visibilitychange", () => !document.hidden && missed && soon());
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected && new URL(answer.url).pathname === "/login") {
    location.reload(); // the session ended
    return;
  }
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll(PARTS)) swap(part, fresh);
  swapCameras(fresh);
  for (const id of ["map-data", "chart-data"]) swapData(id, fresh);
}

function swap(part, fresh) {
  const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
  if (!next || next.innerHTML === part.dataset.seen) return;
  const typing = document.activeElement?.matches("textarea, input, select");
  if (typing && part.contains(document.activeElement)) return; // what is being typed stays
  const focus = focusWithin(part);
  const before = figures(part);
  part.dataset.seen = next.innerHTML;
  part.replaceChildren(...document.importNode(next, true).childNodes);
  for (const [name, box] of figures(part)) {
    if (before.get(name)?.textContent !== box.textContent) box.classList.add("changed");
  }
  part.dispatchEvent(new CustomEvent("aeras:swapped", { bubbles: true }));
  focus?.();
}

const figures = (part) =>
  new Map([...part.querySelectorAll("[data-total]")].map((box) => [box.dataset.total, box]));

/** Remembers where the keyboard is inside a part; gives a function that goes back there. */
function focusWithin(part) {
  const active = document.activeElement;
  if (!part.contains(active)) return null;
  const owner = active.closest("[id]");
  const index = [...(owner ?? part).querySelectorAll("a, button")].indexOf(active);
  return () => {
    const home = owner ? document.getElementById(owner.id) : part;
    [...(home?.querySelectorAll("a, button") ?? [])][index]?.focus({ preventScroll: true });
  };
}

/** Pictures stay; only what is said about a camera is renewed. */
function swapCameras(fresh) {
  for (const tile of document.querySelectorAll("[data-camera]")) {
    const next = fresh.querySelector(`[data-camera="${CSS.escape(tile.dataset.camera)}"]`);
    if (!next) continue;
    tile.dataset.state = next.dataset.state;
    for (const name of ["figcaption", ".camera-state", ".camera-empty"]) {
      const [mine, theirs] = [tile.querySelector(name), next.querySelector(name)];
      if (mine.innerHTML !== theirs.innerHTML) mine.replaceWith(document.importNode(theirs, true));
    }
  }
}

function swapData(id, fresh) {
  const [mine, theirs] = [document.getElementById(id), fresh.getElementById(id)];
  if (!mine || !theirs || mine.textContent === theirs.textContent) return;
  mine.textContent = theirs.textContent;
  document.dispatchEvent(new CustomEvent(`aeras:${id}`));
}

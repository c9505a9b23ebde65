// Blurred previews: one JPEG after the other, only while they can be seen.
const PAUSE_MS = 180;
const EMPTY_MS = 2500;

export function startCameras() {
  for (const tile of document.querySelectorAll("[data-camera]")) watch(tile);
}

function watch(tile) {
  const image = tile.querySelector("img");
  const url = `/api/cameras/${encodeURIComponent(tile.dataset.camera)}/preview.jpg`;
  let visible = false;
  let timer = 0;
  let busy = false;

  async function next() {
    if (busy || !visible || document.hidden) return;
    busy = true;
    const up = ["up", "uncalibrated"].includes(tile.dataset.state); // a refresh of the page's words keeps this current
    const got = up && (await fetchPicture(url, image).catch(() => false));
    busy = false;
    if (got || !up) image.hidden = !got;
    clearTimeout(timer);
    timer = setTimeout(next, got ? PAUSE_MS : EMPTY_MS);
  }

  new IntersectionObserver(([entry]) => {
    visible = entry.isIntersecting;
    next();
  }).observe(tile);
  document.addEventListener("visibilitychange", next);
}

async function fetchPicture(url, image) {
  const answer = await fetch(url);
  if (!answer.ok) return false;
  const shown = URL.createObjectURL(await answer.blob());
  const before = image.src;
  image.src = shown;
  await image.decode();
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
  return true;
}

// Service worker of the kiosk: lets its page start again without a network.
const CACHE = "aeras-kiosk";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname === "/kiosk") event.respondWith(newest(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(kept(request));
});

/** The page names what it needs; whatever else was kept belongs to an older version. */
self.addEventListener("message", (event) => {
  const done = keepOnly(event.data.keep).then(() => event.ports[0].postMessage("kept"));
  event.waitUntil(done);
});

async function keepOnly(urls) {
  const cache = await caches.open(CACHE);
  const wanted = new Set(urls);
  const have = await cache.keys();
  await Promise.all(have.filter(({ url }) => !wanted.has(url)).map((old) => cache.delete(old)));
  const known = new Set(have.map(({ url }) => url));
  const stale = (url) => !known.has(url) || new URL(url).pathname === "/kiosk";
  await cache.addAll(urls.filter(stale));
}

async function newest(request) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request, answer.clone());
    if (answer.status < 500) return answer;
  } catch {
    // no network: what was kept
  }
  const same = await cache.match(request, { ignoreVary: true });
  const old = same ?? (await cache.match(request, { ignoreSearch: true, ignoreVary: true }));
  return old ?? Response.error();
}

async function kept(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreVary: true })) ?? fetch(request);
}

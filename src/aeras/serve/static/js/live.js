// One connection for live messages; each becomes an "aeras:live" event on the document.
import { t } from "./words.js";

const TYPES = ["event", "trigger", "answer", "camera"];
const RETRY_MS = [2000, 5000, 10000, 30000];

export function startLive() {
  let failures = 0;
  let source = null;

  function connect() {
    source = new EventSource("/api/live");
    source.onopen = () => {
      failures = 0;
      show("on", t("live.on"));
    };
    source.onerror = () => {
      show("off", t("live.off"));
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      setTimeout(connect, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
    };
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        const detail = JSON.parse(event.data);
        document.dispatchEvent(new CustomEvent("aeras:live", { detail }));
      });
    }
  }

  // A page in the back/forward cache must not hold a connection that others need.
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
}

function show(state, text) {
  const box = document.querySelector("[data-live-state]");
  if (!box || box.dataset.liveState === state) return;
  box.dataset.liveState = state;
  box.querySelector("[role=status]").textContent = text;
}

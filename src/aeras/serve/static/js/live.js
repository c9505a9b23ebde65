// One connection for live messages; each becomes an "aeras:live" event on the document.
import { t } from "./words.js";

const TYPES = ["event", "trigger", "answer", "camera", "shelf", "sales"];
const RETRY_MS = [2000, 5000, 10000, 30000];
const HIDDEN_MS = 60000; // a page nobody sees gives its connection back: browsers allow only six

export function startLive() {
  let source = null;
  let failures = 0;
  let interrupted = false;
  let timer = 0;

  function connect() {
    clearTimeout(timer);
    source = new EventSource("/api/live");
    source.onopen = () => {
      failures = 0;
      show("on", t("live.on"));
      if (interrupted) tell({ type: "resume" }); // what happened meanwhile was missed
      interrupted = false;
    };
    source.onerror = () => {
      interrupted = true;
      show("off", t("live.off"));
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      timer = setTimeout(connect, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
    };
    for (const type of TYPES) {
      source.addEventListener(type, (event) => tell(JSON.parse(event.data)));
    }
  }

  function disconnect() {
    source?.close();
    source = null;
    interrupted = true;
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(disconnect, HIDDEN_MS);
    else if (!source || source.readyState === EventSource.CLOSED) connect();
  });
  addEventListener("pagehide", disconnect); // also from the back/forward cache
  addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
}

function tell(detail) {
  document.dispatchEvent(new CustomEvent("aeras:live", { detail }));
}

function show(state, text) {
  const box = document.querySelector("[data-live-state]");
  if (!box || box.dataset.liveState === state) return;
  box.dataset.liveState = state;
  box.querySelector("[role=status]").textContent = text;
}

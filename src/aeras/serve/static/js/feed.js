// The list of what just happened.
import { ago } from "./words.js";

const LONGEST = 40;
const FEED_TYPES = new Set(["event", "trigger", "answer", "shelf"]);

export function startFeed() {
  const feed = document.querySelector("[data-feed]");
  if (!feed) return;
  document.addEventListener("aeras:live", ({ detail }) => {
    if (!FEED_TYPES.has(detail.type)) return;
    feed.querySelector("[data-feed-empty]").hidden = true;
    feed.prepend(row(detail));
    for (const old of [...feed.querySelectorAll("li[data-type]")].slice(LONGEST)) old.remove();
  });
  setInterval(() => {
    for (const time of feed.querySelectorAll("time")) time.textContent = ago(time.dateTime);
  }, 20000);
}

function row(message) {
  const line = document.createElement("li");
  line.className = "new";
  line.dataset.type = message.type;
  line.dataset.reaction = message.reaction ?? "";
  const dot = document.createElement("span");
  dot.className = "feed-dot";
  dot.setAttribute("aria-hidden", "true");
  const text = document.createElement("span");
  text.className = "feed-text";
  text.textContent = message.text;
  const time = document.createElement("time");
  time.dateTime = message.received;
  time.textContent = ago(message.received);
  line.append(dot, text, time);
  return line;
}

// The kiosk: idle screen, form, thanks; back to idle by itself; works through a lost network.
import { showForm } from "./form.js";
import { flush, keep, newId, send, waiting } from "./queue.js";
import { language as pageLanguage, t } from "./words.js";

const IDLE_MS = 45000; // nobody touched the form
const THANKS_MS = 15000;
const ASK_MS = 20000; // how often the question is looked up
const FLUSH_MS = 5000;
const CACHE = "aeras.kiosk.invitation";

const $ = (name) => document.querySelector(`[data-${name}]`);
const main = $("kiosk");
let invitation = JSON.parse(localStorage.getItem(CACHE) ?? "null");
const first = new URLSearchParams(location.search).get("lang") ?? pageLanguage;
let language = first;
let timer = 0;

function screen(name) {
  for (const part of main.querySelectorAll("[data-screen]")) {
    part.hidden = part.dataset.screen !== name;
  }
  clearTimeout(timer);
  const wait = { form: IDLE_MS, thanks: THANKS_MS }[name];
  if (wait) timer = setTimeout(goIdle, wait);
}

function goIdle() {
  if (location.search && navigator.onLine) {
    location.replace("/kiosk"); // the next person starts in the shop's language
    return;
  }
  language = first;
  document.getElementById("form").replaceChildren();
  screen("idle");
  ask();
}

/** Looks up what to ask now; without a network the last question stands. */
async function ask() {
  try {
    const answer = await fetch(`/api/public/kiosk?language=${encodeURIComponent(language)}`);
    if (answer.ok) {
      ({ invitation } = await answer.json());
      localStorage.setItem(CACHE, JSON.stringify(invitation));
    }
  } catch {
    // no network: keep what we have
  }
  showIdle();
}

function showIdle() {
  $("start").hidden = !invitation;
  $("idle-title").textContent = invitation ? t("kiosk.title", { name: invitation.item_name }) : t("kiosk.none");
  $("idle-text").textContent = t(invitation ? "kiosk.text" : "kiosk.none.text");
  const offered = invitation?.languages ?? [];
  $("languages").replaceChildren(...(offered.length > 1 ? offered.map(languageButton) : []));
}

function languageButton(code) {
  const button = document.createElement("button");
  button.type = "button";
  button.lang = code;
  button.textContent = new Intl.DisplayNames([code], { type: "language" }).of(code);
  if (code === invitation.language) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => {
    language = code;
    if (navigator.onLine) location.replace(`/kiosk?lang=${code}`); // its own words, too
    else showIdle();
  });
  return button;
}

function start() {
  const asked = invitation;
  $("item").textContent = asked.item_name;
  screen("form");
  showForm(document.getElementById("form"), asked, async (answers) => {
    const answer = { invitation: asked.id, client_id: newId(), language: asked.language, answers };
    keep(answer);
    const sent = await send(answer);
    thank(sent);
  });
}

function thank(sent) {
  const receipt = sent?.receipt;
  $("thanks-text").textContent = t(sent ? (receipt ? "kiosk.thanks" : "kiosk.refused") : "kiosk.saved");
  $("receipt").hidden = !receipt;
  $("receipt-code").textContent = receipt ?? "";
  screen("thanks");
  showQueue();
  $("done").focus();
}

function showQueue() {
  const n = waiting();
  $("queue").hidden = n === 0;
  $("queue").textContent = n ? t("kiosk.queued", { n }) : "";
}

async function sendWaiting() {
  if (waiting()) await flush();
  showQueue();
}

/** A reload without a network must find the page and its files again. */
async function prepareForOutage() {
  if (!("serviceWorker" in navigator)) return; // needs https or localhost
  await navigator.serviceWorker.register("/kiosk-worker.js", { scope: "/kiosk" });
  const { active } = await navigator.serviceWorker.ready;
  const files = performance.getEntriesByType("resource").map(({ name }) => name);
  const ours = files.map((name) => name.split("#")[0]).filter((name) => name.includes("/static/"));
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => (main.dataset.safe = "yes"); // from now on a reload needs no network
  const keep = [...new Set([...ours, new URL("/kiosk", location.href).href])];
  active.postMessage({ keep }, [port2]);
}

$("start").addEventListener("click", start);
$("cancel").addEventListener("click", goIdle);
$("done").addEventListener("click", goIdle);
for (const kind of ["pointerdown", "keydown", "input"]) {
  main.addEventListener(kind, () => !main.querySelector('[data-screen="form"]').hidden && screen("form"));
}
addEventListener("online", sendWaiting);
setInterval(sendWaiting, FLUSH_MS);
setInterval(() => !main.querySelector('[data-screen="idle"]').hidden && ask(), ASK_MS);
if (location.search) timer = setTimeout(goIdle, IDLE_MS);
showIdle();
ask();
sendWaiting();
prepareForOutage();

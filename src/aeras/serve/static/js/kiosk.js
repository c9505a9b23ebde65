// The kiosk: idle screen, form, thanks; back to idle by itself; works through a lost network.
// Beside a fixture (?fixture=) it asks only while somebody is there, and sends answers later.
import { newId, showForm } from "./form.js";
import { flush, keep, later, receiptOf, send, waiting } from "./queue.js";
import { t } from "./words.js";

const IDLE_MS = 45000; // nobody touched the form
const THANKS_MS = 15000;
const FLUSH_MS = 5000;

const $ = (name) => document.querySelector(`[data-${name}]`);
const main = $("kiosk");
const asked = new URLSearchParams(location.search);
const fixture = asked.get("fixture") ?? "";
const language = asked.get("lang") ?? "";
const ASK_MS = fixture ? 7000 : 20000; // how often the question is looked up
const CACHE = `aeras.kiosk.questions.${fixture}`;
let questions = JSON.parse(localStorage.getItem(CACHE) ?? "{}"); // by language; "" is the shop's own
let near = !fixture;
let timer = 0;

const invitation = () => questions[language] ?? questions[""] ?? null;

function address(code) {
  const wanted = new URLSearchParams(Object.entries({ lang: code, fixture }).filter(([, value]) => value));
  return `/kiosk${wanted.size ? `?${wanted}` : ""}`;
}

function screen(name) {
  for (const part of main.querySelectorAll("[data-screen]")) {
    part.hidden = part.dataset.screen !== name;
  }
  clearTimeout(timer);
  const wait = { form: IDLE_MS, thanks: THANKS_MS }[name];
  if (wait) timer = setTimeout(goIdle, wait);
}

function goIdle() {
  if (language) {
    location.replace(address("")); // the next person starts in the shop's language
    return;
  }
  document.getElementById("form").replaceChildren();
  screen("idle");
  ask();
}

async function look(code) {
  const answer = await fetch(`/api/public/kiosk?${new URLSearchParams({ language: code, fixture })}`);
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

/** Looks up what to ask now, in every language; without a network the last question stands. */
async function ask() {
  try {
    const now = await look(language);
    const found = now.invitation;
    near = now.near;
    $("simulated").hidden = !now.simulated;
    const before = invitation();
    const same = before && found && before.id === found.id && before.version === found.version;
    questions = { ...(same ? questions : {}), ...(found && { [language]: found, "": questions[""] ?? found }) };
    if (found && !same) questions[""] = language ? (await look("")).invitation ?? found : found;
    for (const code of found?.languages ?? []) {
      if (!questions[code]) questions[code] = (await look(code)).invitation;
    }
    localStorage.setItem(CACHE, JSON.stringify(questions));
  } catch {
    near = near && !fixture; // nobody can tell who is there
  }
  showIdle();
}

function showIdle() {
  const found = near ? invitation() : null;
  $("start").hidden = !found;
  const title = found ? t("kiosk.title", { name: found.item_name }) : t("kiosk.none");
  if ($("idle-title").textContent !== title) $("idle-title").textContent = title;
  $("idle-text").textContent = t(found ? "kiosk.text" : fixture ? "kiosk.near" : "kiosk.none.text");
  const offered = found?.languages ?? [];
  if ($("languages").dataset.shown === String(offered)) return;
  $("languages").dataset.shown = String(offered);
  $("languages").replaceChildren(...(offered.length > 1 ? offered.map(languageButton) : []));
}

function languageButton(code) {
  const button = document.createElement("button");
  button.type = "button";
  button.lang = code;
  button.textContent = new Intl.DisplayNames([code], { type: "language" }).of(code);
  if (code === invitation().language) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => location.replace(address(code)));
  return button;
}

function start() {
  const found = invitation();
  $("item").textContent = found.item_name;
  screen("form");
  showForm(document.getElementById("form"), found, async (answers) => {
    const answer = {
      invitation: found.id,
      client_id: newId(),
      language: found.language,
      version: found.version,
      answers,
    };
    keep(answer, fixture ? later() : 0);
    thank(answer, fixture ? null : await send(answer));
  });
}

function thank({ client_id: id, answers }, sent) {
  const yes = answers.consent;
  const held = fixture ? "kiosk.later" : "kiosk.saved";
  $("thanks-text").textContent = t(!yes ? "kiosk.refused" : sent ? "kiosk.thanks" : held);
  $("receipt").hidden = !yes;
  $("receipt-code").textContent = yes ? receiptOf(id) : "";
  $("receipt-later").hidden = Boolean(sent);
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

/** A reload without a network must find the page and its files again, in each language. */
async function prepareForOutage() {
  if (!("serviceWorker" in navigator)) return; // needs https or localhost
  await navigator.serviceWorker.register("/kiosk-worker.js", { scope: "/kiosk" });
  const { active } = await navigator.serviceWorker.ready;
  const files = performance.getEntriesByType("resource").map(({ name }) => name);
  const ours = files.map((name) => name.split("#")[0]).filter((name) => name.includes("/static/"));
  const pages = ["", ...(invitation()?.languages ?? [])].map((code) => new URL(address(code), location.href).href);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => (main.dataset.safe = "yes"); // from now on a reload needs no network
  active.postMessage({ keep: [...new Set([...ours, ...pages])] }, [port2]);
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
if (language) timer = setTimeout(goIdle, IDLE_MS);
showIdle();
sendWaiting();
ask().then(prepareForOutage);

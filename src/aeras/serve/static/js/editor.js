// The form editor: questions on the left, what shoppers see on the right.
import { showForm } from "./form.js";
import { post } from "./post.js";
import { pageData, t } from "./words.js";

const KINDS = ["rating", "radiogroup", "checkbox", "comment"];
const OPS = ["=", "<>", "<=", ">=", "contains", "notempty"];
const LIMIT_S = 60;
const REVIEW_MS = 350;

const { id, used, source: stored, names, version } = pageData("form-data");
const $ = (name) => document.querySelector(`[data-${name}]`);
const copy = (value) => structuredClone(value);

let form = flatten(copy(stored));
let saved = { version, text: JSON.stringify(form) };
let past = [];
let future = [];
let left = form.languages[0];
let right = form.languages[1] ?? "";
let shown = { language: left, frame: "phone", previews: {} };
let timer = 0;
let lastField = null;

// --- the form as two pages: consent, then the questions --------------------------------------

function flatten(source) {
  const [first, ...rest] = source.pages;
  const questions = [...first.elements.slice(1)];
  for (const page of rest) {
    for (const question of page.elements) {
      const own = page.visibleIf && page.visibleIf !== "{consent} = true" ? page.visibleIf : "";
      const all = [own, question.visibleIf].filter(Boolean).join(" and ");
      questions.push(all ? { ...question, visibleIf: all } : question);
    }
  }
  return {
    ...source,
    pages: [
      { name: "consent-page", elements: [first.elements[0]] },
      { name: "question-page", visibleIf: "{consent} = true", elements: questions },
    ],
  };
}

const questions = () => form.pages[1].elements;
const consent = () => form.pages[0].elements[0];

// --- history ---------------------------------------------------------------------------------

/** Changes the form. Letters typed into one field are one step of the history. */
function change(work, { field = null, redraw = true, focus = "" } = {}) {
  if (!field || field !== lastField) past.push(JSON.stringify(form));
  lastField = field;
  future = [];
  work();
  settle(redraw, focus);
}

function travel(from, to, word) {
  if (!from.length) return;
  to.push(JSON.stringify(form));
  form = JSON.parse(from.pop());
  if (![left, right].filter(Boolean).every((code) => form.languages.includes(code))) keepToLanguages();
  lastField = null;
  settle(true);
  say(t(word));
}

function settle(redraw, focus = "") {
  if (redraw) draw(focus);
  $("undo").disabled = !past.length;
  $("redo").disabled = !future.length;
  clearTimeout(timer);
  timer = setTimeout(review, REVIEW_MS);
  showState();
}

const changed = () => JSON.stringify(form) !== saved.text;

function showState() {
  $("unsaved").textContent = changed() ? t("form.unsaved") : "";
  $("save").disabled = !changed();
  $("publish").disabled = changed() || saved.version === current;
  $("publish").title = changed() ? t("form.publish.first") : "";
}
let current = used;

// --- drawing -----------------------------------------------------------------------------------

function el(tag, attributes = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...inside.filter((part) => part !== null));
  return made;
}

const button = (label, text, onclick, more = {}) =>
  el("button", { type: "button", class: "small quiet", "aria-label": label, title: label, onclick, ...more }, text);

/** A text in the two languages that are open, side by side. */
function texts(owner, key, label, { long = false, spot = "" } = {}) {
  const pair = [left, right].filter(Boolean).map((code) => {
    const box = el(long ? "textarea" : "input", {
      lang: code,
      "aria-label": `${label} (${names[code] ?? code})`,
      rows: long ? "2" : null,
      maxlength: "600",
      "data-spot": `${spot}.${key}.${code}`,
      oninput: () =>
        change(() => (owner[key] = { ...owner[key], [code]: box.value }), {
          field: `${spot}.${key}.${code}`,
          redraw: false,
        }),
    });
    box.value = owner[key]?.[code] ?? "";
    return box;
  });
  return el("div", { class: "fe-texts", "data-two": right ? "yes" : "no" }, el("span", { class: "fe-label" }, label), ...pair);
}

function card(question, index) {
  const fixed = question === consent();
  const spot = question.name;
  const name = t(`form.${fixed ? "consent" : question.type}`);
  const head = el("header", {}, el("h3", {}, fixed ? name : `${index + 1}. ${name}`), el("code", {}, question.name));
  if (!fixed) {
    head.append(
      el(
        "span",
        { class: "fe-tools" },
        button(t("form.up", { name: question.name }), "↑", () => move(index, -1), { disabled: index === 0, "data-spot": `${spot}.up` }),
        button(t("form.down", { name: question.name }), "↓", () => move(index, 1), { disabled: index === questions().length - 1, "data-spot": `${spot}.down` }),
        button(t("form.remove", { name: question.name }), "×", () => remove(index)),
      ),
    );
  }
  const parts = [head, texts(question, "title", t("form.field.title"), { spot, long: true })];
  if (fixed || question.description) parts.push(texts(question, "description", t("form.field.description"), { spot, long: true }));
  if (fixed) parts.push(texts(question, "labelTrue", t("form.field.labelTrue"), { spot }), texts(question, "labelFalse", t("form.field.labelFalse"), { spot }));
  if (question.type === "rating") {
    parts.push(texts(question, "minRateDescription", t("form.field.minRateDescription"), { spot }));
    parts.push(texts(question, "maxRateDescription", t("form.field.maxRateDescription"), { spot }));
  }
  if (question.choices) parts.push(choices(question, spot));
  if (!fixed) parts.push(rules(question, index));
  return el("article", { class: "card fe-card", "data-index": String(fixed ? -1 : index) }, ...parts);
}

function choices(question, spot) {
  const rows = question.choices.map((choice, at) => {
    const one = texts(choice, "text", t("form.field.text", { code: choice.value }), { spot: `${spot}.${choice.value}` });
    const code = el("input", {
      class: "fe-code",
      "aria-label": t("form.code"),
      maxlength: "40",
      pattern: "[a-z][a-z0-9_-]*",
      autocapitalize: "none",
      spellcheck: "false",
      onchange: () => change(() => (choice.value = code.value.trim())),
    });
    code.value = choice.value;
    one.firstChild.replaceWith(code);
    const alone =
      question.type === "checkbox"
        ? el("label", { class: "fe-check", title: t("form.exclusive.help", { code: choice.value }) },
            el("input", { type: "checkbox", checked: Boolean(choice.isExclusive), onchange: (event) => change(() => (event.target.checked ? (choice.isExclusive = true) : delete choice.isExclusive)) }),
            t("form.exclusive"))
        : null;
    return el("li", {}, one, el("span", { class: "fe-tools" }, ...[
      alone,
      button(t("form.choiceup", { code: choice.value }), "↑", () => change(() => swap(question.choices, at, at - 1), { focus: `${spot}.${choice.value}.up` }), { disabled: at === 0, "data-spot": `${spot}.${choice.value}.up` }),
      button(t("form.removechoice", { code: choice.value }), "×", () => change(() => question.choices.splice(at, 1)), { disabled: question.choices.length < 3 }),
    ].filter(Boolean)));
  });
  const add = button(t("form.addchoice"), `+ ${t("form.addchoice")}`, () => {
    const code = fresh("choice", question.choices.map(({ value }) => value));
    change(() => question.choices.push({ value: code, text: {} }), { focus: `${spot}.${code}.text.${left}` });
  });
  return el("div", { class: "fe-choices" }, el("h4", {}, t("form.choices")), el("ol", {}, ...rows), add);
}

/** Must be answered; and: show only if (one comparison with an earlier question). */
function rules(question, index) {
  const spot = question.name;
  const required = el("label", { class: "fe-check" },
    el("input", { type: "checkbox", checked: Boolean(question.isRequired), onchange: (event) => change(() => (event.target.checked ? (question.isRequired = true) : delete question.isRequired), { redraw: false }) }),
    t("form.required"));
  const told = question.visibleIf?.match(/^\{([\w-]+)\} (=|<>|<=|>=|contains|notempty)(?: (.+))?$/);
  const set = (text) => change(() => (text ? (question.visibleIf = text) : delete question.visibleIf), { focus: `${spot}.if` });
  if (question.visibleIf && (!told || / and | or /.test(question.visibleIf))) {
    const raw = el("input", { "aria-label": t("form.custom"), onchange: () => set(raw.value.trim()) });
    raw.value = question.visibleIf;
    return el("div", { class: "fe-rules" }, required, el("label", {}, t("form.showif"), raw));
  }
  const [, name = "", op = "=", value = ""] = told ?? [];
  const earlier = questions().slice(0, index);
  const of = select([["", t("form.always")], ...earlier.map((one) => [one.name, one.title[left] || one.name])], name, t("form.showif"), () => set(of.value && first(earlier.find((one) => one.name === of.value))), `${spot}.if`);
  const parts = [required, el("label", { class: "fe-if" }, el("span", {}, t("form.showif")), of)];
  const other = earlier.find((one) => one.name === name);
  if (other) {
    const ops = OPS.filter((sign) => fits(other.type, sign));
    const how = select(ops.map((sign) => [sign, t(`form.op.${sign}`)]), op, t("form.op"), () => set(how.value === "notempty" ? `{${name}} notempty` : `{${name}} ${how.value} ${value || worths(other)[0][0]}`));
    parts.push(how);
    if (op !== "notempty") parts.push(select(worths(other), value, t("form.value"), (event) => set(`{${name}} ${op} ${event.target.value}`)));
  }
  return el("div", { class: "fe-rules" }, ...parts);
}

const fits = (type, sign) =>
  ({ rating: ["=", "<>", "<=", ">=", "notempty"], radiogroup: ["=", "<>", "notempty"], checkbox: ["contains", "notempty"] })[type]?.includes(sign) ?? sign === "notempty";
const worths = (question) =>
  question.choices?.map(({ value, text }) => [`'${value}'`, text[left] || value]) ?? ["1", "2", "3", "4", "5"].map((n) => [n, n]);
const first = (question) =>
  ({ rating: `{${question.name}} <= 3`, radiogroup: `{${question.name}} = ${worths(question)[0][0]}`, checkbox: `{${question.name}} contains ${worths(question)[0][0]}` })[question.type] ?? `{${question.name}} notempty`;

function select(options, value, label, onchange, spot = null) {
  const box = el("select", { "aria-label": label, onchange, "data-spot": spot }, ...options.map(([key, text]) => el("option", { value: key }, text)));
  box.value = value;
  return box;
}

function draw(focus = "") {
  const spot = focus || document.activeElement?.dataset?.spot;
  const title = el("article", { class: "card fe-card" }, texts(form, "title", t("form.formtitle"), { spot: "form" }));
  $("questions").replaceChildren(title, card(consent(), -1), ...questions().map(card));
  for (const box of document.querySelectorAll("[data-languages] input")) box.checked = form.languages.includes(box.value);
  for (const side of ["left", "right"]) {
    const pick = $(side);
    pick.replaceChildren(...(side === "right" ? [el("option", { value: "" }, "–")] : []), ...form.languages.map((code) => el("option", { value: code }, names[code] ?? code)));
    pick.value = side === "left" ? left : right;
  }
  const next = spot && document.querySelector(`[data-spot="${CSS.escape(spot)}"]`);
  if (next && !next.disabled) next.focus();
  else if (next) next.closest(".fe-card")?.querySelector("textarea")?.focus();
}

// --- deeds -------------------------------------------------------------------------------------

function swap(list, a, b) {
  [list[a], list[b]] = [list[b], list[a]];
}

function move(index, by) {
  const to = index + by;
  if (to < 0 || to >= questions().length) return;
  const { name } = questions()[index];
  change(() => swap(questions(), index, to), { focus: `${name}.${by < 0 ? "up" : "down"}` });
  say(t("form.moved", { name, n: to + 1 }));
}

function remove(index) {
  const { name } = questions()[index];
  change(() => questions().splice(index, 1));
  say(t("form.removed", { name }));
  $("questions").querySelectorAll("textarea")[0]?.focus();
}

function fresh(stem, taken) {
  let n = 1;
  while (taken.includes(n === 1 ? stem : `${stem}${n}`)) n += 1;
  return n === 1 ? stem : `${stem}${n}`;
}

function add(type) {
  const stem = { rating: "rating", radiogroup: "choice", checkbox: "reasons", comment: "text" }[type];
  const name = fresh(stem, ["consent", ...questions().map((one) => one.name)]);
  const question = { type, name, title: {} };
  if (type === "rating") Object.assign(question, { rateMin: 1, rateMax: 5, minRateDescription: {}, maxRateDescription: {} });
  if (type === "radiogroup" || type === "checkbox") question.choices = [{ value: "first", text: {} }, { value: "none", text: {}, ...(type === "checkbox" && { isExclusive: true }) }];
  change(() => questions().push(question), { focus: `${name}.title.${left}` });
  say(t("form.added", { name }));
}

function speak(code, on) {
  change(() => {
    form.languages = on ? [...form.languages, code] : form.languages.filter((one) => one !== code);
    if (!on) forget(form, code);
    keepToLanguages();
  });
}

/** Neither column shows a language that the form does not speak. */
function keepToLanguages() {
  if (!form.languages.includes(left)) left = form.languages[0];
  if (!form.languages.includes(right)) right = form.languages.find((one) => one !== left) ?? "";
}

/** Drops a language's texts: a text in a language that the form does not speak is a fault. */
function forget(node, code) {
  for (const [key, value] of Object.entries(node)) {
    if (!value || typeof value !== "object") continue;
    if (/^(title|description|text|label|(min|max)Rate)/.test(key) && !Array.isArray(value)) delete value[code];
    else forget(value, code);
  }
}

const say = (text) => ($("said").textContent = text);

// --- what comes of it --------------------------------------------------------------------------

function line(text, kind = "") {
  return el("li", kind ? { class: kind } : {}, text);
}

async function review() {
  let found;
  try {
    found = await post(`/api/forms/${encodeURIComponent(id)}/review`, { form });
  } catch (error) {
    $("review").replaceChildren(line(error.message, "problem"));
    return;
  }
  const lines = found.problems.map(({ path, what }) => line(`${path}: ${what}`, "problem"));
  for (const code of form.languages) {
    const n = found.missing.filter(([, language]) => language === code).length;
    if (n) lines.push(line(t("form.missing", { language: names[code] ?? code, n }), "notice"));
  }
  if (!lines.length) lines.push(line(t("form.fine"), "good"));
  $("review").replaceChildren(...lines);
  $("seconds").replaceChildren(...Object.entries(found.seconds).map(([code, n]) => meter(code, n)));
  showChanges(found.changes, found.problems.length > 0);
  if (!found.problems.length) {
    shown.previews = found.previews;
    preview();
  }
}

function meter(code, seconds) {
  const label = t("form.seconds", { language: names[code] ?? code, n: Math.round(seconds) });
  const bar = el("meter", { min: "0", max: String(LIMIT_S), high: "55", value: String(seconds), "aria-label": label });
  return el("li", {}, el("span", {}, label), bar);
}

function showChanges(changes, unknown) {
  if (unknown) return;
  const lines = changes.map(({ kind, path, before, after }) =>
    el("li", {}, el("b", {}, t(`form.change.${kind}`, { path })), ...(before ? [el("del", {}, before)] : []), ...(after ? [el("ins", {}, after)] : [])),
  );
  if (!lines.length) lines.push(line(t(current ? "form.same" : "form.unused")));
  $("changes").replaceChildren(...lines);
}

function preview() {
  const codes = Object.keys(shown.previews);
  if (!codes.includes(shown.language)) [shown.language] = codes;
  $("preview-languages").replaceChildren(
    ...codes.map((code) =>
      el("label", {}, el("input", { type: "radio", name: "preview-language", value: code, checked: code === shown.language, onchange: () => { shown.language = code; preview(); } }), el("span", { lang: code }, names[code] ?? code)),
    ),
  );
  const frame = $("frame");
  frame.dataset.frame = shown.frame;
  frame.classList.toggle("kiosk", shown.frame === "kiosk");
  frame.lang = shown.language;
  const invitation = { form: copy(shown.previews[shown.language]), language: shown.language };
  showForm(document.getElementById("form"), invitation, async () => {
    document.getElementById("form").replaceChildren(el("p", { class: "good" }, t("form.preview.done")));
  });
}

async function save() {
  try {
    const done = await post(`/api/forms/${encodeURIComponent(id)}/versions`, { form });
    saved = { version: done.version, text: JSON.stringify(form) };
    history.replaceState(null, "", `/forms/${encodeURIComponent(id)}`);
    say(t("form.saved", { n: done.version }));
  } catch (error) {
    say(error.message);
  }
  showState();
}

async function publish() {
  try {
    const done = await post(`/api/forms/${encodeURIComponent(id)}/publish`, { version: saved.version });
    current = done.version;
    say(t("form.published", { n: done.version }));
    review();
  } catch (error) {
    say(error.message);
  }
  showState();
}

// --- start -------------------------------------------------------------------------------------

for (const type of KINDS) $("add").append(button(t(`form.${type}`), `+ ${t(`form.${type}`)}`, () => add(type)));
$("undo").addEventListener("click", () => travel(past, future, "form.undone"));
$("redo").addEventListener("click", () => travel(future, past, "form.redone"));
$("save").addEventListener("click", save);
$("publish").addEventListener("click", publish);
$("again").addEventListener("click", preview);
$("left").addEventListener("change", (event) => { left = event.target.value; draw(); });
$("right").addEventListener("change", (event) => { right = event.target.value; draw(); });
$("languages").addEventListener("change", (event) => speak(event.target.value, event.target.checked));
$("frames").addEventListener("change", (event) => { shown.frame = event.target.value; preview(); });
document.addEventListener("keydown", (event) => {
  const index = Number(event.target.closest?.("[data-index]")?.dataset.index ?? -1);
  if (event.altKey && index >= 0 && ["ArrowUp", "ArrowDown"].includes(event.key)) {
    event.preventDefault();
    move(index, event.key === "ArrowUp" ? -1 : 1);
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    if (event.shiftKey) travel(future, past, "form.redone");
    else travel(past, future, "form.undone");
  }
});
addEventListener("beforeunload", (event) => changed() && event.preventDefault());
draw();
showState();
review();

// The page's words, numbers and dates in its language.
const held = document.getElementById("words");
const WORDS = held ? JSON.parse(held.textContent) : {};

export const language = document.documentElement.lang || "en";

const plural = new Intl.PluralRules(language);

/** The text of a key; "one|many" is chosen by n. */
export function t(key, values = {}) {
  let text = WORDS[key] ?? key;
  if (text.includes("|")) {
    const [one, many] = text.split("|");
    text = plural.select(values.n ?? 0) === "one" ? one : many;
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? count(value) : (value ?? "");
  });
}

export const count = (value) => new Intl.NumberFormat(language).format(value);

export const percent = (share, digits = 0) =>
  new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: digits }).format(share);

/** How long ago, roughly, as the server says it. */
export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (seconds < 90) return t("ago.now");
  if (seconds < 90 * 60) return t("ago.minutes", { n: Math.round(seconds / 60) });
  return t("ago.hours", { n: Math.round(seconds / 3600) });
}

/** The data a page carries in a <script type="application/json"> block. */
export function pageData(id) {
  const block = document.getElementById(id);
  return block ? JSON.parse(block.textContent) : null;
}

/** Loads one of our own classic scripts once. */
const loading = new Map();
export function loadScript(path) {
  const url = new URL(path, import.meta.url).href;
  if (!loading.has(url)) {
    loading.set(
      url,
      new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = url;
        script.onload = resolve;
        script.onerror = () => reject(new Error(`could not load ${url}`));
        document.head.append(script);
      }),
    );
  }
  return loading.get(url);
}

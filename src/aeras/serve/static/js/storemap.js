// The store map's page: controls without leaving the page, playback, and the picture as PNG.
import { pageData, t } from "./words.js";

const STEP_MS = 900;
const CALM_MS = 2000; // for those who asked for less motion
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function startStoreMap(root) {
  const form = document.querySelector("[data-map-form]");
  const page = new StoreMap(root);
  form.querySelector("[data-map-go]").hidden = true;
  form.addEventListener("change", () => {
    page.pause();
    const chosen = new FormData(form);
    const by = form.elements.by;
    form.querySelector("[data-map-dates]").hidden = chosen.get("vs") !== "custom";
    if (chosen.get("vs") === "custom" && !(chosen.get("vs_from") && chosen.get("vs_to"))) return;
    if (chosen.get("vs") && by.value) {
      by.value = ""; // a comparison has no steps
      chosen.set("by", "");
    }
    by.disabled = Boolean(chosen.get("vs"));
    const query = new URLSearchParams([...chosen].filter(([key, value]) => value && (chosen.get("vs") === "custom" || !key.startsWith("vs_"))));
    page.load(`/map?${query}`);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.elements.by.disabled = Boolean(form.elements.vs.value);
}

class StoreMap {
  constructor(root) {
    this.root = root;
    this.timer = 0;
    root.addEventListener("aeras:swapped", () => this.wire());
    root.addEventListener("click", (event) => this.click(event));
    root.addEventListener("input", (event) => event.target.matches("input[type=range]") && this.show(Number(event.target.value)));
    for (const name of ["pointerover", "focusin"]) {
      root.addEventListener(name, (event) => this.read(event.target.closest("[data-facing], a")));
    }
    root.addEventListener("keydown", (event) => this.walk(event));
    this.wire();
  }

  /** Takes the page's new content into use. */
  wire() {
    this.play = pageData("map-frames");
    this.at = this.play?.at ?? 0;
    this.root.querySelector("[data-map-png]")?.removeAttribute("hidden");
    for (const links of this.drawings()) links.forEach((link, i) => link.setAttribute("tabindex", i ? "-1" : "0"));
  }

  drawings() {
    return [...this.root.querySelectorAll(".map-drawing")].map((svg) => [...svg.querySelectorAll("a")]);
  }

  async load(url) {
    this.pause();
    this.root.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(url, { headers: { Accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = fresh.getElementById("map-result");
      if (!next) throw new TypeError(fresh.querySelector("main p")?.textContent ?? "");
      history.replaceState(null, "", url);
      this.root.toggleAttribute("data-part", next.hasAttribute("data-part"));
      if (next.hasAttribute("data-part")) this.root.dataset.part = next.dataset.part;
      this.root.replaceChildren(...document.importNode(next, true).childNodes);
      for (const part of [".under-head", ".range"]) {
        document.querySelector(part)?.replaceWith(document.importNode(fresh.querySelector(part), true));
      }
      this.wire();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.say([t("smap.failed")]);
    } finally {
      this.root.removeAttribute("aria-busy");
    }
  }

  click(event) {
    const target = event.target;
    if (target.closest("[data-play]")) return this.timer ? this.pause() : this.start();
    const step = target.closest("[data-step]");
    if (step) {
      this.pause();
      return this.show(this.at + Number(step.dataset.step));
    }
    if (target.closest("[data-map-png]")) return this.png();
    const fixture = target.closest("[data-fixture]");
    if (fixture) return this.choose(fixture.dataset.fixture);
    const place = target.closest(".map-drawing a");
    if (place && matchMedia("(hover: none)").matches) {
      event.preventDefault(); // a finger reads first; the line below leads on
      this.read(place);
    }
  }

  choose(fixture) {
    const select = document.querySelector("[data-map-form]").elements.fixture;
    select.value = fixture;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // --- playback ---

  start() {
    if (this.at >= this.play.frames.length - 1) this.show(0);
    this.timer = setInterval(() => {
      if (this.at >= this.play.frames.length - 1) this.pause();
      else this.show(this.at + 1, false);
    }, calm.matches ? CALM_MS : STEP_MS);
    this.label("pause");
  }

  pause() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = 0;
    this.label("play");
    this.keep();
  }

  label(name) {
    const button = this.root.querySelector("[data-play]");
    if (button) button.textContent = t(name === "play" ? "smap.play" : "smap.pause");
  }

  show(index, keep = true) {
    const last = this.play.frames.length - 1;
    this.at = Math.min(last, Math.max(0, index));
    const { label, total, cells } = this.play.frames[this.at];
    const slider = this.root.querySelector("[data-map-player] input");
    slider.value = this.at;
    slider.setAttribute("aria-valuetext", label);
    this.root.querySelector("[data-map-player] output").textContent = label;
    this.root.querySelector("[data-map-total]").textContent = total;
    for (const shape of this.root.querySelectorAll("[data-facing]")) this.paint(shape, cells[shape.dataset.facing]);
    for (const row of this.root.querySelectorAll("[data-place]")) {
      const cell = cells[row.dataset.place];
      cell?.slice(1).forEach((line, i) => (row.children[i + 2].textContent = line));
    }
    if (keep) this.keep();
  }

  paint(shape, cell) {
    if (!cell) return;
    const [fill, ...lines] = cell;
    shape.setAttribute("fill", fill);
    const label = [shape.dataset.name, ...lines].filter(Boolean).join(", ");
    shape.querySelector("title").textContent = label;
    shape.closest("a")?.setAttribute("aria-label", label);
    const figure = shape.parentElement.querySelector("[data-figure]");
    if (figure) figure.textContent = lines[0];
  }

  /** The step goes into the address, and into the links that save it. */
  keep() {
    const { key } = this.play.frames[this.at];
    const url = new URL(location.href);
    url.searchParams.set("at", key);
    history.replaceState(null, "", url);
    const link = this.root.querySelector("[data-map-svg]");
    const file = new URL(link.href);
    file.searchParams.set("at", key);
    link.href = file.pathname + file.search;
  }

  // --- reading ---

  read(target) {
    const shape = target?.matches?.("[data-facing]") ? target : target?.querySelector?.("[data-facing]");
    if (!shape) return;
    this.say(shape.querySelector("title").textContent.split(", "), shape.closest("a")?.getAttribute("href"));
  }

  say([head, ...lines], href) {
    const box = this.root.querySelector("[data-readout]");
    if (!box) return;
    const name = document.createElement("b");
    name.textContent = head;
    const parts = lines.map((line) => Object.assign(document.createElement("span"), { textContent: line }));
    box.replaceChildren(name, ...parts);
    if (href) box.append(Object.assign(document.createElement("a"), { href, textContent: t("smap.item") }));
  }

  /** Arrow keys go from place to place; one of them is a tab stop. */
  walk(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const links = this.drawings().find((all) => all.includes(document.activeElement));
    if (!step || !links) return;
    event.preventDefault();
    const from = links.indexOf(document.activeElement);
    const next = links[(from + step + links.length) % links.length];
    links[from].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  }

  // --- files ---

  async png() {
    const link = this.root.querySelector("[data-map-svg]");
    const answer = await fetch(link.href);
    const image = new Image();
    image.src = URL.createObjectURL(await answer.blob());
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth * 2, image.naturalHeight * 2];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    const save = document.createElement("a");
    save.href = URL.createObjectURL(blob);
    save.download = `map-${new URL(link.href).searchParams.get("layer") ?? "rejection"}.png`;
    save.click();
    setTimeout(() => URL.revokeObjectURL(save.href), 10_000);
  }
}

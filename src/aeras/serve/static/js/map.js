// The store map: fixtures and facings in metres, each facing coloured by what happens there.
import { heat } from "./colours.js";
import { count, loadScript, pageData, percent, t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const RATES = new Set(["rejection", "positive"]);
const MARGIN_M = 0.4;
const LABEL_PX = 16;

export async function startMap(box) {
  await loadScript("../vendor/leaflet/leaflet.js");
  const view = new MapView(box, globalThis.L);
  view.draw(pageData("map-data"));
  document.querySelector("[data-map-layers]")?.addEventListener("change", (event) => {
    view.layer = event.target.value;
    view.paint();
  });
  document.addEventListener("aeras:map-data", () => view.update(pageData("map-data")));
}

/** y grows downwards on the plan and upwards in Leaflet. */
const corners = ([x0, y0, x1, y1]) => [
  [-y1, x0],
  [-y0, x1],
];

class MapView {
  constructor(box, L) {
    this.box = box;
    this.L = L;
    this.layer = "rejection";
    this.shapes = new Map();
    this.map = L.map(box, {
      crs: L.CRS.Simple,
      attributionControl: false,
      zoomControl: false,
      scrollWheelZoom: false,
      keyboard: false,
      zoomSnap: 0,
      zoomDelta: 0.8,
      maxZoom: 9,
      minZoom: -3,
    });
    L.control.zoom({ zoomInTitle: t("map.in"), zoomOutTitle: t("map.out") }).addTo(this.map);
  }

  draw(data) {
    this.data = data;
    const bounds = corners(floorBox(data));
    this.fit(bounds); // first: Leaflet draws nothing before it knows the view
    if (data.plan) this.drawPlan(bounds);
    const ground = { className: "floor", fillOpacity: 1, interactive: false, pane: data.plan ? "ground" : "overlayPane" };
    this.L.rectangle(bounds, ground).addTo(this.map);
    for (const fixture of data.fixtures) this.drawFixture(fixture);
    for (const facing of data.facings) this.drawFacing(facing);
    this.drawHatch();
    this.rove();
    this.paint();
  }

  /** The floor plan between the ground and the fixtures; a pane each, so that it can be faint. */
  drawPlan(bounds) {
    for (const [name, level] of [["ground", 340], ["plan", 345]]) this.map.createPane(name).style.zIndex = level;
    const plan = this.L.imageOverlay("/api/floor-plan", bounds, { pane: "plan", alt: t("map.plan") });
    plan.on("error", () => plan.remove()); // the file may have gone since the page was made
    plan.addTo(this.map);
  }

  fit(bounds) {
    const fit = () => {
      this.map.invalidateSize();
      this.map.fitBounds(bounds, { padding: [14, 14], animate: false });
      this.map.setMinZoom(this.map.getZoom());
      this.map.setMaxBounds(this.L.latLngBounds(bounds).pad(0.25));
    };
    fit();
    let width = this.box.clientWidth;
    new ResizeObserver(() => {
      if (this.box.clientWidth === width) return;
      width = this.box.clientWidth;
      this.map.setMinZoom(-3);
      fit();
    }).observe(this.box);
  }

  drawFixture({ name, box }) {
    const { L } = this;
    L.rectangle(corners(box), { className: "fixture", fillOpacity: 1, interactive: false }).addTo(this.map);
    const label = document.createElement("span");
    label.textContent = name;
    const icon = L.divIcon({ className: "fixture-label", html: label, iconSize: null, iconAnchor: [0, 0] });
    L.marker([-box[1], box[0]], { icon, interactive: false, keyboard: false }).addTo(this.map);
    const place = () => this.placeLabel(label, box);
    this.map.on("zoomend viewreset", place);
    place();
  }

  /** Above the fixture, or below where the wall is; as wide as the neighbours' labels allow. */
  placeLabel(label, box) {
    const pixels = (metres) => metres * this.map.options.crs.scale(this.map.getZoom());
    const floor = floorBox(this.data);
    const row = this.data.fixtures.map((f) => f.box).filter((b) => Math.abs(pixels(b[1] - box[1])) < LABEL_PX);
    const right = Math.min(floor[2], ...row.map((b) => b[0]).filter((x) => x > box[0]));
    const left = Math.max(floor[0], ...row.map((b) => b[2]).filter((x) => x < box[2]));
    label.style.maxWidth = "none";
    const width = label.offsetWidth;
    const turned = width > pixels(right - box[0]) && width <= pixels(box[2] - left);
    label.style.maxWidth = turned ? "none" : `${Math.floor(pixels(right - box[0])) - 4}px`;
    const x = turned ? pixels(box[2] - box[0]) - width : 0;
    const atWall = pixels(box[1] - floor[1]) < LABEL_PX;
    const y = atWall ? pixels(box[3] - box[1]) + 3 : -LABEL_PX;
    label.style.transform = `translate(${x}px, ${y}px)`;
  }

  drawFacing(facing) {
    const shape = this.L.rectangle(corners(facing.on_map), { className: "facing", fillOpacity: 1 });
    shape.addTo(this.map);
    this.shapes.set(facing.id, shape);
    const path = shape.getElement();
    path.dataset.facing = facing.id;
    if (!facing.item) {
      path.classList.add("vacant");
      return;
    }
    const selected = this.box.dataset.selected;
    if (selected) path.classList.add(selected === facing.item ? "selected" : "dim");
    const open = () => location.assign(`/items/${encodeURIComponent(facing.item)}${location.search}`);
    path.setAttribute("role", "link");
    shape.on("click", open);
    path.addEventListener("keydown", (event) => event.key === "Enter" && open());
    path.addEventListener("focus", () => shape.openTooltip());
    path.addEventListener("blur", () => shape.closeTooltip());
  }

  /** One tab stop; arrow keys walk from place to place. */
  rove() {
    const paths = [...this.shapes.values()]
      .map((shape) => shape.getElement())
      .filter((path) => path.getAttribute("role") === "link");
    paths.forEach((path, index) => path.setAttribute("tabindex", index ? "-1" : "0"));
    this.box.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const from = paths.indexOf(document.activeElement);
      if (!step || from < 0) return;
      event.preventDefault();
      const next = paths[(from + step + paths.length) % paths.length];
      paths[from].setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
  }

  drawHatch() {
    const svg = this.box.querySelector(".leaflet-overlay-pane svg");
    const defs = make("defs", {});
    const pattern = make("pattern", {
      id: "hatch",
      width: 7,
      height: 7,
      patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)",
    });
    pattern.append(
      make("rect", { class: "hatch-bg", width: 7, height: 7 }),
      make("path", { class: "hatch-line", d: "M0 0V7" }),
    );
    defs.append(pattern);
    svg.prepend(defs);
  }

  update(data) {
    this.data = data;
    this.paint();
  }

  paint() {
    const values = this.data.facings.map((facing) => this.value(facing)).filter((v) => v !== null);
    const top = niceTop(Math.max(0, ...values), RATES.has(this.layer));
    for (const facing of this.data.facings) {
      const shape = this.shapes.get(facing.id);
      if (!shape || !facing.item) continue;
      const value = this.value(facing);
      const path = shape.getElement();
      path.setAttribute("fill", value === null ? "url(#hatch)" : heat(value / top));
      path.dataset.value = value ?? "";
      const lines = this.describe(facing, value);
      path.setAttribute("aria-label", lines.join(", "));
      const fact = factBox(lines);
      if (shape.getTooltip()) shape.setTooltipContent(fact);
      else shape.bindTooltip(fact, { className: "fact", direction: "top", opacity: 1, sticky: false });
    }
    this.legend(top);
  }

  value(facing) {
    const found = facing.numbers[this.layer];
    return RATES.has(this.layer) ? (found?.value ?? null) : (found ?? null);
  }

  describe(facing, value) {
    const name = t(`map.${this.layer}`);
    if (value === null) return [facing.item_name, t("map.few", { k: this.data.k })];
    if (!RATES.has(this.layer)) return [facing.item_name, t("map.count", { value: count(value), name })];
    const rate = facing.numbers[this.layer];
    const lines = [
      facing.item_name,
      t("map.rate", {
        value: percent(rate.value),
        name,
        low: Math.round(rate.low * 100),
        high: percent(rate.high),
        n: rate.n,
      }),
    ];
    const unclear = facing.numbers.unclear;
    if (unclear) lines.push(t("map.unclear", { value: percent(unclear.value) }));
    return lines;
  }

  legend(top) {
    const legend = this.box.parentElement.querySelector(".legend");
    const scale = legend.querySelector(".legend-scale");
    const steps = 40;
    scale.replaceChildren(
      ...Array.from({ length: steps }, (_, i) =>
        make("rect", { x: (i * 100) / steps, width: 100 / steps + 0.3, height: 8, fill: heat(i / (steps - 1)) }),
      ),
    );
    const rate = RATES.has(this.layer);
    legend.querySelector(".legend-low").textContent = `${rate ? percent(0) : "0"} ${t(`map.${this.layer}`)}`;
    legend.querySelector(".legend-high").textContent = rate ? percent(top) : count(top);
  }
}

function make(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function factBox([head, ...lines]) {
  const box = document.createElement("div");
  const name = document.createElement("b");
  name.textContent = head;
  box.append(name);
  for (const line of lines) {
    const row = document.createElement("span");
    row.textContent = line;
    box.append(row);
  }
  return box;
}

/** The whole floor, or what the fixtures and facings need. */
function floorBox({ size, fixtures, facings }) {
  if (size) return [0, 0, size[0], size[1]];
  const boxes = [...fixtures.map((f) => f.box), ...facings.map((f) => f.on_map)];
  if (!boxes.length) return [0, 0, 10, 6];
  return [
    Math.min(...boxes.map((b) => b[0])) - MARGIN_M,
    Math.min(...boxes.map((b) => b[1])) - MARGIN_M,
    Math.max(...boxes.map((b) => b[2])) + MARGIN_M,
    Math.max(...boxes.map((b) => b[3])) + MARGIN_M,
  ];
}

/** A round upper end of the scale. */
function niceTop(top, isRate) {
  if (isRate) return Math.min(1, Math.max(0.1, Math.ceil(top * 10) / 10));
  const size = 10 ** Math.floor(Math.log10(Math.max(1, top)));
  return Math.max(1, Math.ceil(top / size) * size);
}

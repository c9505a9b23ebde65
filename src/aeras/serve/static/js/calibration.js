// The calibration page: one camera's points, shelves, facings and zones, on its picture and the map.
import { History, Surface, boxRing, make, middle, path, ringBox } from "./drawing.js";
import { post } from "./post.js";
import { language, pageData, t } from "./words.js";

const NEEDED = 4;
const CHECK_MS = 350;
const GOOD_M = 0.1;
const FAIR_M = 0.3;
const ZONES = ["excluded", "staff", "edge"];

const root = document.getElementById("calibration");
const data = pageData("calibration-data");
const camera = encodeURIComponent(root.dataset.calibrate);
const small = matchMedia("(max-width: 760px)");
const find = (name) => root.querySelector(`[data-${name}]`);
const doing = (name) => root.querySelector(`[data-do=${name}]`);

let draft = fromServer(data.draft);
let revision = data.revision;
let tool = "points";
let chosen = ""; // key of what is selected
let checked = { problems: [], floor: null };
let saved = JSON.stringify(draft);
const history = new History(draft);

// --- the draft: as the server knows it, but points may still lack one of their two places ---

function fromServer(d) {
  return {
    points: d.points.map((p) => ({ px: [p[0], p[1]], m: [p[2], p[3]], h: p[4] ?? 0 })),
    edge: d.lines,
    excluded: d.excluded,
    staff: d.staff,
    fixtures: d.fixtures,
    size: data.plan.size,
  };
}

const whole = () => draft.points.filter((p) => p.px && p.m);

function toServer() {
  return {
    points: whole().map((p) => [...p.px, ...p.m, ...(p.h ? [p.h] : [])]),
    lines: draft.edge,
    excluded: draft.excluded,
    staff: draft.staff,
    fixtures: draft.fixtures,
    map_size: data.plan.sized_by_file || !draft.size ? null : draft.size,
  };
}

/** Everything of one kind as {key, ring, name}. */
function shapes(kind) {
  if (ZONES.includes(kind)) {
    return draft[kind].map((ring, n) => ({ key: `${kind}/${n}`, ring, name: t(`cal.${kind}`, { n: n + 1 }) }));
  }
  const shelves = draft.fixtures.map((f, n) => ({ key: `fixtures/${n}`, ring: f.polygon, name: f.name || f.id }));
  if (kind === "shelf") return shelves;
  return draft.fixtures.flatMap((f, n) =>
    f.facings.map((g, i) => ({ key: `fixtures/${n}/facings/${i}`, ring: g.polygon, name: `${g.id} ${itemName(g)}`.trim() })),
  );
}

const names = new Map(data.items);
const planned = new Map(data.planned);
const faceCameras = new Map(data.face_cameras);
function itemName(facing) {
  const item = data.items_elsewhere ? planned.get(facing.id) : facing.item;
  return item ? (names.get(item) ?? item) : "";
}

/** The list and place that a key names; ``corner`` where it is one corner of it. */
function locate(key) {
  const [base, corner] = key.split("#");
  const [kind, n, inner, i] = base.split("/");
  const list = inner === "facings" ? draft.fixtures[n]?.facings : draft[kind];
  if (inner === "eye") return { kind, one: draft.fixtures[n], eye: true };
  const place = Number(inner === "facings" ? i : n);
  const one = list?.[place];
  if (one === undefined) return null;
  const ring = Array.isArray(one) ? one : inner === "map" ? null : one.polygon;
  return { kind, list, place, one, ring, onMap: inner === "map", corner: corner === undefined ? null : Number(corner) };
}

const fixtureOf = (key) => (key.startsWith("fixtures/") ? Number(key.split("/")[1]) : -1);
const unique = (base, used) => {
  let n = 1;
  while (used.has(`${base}-${n}`)) n += 1;
  return `${base}-${n}`;
};
const facingIds = () => new Set(draft.fixtures.flatMap((f) => f.facings.map((g) => g.id)));
const round = (value, digits) => Number(value.toFixed(digits));
const inPicture = (ring) => ring.map((c) => c.map((v) => round(v, 1)));
const inMetres = (values) => values.map((v) => round(v, 2));
const metres = (value) => {
  const shown = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
  return value < 0.005 ? `< ${shown.format(0.01)}` : shown.format(value);
};

// --- changes ---

let checking = 0;
let asked = 0;

function changed(key = "") {
  if (!history.put(draft, key)) return;
  render();
  clearTimeout(checking);
  checking = setTimeout(check, CHECK_MS);
}

async function check() {
  const mine = ++asked;
  try {
    const found = await post(`/api/calibration/${camera}/check`, toServer());
    if (mine === asked) checked = found;
  } catch (error) {
    if (mine === asked) checked = { problems: [{ at: [], what: error.status ? error.message : t("cal.offline") }], floor: null };
  }
  if (mine === asked) render();
}

/** What stands in the way of saving: what is unfinished, then what the server says. */
function problems() {
  const open = draft.points.flatMap((p, n) => {
    if (p.px && p.m) return [];
    const what = t(p.px ? "cal.unfinished" : "cal.unfinished_picture", { name: t("cal.point", { n: n + 1 }) });
    return [{ key: `points/${n}`, what }];
  });
  const n = whole().length;
  if (n > 0 && n < NEEDED) open.push({ key: "points", what: t("cal.too_few", { n }) });
  const told = checked.problems.filter((p) => !(n < NEEDED && p.at[0] === "points"));
  return [...open, ...told.map((p) => ({ key: keyOf(p.at), what: p.what }))];
}

function keyOf(at) {
  const [kind, n, inner, i] = at;
  if (kind === "points" && n !== undefined) return `points/${draft.points.indexOf(whole()[n])}`;
  if (kind === "lines") return `edge/${n ?? 0}`;
  if (inner === "facings") return `fixtures/${n}/facings/${i}`;
  return n === undefined ? String(kind ?? "") : `${kind}/${n}`;
}

function remove(key) {
  const found = locate(key);
  if (!found) return;
  if (found.eye) found.one.face_camera_at = null;
  else if (found.onMap) found.one.on_map = null;
  else if (found.corner !== null && found.ring.length > 3) found.ring.splice(found.corner, 1);
  else {
    found.list.splice(found.place, 1);
    chosen = "";
  }
  changed();
}

function move(key, [dx, dy], surface, clamp) {
  const found = locate(key);
  if (!found) return;
  const digits = surface === map ? 2 : 1;
  const shifted = ([x, y]) => surface.inside([x + dx, y + dy]).map((v) => round(v, clamp ? 4 : digits));
  if (found.kind === "points") {
    const side = surface === map ? "m" : "px";
    found.one[side] = shifted(found.one[side]);
  } else if (found.eye) {
    found.one.face_camera_at = shifted(found.one.face_camera_at);
  } else if (found.onMap) {
    found.one.on_map = movedBox(found, dx, dy, shifted);
  } else if (found.corner !== null) {
    found.ring[found.corner] = shifted(found.ring[found.corner]);
  } else {
    const [x0, y0, x1, y1] = ringBox(found.ring);
    const sx = Math.min(Math.max(dx, -x0), surface.width - x1);
    const sy = Math.min(Math.max(dy, -y0), surface.height - y1);
    found.ring.forEach((c, n) => (found.ring[n] = [round(c[0] + sx, 1), round(c[1] + sy, 1)]));
  }
  changed(`move ${key}`);
}

function movedBox({ one, corner }, dx, dy, shifted) {
  const ring = boxRing(one.on_map);
  if (corner === null) return [...shifted(ring[0]), ...shifted(ring[2])].map((v) => round(v, 2));
  const fixed = ring[(corner + 2) % 4];
  const now = shifted(ring[corner]);
  return ringBox([fixed, now]).map((v) => round(v, 2));
}

function addRing(ring) {
  const clean = inPicture(ring);
  if (clean.length < (tool === "edge" ? 2 : 3)) return;
  if (tool === "shelf") {
    const chosenOne = draft.fixtures[fixtureOf(chosen)];
    if (chosenOne && !chosenOne.polygon.length) chosenOne.polygon = clean;
    else {
      const id = unique("shelf", new Set([...draft.fixtures.map((f) => f.id), ...data.others.map(([name]) => name)]));
      draft.fixtures.push({ id, name: id, polygon: clean, on_map: null, facings: [], was: null, face_camera_at: null });
      chosen = `fixtures/${draft.fixtures.length - 1}`;
    }
  } else if (tool === "facing") addFacing(clean);
  else {
    draft[tool].push(clean);
    chosen = `${tool}/${draft[tool].length - 1}`;
  }
  changed();
}

function addFacing(ring) {
  if (!draft.fixtures.length) return;
  const [x, y] = middle(ring);
  const holds = draft.fixtures.findIndex((f) => f.polygon.length && inside([x, y], f.polygon));
  const n = holds >= 0 ? holds : Math.max(0, fixtureOf(chosen));
  const shelf = draft.fixtures[n];
  const id = unique(shelf.id, facingIds());
  shelf.facings.push({ id, polygon: ring, item: null, was: null });
  chosen = `fixtures/${n}/facings/${shelf.facings.length - 1}`;
}

function inside([x, y], ring) {
  let odd = false;
  ring.forEach(([x0, y0], n) => {
    const [x1, y1] = ring[(n + 1) % ring.length];
    if (y0 > y !== y1 > y && x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0) odd = !odd;
  });
  return odd;
}

/** One side of a pair: completes the newest open pair, else begins a new one. */
function mark(side, at) {
  const other = side === "px" ? "m" : "px";
  const value = side === "px" ? at.map((v) => round(v, 1)) : inMetres(at);
  const open = draft.points.findIndex((p) => !p[side] && p[other]);
  if (open >= 0) draft.points[open][side] = value;
  else draft.points.push({ [side]: value, [other]: null, h: 0 });
  chosen = `points/${open >= 0 ? open : draft.points.length - 1}`;
  changed();
}

/** Adds what the tool draws in the middle: the way in for the keyboard. */
function addInTheMiddle() {
  const [w, h] = data.size;
  const square = (cx, cy, s) => boxRing([cx - s, cy - s, cx + s, cy + s]);
  if (tool === "points") {
    draft.points.push({ px: [w / 2, h / 2], m: draft.size ? inMetres(draft.size.map((v) => v / 2)) : null, h: 0 });
    chosen = `points/${draft.points.length - 1}`;
    changed();
  } else if (tool === "edge") addRing([0.2, 0.4, 0.6, 0.8].map((share) => [share * w, h / 2]));
  else if (tool === "facing") {
    const shelf = draft.fixtures[Math.max(0, fixtureOf(chosen))];
    if (shelf) addRing(square(...(shelf.polygon.length ? middle(shelf.polygon) : [w / 2, h / 2]), h / 14));
  } else addRing(square(w / 2, h / 2, h / 5));
  (chosen.startsWith("points") || tool !== "points") && picture.focus(chosen);
}

// --- the two surfaces ---

const base = {
  locked: () => small.matches,
  select: (key) => select(key.split("#")[0]),
  remove,
  settle: () => history.put(draft),
  corner: (count) => hint(count ? t("cal.hint.drawing") : ""),
};

const picture = new Surface(root.querySelector("[data-view=picture]"), {
  width: data.size[0],
  height: data.size[1],
  step: 1,
  label: document.getElementById("cal-picture").textContent,
  listener: {
    ...base,
    draws: () => (tool === "points" ? "" : "ring"),
    click: (at) => mark("px", at),
    box: (box) => (tool === "edge" ? null : addRing(boxRing(box))),
    ring: addRing,
    move: (key, by, clamp) => move(key, by, picture, clamp),
  },
});

let map = null;

function startMap() {
  const host = root.querySelector("[data-view=map]");
  host.replaceChildren();
  map = null;
  if (!draft.size) {
    const empty = document.createElement("p");
    empty.className = "cal-none muted";
    empty.textContent = t("cal.no_map");
    host.append(empty);
    return;
  }
  map = new Surface(host, {
    width: draft.size[0],
    height: draft.size[1],
    step: 0.05,
    label: document.getElementById("cal-map").textContent,
    listener: {
      ...base,
      draws: () => (tool === "shelf" ? "box" : ""),
      click: clickMap,
      box: placeShelf,
      move: (key, by, clamp) => move(key, by, map, clamp),
    },
  });
}

function clickMap(at) {
  if (tool === "points") mark("m", at);
  if (tool !== "shelf") return;
  const found = data.plan.shapes.find((s) => s.kind === "fixture" && inside(at, s.polygon));
  if (found) placeShelf(ringBox(found.polygon));
}

/** Gives the selected shelf, or the first that has none, its place on the map. */
function placeShelf(box) {
  let n = fixtureOf(chosen);
  if (n < 0) n = draft.fixtures.findIndex((f) => !f.on_map);
  const shelf = draft.fixtures[n];
  if (!shelf) {
    hint(t("cal.no_shelf"));
    return;
  }
  shelf.on_map = inMetres(box);
  chosen = `fixtures/${n}`;
  changed();
}

function select(key) {
  chosen = key.replace(/\/(map|eye)$/, "");
  render();
}

// --- what is shown ---

function render() {
  const wrong = new Map(problems().map((p) => [p.key, p.what]));
  drawPicture(wrong);
  if (map) drawMap();
  drawList(wrong);
  drawQuality();
  doing("undo").disabled = !history.past.length;
  doing("redo").disabled = !history.future.length;
  const dirty = JSON.stringify(draft) !== saved;
  doing("save").disabled = !dirty || wrong.size > 0;
}

function pointName(n) {
  const floor = checked.floor;
  const p = draft.points[n];
  const place = p.px && p.m ? whole().indexOf(p) : -1;
  const off = floor?.errors[place];
  return { off, wrong: floor?.suspect === place && place >= 0, half: place < 0 };
}

function drawPicture(wrong) {
  const kinds = ["shelf", "facing", "excluded", "staff", "edge"];
  const order = [...kinds.filter((k) => k !== tool), ...(kinds.includes(tool) ? [tool] : [])];
  const nodes = [];
  for (const kind of order) {
    for (const { key, ring, name } of shapes(kind)) {
      if (!ring.length) continue;
      const live = kind === tool;
      nodes.push(picture.shape(ring, { key, kind, name, on: key === chosen, live, open: kind === "edge", bad: wrong.has(key) }));
      if (live && kind === "facing") nodes.push(facingLabel(key, ring));
      if (live && key === chosen) {
        ring.forEach((c, n) => nodes.push(picture.handle(c, { key: `${key}#${n}`, name: t("cal.corner", { n: n + 1, name }) })));
      }
    }
  }
  if (tool === "shelf") nodes.push(...eyes());
  if (tool === "points") {
    draft.points.forEach((p, n) => p.px && nodes.push(pointHandle(picture, p.px, n)));
  }
  picture.draw([still], nodes);
}

/** The item's name within its place, a line for as many words as fit. */
function facingLabel(key, ring) {
  const one = locate(key).one;
  const [left, top, right] = ringBox(ring);
  const fits = (right - left) / (7 * picture.unit);
  const lines = [];
  for (const word of (itemName(one) || one.id).split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < fits) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  const label = make("g", {});
  lines.forEach((line, n) => label.append(picture.text([left + 3 * picture.unit, top + 14 * (n + 1) * picture.unit], line)));
  return label;
}

/** Where the face cameras of the shelves stand. */
function eyes() {
  return draft.fixtures.flatMap((shelf, n) => {
    if (!shelf.face_camera_at || !faceCameras.has(shelf.was ?? shelf.id)) return [];
    const name = t("cal.eye.of", { name: shelf.name || shelf.id });
    return [picture.handle(shelf.face_camera_at, { key: `fixtures/${n}/eye`, name, number: t("cal.eye") })];
  });
}

/** A label that stays on the map. */
function mapLabel([x, y], words) {
  const [w, h] = draft.size;
  const ends = x + words.length * 9 * map.unit > w;
  const label = map.text([ends ? w - 4 * map.unit : Math.max(0, x), Math.max(13 * map.unit, Math.min(y, h - 4 * map.unit))], words);
  if (ends) label.setAttribute("text-anchor", "end");
  return label;
}

function pointHandle(surface, at, n) {
  const { wrong, half } = pointName(n);
  const kind = `point${wrong ? " wrong" : ""}${half ? " half" : ""}`;
  return surface.handle(at, { key: `points/${n}`, name: t("cal.point", { n: n + 1 }), kind, number: String(n + 1) });
}

function drawMap() {
  const [w, h] = draft.size;
  const below = [make("rect", { class: "m-floor", x: 0, y: 0, width: w, height: h })];
  const every = Math.max(1, Math.ceil(Math.max(w, h) / 40));
  for (let x = every; x < w; x += every) below.push(make("path", { class: "m-grid", d: `M${x} 0V${h}` }));
  for (let y = every; y < h; y += every) below.push(make("path", { class: "m-grid", d: `M0 ${y}H${w}` }));
  if (plan) below.push(plan);
  for (const shape of data.plan.shapes) {
    const pick = tool === "shelf" && shape.kind === "fixture";
    below.push(make("polygon", { class: `m-plan ${shape.kind}${pick ? " pick" : ""}`, points: path(shape.polygon) }));
  }
  for (const [, name, box] of data.others) {
    below.push(make("polygon", { class: "m-other", points: path(boxRing(box)) }), mapLabel([box[0], box[1] - 3 * map.unit], name));
  }
  drawSeen(below);
  map.draw(below, [...shelvesOnMap(), ...(tool === "points" ? draft.points.flatMap((p, n) => (p.m ? [pointHandle(map, p.m, n)] : [])) : [])]);
}

function drawSeen(below) {
  const floor = checked.floor;
  if (!floor) return;
  below.push(make("polygon", { class: "m-seen", points: path(floor.seen) }));
  floor.zones.forEach((ring, n) => {
    const kind = n < draft.excluded.length ? "m-excluded" : "m-staff";
    if (ring.length) below.push(make("polygon", { class: kind, points: path(ring) }));
  });
  const [x, y] = floor.place;
  below.push(make("circle", { class: "m-camera", cx: x, cy: y, r: 6 * map.unit }), map.text([x + 9 * map.unit, y], t("cal.camera")));
}

function shelvesOnMap() {
  const nodes = [];
  draft.fixtures.forEach((shelf, n) => {
    if (!shelf.on_map) return;
    const key = `fixtures/${n}/map`;
    const ring = boxRing(shelf.on_map);
    const own = make("polygon", { class: "m-own", points: path(ring) });
    if (tool === "shelf") map.control(own, key, shelf.name || shelf.id, chosen === `fixtures/${n}`);
    nodes.push(own, ...slots(shelf), mapLabel([shelf.on_map[0], shelf.on_map[3] + 15 * map.unit], shelf.name || shelf.id));
    if (tool === "shelf" && chosen === `fixtures/${n}`) {
      ring.forEach((c, i) => nodes.push(map.handle(c, { key: `${key}#${i}`, name: t("cal.corner", { n: i + 1, name: shelf.name || shelf.id }) })));
    }
  });
  return nodes;
}

/** Facings side by side along the shelf, as the dashboard's map shows them. */
function slots({ on_map: [x0, y0, x1, y1], facings }) {
  const wide = x1 - x0 >= y1 - y0;
  return facings.map((_, n) => {
    const [a, b] = [n / facings.length, (n + 1) / facings.length];
    const box = wide ? [x0 + (x1 - x0) * a, y0, x0 + (x1 - x0) * b, y1] : [x0, y0 + (y1 - y0) * a, x1, y0 + (y1 - y0) * b];
    return make("polygon", { class: "m-slot", points: path(boxRing(box)) });
  });
}

// --- the list beneath ---

function field(label, input, wide = "") {
  const box = document.createElement("label");
  box.className = wide;
  box.append(label, input);
  return box;
}

function input(value, set, { number = false } = {}) {
  const node = document.createElement("input");
  node.value = value ?? "";
  node.maxLength = 120;
  if (number) Object.assign(node, { type: "number", step: "0.01", inputMode: "decimal" });
  node.addEventListener("change", () => {
    set(number ? Number(node.value) || 0 : node.value.trim());
    changed();
  });
  return node;
}

function choice(options, value, set) {
  const node = document.createElement("select");
  node.append(...options.map(([key, text]) => Object.assign(new Option(text, key), { selected: key === (value ?? "") })));
  node.addEventListener("change", () => {
    set(node.value);
    changed();
  });
  return node;
}

function drawList(wrong) {
  const held = root.querySelector("[data-list]");
  const focused = held.contains(document.activeElement) ? document.activeElement.dataset.field : null;
  find("list-title").textContent = t(`cal.list.${tool}`);
  const scroll = held.firstElementChild?.scrollTop ?? 0;
  const rows = document.createElement("div");
  rows.className = "cal-rows";
  const entries = tool === "points" ? draft.points.map((p, n) => ({ key: `points/${n}`, name: t("cal.point", { n: n + 1 }), p })) : shapes(tool);
  for (const entry of entries) rows.append(row(entry, wrong));
  if (!entries.length) rows.append(Object.assign(document.createElement("p"), { className: "muted", textContent: t("cal.none") }));
  held.replaceChildren(rows);
  rows.scrollTop = scroll;
  rows.querySelectorAll("input, select, button").forEach((node, n) => (node.dataset.field = n));
  if (focused) rows.querySelector(`[data-field="${focused}"]`)?.focus({ preventScroll: true });
}

function row({ key, name, p }, wrong) {
  const box = document.createElement("div");
  box.className = `cal-row${key === chosen ? " on" : ""}${wrong.has(key) ? " bad" : ""}`;
  box.dataset.row = key;
  const title = document.createElement("b");
  title.textContent = name;
  const { off: error } = p ? pointName(Number(key.split("/")[1])) : {};
  if (error !== undefined) title.append(Object.assign(document.createElement("small"), { textContent: t("cal.point_off", { metres: metres(error) }) }));
  box.append(title, ...fields(key, p));
  const off = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: t("cal.remove") });
  off.setAttribute("aria-label", t("cal.remove_of", { name }));
  off.addEventListener("click", () => remove(key));
  box.append(off);
  box.addEventListener("focusin", () => key !== chosen && select(key));
  return box;
}

function fields(key, p) {
  const found = locate(key);
  if (p) {
    const side = (axis) => input(p.m?.[axis], (v) => (p.m = inMetres(axis ? [p.m?.[0] ?? 0, v] : [v, p.m?.[1] ?? 0])), { number: true });
    const height = input(p.h, (v) => (p.h = v), { number: true });
    return [field(t("cal.x"), side(0)), field(t("cal.y"), side(1)), field(t("cal.height"), height)];
  }
  if (tool === "shelf") {
    const id = input(found.one.id, (v) => (found.one.id = v));
    return [field(t("cal.id"), id), field(t("cal.name"), input(found.one.name, (v) => (found.one.name = v)), "wide2"), ...eyeButton(found.one, key)];
  }
  if (tool === "facing") {
    const id = input(found.one.id, (v) => (found.one.id = v));
    if (data.items_elsewhere) {
      const note = Object.assign(document.createElement("small"), { className: "muted wide2", textContent: itemName(found.one) || t("cal.by_planogram") });
      return [field(t("cal.id"), id), note];
    }
    const options = [["", t("cal.no_item")], ...data.items];
    return [field(t("cal.id"), id), field(t("cal.item"), choice(options, found.one.item, (v) => (found.one.item = v || null)), "wide2")];
  }
  return [];
}

/** Places the face camera of a shelf, or takes its place away. */
function eyeButton(shelf, key) {
  const watching = faceCameras.get(shelf.was ?? shelf.id);
  if (!watching) return [];
  const label = t(shelf.face_camera_at ? "cal.eye.clear" : "cal.eye.place", { camera: watching });
  const button = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: label });
  button.title = t("cal.eye.help");
  button.addEventListener("click", () => {
    const [w, h] = data.size;
    shelf.face_camera_at = shelf.face_camera_at ? null : shelf.polygon.length ? middle(shelf.polygon).map((v) => round(v, 1)) : [w / 2, h / 2];
    changed();
    if (shelf.face_camera_at) picture.focus(`${key}/eye`);
  });
  return [button];
}

function drawQuality() {
  const floor = checked.floor;
  const held = root.querySelector("[data-quality]");
  const lines = [];
  if (floor) {
    const verdict = floor.mean_m <= GOOD_M ? "good" : floor.mean_m <= FAIR_M ? "fair" : "bad";
    lines.push(["cal-verdict", t("cal.off", { mean: metres(floor.mean_m), max: metres(floor.max_m) })]);
    lines.push(["", t(`cal.${verdict}`)], ["muted", t(floor.left_out ? "cal.off.out" : "cal.off.in")]);
    if (floor.suspect !== null) {
      const n = draft.points.indexOf(whole()[floor.suspect]) + 1;
      lines.push(["problem", t("cal.suspect", { name: t("cal.point", { n }) })]);
    }
    lines.push(["muted", t("cal.place", { height: metres(floor.place[2]) })]);
  }
  const found = problems();
  if (!found.length && JSON.stringify(draft) !== saved) lines.push(["muted", t("cal.fine")]);
  held.replaceChildren(...lines.map(([className, textContent]) => Object.assign(document.createElement("p"), { className, textContent })));
  held.dataset.mean = floor ? floor.mean_m : "";
  find("problems").replaceChildren(...found.map((p) => Object.assign(document.createElement("li"), { textContent: p.what })));
}

function hint(text = "") {
  const open = tool === "points" && draft.points.some((p) => !p.px || !p.m);
  const half = open && draft.points.find((p) => !p.px || !p.m);
  const usual = half ? t(half.px ? "cal.hint.other" : "cal.hint.picture") : t(`cal.hint.${tool}`);
  find("hint").textContent = `${text || usual} ${t("cal.hint.keys")}`;
}

// --- still, plan, saving ---

const still = make("image", { x: 0, y: 0, width: data.size[0], height: data.size[1], preserveAspectRatio: "none" });
let plan = null;

async function newStill() {
  const answer = await fetch(`/api/cameras/${camera}/preview.jpg`).catch(() => null);
  const empty = root.querySelector("[data-no-still]");
  if (empty) empty.hidden = Boolean(answer?.ok);
  if (!answer?.ok) return false;
  const before = still.getAttribute("href");
  still.setAttribute("href", URL.createObjectURL(await answer.blob()));
  if (before) URL.revokeObjectURL(before);
  return true;
}

async function save() {
  const state = JSON.stringify(draft);
  doing("save").disabled = true;
  try {
    const done = await post(`/api/calibration/${camera}`, { draft: toServer(), revision });
    revision = done.revision;
    for (const shelf of draft.fixtures) {
      shelf.was = shelf.id;
      for (const facing of shelf.facings) facing.was = facing.id;
    }
    history.now = JSON.stringify(draft);
    saved = JSON.stringify(draft);
    say("good", t("cal.saved"), done.restarting.length ? t("cal.restarts", { names: done.restarting.join(", ") }) : "");
    if (done.restarting.length) waitFor(done.restarting);
  } catch (error) {
    say("problem", error.status ? error.message : t("cal.offline"), "", error.status === 409);
    if (state === JSON.stringify(draft)) render();
    return;
  }
  render();
}

function say(kind, first, second = "", reload = false) {
  const box = Object.assign(document.createElement("p"), { className: kind, textContent: `${first} ${second}`.trim() });
  if (reload) {
    const again = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: t("cal.conflict") });
    again.addEventListener("click", () => {
      saved = JSON.stringify(draft);
      location.reload();
    });
    box.append(again);
  }
  find("saved").replaceChildren(box);
}

async function waitFor(restarting) {
  for (let tries = 0; tries < 90; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const rows = await fetch("/api/cameras").then((answer) => answer.json()).catch(() => []);
    const up = (rows.rows ?? rows).filter((c) => restarting.includes(c.id) && c.state === "up");
    if (up.length === restarting.length && (await newStill())) {
      say("good", t("cal.saved"), t("cal.back", { names: restarting.join(", ") }));
      return;
    }
  }
}

function restore(state) {
  if (!state) return;
  const resized = JSON.stringify(state.size) !== JSON.stringify(draft.size);
  draft = state;
  chosen = "";
  if (resized) startSize();
  render();
  clearTimeout(checking);
  checking = setTimeout(check, CHECK_MS);
}

function startSize() {
  const form = find("size");
  if (draft.size) [form.width.value, form.depth.value] = draft.size;
  startMap();
}

// --- start ---

find("tools").addEventListener("change", (event) => {
  tool = event.target.value;
  picture.drop();
  map?.drop();
  if (tool !== "facing" || fixtureOf(chosen) < 0) chosen = tool === "shelf" && draft.fixtures.length === 1 ? "fixtures/0" : "";
  hint();
  render();
});
find("size").addEventListener("change", () => {
  const form = find("size");
  const size = [Number(form.width.value), Number(form.depth.value)];
  if (!size.every((side) => side >= 1 && side <= 2000)) return;
  draft.size = size;
  startMap();
  changed();
});
find("size").addEventListener("submit", (event) => event.preventDefault());
if (data.plan.sized_by_file) for (const node of find("size").elements) node.readOnly = true;
const actions = {
  undo: () => restore(history.undo()),
  redo: () => restore(history.redo()),
  still: newStill,
  save,
  add: addInTheMiddle,
};
root.addEventListener("click", (event) => {
  const what = event.target.closest("[data-do]")?.dataset.do;
  if (!what) return;
  actions[what]();
  hint();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=radio]), select, textarea");
  if ((event.ctrlKey || event.metaKey) && !typing && "zy".includes(event.key.toLowerCase())) {
    restore(event.key.toLowerCase() === "y" || event.shiftKey ? history.redo() : history.undo());
    event.preventDefault();
  } else if (event.key === "Escape") {
    picture.drop();
    hint();
  } else if (event.key === "Enter" && picture.ring.length > 1) picture.finish();
  else return;
});
addEventListener("beforeunload", (event) => {
  if (JSON.stringify(draft) !== saved) event.preventDefault();
});
new ResizeObserver(() => render()).observe(picture.host);

if (data.plan.has_image && draft.size) {
  plan = make("image", { x: 0, y: 0, width: draft.size[0], height: draft.size[1], preserveAspectRatio: "none", href: "/api/floor-plan" });
}
startSize();
hint();
render();
check();
newStill().then((got) => got || setTimeout(function again() {
  newStill().then((found) => found || setTimeout(again, 2000));
}, 2000));

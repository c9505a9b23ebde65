// One drawing surface: SVG in the units of its content, with shapes and handles that mouse, touch
// and keyboard move alike. It knows no calibration: what happens is told to its listener.
const NS = "http://www.w3.org/2000/svg";
const HANDLE_PX = 7;
const DRAG_PX = 6;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function make(name, attributes = {}, ...children) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export const path = (ring) => ring.map(([x, y]) => `${x},${y}`).join(" ");
export const boxRing = ([x0, y0, x1, y1]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]; // prettier-ignore
export const ringBox = (ring) => {
  const [xs, ys] = [0, 1].map((axis) => ring.map((corner) => corner[axis]));
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
};
export const middle = (ring) => [0, 1].map((axis) => ring.reduce((sum, c) => sum + c[axis], 0) / ring.length);

/**
 * listener: {locked(), draws(), click(at), box(box), corner(at), finish(), cancel(), select(key),
 * move(key, [dx, dy], whole), remove(key), settle()}; keys are the data-key of what was touched.
 */
export class Surface {
  constructor(host, { width, height, step, label, listener }) {
    Object.assign(this, { host, width, height, step, listener });
    this.svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
    this.below = make("g");
    this.above = make("g");
    this.ghost = make("g");
    this.svg.append(this.below, this.above, this.ghost);
    host.append(this.svg);
    this.ring = [];
    this.gesture = null;
    this.svg.addEventListener("pointerdown", (event) => this.down(event));
    this.svg.addEventListener("pointermove", (event) => this.moved(event));
    this.svg.addEventListener("pointerup", (event) => this.up(event));
    this.svg.addEventListener("pointercancel", () => this.drop());
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  /** Content units that one pixel on the screen stands for. */
  get unit() {
    return this.width / Math.max(1, this.svg.clientWidth || 600);
  }

  at(event) {
    const spot = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return this.inside([spot.x, spot.y]);
  }

  inside([x, y]) {
    return [Math.min(this.width, Math.max(0, x)), Math.min(this.height, Math.max(0, y))];
  }

  // --- drawing ---

  draw(below, above) {
    const focused = this.svg.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.below.replaceChildren(...below);
    this.above.replaceChildren(...above);
    if (focused) this.focus(focused);
    this.drawGhost();
  }

  focus(key) {
    this.above.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  }

  shape(ring, { key, kind, name, on = false, live = true, open = false, bad = false }) {
    const node = make(open ? "polyline" : "polygon", { class: `s ${kind}${bad ? " bad" : ""}`, points: path(ring) });
    if (!live) node.classList.add("off");
    else this.control(node, key, name, on);
    return node;
  }

  handle([x, y], { key, name, kind = "", number = "" }) {
    const r = HANDLE_PX * this.unit;
    const dot = make("circle", { class: `h ${kind}`, cx: x, cy: y, r });
    this.control(dot, key, name);
    if (number === "") return dot;
    return make("g", {}, dot, this.text([x + 1.5 * r, y - r], number));
  }

  control(node, key, name, on = false) {
    const facts = { "data-key": key, "aria-label": name, role: "button", tabindex: "0", "aria-pressed": on };
    for (const [fact, value] of Object.entries(facts)) node.setAttribute(fact, value);
  }

  text([x, y], words) {
    const node = make("text", { x, y, "font-size": 13 * this.unit });
    node.textContent = words;
    return node;
  }

  drawGhost(to = null) {
    const g = this.gesture;
    let ring = to ? [...this.ring, to] : this.ring;
    if (g?.mode === "draw" && g.far && !this.ring.length) ring = [...boxRing([...g.from, ...g.to])];
    const line = (name) => make(ring.length > 2 && g?.far ? "polygon" : "polyline", { class: name, points: path(ring) });
    const dots = this.ring.map(([x, y]) => make("circle", { class: "h", cx: x, cy: y, r: 4 * this.unit }));
    this.ghost.replaceChildren(...(ring.length ? [line("ghost-under"), line("ghost"), ...dots] : []));
  }

  // --- mouse and touch ---

  down(event) {
    if (this.listener.locked() || event.button > 0) return;
    const key = event.target.closest("[data-key]")?.dataset.key;
    const from = this.at(event);
    this.svg.setPointerCapture(event.pointerId);
    if (key && !this.ring.length) {
      this.gesture = { mode: "move", key, last: from, far: false, start: [event.clientX, event.clientY] };
      this.listener.select(key);
      this.focus(key);
    } else {
      this.gesture = { mode: "draw", from, to: from, far: false, start: [event.clientX, event.clientY] };
    }
    event.preventDefault();
  }

  moved(event) {
    const g = this.gesture;
    const at = this.at(event);
    if (!g) {
      if (this.ring.length) this.drawGhost(at);
      return;
    }
    g.far ||= Math.hypot(event.clientX - g.start[0], event.clientY - g.start[1]) > DRAG_PX;
    if (!g.far) return;
    if (g.mode === "move") {
      this.listener.move(g.key, [at[0] - g.last[0], at[1] - g.last[1]], true);
      g.last = at;
    } else {
      g.to = at;
      this.drawGhost(at);
    }
  }

  up(event) {
    const g = this.gesture;
    this.gesture = null;
    if (!g) return;
    if (g.mode === "move") {
      if (g.far) this.listener.settle();
      return;
    }
    const at = this.at(event);
    if (g.far && !this.ring.length && this.listener.draws()) this.listener.box([...ordered(g.from, at)]);
    else if (this.listener.draws() === "ring") this.corner(at);
    else this.listener.click(at);
    this.drawGhost();
  }

  corner(at) {
    const [first] = this.ring;
    const near = first && Math.hypot(at[0] - first[0], at[1] - first[1]) < 12 * this.unit;
    if (near && this.ring.length > 2) this.finish();
    else this.ring.push(at);
    this.listener.corner(this.ring.length);
  }

  finish() {
    const ring = this.ring;
    this.ring = [];
    this.listener.ring(ring);
    this.drawGhost();
  }

  drop() {
    this.ring = [];
    this.gesture = null;
    this.drawGhost();
  }

  // --- keyboard ---

  key(event) {
    const key = event.target.dataset?.key;
    if (!key || this.listener.locked() || event.ctrlKey || event.metaKey) return;
    const step = STEPS[event.key];
    if (step) {
      const size = this.step * (event.shiftKey ? 10 : 1);
      this.listener.move(key, [step[0] * size, step[1] * size], false);
    } else if (event.key === "Delete" || event.key === "Backspace") this.listener.remove(key);
    else if (event.key === "Enter" || event.key === " ") this.listener.select(key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

const ordered = ([x0, y0], [x1, y1]) => [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];

/** What was done, to be undone: whole states as text; quick changes of one thing are one step. */
export class History {
  constructor(state) {
    this.past = [];
    this.future = [];
    this.now = JSON.stringify(state);
    this.key = "";
    this.time = 0;
  }

  put(state, key = "") {
    const text = JSON.stringify(state);
    if (text === this.now) return false;
    const joined = key && key === this.key && performance.now() - this.time < 900;
    if (!joined) this.past.push(this.now);
    this.future = [];
    [this.now, this.key, this.time] = [text, key, performance.now()];
    return true;
  }

  step(from, to) {
    if (!from.length) return null;
    to.push(this.now);
    this.now = from.pop();
    this.key = "";
    return JSON.parse(this.now);
  }

  undo() {
    return this.step(this.past, this.future);
  }

  redo() {
    return this.step(this.future, this.past);
  }
}

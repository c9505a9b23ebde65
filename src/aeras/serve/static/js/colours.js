// A scale that people with any colour vision can read: anchors of cividis, dark to light.
const ANCHORS = [
  [0, 34, 78],
  [18, 53, 112],
  [59, 73, 108],
  [87, 93, 109],
  [112, 113, 115],
  [138, 134, 120],
  [165, 156, 116],
  [195, 179, 105],
  [225, 204, 85],
  [254, 232, 56],
];

/** The colour of a share in [0, 1]. */
export function heat(share) {
  const place = Math.min(1, Math.max(0, share)) * (ANCHORS.length - 1);
  const low = Math.min(Math.floor(place), ANCHORS.length - 2);
  const mix = ANCHORS[low].map((c, i) => Math.round(c + (ANCHORS[low + 1][i] - c) * (place - low)));
  return `rgb(${mix.join(",")})`;
}

/** What a CSS custom property looks like right now, as a colour that a canvas takes. */
export function cssColour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

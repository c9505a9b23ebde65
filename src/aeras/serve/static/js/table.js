// Sorting and filtering of the item table; survives a refresh of its rows.
import { t } from "./words.js";

export function startTable() {
  const text = document.querySelector("[data-filter-text]");
  if (!text) return;
  const category = document.querySelector("[data-filter-category]");
  const known = document.querySelector("[data-filter-known]");
  const status = document.querySelector("[data-filter-count]");
  const sorting = { column: 1, down: true };

  function apply() {
    const table = document.querySelector("[data-table]");
    const rows = [...table.tBodies[0].querySelectorAll("tr[data-name]")];
    sort(table, rows, sorting);
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits =
        row.dataset.name.includes(wanted) &&
        (!category?.value || row.dataset.category === category.value) &&
        !(known.checked && row.classList.contains("few"));
      row.hidden = !fits;
      shown += fits;
    }
    status.textContent = t("filter.count", { n: shown, all: rows.length });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-sort]");
    if (!button) return;
    const column = Number(button.dataset.sort);
    const number = button.dataset.kind === "number";
    sorting.down = sorting.column === column ? !sorting.down : number;
    sorting.column = column;
    apply();
  });
  for (const input of [text, category, known]) input?.addEventListener("input", apply);
  document.addEventListener("aeras:swapped", apply);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) {
      event.preventDefault();
      text.focus();
    }
    if (["ArrowDown", "ArrowUp"].includes(event.key)) step(event);
  });
  apply();
}

function sort(table, rows, { column, down }) {
  const value = (row) => row.children[column].dataset.value;
  const number = table.tHead.rows[0].cells[column].querySelector("[data-kind=number]");
  const order = number
    ? (a, b) => Number(value(a)) - Number(value(b))
    : (a, b) => value(a).localeCompare(value(b));
  rows.sort((a, b) => (down ? order(b, a) : order(a, b)));
  table.tBodies[0].append(...rows);
  [...table.tHead.rows[0].cells].forEach((cell, index) => {
    const state = down ? "descending" : "ascending";
    cell.setAttribute("aria-sort", index === column ? state : "none");
  });
}

/** Arrow keys walk from item to item. */
function step(event) {
  const row = document.activeElement.closest?.("tr[data-name]");
  if (!row) return;
  const way = event.key === "ArrowDown" ? "nextElementSibling" : "previousElementSibling";
  let next = row[way];
  while (next?.hidden) next = next[way];
  if (!next) return;
  event.preventDefault();
  next.querySelector("a:not(.mark)").focus();
}

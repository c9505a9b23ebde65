// Sends a planogram file and says what came of it.
import { post } from "./post.js";
import { t } from "./words.js";

const form = document.querySelector("[data-planogram-import]");
const result = document.querySelector("[data-import-result]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = form.elements.file.files;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const body = await post("/api/planogram", { name: file.name, text: await file.text() });
    if (body.faults.length) show("problem", [t("plano.faults", { n: body.faults.length }), ...body.faults]);
    else if (!body.added.length) show("notice", [t("plano.known")]);
    else location.assign(`/planogram?after=${encodeURIComponent(body.added.at(-1))}`);
  } catch (error) {
    show("problem", [error.message]);
  } finally {
    button.disabled = false;
  }
});

function show(kind, [head, ...lines]) {
  const box = document.createElement("div");
  box.className = `${kind} plano-result`;
  const title = document.createElement("p");
  title.textContent = head;
  const list = document.createElement("ul");
  for (const line of lines.slice(0, 50)) {
    const row = document.createElement("li");
    row.textContent = line;
    list.append(row);
  }
  box.append(title, list);
  result.replaceChildren(box);
}

// Starts a form from a template.
import { post } from "./post.js";

const form = document.querySelector("[data-new-form]");
const problem = document.querySelector("[data-problem]");

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { id, template } = Object.fromEntries(new FormData(form));
  try {
    const made = await post("/api/forms", { id, template });
    location.assign(`/forms/${encodeURIComponent(made.form)}`);
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
});

// Sends a script's request with the page's form token. Returns the answer's body; an answer that
// is no success becomes an error that says what is wrong and what to do, with its status.
export async function post(url, body) {
  const headers = { "X-CSRF-Token": document.querySelector("meta[name=csrf]").content };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  const said = [found.what, found.todo].filter(Boolean).join(". ");
  throw Object.assign(new Error(said || `HTTP ${answer.status}`), { status: answer.status });
}

// A link for one person: asked of the server, shown as text and as a QR code.
import { t } from "./words.js";

export function startInvites() {
  const dialog = document.getElementById("invite");
  if (!dialog) return;
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-invite]");
    if (!button) return;
    button.disabled = true;
    try {
      show(dialog, await invite(button.dataset.invite));
    } catch (error) {
      alert(t("invite.failed", { what: error.message }));
    } finally {
      button.disabled = false;
    }
  });
}

async function invite(item) {
  const answer = await fetch(`/api/items/${encodeURIComponent(item)}/invite`, {
    method: "POST",
    headers: { "X-CSRF-Token": document.querySelector("meta[name=csrf]").content },
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.what);
  return body;
}

function show(dialog, { url, svg }) {
  const picture = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
  dialog.querySelector("[data-invite-qr]").replaceChildren(document.importNode(picture, true));
  const link = dialog.querySelector("[data-invite-link]");
  link.href = url;
  link.textContent = url;
  dialog.showModal();
}

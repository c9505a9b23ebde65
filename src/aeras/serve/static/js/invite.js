// A link for one person: asked of the server, shown as text and as a QR code.
import { post } from "./post.js";
import { t } from "./words.js";

export function startInvites() {
  const dialog = document.getElementById("invite");
  if (!dialog) return;
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-invite]");
    if (!button) return;
    button.disabled = true;
    try {
      show(dialog, await post(`/api/items/${encodeURIComponent(button.dataset.invite)}/invite`));
    } catch (error) {
      alert(t("invite.failed", { what: error.message }));
    } finally {
      button.disabled = false;
    }
  });
}

function show(dialog, { url, svg }) {
  const picture = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
  dialog.querySelector("[data-invite-qr]").replaceChildren(document.importNode(picture, true));
  const link = dialog.querySelector("[data-invite-link]");
  link.href = url;
  link.textContent = url;
  dialog.showModal();
}

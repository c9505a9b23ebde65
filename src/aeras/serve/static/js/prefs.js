// Appearance and language: kept in cookies, so that the server already renders them.
const YEAR_S = 31536000;

function remember(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${value ? YEAR_S : 0}; samesite=lax`;
}

export function startPreferences() {
  document.querySelector("[data-theme-choice]")?.addEventListener("change", (event) => {
    remember("aeras_theme", event.target.value);
    if (event.target.value) document.documentElement.dataset.theme = event.target.value;
    else delete document.documentElement.dataset.theme;
    document.dispatchEvent(new CustomEvent("aeras:theme"));
  });
  document.querySelector("[data-language-choice]")?.addEventListener("change", (event) => {
    remember("aeras_lang", event.target.value);
    location.reload();
  });
  closeMenusOutside();
}

function closeMenusOutside() {
  const close = (keep) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (menu !== keep) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelector("details.menu[open] > summary")?.focus();
    close(null);
  });
}

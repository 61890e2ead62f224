// Light or dark: what the system prefers until the reader chooses. Runs before anything is painted.
const theme = {
  stored() { try { return localStorage.getItem("stbench-theme"); } catch { return null; } },
  preferred: matchMedia("(prefers-color-scheme: dark)"),
  printing: false, // paper is white, whatever the system or the reader prefers while it is printed
  current() { return theme.chosen ?? theme.stored() ?? (theme.preferred.matches ? "dark" : "light"); },
  apply() {
    document.documentElement.dataset.theme = theme.printing ? "light" : theme.current();
    const button = document.getElementById("theme");
    if (button) button.setAttribute("aria-pressed", String(document.documentElement.dataset.theme === "dark"));
    document.dispatchEvent(new Event("themechange"));
  },
  toggle() {
    theme.chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("stbench-theme", theme.chosen); } catch { /* a page from disk may have no store */ }
    theme.apply();
  },
};
theme.apply();
theme.preferred.addEventListener("change", theme.apply);

// Everything is made ready; what is far down the page is drawn later.
document.getElementById("theme").addEventListener("click", theme.toggle);
theme.apply();
for (const picture of document.querySelectorAll("[data-picture]")) picture.src = data.of("pictures")[picture.dataset.picture];
for (const grid of document.querySelectorAll(".grid")) grids.prepare(grid);
for (const article of document.querySelectorAll("article")) {
  for (const part of [figures, maps, clusters, genes]) part.prepare(article);
}
const tables = {
  chooser: document.getElementById("table-choice"),
  show(id) {
    if (!tables.chooser) return;
    tables.chooser.value = id;
    for (const article of document.querySelectorAll("article")) article.hidden = article.id !== id;
  },
  // An address may point into a table that is not shown.
  showAddressed() {
    const target = document.getElementById(location.hash.slice(1)), article = target?.closest("article");
    if (!article?.hidden) return;
    tables.show(article.id);
    target.scrollIntoView();
  },
};
// The address names the table that is shown, so that it can be sent to somebody.
tables.chooser?.addEventListener("change", () => {
  tables.show(tables.chooser.value);
  history.replaceState(null, "", `#${tables.chooser.value}-leaderboard`);
});
window.addEventListener("hashchange", tables.showAddressed);
// A browser that comes back to the page fills in the choice of before.
window.addEventListener("pageshow", () => { tables.show(tables.chooser?.value); tables.showAddressed(); });
// Paper is white, wants every figure, cannot be scrolled, and is narrower than most screens.
const paperWidth = 700;
window.addEventListener("beforeprint", () => {
  const { style } = document.documentElement, { clientWidth } = document.getElementById("main");
  style.setProperty("--to-paper", Math.min(1, paperWidth / clientWidth));
  theme.printing = true;
  figures.drawPending();
  theme.apply(); // draws every figure again
});
window.addEventListener("afterprint", () => {
  theme.printing = false;
  theme.apply();
});

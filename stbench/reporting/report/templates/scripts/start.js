// Everything is made ready; what is far down the page is drawn later.
document.getElementById("theme").addEventListener("click", theme.toggle);
theme.apply();
for (const grid of document.querySelectorAll(".grid")) grids.prepare(grid);
for (const article of document.querySelectorAll("article")) {
  for (const part of [figures, maps, clusters, genes]) part.prepare(article);
}
document.getElementById("table-choice")?.addEventListener("change", (event) => {
  for (const article of document.querySelectorAll("article")) article.hidden = article.id !== event.target.value;
});

// How well each gene is predicted by the chosen method, as a table and as a figure.
const genes = {
  correlations: ["PCC", "PCC given depth", "equal-depth PCC"],
  prepare(article) {
    const section = article.querySelector(".genes"), figure = section.querySelector(".gene-figure");
    if (!figure) return;
    figures.whenNear(section, () => genes.start(article, section, figure));
  },
  start(article, section, figure) {
    const rows = data.of(`${article.id}-genes-data`), select = section.querySelector(".gene-row");
    rows.forEach((row, place) => select.append(data.option(place, row.label)));
    const show = () => {
      const row = rows[Number(select.value)];
      genes.fill(section, row);
      genes.draw(figure, row);
    };
    select.addEventListener("change", show);
    show();
  },
  fill(section, row) {
    const grid = section.querySelector('.grid[id$="-genes-grid"]'), claim = section.querySelector(".gene-claim");
    const passed = row.passed.map((places) => new Set(places ?? []));
    const lines = row.genes.map((gene, place) => {
      const line = document.createElement("tr"), head = document.createElement("th");
      head.scope = "row";
      head.className = "words";
      head.textContent = gene;
      // Marker genes stay on top, however the others are sorted.
      if (place < row.n_markers) {
        line.dataset.first = "";
        head.append(" ", Object.assign(document.createElement("span"), { className: "mark", textContent: "marker" }));
      }
      line.append(head, genes.cell(String(row.defined[place])));
      row.columns.forEach((column, index) => {
        const tick = passed[index]?.has(place) ? "✓ " : "";
        line.append(genes.cell(column[place] === null ? "–" : tick + column[place].toFixed(3)));
      });
      return line;
    });
    grid.querySelector("tbody").replaceChildren(...lines);
    const sorted = grid.querySelector('thead th:not([aria-sort="none"])');
    if (sorted) {
      sorted.setAttribute("aria-sort", sorted.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending");
      grids.sort(sorted);
    } else {
      grids.sort(grid.querySelectorAll("thead th")[2]);
    }
    grids.filter(grid);
    if (claim) {
      const counts = genes.correlations.map((name, index) => `${passed[index].size} by ${name}`);
      claim.querySelector(".gene-counts").textContent = `Of ${row.genes.length} genes ${counts.join(", ")} ${claim.dataset.passed}.`;
    }
  },
  cell(text) {
    const cell = document.createElement("td");
    cell.className = "number";
    cell.textContent = text;
    return cell;
  },
  draw(figure, row) {
    const [pcc, given] = row.columns;
    const trace = {
      type: "scatter", mode: "markers", x: pcc, y: given, text: row.genes.map(data.plain), marker: { color: row.columns[4], colorscale: "Cividis", size: 7, opacity: 0.85, colorbar: { title: { text: "detection" }, thickness: 12 } },
      hovertemplate: "%{text}: PCC %{x:.3f}, given depth %{y:.3f}<extra></extra>",
    };
    const layout = {
      height: 400, margin: { l: 10, r: 10, t: 10, b: 10 }, xaxis: { title: { text: "PCC" }, automargin: true }, yaxis: { title: { text: "PCC given depth" }, automargin: true },
    };
    figures.draw(figure, [trace], layout);
  },
};

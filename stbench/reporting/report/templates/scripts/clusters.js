// The pathologist's labels beside the groups that k-means finds in what was measured and predicted.
const clusters = {
  // Okabe and Ito's colours, then the same again with another mark.
  colours: ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#8C8C8C"],
  marks: ["circle", "square", "diamond", "triangle-up"],
  prepare(article) {
    const section = article.querySelector(".clusters"), figure = section.querySelector(".cluster-figure");
    if (!figure) return;
    figures.whenNear(figure, () => clusters.start(article, section, figure));
  },
  start(article, section, figure) {
    const { rows, folded, slides } = data.of(`${article.id}-tissue`);
    const annotated = slides.filter((sheet) => sheet.clusters), select = section.querySelector(".cluster-slide");
    annotated.forEach((sheet, place) => select.append(data.option(place, data.slideName(sheet))));
    const state = { rows, folded, figure };
    const draw = () => clusters.draw(state, annotated[Number(select.value)]);
    select.addEventListener("change", draw);
    draw();
    panels.whenResized(state, section, draw);
  },
  draw(state, sheet) {
    const found = sheet.clusters;
    const fields = [{ title: "<b>annotation</b>", codes: data.codes(found.annotation) }];
    for (const row of found.rows.filter((one) => !state.folded.includes(one.row))) {
      const name = row.row === null ? "<b>measured</b>" : data.plain(state.rows[row.row]);
      const index = row.ari === null ? "" : `<br>ARI ${row.ari.toFixed(2)}`;
      fields.push({ title: name + index, codes: data.codes(row.codes) });
    }
    state.width = panels.widthOf(state.figure);
    const layout = panels.layout(state.width, sheet, [sheet.picture ? "<b>H&amp;E</b>" : "no picture stored", ...fields.map((f) => f.title)], 24 * Math.ceil(found.labels.length / Math.max(1, Math.floor(state.width / 170))) + 20);
    layout.showlegend = true;
    layout.legend = { orientation: "h", y: 0, yanchor: "top", x: 0, itemsizing: "constant", itemclick: false, itemdoubleclick: false };
    const traces = [panels.picture(layout, sheet, 0)];
    traces[0].showlegend = false;
    const crowded = sheet.x.length * fields.length > panels.mostShapes;
    fields.forEach((field, index) => found.labels.forEach((label, code) => {
      const kept = sheet.x.map((_, spot) => spot).filter((spot) => field.codes[spot] === code);
      const marker = {
        size: layout.markerSize, color: clusters.colours[code % clusters.colours.length],
        symbol: clusters.marks[Math.floor(code / clusters.colours.length) % clusters.marks.length],
      };
      const trace = panels.spots(sheet, index + 1, kept, marker, kept.map(() => data.plain(label)), crowded);
      traces.push({ ...trace, name: data.plain(label), legendgroup: label, showlegend: index === 0 });
    }));
    figures.draw(state.figure, traces, layout, { responsive: false });
  },
};

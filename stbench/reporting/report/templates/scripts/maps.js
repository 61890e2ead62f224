// One gene on one slide: the picture, what was measured, what each chosen method predicted.
const maps = {
  // Of the rows that are drawn at first so many are methods, where there are as many: floors may stand above them all.
  shownAtFirst: 6, methodsAtFirst: 4,
  prepare(article) {
    const section = article.querySelector(".maps"), figure = section.querySelector(".map-figure");
    if (!figure) return;
    figures.whenNear(figure, () => maps.start(article, section));
  },
  start(article, section) {
    const { rows, folded, floors, slides } = data.of(`${article.id}-tissue`);
    const state = { section, rows, folded, floors, slides, figure: section.querySelector(".map-figure") };
    const slide = section.querySelector(".map-slide"), gene = section.querySelector(".map-gene");
    slides.forEach((sheet, place) => slide.append(data.option(place, data.slideName(sheet))));
    maps.listRows(state);
    slide.addEventListener("change", () => { maps.listGenes(state); maps.draw(state); });
    gene.addEventListener("change", () => maps.draw(state));
    section.querySelector(".map-one-scale").addEventListener("change", () => maps.draw(state));
    section.querySelector(".map-rows").addEventListener("change", () => maps.draw(state));
    maps.listGenes(state);
    maps.draw(state);
    panels.whenResized(state, section, () => maps.draw(state));
  },
  listRows(state) {
    const list = state.section.querySelector(".map-rows");
    const every = state.rows.map((_, place) => place).filter((place) => !state.folded.includes(place));
    const methods = every.filter((place) => !state.floors.includes(place)).slice(0, maps.methodsAtFirst);
    const first = [...methods, ...every.filter((place) => !methods.includes(place))].slice(0, maps.shownAtFirst);
    state.rows.forEach((row, place) => {
      const label = document.createElement("label"), box = document.createElement("input");
      box.type = "checkbox";
      box.value = place;
      box.checked = first.includes(place);
      label.append(box, row);
      list.append(label);
    });
  },
  sheet(state) { return state.slides[Number(state.section.querySelector(".map-slide").value)]; },
  listGenes(state) {
    const select = state.section.querySelector(".map-gene"), before = select.value, groups = new Map();
    for (const { gene, why } of maps.sheet(state).genes) {
      if (!groups.has(why)) groups.set(why, Object.assign(document.createElement("optgroup"), { label: why }));
      groups.get(why).append(data.option(gene, gene));
    }
    select.replaceChildren(...groups.values());
    // The reader's gene stays as long as the slide has it.
    if ([...select.options].some((option) => option.value === before)) select.value = before;
  },
  chosenRows(state) {
    return new Set([...state.section.querySelectorAll(".map-rows input:checked")].map((box) => Number(box.value)));
  },
  draw(state) {
    const sheet = maps.sheet(state), name = state.section.querySelector(".map-gene").value;
    const gene = sheet.genes.find((one) => one.gene === name), told = state.section.querySelector(".map-told");
    if (!gene) {
      told.textContent = "No gene of this slide can be drawn.";
      return Plotly.purge(state.figure);
    }
    const shown = maps.chosenRows(state), unscored = new Set(sheet.unscored);
    const kept = sheet.x.map((_, spot) => spot).filter((spot) => !unscored.has(spot));
    const fields = [{ title: "<b>measured</b>", values: data.values(gene.measured) }];
    for (const row of gene.rows.filter((one) => shown.has(one.row))) {
      const score = row.pcc === null || row.pcc === undefined ? "" : `<br>PCC ${row.pcc.toFixed(2)}`;
      fields.push({ title: data.plain(state.rows[row.row]) + score, values: data.values(row.values) });
    }
    state.width = panels.widthOf(state.figure);
    const own = !state.section.querySelector(".map-one-scale").checked;
    const spots = (field) => kept.map((spot) => field.values[spot]), measured = maps.scale(spots(fields[0]));
    for (const field of own ? fields : []) field.title += maps.ends(spots(field), measured);
    told.textContent = maps.words(sheet, gene, fields.length - 1, own);
    const layout = panels.layout(state.width, sheet, [sheet.picture ? "<b>H&amp;E</b>" : "no picture stored", ...fields.map((f) => f.title)], own ? 8 : 62);
    const scale = maps.scale(fields.flatMap((field) => kept.map((spot) => field.values[spot])));
    if (!own) layout.coloraxis = maps.colourAxis(scale);
    const crowded = sheet.x.length * fields.length > panels.mostShapes;
    const traces = [panels.picture(layout, sheet, 0)];
    fields.forEach((field, index) => {
      if (unscored.size) traces.push(maps.grey(sheet, index + 1, layout.markerSize, crowded));
      traces.push(panels.picture(layout, sheet, index + 1, 0.45));
      const values = kept.map((spot) => field.values[spot]);
      const marker = { size: layout.markerSize, color: values, ...(own ? { colorscale: "Viridis", ...maps.scale(values) } : { coloraxis: "coloraxis" }) };
      traces.push(panels.spots(sheet, index + 1, kept, marker, values.map((value) => (value === null ? "" : value.toFixed(2))), crowded));
    });
    figures.draw(state.figure, traces, layout, { responsive: false });
  },
  // Ends of the colours, without the most extreme values.
  scale(values) {
    const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
    const cmin = data.quantile(sorted, 0.01), cmax = data.quantile(sorted, 0.99);
    return { cmin, cmax: cmax > cmin ? cmax : cmin + 1 };
  },
  // What a map's darkest and lightest colour stand for, where each has a scale of its own.
  // One that varies by less than a twentieth of what was measured is said to be nearly flat: its colours hide that.
  ends(values, measured) {
    if (values.every((value) => value === null)) return "";
    const low = Math.min(...values.filter((value) => value !== null)), { cmin, cmax } = maps.scale(values);
    const flat = values.every((value) => value === null || value === low);
    const nearly = cmax - cmin < 0.05 * (measured.cmax - measured.cmin) ? ", nearly flat" : "";
    return flat ? ` · one value: ${low.toFixed(2)}` : ` · ${cmin.toFixed(2)} to ${cmax.toFixed(2)}${nearly}`;
  },
  colourAxis(scale) {
    return {
      ...scale, colorscale: "Viridis",
      colorbar: { orientation: "h", y: 0, yanchor: "top", thickness: 10, len: 0.6, title: { text: "log(1 + counts per million)", side: "bottom" }, ypad: 6 },
    };
  },
  grey(sheet, place, size, crowded) {
    return panels.spots(sheet, place, sheet.unscored, { size, color: "#9a9a9a", opacity: 0.5 }, sheet.unscored.map(() => "not scored"), crowded);
  },
  words(sheet, gene, count, own) {
    const scale = own ? "each on a colour scale of its own (its ends stand above it): compare shapes, not colours" : "on one colour scale";
    return `${gene.gene} (${gene.why}) on slide ${data.slideName(sheet)}: measured and ${count} predicted, ${sheet.x.length} spots, ${scale}.`;
  },
};

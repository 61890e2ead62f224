// Small multiples of one slide: the stained picture and spots coloured by value or by group.
const panels = {
  titleLine: 16, letter: 6.3, gap: 10, narrowest: 230, mostInOneRow: 3,
  // With more spots than this, drawing on the graphics card is faster than drawing shapes.
  mostShapes: 12000,
  // A table that is not shown has no width; it is drawn again when it has one. Paper takes what the screen has.
  widthOf(element) { return Math.max(200, Math.floor(element.getBoundingClientRect().width)); },
  whenResized(state, section, draw) {
    const paper = matchMedia("print");
    new ResizeObserver(() => {
      if (!paper.matches && section.offsetWidth && panels.widthOf(state.figure) !== state.width) draw();
    }).observe(section);
  },
  grid(width, sheet, count) {
    const columns = Math.max(width < 440 ? 1 : 2, Math.min(panels.mostInOneRow, count, Math.floor(width / panels.narrowest)));
    const panelWidth = (width - panels.gap * (columns - 1)) / columns;
    const panelHeight = panelWidth * sheet.height / sheet.width;
    return { columns, panelWidth, panelHeight, lines: Math.ceil(count / columns) };
  },
  // What is wider than its panel is broken before its brackets, or where its colours begin.
  broken(title, width) {
    const fits = (line) => (line.length * panels.letter > width ? line.replace(/ (?=[(·])/, "<br>") : line);
    return title.split("<br>").map(fits).join("<br>");
  },
  layout(width, sheet, names, below) {
    const { columns, panelWidth, panelHeight, lines } = panels.grid(width, sheet, names.length);
    const titles = names.map((name) => panels.broken(name, panelWidth));
    const titleHeight = 6 + panels.titleLine * Math.max(2, ...titles.map((title) => title.split("<br>").length));
    const lineHeight = panelHeight + titleHeight, height = lines * lineHeight;
    const layout = {
      width, height: height + below, margin: { l: 0, r: 0, t: 0, b: below }, showlegend: false, dragmode: false,
      annotations: [], images: [],
    };
    titles.forEach((title, place) => {
      const left = (place % columns) * (panelWidth + panels.gap), top = Math.floor(place / columns) * lineHeight;
      const suffix = place ? String(place + 1) : "", upper = 1 - (top + titleHeight) / height;
      layout[`xaxis${suffix}`] = {
        domain: [left / width, (left + panelWidth) / width], range: [0, sheet.width], anchor: `y${suffix}`, visible: false,
        fixedrange: true,
      };
      layout[`yaxis${suffix}`] = {
        domain: [Math.max(0, upper - panelHeight / height), upper], range: [sheet.height, 0], anchor: `x${suffix}`, visible: false,
        fixedrange: true,
      };
      layout.annotations.push({
        text: title, x: (left + panelWidth / 2) / width, y: upper, xref: "paper", yref: "paper", xanchor: "center", yanchor: "bottom",
        showarrow: false, font: { size: 12 }, width: panelWidth, align: "center",
      });
    });
    layout.markerSize = Math.max(2, 0.92 * sheet.spacing * panelWidth / sheet.width);
    return layout;
  },
  axes(place) { return place ? { xaxis: `x${place + 1}`, yaxis: `y${place + 1}` } : { xaxis: "x", yaxis: "y" }; },
  // A faint picture lies behind spots, so that values are seen on the tissue.
  picture(layout, sheet, place, opacity = 1) {
    const { xaxis, yaxis } = panels.axes(place);
    if (sheet.picture) {
      layout.images.push({
        source: data.of("pictures")[sheet.picture], xref: xaxis, yref: yaxis, x: 0, y: 0, sizex: sheet.width, sizey: sheet.height, sizing: "stretch",
        xanchor: "left", yanchor: "top", layer: "below", opacity,
      });
    }
    // Axes without a trace are not drawn, and neither are pictures on them.
    return { type: "scatter", mode: "markers", x: [null], y: [null], xaxis, yaxis, hoverinfo: "skip" };
  },
  spots(sheet, place, kept, marker, text, crowded) {
    return {
      type: crowded ? "scattergl" : "scatter", mode: "markers", ...panels.axes(place), marker, text,
      x: kept.map((spot) => sheet.x[spot]), y: kept.map((spot) => sheet.y[spot]), hovertemplate: "%{text}<extra></extra>",
    };
  },
};

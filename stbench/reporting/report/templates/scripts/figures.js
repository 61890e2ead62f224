// Figures are drawn when they come near the screen, in the page's colours.
const figures = {
  // No toolbar: it would cover marks. The figures as files lie beside the page; two clicks undo a zoom.
  config: { displayModeBar: false, responsive: true, typesetMath: false },
  // A finger that moves over a figure scrolls the page.
  byFinger: matchMedia("(pointer: coarse)"),
  colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); },
  themed(layout) {
    const ink = figures.colour("--ink"), line = figures.colour("--line");
    const themed = { ...layout, ...(figures.byFinger.matches ? { dragmode: false } : {}), paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
    themed.font = { ...layout.font, color: ink, family: "system-ui, sans-serif", size: 12 };
    for (const name of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) {
      themed[name] = { ...layout[name], gridcolor: line, zerolinecolor: figures.colour("--muted"), linecolor: line };
    }
    themed.hoverlabel = { bgcolor: figures.colour("--card"), font: { color: ink }, bordercolor: line };
    return themed;
  },
  // Okabe and Ito's hues, light or dark enough to be seen on the page: a contrast of 3 and more.
  onDark: { "#0072b2": "#5cb3ef", "#009e73": "#3cc79b", "#d55e00": "#ff8c42", "#e69f00": "#f0b429", "#7f7f7f": "#a9b0bb", "#cc79a7": "#dd93ba" },
  // On white only the orange is too light.
  onLight: { "#e69f00": "#c98500" },
  coloured(value) {
    const seen = document.documentElement.dataset.theme === "dark" ? figures.onDark : figures.onLight;
    if (typeof value === "string") return seen[value.toLowerCase()] ?? value;
    if (Array.isArray(value)) return typeof value[0] === "string" ? value.map(figures.coloured) : value;
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, ["marker", "line", "color", "error_x"].includes(key) ? figures.coloured(inner) : inner]));
  },
  draw(element, traces, layout, config = {}) {
    element.drawn = { traces, layout, config };
    return Plotly.react(element, traces.map(figures.coloured), figures.themed(layout), { ...figures.config, ...config });
  },
  redraw() {
    for (const element of document.querySelectorAll(".js-plotly-plot")) {
      const { traces, layout, config } = element.drawn;
      figures.draw(element, traces, layout, config);
    }
  },
  pending: new Map(),
  whenNear(element, draw) {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) now();
    }, { rootMargin: "400px" });
    const now = () => {
      observer.disconnect();
      figures.pending.delete(element);
      draw();
    };
    figures.pending.set(element, now);
    observer.observe(element);
  },
  // Those of the table that is shown; what is hidden has no width to be drawn in.
  drawPending() {
    for (const [element, now] of [...figures.pending]) if (element.offsetParent) now();
  },
  prepare(article) {
    for (const element of article.querySelectorAll("[data-figure]")) {
      figures.whenNear(element, () => {
        const figure = data.of(`${article.id}-figures`)[element.dataset.figure];
        figures.draw(element, figure.data, figure.layout);
      });
    }
  },
};
document.addEventListener("themechange", figures.redraw);

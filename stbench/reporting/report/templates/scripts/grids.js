// Tables: sorting by headings, searching, filtering by kind, showing all columns.
const grids = {
  cellOf(line, column) { return line.cells[column].textContent.trim(); },
  numberIn(text) {
    const found = text.replaceAll(",", "").match(/-?\d+(\.\d+)?(e[-+]?\d+)?/i);
    return found ? Number(found[0]) : null;
  },
  sort(heading) {
    const table = heading.closest("table"), column = heading.cellIndex, numeric = heading.classList.contains("number");
    const before = heading.getAttribute("aria-sort");
    // Numbers start with the largest, words with the first of the alphabet.
    const descending = before === "none" ? numeric : before === "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const keyed = [...table.tBodies[0].rows].map((line) => {
      const text = grids.cellOf(line, column);
      return { line, value: numeric ? grids.numberIn(text) : text, bound: line.dataset.kind === "ceiling", first: "first" in line.dataset };
    });
    const missing = (value) => value === null || value === "–" || value === "";
    keyed.sort((a, b) => {
      if (a.first !== b.first) return b.first - a.first;
      // A ceiling is no contestant: it stays below them.
      if (a.bound !== b.bound) return a.bound - b.bound;
      // Whatever the direction, what is missing stands last.
      if (missing(a.value) || missing(b.value)) return missing(a.value) - missing(b.value);
      const order = numeric ? a.value - b.value : a.value.localeCompare(b.value, "en", { numeric: true });
      return descending ? -order : order;
    });
    table.tBodies[0].append(...keyed.map((one) => one.line));
  },
  filter(grid) {
    const sought = grid.querySelector(".grid-search")?.value.trim().toLowerCase() ?? "";
    const kind = grid.querySelector('.grid-kind[aria-pressed="true"]')?.dataset.kind ?? "";
    const lines = [...grid.querySelectorAll("tbody tr")];
    // Floors' untuned twins are shown on demand and where they are sought.
    const folded = sought === "" && grid.querySelector(".grid-folded")?.getAttribute("aria-pressed") === "false";
    for (const line of lines) {
      line.hidden = (folded && "folded" in line.dataset) || (kind && line.dataset.kind !== kind) || !line.textContent.toLowerCase().includes(sought);
    }
    const count = grid.querySelector(".grid-count");
    const shown = lines.filter((line) => !line.hidden).length;
    if (count) count.textContent = shown === lines.length ? `${shown} rows` : `${shown} of ${lines.length} rows`;
  },
  press(button) {
    for (const other of button.parentElement.querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", "true");
    grids.filter(button.closest(".grid"));
  },
  // All lines and columns, whatever is shown, as a spreadsheet reads them.
  csv(grid) {
    const cell = (element) => {
      const text = [...element.childNodes].filter((node) => !node.classList?.contains("mark")).map((node) => node.textContent).join("").trim();
      // What begins like a formula must not be run as one; a negative number may.
      const safe = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
      return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    return [...grid.querySelectorAll("tr")].map((line) => [...line.cells].map(cell).join(",")).join("\r\n");
  },
  save(grid) {
    const link = document.createElement("a"), address = URL.createObjectURL(new Blob(["\ufeff", grids.csv(grid)], { type: "text/csv" }));
    Object.assign(link, { href: address, download: `${grid.id}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  },
  prepare(grid) {
    const save = Object.assign(document.createElement("button"), { type: "button", className: "grid-csv", textContent: "CSV", title: "Save this table" });
    save.addEventListener("click", () => grids.save(grid));
    (grid.querySelector(".grid-tools") ?? grid).append(save);
    const folded = grid.querySelector(".grid-folded");
    folded?.addEventListener("click", () => {
      folded.setAttribute("aria-pressed", String(folded.getAttribute("aria-pressed") === "false"));
      grids.filter(grid);
    });
    for (const heading of grid.querySelectorAll("thead th")) {
      heading.querySelector("button").addEventListener("click", () => grids.sort(heading));
    }
    grid.querySelector(".grid-search")?.addEventListener("input", () => grids.filter(grid));
    for (const button of grid.querySelectorAll(".grid-kind")) button.addEventListener("click", () => grids.press(button));
    const extra = grid.querySelector(".grid-extra");
    extra?.addEventListener("click", () => {
      extra.setAttribute("aria-pressed", String(grid.classList.toggle("all-columns")));
    });
    grids.filter(grid);
  },
};

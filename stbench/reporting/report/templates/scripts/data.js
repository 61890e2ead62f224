// Values that stand in the page as text, read when they are first needed.
const data = {
  read: new Map(),
  of(id) {
    if (!data.read.has(id)) {
      const element = document.getElementById(id);
      data.read.set(id, element ? JSON.parse(element.textContent) : null);
    }
    return data.read.get(id);
  },
  nothing: 255,
  codes(text) { return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)); },
  values(packed) {
    const step = (packed.high - packed.low) / 254;
    return Array.from(data.codes(packed.codes), (code) => (code === data.nothing ? null : packed.low + code * step));
  },
  quantile(sorted, share) { return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]; },
  option(value, text) {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = text;
    return option;
  },
  slideName(sheet) { return sheet.patient === null ? sheet.slide : `${sheet.slide} (patient ${sheet.patient})`; },
  // Plotly reads some tags as markup; a name is to be shown as it is.
  plain(text) { return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;"); },
};

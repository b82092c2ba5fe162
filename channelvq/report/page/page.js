// What charts and pictures share: the report's data, which schemes are shown, the point of the axis that is
// looked at, the theme; all of it also stands in the address, so that a link shows what its sender saw.

const report = JSON.parse(document.getElementById("report-data").textContent);
const last = report.axis.places.length - 1;
const state = { at: Math.round(last / 2), hidden: new Set(), theme: "auto" };
const watchers = [];

/** Change the state, note it in the address, and have everything drawn again. */
function change(values) {
  Object.assign(state, values);
  writeHash();
  watchers.forEach((watch) => watch());
}

function writeHash() {
  const parts = [`at=${state.at}`];
  if (state.hidden.size) parts.push(`off=${[...state.hidden].sort((a, b) => a - b).join(".")}`);
  if (state.theme !== "auto") parts.push(`theme=${state.theme}`);
  try {
    history.replaceState(null, "", `#${parts.join("&")}`);
  } catch {
    // Some viewers show a page without an address of its own: then the state is just not kept.
  }
}

/** Take the state from the address; what makes no sense is left as it is. */
function readHash() {
  for (const part of location.hash.slice(1).split("&")) {
    const [key, value = ""] = part.split("=");
    if (key === "at" && /^\d+$/.test(value)) state.at = Math.min(Number(value), last);
    if (key === "theme" && ["auto", "light", "dark"].includes(value)) state.theme = value;
    if (key === "off") {
      const all = shown().length;
      state.hidden = new Set(value.split(".").filter((n) => /^\d+$/.test(n)).map(Number).filter((n) => n < all));
    }
  }
}

/** Everything that can be switched on and off: the schemes, then bounds and others' curves. */
function shown() {
  return [...report.schemes, ...report.references];
}

function isShown(number) {
  return !state.hidden.has(number);
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; attributes of null are left out, children may be text. */
function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** A number with a true minus sign. */
function printed(value, digits) {
  return value.toFixed(digits).replace("-", "\u2212");
}

const MARKERS = {
  o: "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1-1 0Z",
  s: "M-.9-.9H.9V.9H-.9Z",
  "^": "M0-1.1L1.1.9H-1.1Z",
  D: "M0-1.25L1.25 0 0 1.25-1.25 0Z",
  v: "M0 1.1L1.1-.9H-1.1Z",
  P: "M-.4-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
  "<": "M-1.1 0L.9-1.1V1.1Z",
  ">": "M1.1 0L-.9-1.1V1.1Z",
  p: "M0-1.15L1.09-.36.68.93H-.68L-1.09-.36Z",
  X: "M-.6-1.1L0-.5.6-1.1 1.1-.6.5 0 1.1.6.6 1.1 0 .5-.6 1.1-1.1.6-.5 0-1.1-.6Z",
};

function marker(kind, x, y, radius, hollow) {
  return draw("path", {
    d: MARKERS[kind],
    transform: `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${radius})`,
    class: hollow ? "marker hollow" : "marker",
    "vector-effect": "non-scaling-stroke",
  });
}

/** A piece of a scheme's curve, for legends and tables. */
function swatch(number) {
  const scheme = shown()[number];
  const line = draw("path", { d: "M1 6H29", class: "curve", "stroke-dasharray": scheme.dash || null });
  const parts = scheme.marker ? [line, marker(scheme.marker, 15, 6, 3.6, Boolean(scheme.kind))] : [line];
  const kind = scheme.kind ? `reference ${scheme.kind}` : `c${scheme.colour}`;
  return draw("svg", { viewBox: "0 0 30 12", class: `swatch ${kind}`, "aria-hidden": "true" }, ...parts);
}

function buildLegend() {
  const legend = document.getElementById("legend");
  shown().forEach((scheme, number) => {
    const button = make("button", { type: "button", "data-scheme": number }, swatch(number), scheme.name);
    button.title = "Click to hide or show, with Shift to show this one alone";
    button.addEventListener("click", (event) => toggle(number, event.shiftKey));
    legend.append(button);
  });
  const all = make("button", { type: "button", class: "all" }, "Show all");
  all.addEventListener("click", () => change({ hidden: new Set() }));
  legend.append(all);
  legend.hidden = false;
  // Where it stays in sight, sections are scrolled to below it.
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--legend", `${legend.offsetHeight}px`);
  }).observe(legend);
  watchers.push(() => {
    legend.querySelectorAll("[data-scheme]").forEach((button) => {
      button.setAttribute("aria-pressed", String(isShown(Number(button.dataset.scheme))));
    });
    all.hidden = !state.hidden.size;
  });
}

function toggle(number, alone) {
  const hidden = new Set(state.hidden);
  if (alone) {
    hidden.clear();
    report.schemes.forEach((_, other) => other !== number && hidden.add(other));
  } else if (!hidden.delete(number)) {
    hidden.add(number);
  }
  change({ hidden });
}

function buildTheme() {
  const button = document.getElementById("theme");
  const next = { auto: "light", light: "dark", dark: "auto" };
  button.hidden = false;
  button.addEventListener("click", () => change({ theme: next[state.theme] }));
  watchers.push(() => {
    button.textContent = `Theme: ${state.theme}`;
    if (state.theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = state.theme;
  });
}

/** Sections are reached without leaving the state's address. */
function buildLinks() {
  document.querySelectorAll('a[href^="#"]').forEach((link) => {
    link.addEventListener("click", (event) => {
      const section = document.querySelector(link.getAttribute("href"));
      event.preventDefault();
      section.tabIndex = -1;
      section.focus({ preventScroll: true });
      section.scrollIntoView();
    });
  });
}

function buildDownloads() {
  document.querySelectorAll("[data-file]").forEach((button) => {
    const { type, text } = report.files[button.dataset.file];
    button.hidden = false;
    button.addEventListener("click", () => {
      const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
      const link = make("a", { href: address, download: button.dataset.file });
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    });
  });
}

/** What is folded up on the screen is printed all the same, and in ink on paper. */
function buildPrint() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((details) => (details.open = true));
    document.documentElement.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    opened.forEach((details) => (details.open = false));
    watchers.forEach((watch) => watch());
  });
}

// When all files of the script have been read.
queueMicrotask(() => {
  readHash();
  document.querySelectorAll(".key[data-scheme]").forEach((key) => key.append(swatch(Number(key.dataset.scheme))));
  buildLegend();
  buildTheme();
  buildLinks();
  buildDownloads();
  buildPrint();
  buildCharts();
  buildPictures();
  watchers.forEach((watch) => watch());
  addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return;
    readHash();
    watchers.forEach((watch) => watch());
  });
});

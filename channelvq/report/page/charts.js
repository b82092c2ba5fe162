// Charts: curves with intervals over the axis, and a readout of every scheme at one of its points.

const EDGE = { top: 12, right: 14, bottom: 44, left: 52 };

function buildCharts() {
  const box = document.getElementById("charts");
  report.measures.forEach((measure) => box.append(chart(measure)));
}

function chart(measure) {
  const plot = make("div", {
    class: "plot",
    tabindex: "0",
    role: "slider",
    "aria-label": `${measure.label} over ${report.axis.label}; arrow keys go from point to point`,
    "aria-valuemin": "0",
    "aria-valuemax": String(last),
    "data-measure": measure.key,
  });
  const readout = make("div", { class: "readout", "aria-hidden": "true" });
  readout.hidden = true;
  const heading = measure.label + (measure.unit ? `,${measure.unit}` : "") + (measure.log ? ", share" : "");
  const figure = make("figure", { class: "chart" }, make("figcaption", {}, heading), plot, readout);
  let hover = null;
  let places = [];

  const redraw = () => {
    const width = Math.max(plot.clientWidth, 200);
    const height = Math.round(Math.min(Math.max(width * 0.55, 220), 420));
    const drawing = drawChart(measure, width, height, hover ?? state.at);
    places = drawing.places;
    plot.replaceChildren(drawing.svg);
    const at = hover ?? state.at;
    plot.setAttribute("aria-valuenow", String(at));
    plot.setAttribute("aria-valuetext", spoken(measure, at));
    readout.hidden = hover === null && document.activeElement !== plot;
    if (!readout.hidden) {
      readout.replaceChildren(...readoutOf(measure, at));
      readout.classList.toggle("left", places[at] > width / 2);
    }
  };

  const nearest = (event) => {
    const x = event.clientX - plot.getBoundingClientRect().left;
    let best = 0;
    places.forEach((place, i) => {
      if (Math.abs(place - x) < Math.abs(places[best] - x)) best = i;
    });
    return best;
  };
  plot.addEventListener("pointermove", (event) => {
    const at = nearest(event);
    if (at === hover) return;
    hover = at;
    redraw();
  });
  plot.addEventListener("pointerleave", () => {
    hover = null;
    redraw();
  });
  plot.addEventListener("click", (event) => change({ at: nearest(event) }));
  plot.addEventListener("focus", redraw);
  plot.addEventListener("blur", redraw);
  plot.addEventListener("keydown", (event) => {
    const at = { ArrowLeft: state.at - 1, ArrowDown: state.at - 1, ArrowRight: state.at + 1,
      ArrowUp: state.at + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") plot.blur();
    if (at === undefined) return;
    event.preventDefault();
    hover = null;
    change({ at: Math.min(Math.max(at, 0), last) });
  });
  let width = 0;
  new ResizeObserver(() => {
    if (plot.clientWidth !== width) redraw();
    width = plot.clientWidth;
  }).observe(plot);
  watchers.push(redraw);
  return figure;
}

/** Values of the schemes shown, the better first. */
function ranked(measure, at) {
  const found = measure.curves
    .map((curve, number) => ({ number, name: report.schemes[number].name, point: curve[at] }))
    .filter(({ number, point }) => point && isShown(number));
  const key = ({ point }) => (measure.log && !point.e ? point.hi * 1e-9 : point.v);
  found.sort((a, b) => (measure.log ? key(a) - key(b) : key(b) - key(a)) || a.number - b.number);
  return found;
}

function valueOf(measure, point) {
  if (!measure.log) return printed(point.v, measure.digits);
  return point.e ? percent(point.v) : "none";
}

function intervalOf(measure, point) {
  if (measure.log) return point.e ? `${point.e} of ${point.n}` : `0 of ${point.n}, below ${percent(point.hi)}`;
  if (point.lo === undefined) return "";
  return `${printed(point.lo, measure.digits)} to ${printed(point.hi, measure.digits)}`;
}

function percent(share) {
  const value = 100 * share;
  const digits = value > 0 && value < 10 ? Math.min(1 - Math.floor(Math.log10(value)), 6) : Number(value > 99 && value < 100);
  return `${value.toFixed(digits)}\u00a0%`;
}

function spoken(measure, at) {
  const words = ranked(measure, at).map(({ name, point }) => `${name} ${valueOf(measure, point)}${measure.unit}`);
  return `${report.axis.names[at]}: ${words.join(", ") || "nothing simulated"}`;
}

function readoutOf(measure, at) {
  const rows = ranked(measure, at).map(({ number, name, point }) =>
    make("tr", {}, make("th", { scope: "row" }, swatch(number), name),
      make("td", {}, valueOf(measure, point)), make("td", { class: "interval" }, intervalOf(measure, point))));
  report.references.forEach((reference, i) => {
    const value = reference.measure === measure.key && isShown(report.schemes.length + i) ? along(reference, at) : null;
    if (value === null) return;
    rows.push(make("tr", { class: "reference" }, make("th", { scope: "row" }, swatch(report.schemes.length + i), reference.name),
      make("td", {}, printed(value, measure.digits)), make("td", { class: "interval" }, reference.kind)));
  });
  const title = make("p", {}, report.axis.names[at]);
  return rows.length ? [title, make("table", {}, make("tbody", {}, ...rows))] : [title, make("p", {}, "nothing simulated")];
}

/** Value of a bound or a published curve at a point of the axis, if it has one there; bounds are dense. */
function along({ kind, x, y }, at) {
  const place = report.axis.places[at];
  const i = x.findIndex((value) => value >= place - 1e-9);
  if (i < 0) return null;
  if (Math.abs(x[i] - place) < 1e-9) return y[i];
  if (kind !== "bound" || i === 0) return null;
  return y[i - 1] + ((place - x[i - 1]) / (x[i] - x[i - 1])) * (y[i] - y[i - 1]);
}

// Scales ------------------------------------------------------------------------------------------------

function drawChart(measure, width, height, at) {
  const inner = { width: width - EDGE.left - EDGE.right, height: height - EDGE.top - EDGE.bottom };
  const x = scaleX(inner.width);
  const y = scaleY(measure, inner.height);
  const places = report.axis.places.map((place) => EDGE.left + x(place));
  const up = (value) => EDGE.top + y.of(value);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  svg.append(grid(measure, width, height, places, y, up));
  const clip = `clip-${measure.key}`;
  const area = draw("rect", { x: EDGE.left - 8, y: EDGE.top - 6, width: inner.width + 16, height: inner.height + 12 });
  svg.append(draw("defs", {}, draw("clipPath", { id: clip }, area)));
  svg.append(draw("path", { class: "cursor", d: `M${places[at].toFixed(1)} ${EDGE.top}V${height - EDGE.bottom}` }));
  const curves = draw("g", { "clip-path": `url(#${clip})` });
  report.references.forEach((reference, i) => {
    if (reference.measure === measure.key && isShown(report.schemes.length + i)) {
      curves.append(drawReference(reference, (place) => EDGE.left + x(place), up));
    }
  });
  measure.curves.forEach((curve, number) => {
    if (isShown(number)) curves.append(drawCurve(measure, curve, number, places, up));
  });
  svg.append(curves);
  return { svg, places };
}

function scaleX(width) {
  const { scale, places } = report.axis;
  const least = Math.min(...places.filter((place) => place > 0));
  const value = {
    log: Math.log10,
    symlog: (place) => (place < least ? (0.5 * place) / least : 0.5 + Math.log10(place / least)),
  }[scale] ?? ((place) => place);
  const [low, high] = [Math.min(...places.map(value)), Math.max(...places.map(value))];
  const room = Math.min(18, width / 12);
  if (low === high) return () => width / 2;
  return (place) => room + ((value(place) - low) / (high - low)) * (width - 2 * room);
}

/** The vertical scale holds all schemes, hidden ones too, so that switching one off moves no other. */
function scaleY(measure, height) {
  const points = measure.curves.flat().filter(Boolean);
  const values = points.map((point) => (measure.log && !point.e ? point.hi : point.v));
  report.references.filter((r) => r.measure === measure.key).forEach((r) => {
    const inside = r.y.filter((_, i) => r.x[i] >= Math.min(...report.axis.places) && r.x[i] <= Math.max(...report.axis.places));
    values.push(...inside);
  });
  if (measure.log) {
    values.push(...points.filter((point) => point.e).map((point) => point.lo));
    const low = Math.log10(Math.min(0.1, ...values.filter((value) => value > 0))) - 0.25;
    const of = (value) => height * (1 - (Math.log10(Math.max(value, 1e-12)) - low) / (0.06 - low));
    const ticks = [];
    for (let decade = 0; decade >= Math.ceil(low); decade -= 1) ticks.push(10 ** decade);
    return { of, ticks, name: (tick) => `${Number((100 * tick).toPrecision(3))} %` };
  }
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (high - low < 1e-6) [low, high] = [low - 0.5, high + 0.5];
  // Long bars are cut off rather than flatten the curves.
  const most = 0.12 * (high - low);
  const ends = points.flatMap((point) => [point.lo ?? point.v, point.hi ?? point.v]);
  low = Math.min(low, Math.max(Math.min(...ends), low - most));
  high = Math.max(high, Math.min(Math.max(...ends), high + most));
  const margin = 0.03 * (high - low);
  [low, high] = [low - margin, high + margin];
  const step = niceStep((high - low) / (height / 34));
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) ticks.push(i * step);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return { of: (value) => height * (1 - (value - low) / (high - low)), ticks, name: (tick) => printed(tick, digits) };
}

function niceStep(least) {
  const decade = 10 ** Math.floor(Math.log10(least));
  return decade * [1, 2, 5, 10].find((step) => step * decade >= least - 1e-12);
}

// Parts -------------------------------------------------------------------------------------------------

function grid(measure, width, height, places, y, up) {
  const group = draw("g", { class: "axes" });
  const floor = height - EDGE.bottom;
  for (const tick of y.ticks) {
    const place = up(tick).toFixed(1);
    group.append(draw("path", { class: "grid", d: `M${EDGE.left} ${place}H${width - EDGE.right}` }));
    group.append(draw("text", { x: EDGE.left - 8, y: place, class: "tick vertical" }, y.name(tick)));
  }
  group.append(draw("path", { class: "base", d: `M${EDGE.left} ${floor}H${width - EDGE.right}` }));
  const wide = 8 + 7 * Math.max(...report.axis.ticks.map((tick) => tick.length));
  let free = -Infinity;
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]);
  for (const i of order) {
    group.append(draw("path", { class: "base", d: `M${places[i].toFixed(1)} ${floor}v4` }));
    if (places[i] - wide / 2 < free) continue;
    group.append(draw("text", { x: places[i].toFixed(1), y: floor + 18, class: "tick" }, report.axis.ticks[i]));
    free = places[i] + wide / 2;
  }
  group.append(draw("text", { x: (EDGE.left + width - EDGE.right) / 2, y: height - 8, class: "label" }, report.axis.label));
  return group;
}

function drawCurve(measure, curve, number, places, up) {
  const scheme = report.schemes[number];
  const group = draw("g", { class: `c${scheme.colour}`, "data-scheme": number });
  const aside = measure.log ? 3 * (number - (report.schemes.length - 1) / 2) : 0;
  const bars = [];
  const thin = [];
  const marks = [];
  let path = "";
  let joined = false;
  curve.forEach((point, i) => {
    const known = point && !(measure.log && !point.e);
    if (known) path += `${joined ? "L" : "M"}${places[i].toFixed(1)} ${up(point.v).toFixed(1)}`;
    // A curve goes on over a point that was not simulated, but not through an outage that is only bounded.
    joined = known || (joined && !measure.log);
    if (!point) return;
    if (!known) {
      marks.push(arrow(places[i] + aside, up(point.hi)));
      return;
    }
    if (point.lo !== undefined) {
      const [low, high] = [point.lo + (point.ul ?? 0), point.hi - (point.uh ?? 0)];
      bars.push(bar(places[i], up(Math.max(low, 1e-12)), up(high)));
      if (point.ul) thin.push(`M${places[i].toFixed(1)} ${up(point.lo).toFixed(1)}V${up(low).toFixed(1)}`);
      if (point.uh) thin.push(`M${places[i].toFixed(1)} ${up(high).toFixed(1)}V${up(point.hi).toFixed(1)}`);
    }
    marks.push(marker(scheme.marker, places[i], up(point.v), 3.8, !measure.log && point.f));
  });
  if (thin.length) group.append(draw("path", { class: "thin", d: thin.join("") }));
  group.append(draw("path", { class: "bars", d: bars.join("") || "M0 0" }));
  group.append(draw("path", { class: "curve", d: path || "M0 0", "stroke-dasharray": scheme.dash || null }));
  group.append(...marks);
  return group;
}

function bar(x, low, high) {
  const [from, to] = [low.toFixed(1), high.toFixed(1)];
  if (Math.abs(low - high) < 1.5) return "";
  return `M${(x - 2.5).toFixed(1)} ${from}h5M${(x - 2.5).toFixed(1)} ${to}h5M${x.toFixed(1)} ${from}V${to}`;
}

function arrow(x, y) {
  const [place, top] = [x.toFixed(1), y.toFixed(1)];
  return draw("path", { class: "bound", d: `M${(x - 3).toFixed(1)} ${top}h6M${place} ${top}v9m-2.5-3.5l2.5 3.5 2.5-3.5` });
}

function drawReference(reference, across, up) {
  const steps = reference.x.map((x, i) => `${i ? "L" : "M"}${across(x).toFixed(1)} ${up(reference.y[i]).toFixed(1)}`);
  const group = draw("g", { class: `reference ${reference.kind}` });
  group.append(draw("path", { class: "curve", d: steps.join(""), "stroke-dasharray": reference.dash || null }));
  if (reference.marker) {
    reference.x.forEach((x, i) => group.append(marker(reference.marker, across(x), up(reference.y[i]), 3, true)));
  }
  return group;
}

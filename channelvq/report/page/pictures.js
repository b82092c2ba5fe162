// Received pictures side by side: one point of the axis, every scheme, the same part at the same size, with
// the original laid over as far as one likes.

const MOST_ZOOM = 16;

function buildPictures() {
  const pictures = report.pictures;
  if (!pictures) return;
  document.getElementById("viewer").hidden = false;
  const box = document.getElementById("tiles");
  const view = { zoom: 1, x: 0, y: 0, split: 0 };
  const tiles = report.schemes.map((scheme, number) => tile(scheme.name, number));
  const sent = pictures.sent === null ? null : tile("Sent", null);
  if (sent) {
    sent.got.src = pictures.files[pictures.sent];
    sent.got.alt = "The picture that was sent";
    sent.words.textContent = "original";
  }
  box.append(...[...(sent ? [sent] : []), ...tiles].map(({ figure }) => figure));

  const showPoint = () => {
    tiles.forEach((one, number) => {
      const { file, words } = pictures.shots[number][state.at];
      one.figure.hidden = !isShown(number);
      one.figure.classList.toggle("empty", file === null);
      if (file === null) one.got.removeAttribute("src");
      else if (one.got.src !== pictures.files[file]) one.got.src = pictures.files[file];
      one.got.alt = `${report.schemes[number].name}, ${report.axis.names[state.at]}: ${words}`;
      one.words.textContent = words;
    });
  };
  const showView = () => {
    const reach = 1 - view.zoom;
    view.x = Math.min(Math.max(view.x, reach), 0);
    view.y = Math.min(Math.max(view.y, reach), 0);
    box.style.setProperty("--zoom", view.zoom);
    box.style.setProperty("--x", `${100 * view.x}%`);
    box.style.setProperty("--y", `${100 * view.y}%`);
    box.style.setProperty("--split", `${view.split}%`);
    const across = tiles[0].stage.clientWidth || pictures.width;
    box.classList.toggle("pixels", (across * view.zoom) / pictures.width >= 2);
    box.classList.toggle("moves", view.zoom > 1);
    document.getElementById("split").value = view.split;
  };
  const zoomTo = (zoom, x = 0.5, y = 0.5) => {
    const to = Math.min(Math.max(zoom, 1), MOST_ZOOM);
    view.x = x - ((x - view.x) * to) / view.zoom;
    view.y = y - ((y - view.y) * to) / view.zoom;
    view.zoom = to;
    showView();
  };
  const move = (x, y) => {
    view.x += x;
    view.y += y;
    showView();
  };
  const split = (value) => {
    view.split = Math.min(Math.max(value, 0), 100);
    showView();
  };
  const step = (by) => change({ at: Math.min(Math.max(state.at + by, 0), last) });

  buildControls({ view, zoomTo, split, step, pixel: () => pictures.width / tiles[0].stage.clientWidth / devicePixelRatio });
  buildKeys(box, { view, zoomTo, move, split, step });
  buildPointers(box, { view, zoomTo, move, split });
  watchers.push(showPoint);
  new ResizeObserver(showView).observe(box);
  showView();
}

/** A picture with its caption; the original lies on top, cut off at the split. */
function tile(name, number) {
  const { files, sent, width, height } = report.pictures;
  const got = make("img", { class: "got", draggable: "false", width, height });
  const stage = make("div", { class: "stage" }, make("div", { class: "layer" }, got));
  stage.style.aspectRatio = `${width} / ${height}`;
  if (number !== null && sent !== null) {
    const over = make("img", { src: files[sent], alt: "", draggable: "false", width, height });
    stage.append(make("div", { class: "layer over" }, over), make("div", { class: "handle", title: "Lay the original over" }));
  }
  const words = make("span", { class: "words" });
  const label = number === null ? [] : [swatch(number)];
  const caption = make("figcaption", {}, ...label, make("b", {}, name), words);
  const figure = make("figure", { class: "tile", "data-scheme": number }, stage, caption);
  return { figure, stage, got, words };
}

function buildControls({ view, zoomTo, split, step, pixel }) {
  const part = (id) => document.getElementById(id);
  part("point").max = last;
  part("point").addEventListener("input", () => change({ at: Number(part("point").value) }));
  part("back").addEventListener("click", () => step(-1));
  part("forth").addEventListener("click", () => step(1));
  part("in").addEventListener("click", () => zoomTo(view.zoom * 2));
  part("out").addEventListener("click", () => zoomTo(view.zoom / 2));
  part("fit").addEventListener("click", () => zoomTo(1));
  part("pixel").addEventListener("click", () => zoomTo(pixel()));
  part("split").addEventListener("input", () => split(Number(part("split").value)));
  if (report.pictures.sent === null) {
    part("split").parentElement.hidden = true;
  }
  watchers.push(() => {
    part("point").value = state.at;
    part("point").setAttribute("aria-valuetext", report.axis.names[state.at]);
    part("point-name").textContent = report.axis.names[state.at];
    part("back").disabled = state.at === 0;
    part("forth").disabled = state.at === last;
  });
}

function buildKeys(box, { view, zoomTo, move, split, step }) {
  const keys = {
    "+": () => zoomTo(view.zoom * 1.5),
    "=": () => zoomTo(view.zoom * 1.5),
    "-": () => zoomTo(view.zoom / 1.5),
    0: () => zoomTo(1),
    "[": () => step(-1),
    "]": () => step(1),
    o: () => split(view.split ? 0 : 100),
    ArrowLeft: () => move(0.15, 0),
    ArrowRight: () => move(-0.15, 0),
    ArrowUp: () => move(0, 0.15),
    ArrowDown: () => move(0, -0.15),
  };
  box.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow") && view.zoom === 1) return; // the page scrolls
    event.preventDefault();
    act();
  });
}

/** Drag the handle or the picture, pinch, or turn the wheel. */
function buildPointers(box, { view, zoomTo, move, split }) {
  const held = new Map();
  let drag = null;
  const fractions = (event, stage) => {
    const frame = stage.getBoundingClientRect();
    return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
  };
  box.addEventListener("pointerdown", (event) => {
    const stage = event.target.closest(".stage");
    if (!stage || event.button) return;
    box.focus({ preventScroll: true });
    const [x, y] = fractions(event, stage);
    held.set(event.pointerId, { x, y });
    drag = { stage, handle: Boolean(event.target.closest(".handle")), apart: distance(held) };
    if (drag.handle || view.zoom > 1 || held.size > 1) {
      stage.setPointerCapture(event.pointerId);
      event.preventDefault();
    }
  });
  box.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before || !drag) return;
    const [x, y] = fractions(event, drag.stage);
    held.set(event.pointerId, { x, y });
    if (drag.handle) split(100 * x);
    else if (held.size > 1) {
      const apart = distance(held);
      if (drag.apart) zoomTo((view.zoom * apart) / drag.apart, ...middle(held));
      drag.apart = apart;
    } else move(x - before.x, y - before.y);
  });
  const release = (event) => {
    held.delete(event.pointerId);
    if (!held.size) drag = null;
  };
  box.addEventListener("pointerup", release);
  box.addEventListener("pointercancel", release);
  box.addEventListener("dblclick", (event) => {
    const stage = event.target.closest(".stage");
    if (stage) zoomTo(view.zoom > 1 ? 1 : 4, ...fractions(event, stage));
  });
  box.addEventListener(
    "wheel",
    (event) => {
      const stage = event.target.closest(".stage");
      // Whoever scrolls past must not be caught: the wheel zooms once a picture was clicked, or with Ctrl.
      if (!stage || !(event.ctrlKey || document.activeElement === box)) return;
      if (event.deltaY > 0 && view.zoom === 1 && !event.ctrlKey) return;
      event.preventDefault();
      zoomTo(view.zoom * 2 ** (-event.deltaY / 240), ...fractions(event, stage));
    },
    { passive: false },
  );
}

function distance(held) {
  const [a, b] = [...held.values()];
  return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
}

function middle(held) {
  const [a, b] = [...held.values()];
  return [(a.x + b.x) / 2, (a.y + b.y) / 2];
}

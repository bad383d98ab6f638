// The drawing pad and the map of codes without Python: every `course-pad` and `course-plane` of a page comes alive. The
// controls are those of the widgets; the course's trained networks answer in the browser.
import drawingPad from "./drawing_pad.js";
import latentMap from "./latent_map.js";
import networks from "./networks.js";
import image from "./prepared.js";

const { layers, opened, sigmoid } = networks;
const PIXELS = 28, FRAME = 16; // milliseconds
const HERE = document.currentScript.src.replace(/[^/]*$/, ""); // beside this script lie the weights
const STAR = `<svg viewBox="-12 -12 24 24" aria-hidden="true"><path d="M0-10 2.4-3.1H9.7L3.9 1.3 6 8.2 0 4.1-6 8.2-3.9
  1.3-9.7-3.1H-2.4Z" stroke="white" stroke-width="3" stroke-linejoin="round" paint-order="stroke"/></svg>`;

const make = (tag, className, more, ...children) => {
  const element = Object.assign(document.createElement(tag), { className, ...more });
  element.append(...children);
  return element;
};
const clamped = (value, low, high) => Math.min(high, Math.max(low, value));
const sum = (numbers) => numbers.reduce((total, value) => total + value, 0);
const through = (tensors, model, x, ...names) => layers(tensors, x, ...names.map((name) => `${model}.${name}`));
const told = (place) => [...place].map((v, i) => `z${i + 1} = ${v.toFixed(2).replace("-", "\u2212")}`).join(", ");

// What the networks say of an image, 784 numbers from 0 to 1; see `preview` in course_utils/widgets/preview.py.
function answers(tensors, x) {
  const four = ["encoder.0", "encoder.2", "decoder.0", "decoder.2"];
  const copy = sigmoid(through(tensors, "autoencoder", x, ...four));
  const noisy = x.map((value, i) => clamped(value + tensors.grain.numbers[i], 0, 1));
  const clean = sigmoid(through(tensors, "denoiser", noisy, ...four));
  const place = through(tensors, "plane", x, "fc1.0", "fc1.2", "fc21");
  const oddness = sum([...copy].map((value, i) => (value - x[i]) ** 2)) / Math.max(1, sum([...x]));
  return { copy, noisy, clean, place, oddness };
}

// The image at a place (z1, z2) of the latent plane.
const decoded = (tensors, place) =>
  sigmoid(through(tensors, "plane", Float32Array.from(place), "fc3", "fc4.0", "fc4.2"));

// What a widget of anywidget's asks of its model; `changed` hears of every new value.
function model(values, changed) {
  const listeners = [];
  return {
    get: (name) => values[name],
    set(name, value) {
      values[name] = value;
      for (const listener of listeners) listener();
    },
    save_changes: () => changed(values),
    on: (event, listener) => listeners.push(listener),
    off: () => listeners.splice(0),
  };
}

function picture() {
  const canvas = make("canvas", "", { width: PIXELS, height: PIXELS });
  canvas.setAttribute("role", "img");
  return canvas;
}
function paint(canvas, numbers, label) {
  const pixels = new ImageData(PIXELS, PIXELS);
  numbers.forEach((value, i) => pixels.data.set([...Array(3).fill(Math.round(255 * value)), 255], 4 * i));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  canvas.setAttribute("aria-label", label);
}
const titled = (title, ...content) => make("figure", "", {}, make("figcaption", "", {}, title), ...content);

// A picture with something that moves on its plane.
function plot(png, plane, alt, mover) {
  const on = make("div", "plane", {}, mover);
  ["left", "top", "width", "height"].forEach((side, i) => (on.style[side] = `${100 * plane[i]}%`));
  const source = URL.createObjectURL(new Blob([png], { type: "image/png" }));
  return make("div", "plot", {}, make("img", "", { src: source, alt }), on);
}

function pad(box, { tensors, notes }) {
  const { side, span, low, high, plane } = JSON.parse(notes.numbers);
  const usual = tensors.usual.numbers, ink = tensors.ink.numbers;
  const pictures = { drawing: picture(), copy: picture(), noisy: picture(), clean: picture() };
  const titles = { drawing: "your drawing", copy: "through 64 numbers", noisy: "with noise", clean: "noise removed" };
  const star = make("div", "star", { innerHTML: STAR }), line = make("div", "line");
  const where = make("output", "place"), odder = make("output", "");

  function look(x) {
    const seen = { drawing: x, ...answers(tensors, x) };
    for (const [name, canvas] of Object.entries(pictures)) paint(canvas, seen[name], titles[name]);
    const [right, up] = seen.place.map((value) => clamped(value, -span, span) / span); // off the map: at its edge
    star.style.left = `${50 + 50 * right}%`;
    star.style.top = `${50 - 50 * up}%`;
    where.textContent = told(seen.place);
    const odd = clamped(seen.oddness, low, high);
    line.style.left = `${(100 * Math.log(odd / low)) / Math.log(high / low)}%`;
    const share = Math.fround(usual.filter((value) => value < odd).length / usual.length);
    odder.textContent = `odder than ${image.halfToEven(Math.fround(100 * share))} % of test digits`;
  }

  const control = make("div", "");
  const start = { ink: new DataView(ink.buffer), pause: FRAME };
  drawingPad.render({
    el: control,
    model: model(start, ({ ink }) => {
      const x = image.prepared(new Uint8Array(ink.buffer), side);
      if (x) look(x); // a pad that was cleared waits for the next drawing
    }),
  });
  const map = plot(tensors.map.numbers, plane, "The codes of 1,000 test digits, coloured by digit.", star);
  const odd = plot(tensors.histogram.numbers, plane, "How odd 1,000 test digits are, as a histogram.", line);
  box.append(
    control,
    make(
      "div", "answers", {},
      make("div", "images", {}, ...Object.keys(titles).map((name) => titled(titles[name], pictures[name]))),
      make("div", "plots", {}, titled("its place among test digits", map, where), titled(odder, odd)),
    ),
  );
  look(image.prepared(ink, side));
}

function plane(box, { tensors, notes }) {
  const { span, plane } = JSON.parse(notes.numbers);
  const canvas = picture(), control = make("div", "");
  const start = { picture: tensors.map.numbers, plane, span, at: [0, 0] };
  const show = ({ at }) => paint(canvas, decoded(tensors, at), `The image at ${told(at)}`);
  latentMap.render({ el: control, model: model(start, show) });
  box.append(control, titled("the image decoded there", canvas));
  show(start);
}

const loading = {};
function weights(name) { // a promise
  return (loading[name] ??= new Promise((resolve, reject) => {
    const given = () => resolve(opened(window.courseWeights[name]));
    if (window.courseWeights?.[name]) given(); // they stand in the page itself
    else document.head.append(make("script", "", { src: `${HERE}${name}.js`, onload: given, onerror: reject }));
  }));
}

async function enliven(element) {
  const [kind, show] = element.classList.contains("course-pad") ? ["pad", pad] : ["plane", plane];
  const parts = await weights(`${kind}_${element.dataset.dataset}`).catch(() => null);
  if (!parts) return; // the still picture stays
  const box = make("div", "alive");
  show(box, parts);
  box.append(make("p", "", {}, `Computed in your browser by the course's trained models (${parts.notes.data}).`));
  element.append(box);
  element.classList.add("is-live");
}

function begin() {
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        enliven(target);
      }
    },
    { rootMargin: "100%" }, // a screen away, so that it is alive when it comes into view
  );
  for (const element of document.querySelectorAll(".course-pad, .course-plane")) near.observe(element);
}
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
else begin();

export default { answers, decoded, prepared: image.prepared, weights };

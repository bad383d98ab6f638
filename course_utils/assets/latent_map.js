// A map with a marker that mouse, finger and arrow keys move. `at` is where it is, in the map's own numbers.
const STEPS = 60; // that the arrow keys make from one side to the other; with Shift, a step is five
const HELP = "Drag the marker. Keyboard: arrows move it, with Shift faster, Home brings it to the middle.";

function render({ model, el }) {
  const make = (tag, className, more) => Object.assign(document.createElement(tag), { className, ...more });
  const map = make("div", "map");
  const picture = make("img", "", { alt: "The codes of many images, coloured by their labels.", draggable: false });
  const plane = make("div", "plane", { tabIndex: 0 });
  const marker = make("div", "marker");
  const place = make("div", "place");
  const span = model.get("span");

  const url = URL.createObjectURL(new Blob([model.get("picture")], { type: "image/png" }));
  picture.src = url;
  const [left, top, width, height] = model.get("plane").map((share) => `${100 * share}%`);
  Object.assign(plane.style, { left, top, width, height });
  plane.setAttribute("role", "slider"); // of two dimensions: its text tells both
  plane.setAttribute("aria-roledescription", "map");
  plane.setAttribute("aria-label", `Place on the map of codes. ${HELP}`);
  plane.setAttribute("aria-valuemin", -span);
  plane.setAttribute("aria-valuemax", span);
  plane.append(marker);
  map.append(picture, plane);
  el.classList.add("latent-map");
  el.append(map, place, make("small", "", { textContent: HELP }));

  function show() {
    const at = model.get("at");
    const text = at.map((value, i) => `z${i + 1} = ${value.toFixed(2).replace("-", "\u2212")}`).join(", ");
    marker.style.left = `${50 + (50 * at[0]) / span}%`;
    marker.style.top = `${50 - (50 * at[1]) / span}%`;
    place.textContent = text;
    plane.setAttribute("aria-valuenow", at[0].toFixed(2));
    plane.setAttribute("aria-valuetext", text);
  }
  function move(to) {
    model.set("at", to.map((value) => Math.min(span, Math.max(-span, value)))); // a list of its own: a change is seen
    model.save_changes(); // waits by itself while the kernel is busy, and then sends the latest
  }
  function follow(event) {
    const box = plane.getBoundingClientRect();
    move([
      (span * 2 * (event.clientX - box.left)) / box.width - span,
      span - (span * 2 * (event.clientY - box.top)) / box.height,
    ]);
  }

  plane.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    plane.setPointerCapture(event.pointerId);
    plane.focus({ preventScroll: true });
    follow(event);
  });
  plane.addEventListener("pointermove", (event) => {
    if (plane.hasPointerCapture(event.pointerId)) follow(event);
  });
  plane.addEventListener("keydown", (event) => {
    const step = ((event.shiftKey ? 5 : 1) * 2 * span) / STEPS;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!by && event.key !== "Home") return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to another cell
    move(by ? model.get("at").map((value, i) => value + step * by[i]) : [0, 0]);
  });

  model.on("change:at", show);
  show();
  return () => {
    model.off("change:at", show);
    URL.revokeObjectURL(url);
  };
}

export default { render };

// A square to draw on, white on black, with mouse, finger, pen or keyboard. `ink` is what Python sees of it:
// one byte a pixel, row by row.
const SIDE = 112, PEN = 10, STEP = 4;
const HELP = "Draw with mouse or finger. Keyboard: arrows move, space lowers or lifts the pen.";

function render({ model, el }) {
  const area = Object.assign(document.createElement("div"), { className: "area" });
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE, tabIndex: 0 });
  const clear = Object.assign(document.createElement("button"), { textContent: "Clear", type: "button" });
  clear.className = "jupyter-button";
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `Drawing pad. ${HELP}`);
  area.append(canvas);
  el.classList.add("drawing-pad");
  el.append(area, clear, Object.assign(document.createElement("small"), { textContent: HELP }));

  const pen = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "white" });
  let last = null; // where the hand was
  let waiting = null;
  const key = { x: SIDE / 2, y: SIDE / 2, down: false }; // the pen of the keyboard

  function blank() {
    pen.fillStyle = "black";
    pen.fillRect(0, 0, SIDE, SIDE);
  }
  function send() {
    waiting = null;
    const ink = pen.getImageData(0, 0, SIDE, SIDE).data.filter((_, i) => i % 4 === 0); // red of red, green, blue, alpha
    model.set("ink", new DataView(ink.buffer));
    model.save_changes();
  }
  function stroke(from, to) {
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x, to.y);
    pen.stroke();
    waiting ??= setTimeout(send, model.get("pause") ?? 100); // ten times a second are enough while the hand moves
  }
  function place(event) {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) * SIDE) / box.width, y: ((event.clientY - box.top) * SIDE) / box.height };
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = place(event);
    stroke(last, next);
    last = next;
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));

  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to another cell
    const from = { ...key };
    if (move) {
      key.x = Math.min(SIDE, Math.max(0, key.x + STEP * move[0]));
      key.y = Math.min(SIDE, Math.max(0, key.y + STEP * move[1]));
    } else key.down = !key.down;
    if (key.down) stroke(from, key);
    area.classList.toggle("down", key.down);
    area.style.setProperty("--x", `${(100 * key.x) / SIDE}%`);
    area.style.setProperty("--y", `${(100 * key.y) / SIDE}%`);
  });
  clear.addEventListener("click", () => {
    key.down = false;
    area.classList.remove("down");
    blank();
    send();
  });

  blank();
  const given = model.get("ink");
  if (given.byteLength === SIDE * SIDE) {
    const image = pen.createImageData(SIDE, SIDE);
    image.data.forEach((_, i) => (image.data[i] = i % 4 === 3 ? 255 : given.getUint8(Math.floor(i / 4))));
    pen.putImageData(image, 0, 0);
  }
}

export default { render };

// A drawing as MNIST's makers would have prepared it, to the bit as `centred` in course_utils/widgets/drawing_pad.py
// does it: cut out, brought to 20 x 20 pixels, its centre of mass in the middle of 28 x 28.
const BOX = 20, PAGE = 28, INK = 51; // a fifth of 255: what is fainter is no ink

const transposed = (image, height, width) => image.map((_, i) => image[(i % height) * width + Math.floor(i / height)]);

function halfToEven(value) { // as Python rounds
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

// Bytes (height, width) -> (height, wanted): means over boxes, as Pillow's `resize` takes them, in whole numbers.
function resized(image, height, width, wanted) {
  const scale = width / wanted, reach = Math.max(1, scale), out = new Uint8Array(height * wanted);
  for (let column = 0; column < wanted; column++) {
    const middle = (column + 0.5) * scale;
    const from = Math.max(0, Math.trunc(middle - reach / 2 + 0.5));
    const to = Math.min(width, Math.trunc(middle + reach / 2 + 0.5));
    const inside = [];
    for (let i = from; i < to; i++) {
      const place = (i - middle + 0.5) / reach;
      inside.push(place > -0.5 && place <= 0.5 ? 1 : 0);
    }
    const total = inside.reduce((sum, weight) => sum + weight);
    const weights = inside.map((weight) => Math.trunc(0.5 + (weight / total) * 2 ** 22));
    for (let row = 0; row < height; row++) {
      const sum = weights.reduce((sum, weight, i) => sum + weight * image[row * width + from + i], 2 ** 21);
      out[row * wanted + column] = sum >> 22;
    }
  }
  return out;
}

// Bytes (side, side), row by row -> the image, 784 numbers from 0 to 1, or null where there is no ink.
function prepared(ink, side) {
  const rows = [], columns = [];
  ink.forEach((value, i) => {
    if (value <= INK) return;
    rows.push(Math.floor(i / side));
    columns.push(i % side);
  });
  if (!rows.length) return null;
  const [top, bottom, left, right] = [
    ...rows.reduce(([least, most], i) => [Math.min(least, i), Math.max(most, i + 1)], [side, 0]),
    ...columns.reduce(([least, most], i) => [Math.min(least, i), Math.max(most, i + 1)], [side, 0]),
  ];
  const [tall, wide] = [bottom - top, right - left];
  const cut = new Uint8Array(tall * wide).map((_, i) => ink[(top + Math.floor(i / wide)) * side + left + (i % wide)]);
  const [height, width] = [tall, wide].map((size) => Math.max(1, halfToEven((BOX * size) / Math.max(tall, wide))));
  const narrow = transposed(resized(cut, tall, wide, width), tall, width); // columns as rows
  const small = transposed(resized(narrow, width, tall, height), width, height);

  let mass = 0, down = 0, across = 0;
  small.forEach((value, i) => {
    mass += value;
    down += value * Math.floor(i / width);
    across += value * (i % width);
  });
  const [y, x] = [[down, height], [across, width]].map(([sum, size]) =>
    Math.min(Math.max(0, halfToEven(14 - sum / mass)), PAGE - size),
  );
  const page = new Float32Array(PAGE * PAGE);
  small.forEach((value, i) => (page[(y + Math.floor(i / width)) * PAGE + x + (i % width)] = value / 255));
  return page;
}

export default { prepared, halfToEven };

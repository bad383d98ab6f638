// The course's networks without Python, for one image: the numbers of course_utils/models.py. Weights are read from a
// .safetensors file (https://github.com/huggingface/safetensors); every layer is summed in double precision.

function half(bits) { // float16 -> number
  const [sign, power, rest] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (power ? 2 ** (power - 25) * (1024 + rest) : 2 ** -24 * rest);
}

const KINDS = {
  U8: (buffer) => new Uint8Array(buffer),
  F32: (buffer) => new Float32Array(buffer),
  F16: (buffer) => new Float32Array(new Uint16Array(buffer)).map(half),
};

// The tensors of a file, by name, each with its shape and its numbers, and the notes in its head.
function opened(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const begin = 8 + new DataView(bytes.buffer).getUint32(0, true);
  const { __metadata__: notes, ...head } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(head))
    tensors[name] = { shape, numbers: KINDS[dtype](bytes.buffer.slice(begin + from, begin + to)) };
  return { tensors, notes };
}

const relu = (x) => x.map((value) => Math.max(0, value));
const sigmoid = (x) => x.map((value) => 1 / (1 + Math.exp(-value)));

function linear(x, weight, bias) { // weight: (outputs, inputs)
  return bias.numbers.map((value, row) => {
    for (let i = 0, at = row * x.length; i < x.length; i++) value += weight.numbers[at + i] * x[i];
    return value;
  });
}

// A convolution of 3 x 3 pixels with stride 2 ties every pixel of the small side to nine of the large one. `Conv2d`
// goes from the large side to the small one, `ConvTranspose2d` back; the weights of both are (small, large, 3, 3).
function strided(x, weight, bias, enlarge) {
  const [smalls, larges] = weight.shape;
  const side = enlarge ? Math.sqrt(x.length / smalls) : Math.sqrt(x.length / larges) / 2, wide = 2 * side;
  const area = enlarge ? wide * wide : side * side;
  const y = Float64Array.from({ length: bias.numbers.length * area }, (_, i) => bias.numbers[Math.floor(i / area)]);
  let at = 0;
  for (let small = 0; small < smalls; small++)
    for (let large = 0; large < larges; large++)
      for (let down = -1; down <= 1; down++)
        for (let right = -1; right <= 1; right++) {
          const w = weight.numbers[at++];
          for (let row = down < 0 ? 1 : 0; row < side; row++) // beyond the upper and the left edge there is nothing
            for (let column = right < 0 ? 1 : 0; column < side; column++) {
              const near = (small * side + row) * side + column;
              const far = (large * wide + 2 * row + down) * wide + 2 * column + right;
              if (enlarge) y[far] += w * x[near];
              else y[near] += w * x[far];
            }
        }
  return Float32Array.from(y);
}

// Layers one after the other, a ReLU between each two of them. Where weights have four dimensions, those that are named
// "decoder" enlarge.
function layers(tensors, x, ...names) {
  names.forEach((name, i) => {
    const [weight, bias] = [tensors[`${name}.weight`], tensors[`${name}.bias`]];
    x = i ? relu(x) : x;
    x = weight.shape.length === 4 ? strided(x, weight, bias, name.includes("decoder")) : linear(x, weight, bias);
  });
  return x;
}

export default { opened, layers, sigmoid };

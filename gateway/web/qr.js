// A text as a QR code (ISO/IEC 18004): bytes, error correction of level M, the smallest version that holds it.

/** Codewords for error correction in a block, and blocks, by version. */
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
/** Level M in the format's bits. */
const LEVEL = 0;

const MASKS = [
  (x, y) => (x + y) % 2,
  (x, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

// The field of 256 elements by powers of its generator.
const POWERS = [1];
for (let power = 1; power < 255; power += 1) {
  const doubled = POWERS[power - 1] << 1;
  POWERS.push(doubled > 255 ? doubled ^ 0x11d : doubled);
}
const LOGS = new Map(POWERS.map((value, power) => [value, power]));
const times = (a, b) => (a && b ? POWERS[(LOGS.get(a) + LOGS.get(b)) % 255] : 0);

/** The codewords that correct errors of others: their remainder by the generator polynomial of a degree. */
function correctionOf(data, degree) {
  let generator = [1];
  for (let root = 0; root < degree; root += 1) {
    generator = [...generator, 0].map((term, at) => term ^ times(generator[at - 1] ?? 0, POWERS[root]));
  }
  const rest = new Array(degree).fill(0);
  for (const word of data) {
    const factor = word ^ rest.shift();
    rest.push(0);
    for (let at = 0; at < degree; at += 1) rest[at] ^= times(generator[at + 1], factor);
  }
  return rest;
}

/** Codewords of any kind in a version: what its patterns leave of it. */
function capacityOf(version) {
  const aligned = version > 1 ? Math.floor(version / 7) + 2 : 0;
  const modules = (16 * version + 128) * version + 64;
  const patterns = aligned ? (25 * aligned - 10) * aligned - 55 + (version > 6 ? 36 : 0) : 0;
  return Math.floor((modules - patterns) / 8);
}

const bitsOf = (value, length) => Array.from({ length }, (_, at) => (value >> (length - 1 - at)) & 1);

/** The version that holds so many bytes, and its data: codewords of the bytes, in the order that they are drawn in. */
function encode(bytes) {
  for (let version = 1; version <= BLOCKS.length; version += 1) {
    const [degree, count, all] = [CORRECTION[version - 1], BLOCKS[version - 1], capacityOf(version)];
    const room = all - degree * count;
    const lengthBits = version < 10 ? 8 : 16;
    if (4 + lengthBits + bytes.length * 8 > room * 8) continue;
    const bits = [...bitsOf(4, 4), ...bitsOf(bytes.length, lengthBits), ...[...bytes].flatMap((byte) => bitsOf(byte, 8))];
    bits.push(...new Array(Math.min(4, room * 8 - bits.length)).fill(0));
    while (bits.length % 8) bits.push(0);
    const words = [];
    for (let at = 0; at < bits.length; at += 8) words.push(Number.parseInt(bits.slice(at, at + 8).join(''), 2));
    for (let pad = 0xec; words.length < room; pad ^= 0xec ^ 0x11) words.push(pad);

    // The first blocks are a codeword shorter than the last ones.
    const shorter = count - (all % count);
    const least = Math.floor(all / count) - degree;
    const blocks = [];
    for (let from = 0, block = 0; block < count; block += 1) {
      const data = words.slice(from, (from += least + (block < shorter ? 0 : 1)));
      blocks.push({ data, correction: correctionOf(data, degree) });
    }
    const turns = (part, length) =>
      Array.from({ length }, (_, at) => blocks.map((block) => block[part][at]).filter((word) => word !== undefined)).flat();
    return { version, words: [...turns('data', least + 1), ...turns('correction', degree)] };
  }
  throw new Error('this is too long for a QR code');
}

/** What a mask costs: patterns that readers take for others. */
function penaltyOf(grid) {
  const size = grid.length;
  const lines = [...grid, ...grid.map((_, x) => grid.map((row) => row[x]))].map((line) => line.map(Number).join(''));
  let penalty = 0;
  for (const line of lines) {
    for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) penalty += run.length - 2;
    for (const pattern of ['10111010000', '00001011101']) {
      for (let at = line.indexOf(pattern); at >= 0; at = line.indexOf(pattern, at + 1)) penalty += 40;
    }
  }
  let dark = 0;
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      dark += Number(grid[y][x]);
      const square = x && y && grid[y][x] === grid[y - 1][x] && grid[y][x] === grid[y][x - 1] && grid[y][x] === grid[y - 1][x - 1];
      if (square) penalty += 3;
    }
  }
  return penalty + 10 * Math.floor(Math.abs((dark * 20) / (size * size) - 10));
}

/** A value with the remainder by which its errors are found, as format and version have it. */
function withRemainder(value, polynomial, length) {
  let rest = value;
  for (let bit = 0; bit < length; bit += 1) rest = (rest << 1) ^ ((rest >> (length - 1)) & 1 ? polynomial : 0);
  return (value << length) | (rest & ((1 << length) - 1));
}

/** A text as rows of modules, dark ones true. Throws where it has more than some 660 bytes. */
export function qrCode(text) {
  const { version, words } = encode(new TextEncoder().encode(text));
  const size = version * 4 + 17;
  const grid = Array.from({ length: size }, () => new Array(size).fill(false));
  const taken = Array.from({ length: size }, () => new Array(size).fill(false));
  const set = (x, y, dark) => {
    grid[y][x] = Boolean(dark);
    taken[y][x] = true;
  };
  const rings = (middleX, middleY, radius, light) => {
    for (let y = middleY - radius; y <= middleY + radius; y += 1) {
      for (let x = middleX - radius; x <= middleX + radius; x += 1) {
        const ring = Math.max(Math.abs(x - middleX), Math.abs(y - middleY));
        if (grid[y]?.[x] !== undefined) set(x, y, !light.includes(ring));
      }
    }
  };

  for (let at = 0; at < size; at += 1) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) rings(x, y, 4, [2, 4]);
  if (version > 1) {
    const count = Math.floor(version / 7) + 2;
    const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
    const middles = [6, ...Array.from({ length: count - 1 }, (_, at) => size - 7 - step * (count - 2 - at))];
    // Three corners have their own patterns.
    const inCorner = (x, y) => x + y === 12 || (Math.min(x, y) === 6 && Math.max(x, y) === size - 7);
    for (const x of middles) for (const y of middles) if (!inCorner(x, y)) rings(x, y, 2, [1]);
  }
  const format = (mask) => {
    const bits = withRemainder((LEVEL << 3) | mask, 0x537, 10) ^ 0x5412;
    for (let bit = 0; bit < 15; bit += 1) {
      const dark = (bits >> bit) & 1;
      if (bit < 6) set(8, bit, dark);
      else if (bit < 8) set(8, bit + 1, dark);
      else set(bit === 8 ? 7 : 14 - bit, 8, dark);
      if (bit < 8) set(size - 1 - bit, 8, dark);
      else set(8, size - 15 + bit, dark);
    }
    set(8, size - 8, true);
  };
  format(0);
  if (version > 6) {
    const bits = withRemainder(version, 0x1f25, 12);
    for (let bit = 0; bit < 18; bit += 1) {
      const [near, far] = [Math.floor(bit / 3), size - 11 + (bit % 3)];
      set(far, near, (bits >> bit) & 1);
      set(near, far, (bits >> bit) & 1);
    }
  }

  // Two columns at a time from the right, up and down in turns, past what is taken.
  const bits = words.flatMap((word) => bitsOf(word, 8));
  const free = [];
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right = 5;
    const up = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step += 1) {
      const y = up ? size - 1 - step : step;
      for (const x of [right, right - 1]) if (!taken[y][x]) free.push([x, y]);
    }
  }
  let best;
  for (let mask = 0; mask < MASKS.length; mask += 1) {
    format(mask);
    free.forEach(([x, y], at) => (grid[y][x] = Boolean(bits[at] ?? 0) !== (MASKS[mask](x, y) === 0)));
    const penalty = penaltyOf(grid);
    if (!best || penalty < best.penalty) best = { penalty, grid: grid.map((row) => [...row]) };
  }
  return best.grid;
}

/** The dark modules of a QR code as the path of an SVG whose unit is a module. */
export const pathOf = (grid) => grid.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');

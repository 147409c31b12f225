// What the pixels of a photo say about it: where the card lies, how sharp it is, whether light covers it. Pure
// functions on gray values; thresholds were set on the drawn cards of tests/end_to_end/test_photo_quality.py. They
// advise, and never refuse: the job decides.

// The long side at which a photo is measured.
export const MEASURED_PIXELS = 1200;
// 290 dots an inch over 85.6 mm: vendors refuse less.
const MIN_CARD_PIXELS = 980;
// Above it letters of 2 mm cannot be told apart any more.
const BLURRY = 0.6;
const DARK = 55;
const SATURATED = 250;
// A spot of light, in parts of the measured area. More than the upper bound is white paper.
const GLARE_PARTS = { least: 0.008, most: 0.35 };
const BLOCK_PIXELS = 12;
// An edge is a step in brightness along most of a line.
const EDGE_STEP = 9;
// Above what texture and noise do: that many times the median step. A barcode has more of both than a card's edge.
const EDGE_TIMES = 4;
const CLEAR_EDGE_STEP = 60;
const EDGE_SEGMENTS = 8;
const EDGE_SUPPORT = 6;
// So close to a border lies no edge of a card that is wholly in the image.
const BORDER = 0.012;
// Where a card reaches the border, there is about as much to see as in the middle; next to it, there is little.
const STRIP = 0.04;
// Steps that noise does not make, and the part of pixels that have one where there is something to see.
const CLEAR_STEP = 24;
const MIN_DETAIL = 0.02;
const TEXTURED = 0.6;
const PLAIN = 0.3;
// Less texture than this, as of a wall, has no sharpness.
const MIN_TEXTURE = 0.6;

/**
 * Gray values, row by row.
 *
 * @typedef {{values: Uint8Array, width: number, height: number}} Gray
 * @typedef {{left: number, top: number, right: number, bottom: number}} Area in pixels
 */

/**
 * Return the gray values of an image (ITU-R BT.601).
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} image
 * @returns {Gray}
 */
export function grayOf({ data, width, height }) {
  const values = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < values.length; at += 1, from += 4) {
    values[at] = (data[from] * 77 + data[from + 1] * 150 + data[from + 2] * 29) >> 8;
  }
  return { values, width, height };
}

/**
 * Return what the person may want to know about a photo before it is sent: keys of texts, the most useful first.
 *
 * @param {Gray} gray measured at `MEASURED_PIXELS` or less
 * @param {{side: string, longPixels: number}} photo the side, and the length of the photo's long side as it is sent
 * @returns {string[]}
 */
export function hintsOf(gray, { side, longPixels }) {
  const hints = [];
  const found = side === "selfie" ? {} : findCard(gray);
  const isWhole = side !== "selfie" && !Object.values(found).includes(null);
  const area = isWhole ? found : middleOf(gray);
  if (side !== "selfie") {
    if (isCutOff(gray)) hints.push("cut_off");
    const measured = Math.max(gray.width, gray.height);
    const long = isWhole ? Math.max(area.right - area.left, area.bottom - area.top) : measured;
    if ((long / measured) * longPixels < MIN_CARD_PIXELS) hints.push("too_small");
  }
  if (brightnessOf(gray, area) < DARK) hints.push("too_dark");
  else if (side !== "selfie" && blurOf(gray, area) > BLURRY) hints.push("blurry");
  if (isWhole && hasGlare(gray, area)) hints.push("glare");
  return hints;
}

/**
 * Return where the edges of the card lie; null for an edge that is not seen. It must cross the middle of the image.
 *
 * @param {Gray} gray
 * @param {number} within how far from each border an edge is searched for, in parts of width or height
 * @returns {{left: ?number, top: ?number, right: ?number, bottom: ?number}}
 */
export function findCard(gray, within = 0.45) {
  const [columns, rows] = [steps(gray, true), steps(gray, false)];
  return {
    left: firstEdge(columns, gray.width, within, false),
    top: firstEdge(rows, gray.height, within, false),
    right: firstEdge(columns, gray.width, within, true),
    bottom: firstEdge(rows, gray.height, within, true),
  };
}

/**
 * Return how many of the edges that `findCard` found run on beyond the corners, at both ends: those of a card do
 * not, and the lines of a tablecloth do.
 *
 * @param {Gray} gray
 * @param {Area} found
 */
export function linesBeyond(gray, { left, top, right, bottom }) {
  const [across, down] = [lineLengths(left, right, gray.width), lineLengths(top, bottom, gray.height)];
  const runsOn = (at, isColumn) => {
    const { within, before, after } = isColumn ? down : across;
    const least = Math.max(EDGE_STEP, stepAt(gray, at, within, isColumn) / 2);
    return [before, after].every((part) => stepAt(gray, at, part, isColumn) >= least);
  };
  const edges = [[left, true], [right, true], [top, false], [bottom, false]];
  return edges.filter(([at, isColumn]) => runsOn(at, isColumn)).length;
}

/** Return whether a card seems to reach beyond one border, or two. */
export function isCutOff(gray) {
  const { width, height } = gray;
  const inner = detailOf(gray, middleOf(gray));
  if (inner < MIN_DETAIL) return false;
  const { left, top, right, bottom } = middleOf(gray);
  const [across, down] = [Math.round(width * STRIP), Math.round(height * STRIP)];
  const parts = [
    { left: 1, top, right: across, bottom },
    { left: width - across, top, right: width, bottom },
    { left, top: 1, right, bottom: down },
    { left, top: height - down, right, bottom: height },
  ].map((strip) => detailOf(gray, strip) / inner);
  const beyond = parts.filter((part) => part > TEXTURED).length;
  return beyond > 0 && beyond <= 2 && parts.filter((part) => part < PLAIN).length >= 2;
}

/**
 * Return how blurred an area is, from 0 to 1: how little it changes when it is blurred once more.
 *
 * Source: Crété-Roffet and others, "The blur effect: perception and estimation with a new no-reference perceptual
 * blur metric", SPIE 2007. An area without texture counts as sharp.
 *
 * @param {Gray} gray
 * @param {Area} area
 */
export function blurOf(gray, area) {
  return Math.max(blurAlong(gray, area, true), blurAlong(gray, area, false));
}

/** Return the mean brightness of an area, from 0 to 255. */
export function brightnessOf({ values, width }, { left, top, right, bottom }) {
  let sum = 0;
  for (let y = top; y < bottom; y += 1) for (let x = left; x < right; x += 1) sum += values[y * width + x];
  return sum / Math.max(1, (right - left) * (bottom - top));
}

/** Return whether a spot of light covers part of an area. */
export function hasGlare({ values, width }, { left, top, right, bottom }) {
  const [across, down] = [Math.floor((right - left) / BLOCK_PIXELS), Math.floor((bottom - top) / BLOCK_PIXELS)];
  const isBright = new Uint8Array(across * down);
  for (let block = 0; block < isBright.length; block += 1) {
    const startX = left + (block % across) * BLOCK_PIXELS;
    const startY = top + Math.floor(block / across) * BLOCK_PIXELS;
    let saturated = 0;
    for (let y = startY; y < startY + BLOCK_PIXELS; y += 1) {
      for (let x = startX; x < startX + BLOCK_PIXELS; x += 1) saturated += values[y * width + x] >= SATURATED;
    }
    isBright[block] = saturated > 0.9 * BLOCK_PIXELS * BLOCK_PIXELS;
  }
  const parts = largestSpot(isBright, across) / Math.max(1, isBright.length);
  return parts >= GLARE_PARTS.least && parts <= GLARE_PARTS.most;
}

/** Return the middle of an image, by which it is judged where no card is found in it. */
function middleOf({ width, height }) {
  return {
    left: Math.floor(width * 0.2),
    top: Math.floor(height * 0.2),
    right: Math.floor(width * 0.8),
    bottom: Math.floor(height * 0.8),
  };
}

/**
 * Return for each segment of the image's middle in which columns (or rows) there is a step in brightness. Letters
 * and noise cancel out over a segment; an edge does not.
 */
function steps({ values, width, height }, isAcross) {
  const [length, depth] = isAcross ? [width, height] : [height, width];
  const [along, over] = isAcross ? [1, width] : [width, 1];
  const [start, end] = [Math.round(depth * 0.38), Math.round(depth * 0.62)];
  const each = Math.max(1, Math.floor((end - start) / EDGE_SEGMENTS));
  return Array.from({ length: EDGE_SEGMENTS }, (_, segment) => {
    const sums = new Float32Array(length);
    for (let line = start + segment * each; line < start + (segment + 1) * each; line += 1) {
      for (let at = 1; at < length - 1; at += 1) {
        const middle = line * over + at * along;
        sums[at] += values[middle + along] - values[middle - along];
      }
    }
    const means = sums.map((sum) => Math.abs(sum) / each);
    const least = Math.max(EDGE_STEP, Math.min(CLEAR_EDGE_STEP, EDGE_TIMES * medianOf(means)));
    return means.map((mean) => (mean >= least ? 1 : 0));
  });
}

/** Return the parts of a line through the image: within a card from *first* to *last*, before it, and after it. */
function lineLengths(first, last, length) {
  const third = (last - first) / 3;
  return {
    within: [Math.round(first + third), Math.round(last - third)],
    before: [1, Math.max(2, first - 2)],
    after: [Math.min(length - 2, last + 3), length - 1],
  };
}

/** Return by how many pixels an edge may lie elsewhere in each segment: cards lie a little turned. */
function slantOf(length) {
  return Math.max(1, Math.round(length * 0.012));
}

/** Return the largest mean step in brightness along one part of a column (or row), or of one next to it. */
function stepAt({ values, width, height }, at, [start, end], isColumn) {
  const [along, over] = isColumn ? [1, width] : [width, 1];
  let largest = 0;
  const last = (isColumn ? width : height) - 2;
  const reach = slantOf(last) + 1; // The edge lies so close to where it was found.
  for (let line = Math.max(1, at - reach); line <= Math.min(last, at + reach); line += 1) {
    let sum = 0;
    for (let step = start; step < end; step += 1) {
      const middle = step * over + line * along;
      sum += values[middle + along] - values[middle - along];
    }
    largest = Math.max(largest, Math.abs(sum) / Math.max(1, end - start));
  }
  return largest;
}

/** Return the first place, from the border inward, where most segments have a step; null for none. */
function firstEdge(segments, length, within, isFromEnd) {
  const slant = slantOf(length);
  const start = Math.max(2, Math.round(length * BORDER));
  for (let distance = start; distance < length * within; distance += 1) {
    const at = isFromEnd ? length - 1 - distance : distance;
    const [first, last] = [Math.max(0, at - slant), Math.min(length, at + slant + 1)];
    const support = segments.filter((isStep) => isStep.subarray(first, last).includes(1)).length;
    if (support >= EDGE_SUPPORT) return at;
  }
  return null;
}

/** Return how many of an area's pixels differ clearly from their neighbors, from 0 to 1. */
function detailOf({ values, width }, { left, top, right, bottom }) {
  let clear = 0;
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) {
      const at = y * width + x;
      const step = Math.max(Math.abs(values[at] - values[at - 1]), Math.abs(values[at] - values[at - width]));
      if (step >= CLEAR_STEP) clear += 1;
    }
  }
  return clear / Math.max(1, (right - left) * (bottom - top));
}

function medianOf(values) {
  return Float32Array.from(values).sort()[values.length >> 1];
}

function blurAlong({ values, width }, { left, top, right, bottom }, isAcross) {
  const reach = 4; // Nine pixels.
  const step = isAcross ? 1 : width;
  const [x0, y0] = [left + (isAcross ? reach + 1 : 0), top + (isAcross ? 0 : reach + 1)];
  const [x1, y1] = [right - (isAcross ? reach : 0), bottom - (isAcross ? 0 : reach)];
  let all = 0;
  let kept = 0;
  for (let y = y0; y < y1; y += 1) {
    for (let x = x0; x < x1; x += 1) {
      const at = y * width + x;
      const change = Math.abs(values[at] - values[at - step]);
      // The same once blurred: two means of nine neighbors differ by their outermost values.
      const blurred = Math.abs(values[at + reach * step] - values[at - (reach + 1) * step]) / (2 * reach + 1);
      all += change;
      kept += Math.max(0, change - blurred);
    }
  }
  const count = Math.max(1, (x1 - x0) * (y1 - y0));
  return all / count < MIN_TEXTURE ? 0 : (all - kept) / all;
}

/** Return how many blocks the largest connected spot has. */
function largestSpot(isBright, across) {
  let largest = 0;
  for (let start = 0; start < isBright.length; start += 1) {
    if (!isBright[start]) continue;
    let size = 0;
    const open = [start];
    isBright[start] = 0;
    while (open.length > 0) {
      const at = open.pop();
      size += 1;
      const x = at % across;
      for (const next of [x > 0 ? at - 1 : -1, x < across - 1 ? at + 1 : -1, at - across, at + across]) {
        if (!isBright[next]) continue;
        isBright[next] = 0;
        open.push(next);
      }
    }
    largest = Math.max(largest, size);
  }
  return largest;
}

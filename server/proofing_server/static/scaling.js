// Makes an image smaller that is above a limit. Nothing else changes pixels.

import { joined } from "./bytes.js";
import { orientationSegment, readJPEG } from "./jpeg.js";

// An ID that fills the frame stays readable, and its barcode too. Canvases of phones hold 16 megapixels.
const LONG_SIDE_PIXELS = 4000;
const MIN_LONG_SIDE_PIXELS = 2100;
const STEP = 0.85;
const QUALITY = 0.92;
const TEST_SIDE_PIXELS = 32;

/**
 * Return a smaller JPEG of the image, with its orientation; null where this browser cannot be trusted to make it.
 *
 * @param {Uint8Array} bytes a JPEG or PNG that is whole
 * @param {string} mime
 * @param {{maxBytes: number}} rules
 * @returns {Promise<Uint8Array | null>}
 */
export async function scaleDown(bytes, mime, { maxBytes }) {
  let whole = null;
  try {
    if (!keepsPixels()) return null;
    // Browsers differ in whether they turn an image that is drawn, so they are not told its orientation.
    const isJPEG = mime === "image/jpeg";
    const { pieces, width, height, orientation } = isJPEG
      ? readJPEG(bytes, { turned: false })
      : { pieces: [bytes], orientation: 1 };
    // In one piece: Firefox decodes no JPEG whose first piece has two bytes.
    whole = await createImageBitmap(new Blob([joined(pieces)], { type: mime }));
    if (isJPEG && (whole.width !== width || whole.height !== height)) return null;
    for (const long of longSides(Math.max(whole.width, whole.height))) {
      const scaled = await encode(whole, long);
      if (scaled.length > maxBytes) continue;
      if (orientation === 1) return scaled;
      return joined([scaled.subarray(0, 2), ...orientationSegment(orientation), scaled.subarray(2)]);
    }
    return null;
  } catch {
    return null; // Not decoded, or too much memory.
  } finally {
    whole?.close();
  }
}

/** Return the lengths of the long side that are tried, from the largest. */
function longSides(whole) {
  const sides = [];
  let long = Math.min(whole, LONG_SIDE_PIXELS);
  while (long > MIN_LONG_SIDE_PIXELS) {
    sides.push(Math.round(long));
    long *= STEP;
  }
  sides.push(Math.min(whole, MIN_LONG_SIDE_PIXELS));
  return sides;
}

async function encode(whole, long) {
  const ratio = long / Math.max(whole.width, whole.height);
  const width = Math.max(1, Math.round(whole.width * ratio));
  const height = Math.max(1, Math.round(whole.height * ratio));
  const { canvas, context } = newCanvas(width, height);
  context.fillStyle = "white"; // A JPEG has no transparency.
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, width, height);
  const blob = canvas.convertToBlob
    ? await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY })
    : await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  canvas.width = canvas.height = 0; // Frees its memory at once.
  return new Uint8Array(await blob.arrayBuffer());
}

/**
 * Return the pixels of an image, made smaller if its long side is above *longest*; null where this browser does not
 * return what was drawn.
 *
 * @param {ImageBitmap} whole
 * @param {number} longest in pixels
 * @returns {ImageData | null}
 */
export function pixelsOf(whole, longest) {
  if (!keepsPixels()) return null;
  const ratio = Math.min(1, longest / Math.max(whole.width, whole.height));
  const [width, height] = [whole.width, whole.height].map((length) => Math.max(1, Math.round(length * ratio)));
  const { context } = newCanvas(width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** Return whether a canvas returns the pixels that it was given: some browsers change them to prevent tracking. */
export function keepsPixels() {
  const { context } = newCanvas(TEST_SIDE_PIXELS, TEST_SIDE_PIXELS);
  const known = new ImageData(TEST_SIDE_PIXELS, TEST_SIDE_PIXELS);
  known.data.forEach((_, at) => {
    known.data[at] = at % 4 === 3 ? 255 : (at * 37 + (at >> 5) * 11) & 0xff;
  });
  context.putImageData(known, 0, 0);
  const { data } = context.getImageData(0, 0, TEST_SIDE_PIXELS, TEST_SIDE_PIXELS);
  return data.every((value, at) => value === known.data[at]);
}

function newCanvas(width, height) {
  const canvas =
    typeof OffscreenCanvas === "function"
      ? new OffscreenCanvas(width, height)
      : Object.assign(document.createElement("canvas"), { width, height });
  return { canvas, context: canvas.getContext("2d") };
}

// The structure of a PNG file: its image, without metadata, and its size. The same as core's png.py, with the same
// result for every input; the reasons and sources are there.

import { viewOf } from "./bytes.js";
import { ImageError } from "./refusal.js";

const START_BYTES = 8;
const MAX_CHUNKS = 10_000;
const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
const CRITICAL = new Set(["IHDR", "PLTE", "IDAT", "IEND"]);
const COLORS = ["bKGD", "cHRM", "cICP", "cLLI", "gAMA", "iCCP", "mDCV", "pHYs", "sBIT", "sRGB", "tRNS"];
const KEPT = new Set([...CRITICAL, ...COLORS]);
const ANCILLARY = 0x20;

/**
 * Return the image of a file that begins with the PNG signature.
 *
 * @param {Uint8Array} bytes
 * @returns {{pieces: Uint8Array[], width: number, height: number, orientation: number}}
 */
export function readPNG(bytes) {
  const view = viewOf(bytes);
  const pieces = [bytes.subarray(0, START_BYTES)];
  let position = START_BYTES;
  let size = null;
  let hasData = false;
  for (let number = 0; number < MAX_CHUNKS; number++) {
    if (position + 12 > bytes.length) break;
    const length = view.getUint32(position);
    const kind = String.fromCharCode(...bytes.subarray(position + 4, position + 8));
    const end = position + 8 + length;
    if (end + 4 > bytes.length || (kind === "IHDR") !== (number === 0)) break;
    if (crc32(bytes, position + 4, end) !== view.getUint32(end)) break;
    if (!CRITICAL.has(kind) && !(bytes[position + 4] & ANCILLARY)) throw new ImageError("not_an_image");
    if (kind === "IHDR") size = headerSize(bytes.subarray(position + 8, end));
    hasData ||= kind === "IDAT" && length > 0;
    if (KEPT.has(kind)) pieces.push(bytes.subarray(position, end + 4));
    if (kind === "IEND") {
      if (!hasData || !size?.width || !size.height) break;
      return { pieces, ...size, orientation: 1 };
    }
    position = end + 4;
  }
  throw new ImageError("truncated");
}

function headerSize(data) {
  if (data.length !== 13) return null;
  const view = viewOf(data);
  const [depth, color, compression, filtering, interlace] = data.subarray(8);
  if (!DEPTHS[color]?.includes(depth) || compression || filtering || interlace > 1) return null;
  return { width: view.getUint32(0), height: view.getUint32(4) };
}

let table = null;

/** Return the checksum of the bytes from start to end (PNG specification, annex D). */
function crc32(bytes, start, end) {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
  });
  let crc = 0xffffffff;
  for (let at = start; at < end; at++) crc = table[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

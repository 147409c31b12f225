// The structure of a JPEG file: its first image, without metadata, and its size. The same as core's jpeg.py, with
// the same result for every input; the reasons and sources are there.

import { startsWith, viewOf } from "./bytes.js";
import { ImageError } from "./refusal.js";

const END = 0xd9;
const SCAN = 0xda;
const LINES = 0xdc;
const EXIF_SEGMENT = 0xe1;
const FRAMES = new Set([0xc0, 0xc1, 0xc2]);
const FOREIGN = new Set([0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf, 0xde, 0xdf]);
const TABLES = new Set([0xc4, 0xdb, 0xdd]);
const MAX_SEGMENTS = 2000;
const PRECISIONS = new Set([8, 12]);
const ORIENTATION_TAG = 0x0112;
const SHORT = 3;
const UPRIGHT = 1;
const EXIF_HEAD = [0x45, 0x78, 0x69, 0x66, 0, 0]; // Exif
const JFIF_HEAD = [0x4a, 0x46, 0x49, 0x46, 0]; // JFIF
const ICC_HEAD = [0x49, 0x43, 0x43, 0x5f, 0x50, 0x52, 0x4f, 0x46, 0x49, 0x4c, 0x45, 0]; // ICC_PROFILE
const ADOBE_HEAD = [0x41, 0x64, 0x6f, 0x62, 0x65]; // Adobe

/**
 * Return the first image of a file that begins with FF D8 FF.
 *
 * @param {Uint8Array} bytes
 * @param {{turned?: boolean}} how `turned: false` leaves the orientation out, which is then only told
 * @returns {{pieces: Uint8Array[], width: number, height: number, orientation: number}}
 */
export function readJPEG(bytes, { turned = true } = {}) {
  const view = viewOf(bytes);
  const pieces = [bytes.subarray(0, 2)];
  let position = 2;
  let width = 0;
  let height = 0;
  let orientation = 0;
  let hasFrame = false;
  let hasScan = false;

  const keep = (marker, payload) => pieces.push(segment(marker, payload), payload);

  const nextMarker = () => {
    if (bytes[position] !== 0xff) throw new ImageError("truncated");
    while (bytes[position] === 0xff) position++;
    if (position >= bytes.length) throw new ImageError("truncated");
    return bytes[position++];
  };

  const nextPayload = (marker) => {
    const hasLength = marker !== 0 && marker !== 0xd8 && marker !== END && !isAlone(marker);
    if (!hasLength || position + 2 > bytes.length) throw new ImageError("truncated");
    const length = view.getUint16(position);
    const end = position + length;
    if (length < 2 || end > bytes.length) throw new ImageError("truncated");
    const payload = bytes.subarray(position + 2, end);
    position = end;
    return payload;
  };

  const readFrame = (payload) => {
    hasFrame = true;
    if (payload.length < 6) throw new ImageError("truncated");
    const frame = viewOf(payload);
    height = frame.getUint16(1);
    width = frame.getUint16(3);
    const components = payload[5];
    if (components < 1 || components > 4 || payload.length !== 6 + 3 * components) {
      throw new ImageError("truncated");
    }
    if (!PRECISIONS.has(payload[0])) throw new ImageError("not_an_image");
  };

  const take = (marker, payload) => {
    if (FRAMES.has(marker)) {
      readFrame(payload);
    } else if (marker === LINES) {
      if (payload.length !== 2 || !hasScan) throw new ImageError("truncated");
      if (height === 0) height = viewOf(payload).getUint16(0);
    } else if (marker === SCAN) {
      if (!hasFrame) throw new ImageError("truncated");
      hasScan = true;
    } else if (marker === EXIF_SEGMENT) {
      if (orientation) return;
      orientation = orientationOf(payload);
      if (orientation > UPRIGHT && turned) keep(marker, orientationPayload(orientation));
      return;
    } else if (!TABLES.has(marker)) {
      const kept = colorPayload(marker, payload);
      if (kept) keep(marker, kept);
      return;
    }
    keep(marker, payload);
  };

  const skipScan = () => {
    const start = position;
    for (let at = bytes.indexOf(0xff, start); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
      const next = bytes[at + 1];
      if (next === undefined) break;
      if (next === 0 || next === 0xff || (next >= 0xd0 && next <= 0xd7)) continue;
      pieces.push(bytes.subarray(start, at));
      position = at;
      return;
    }
    throw new ImageError("truncated");
  };

  for (let count = 0; count < MAX_SEGMENTS; count++) {
    const marker = nextMarker();
    if (marker === END && hasScan) {
      if (!width || !height) throw new ImageError("truncated");
      pieces.push(Uint8Array.of(0xff, END));
      return { pieces, width, height, orientation: orientation || UPRIGHT };
    }
    if (isAlone(marker) && !hasScan) continue;
    if (FOREIGN.has(marker) || (FRAMES.has(marker) && hasFrame)) throw new ImageError("not_an_image");
    take(marker, nextPayload(marker));
    if (marker === SCAN) skipScan();
  }
  throw new ImageError("truncated");
}

/** Return the EXIF segment that holds an orientation alone. */
export function orientationSegment(orientation) {
  const payload = orientationPayload(orientation);
  return [segment(EXIF_SEGMENT, payload), payload];
}

function segment(marker, payload) {
  const length = payload.length + 2;
  return Uint8Array.of(0xff, marker, length >> 8, length & 0xff);
}

function orientationPayload(orientation) {
  const payload = new Uint8Array(32);
  const view = viewOf(payload);
  payload.set(EXIF_HEAD);
  payload.set([0x4d, 0x4d, 0, 0x2a], 6); // MM, 42: TIFF, most significant byte first
  view.setUint32(10, 8);
  view.setUint16(14, 1);
  view.setUint16(16, ORIENTATION_TAG);
  view.setUint16(18, SHORT);
  view.setUint32(20, 1);
  view.setUint16(24, orientation);
  return payload;
}

function orientationOf(payload) {
  if (!startsWith(payload, EXIF_HEAD) || payload.length < 14) return 0;
  const isLittle = payload[6] === 0x49 && payload[7] === 0x49;
  if (!isLittle && !(payload[6] === 0x4d && payload[7] === 0x4d)) return 0;
  const view = viewOf(payload);
  const directory = 6 + view.getUint32(10, isLittle);
  if (view.getUint16(8, isLittle) !== 42 || directory + 2 > payload.length) return 0;
  const count = view.getUint16(directory, isLittle);
  for (let number = 0; number < count; number++) {
    const entry = directory + 2 + 12 * number;
    if (entry + 12 > payload.length) return 0;
    if (view.getUint16(entry, isLittle) !== ORIENTATION_TAG) continue;
    const value = view.getUint16(entry + 8, isLittle);
    const isOne = view.getUint16(entry + 2, isLittle) === SHORT && view.getUint32(entry + 4, isLittle) === 1;
    return isOne && value >= 1 && value <= 8 ? value : 0;
  }
  return 0;
}

function colorPayload(marker, payload) {
  if (marker === 0xe0 && startsWith(payload, JFIF_HEAD) && payload.length >= 14) {
    const kept = payload.slice(0, 14);
    kept[12] = kept[13] = 0;
    return kept;
  }
  if (marker === 0xe2 && startsWith(payload, ICC_HEAD)) return payload;
  if (marker === 0xee && startsWith(payload, ADOBE_HEAD) && payload.length >= 12) return payload.subarray(0, 12);
  return null;
}

function isAlone(marker) {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

// The first look at a chosen file: its bytes, and what is wrong with them. The job looks again.

const JPEG_START = [0xff, 0xd8, 0xff];
const PNG_START = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG_END = [0xff, 0xd9];
const PNG_END = [0x49, 0x45, 0x4e, 0x44];
// Cameras append small trailers after the end of the picture.
const TRAILER_BYTES = 64 * 1024;
const DATA_URL_HEAD = /^data:[^,]{0,90};base64,/i;
// Base64 is a third longer than what it spells, and a data URL has a head.
const DATA_URL_GROWTH = 1.4;

/** A picture that is refused at the field; `code` is the key of its text. */
export class PictureError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * Return bytes and type of a chosen file.
 *
 * @param {Blob} file as chosen or taken
 * @param {{maxBytes: number, takesText: boolean}} rules
 * @returns {Promise<{bytes: Uint8Array, mime: string}>}
 */
export async function readPicture(file, { maxBytes, takesText }) {
  if (file.size === 0) throw new PictureError("empty");
  if (file.size > maxBytes * DATA_URL_GROWTH) throw new PictureError("too_large");
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new PictureError("not_an_image"); // The file went away, or may not be read.
  }
  bytes = decodeDataUrl(bytes);
  if (bytes.length === 0) throw new PictureError("empty");
  if (bytes.length > maxBytes) throw new PictureError("too_large");
  const mime = typeOf(bytes, takesText);
  if (mime === null) throw new PictureError("not_an_image");
  if (!isComplete(bytes, mime)) throw new PictureError("truncated");
  return { bytes, mime };
}

/**
 * Refuse a picture that the job would refuse for its size.
 *
 * @param {{width?: number, height?: number}} size without them it is not known, and left to the job
 * @param {{maxPixels: number, maxSidePixels: number}} rules
 */
export function checkSize({ width = 0, height = 0 }, { maxPixels, maxSidePixels }) {
  if (Math.max(width, height) > maxSidePixels || width * height > maxPixels) {
    throw new PictureError("too_many_pixels");
  }
}

/** Return what a data URL spells; its text is not the picture. Other bytes are returned as they are. */
export function decodeDataUrl(bytes) {
  const head = ascii(bytes.subarray(0, 100));
  if (!head.toLowerCase().startsWith("data:")) return bytes;
  const match = DATA_URL_HEAD.exec(head);
  if (!match) throw new PictureError("not_an_image");
  try {
    const text = atob(ascii(bytes.subarray(match[0].length)).trim());
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  } catch {
    throw new PictureError("not_an_image");
  }
}

/** Return the SHA-256 of the bytes in URL-safe base64 without padding, by which failed pictures are known. */
export async function fingerprint(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return base64(digest).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function base64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function typeOf(bytes, takesText) {
  if (startsWith(bytes, JPEG_START)) return "image/jpeg";
  if (startsWith(bytes, PNG_START)) return "image/png";
  return takesText && isText(bytes) ? "application/yaml" : null;
}

function isComplete(bytes, mime) {
  if (mime === "application/yaml") return true;
  const tail = bytes.subarray(-TRAILER_BYTES);
  return contains(tail, mime === "image/jpeg" ? JPEG_END : PNG_END);
}

function isText(bytes) {
  try {
    return !new TextDecoder("utf-8", { fatal: true }).decode(bytes).includes("\0");
  } catch {
    return false;
  }
}

function startsWith(bytes, start) {
  return start.every((byte, index) => bytes[index] === byte);
}

function contains(bytes, pattern) {
  for (let at = bytes.length - pattern.length; at >= 0; at--) {
    if (pattern.every((byte, index) => bytes[at + index] === byte)) return true;
  }
  return false;
}

function ascii(bytes) {
  let text = "";
  const step = 0x8000; // Arguments of one call are limited.
  for (let at = 0; at < bytes.length; at += step) {
    text += String.fromCharCode(...bytes.subarray(at, at + step));
  }
  return text;
}

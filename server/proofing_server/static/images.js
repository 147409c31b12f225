// The first look at a chosen file: its image, without metadata, and what is wrong with it. The job looks again, with
// the same answer (core's images.py).

import { ascii, base64, joined, startsWith } from "./bytes.js";
import { readJPEG } from "./jpeg.js";
import { readPNG } from "./png.js";
import { ImageError } from "./refusal.js";
import { scaleDown } from "./scaling.js";

const JPEG_START = [0xff, 0xd8, 0xff];
const PNG_START = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const HEIC_BRANDS = new Set(["heic", "heix", "heim", "heis", "hevc", "hevm", "hevs", "hevx", "mif1", "msf1"]);
// A larger file is not read at all: the film behind a motion photo has some tens of megabytes.
const MAX_FILE_BYTES = 150 * 1024 * 1024;
const DATA_URL_HEAD = /^data:[^,]{0,90};base64,/i;
const DATA_URL_HEAD_BYTES = 103;

/**
 * Return what of a chosen file is sent: its first image, without metadata; scaled only if it is above a limit.
 *
 * @param {Blob} file as chosen or taken
 * @param {{maxBytes: number, maxPixels: number, maxSidePixels: number, takesText: boolean}} rules
 * @returns {Promise<{bytes: Uint8Array, mime: string, width?: number, height?: number, scaled?: boolean}>} the size
 *   is that of the image as it is shown, turned as the camera says
 */
export async function prepareImage(file, rules) {
  const bytes = decodeDataURL(await read(file));
  let image;
  try {
    image = inspect(bytes, rules);
  } catch (error) {
    if (error.code !== "too_large" && error.code !== "too_many_pixels") throw error;
    const scaled = await scaleDown(bytes, startsWith(bytes, PNG_START) ? "image/png" : "image/jpeg", rules);
    if (!scaled) throw error;
    image = { ...inspect(scaled, rules), scaled: true };
  }
  const { orientation, ...prepared } = image;
  if (orientation < 5) return prepared;
  return { ...prepared, width: image.height, height: image.width };
}

/**
 * Check bytes and return their first image, without metadata.
 *
 * @returns {{bytes: Uint8Array, mime: string, width?: number, height?: number, orientation?: number}} the size is
 *   that of the samples, before they are turned
 */
export function inspect(bytes, { maxBytes, maxPixels, maxSidePixels, takesText }) {
  if (bytes.length === 0) throw new ImageError("empty");
  let mime;
  let image;
  if (startsWith(bytes, JPEG_START)) {
    mime = "image/jpeg";
    image = readJPEG(bytes);
  } else if (startsWith(bytes, PNG_START)) {
    mime = "image/png";
    image = readPNG(bytes);
  } else if (ascii(bytes.subarray(4, 8)) === "ftyp" && HEIC_BRANDS.has(ascii(bytes.subarray(8, 12)))) {
    throw new ImageError("heic");
  } else if (takesText && isText(bytes)) {
    mime = "application/yaml";
    image = { pieces: [bytes] };
  } else {
    throw new ImageError("not_an_image");
  }
  const { pieces, ...size } = image;
  const content = joined(pieces);
  if (content.length > maxBytes) throw new ImageError("too_large");
  if (Math.max(size.width, size.height) > maxSidePixels || size.width * size.height > maxPixels) {
    throw new ImageError("too_many_pixels");
  }
  return { bytes: content, mime, ...size };
}

/** Return what a data URL spells; its text is not the image. Other bytes are returned as they are. */
export function decodeDataURL(bytes) {
  const head = ascii(bytes.subarray(0, DATA_URL_HEAD_BYTES));
  if (!head.toLowerCase().startsWith("data:")) return bytes;
  const match = DATA_URL_HEAD.exec(head);
  if (!match) throw new ImageError("not_an_image");
  try {
    const text = atob(ascii(bytes.subarray(match[0].length)));
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  } catch {
    throw new ImageError("not_an_image");
  }
}

/** Return the SHA-256 of the bytes in URL-safe base64 without padding, by which failed images are known. */
export async function fingerprint(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return base64(digest).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function read(file) {
  if (file.size > MAX_FILE_BYTES) throw new ImageError("too_large");
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    // NotFoundError, NotReadableError: it was moved or deleted, or lies in a cloud that did not deliver it.
    throw new ImageError("file_gone");
  }
}

function isText(bytes) {
  try {
    return !new TextDecoder("utf-8", { fatal: true }).decode(bytes).includes("\0");
  } catch {
    return false;
  }
}

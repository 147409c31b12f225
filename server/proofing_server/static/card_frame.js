// The frame that the camera shows a card in: where it lies in the video, what helps to fill it, and when the photo
// can be taken by itself. Pure functions; camera.js draws and films.

import { blurOf, brightnessOf, findCard, hasGlare, linesBeyond } from "./photo_quality.js";

// ISO/IEC 7810: ID-1, and ID-3 opened at the photo page. A face is higher than wide.
const SHAPES = { front: 85.6 / 53.98, back: 85.6 / 53.98, passport: 125 / 88, selfie: 3 / 4 };
// The frame's share of the room it has.
const FILLS = 0.9;
// How far around the frame edges are searched for, in parts of its size.
export const MARGIN = 0.1;
// A card fills the frame when its edges are not further inside than this, in parts of the region.
const LARGE_ENOUGH = 0.2;
// As many lines that run on beyond the corners are no card's edges.
const PATTERN_LINES = 3;
const SHARP = 0.5;
const DARK = 45;
// As many looks in a row must be good, with the card in one place.
const GOOD_LOOKS = 3;
const STILL = 0.02;

/**
 * Return the frame for a side in a box, in the box's pixels.
 *
 * @param {string} side
 * @param {{width: number, height: number}} box
 */
export function frameIn(side, box) {
  const shape = SHAPES[side];
  const width = Math.min(box.width * FILLS, box.height * FILLS * shape);
  const height = width / shape;
  return { x: (box.width - width) / 2, y: (box.height - height) / 2, width, height };
}

/**
 * Return the part of a video that lies within *area* of the box that the video covers (CSS `object-fit: cover`).
 *
 * @param {{x: number, y: number, width: number, height: number}} area in the box's pixels
 * @param {{width: number, height: number}} box
 * @param {{width: number, height: number}} video its own pixels
 * @returns {{x: number, y: number, width: number, height: number}} in the video's pixels, within it
 */
export function inVideo(area, box, video) {
  const scale = Math.max(box.width / video.width, box.height / video.height);
  const offset = { x: (video.width - box.width / scale) / 2, y: (video.height - box.height / scale) / 2 };
  const x = Math.max(0, offset.x + area.x / scale);
  const y = Math.max(0, offset.y + area.y / scale);
  return {
    x,
    y,
    width: Math.min(video.width - x, area.width / scale),
    height: Math.min(video.height - y, area.height / scale),
  };
}

/** Return *frame* with the margin around it. */
export function withMargin({ x, y, width, height }) {
  const [across, down] = [width * MARGIN, height * MARGIN];
  return { x: x - across, y: y - down, width: width + 2 * across, height: height + 2 * down };
}

/**
 * Return what one look at the frame finds.
 *
 * @param {import("./photo_quality.js").Gray} region the frame with its margin
 * @param {import("./photo_quality.js").Gray} detail the middle of the frame, in the video's own pixels
 * @returns {{advice: string, card: ?object}} the key of a text; the card's edges in parts of the region, when good
 */
export function lookAt(region, detail) {
  const all = { left: 0, top: 0, right: detail.width, bottom: detail.height };
  if (brightnessOf(detail, all) < DARK) return { advice: "dark", card: null };
  const found = findCard(region);
  const { left, top, right, bottom } = found;
  if ([left, top, right, bottom].includes(null)) return { advice: "fit", card: null };
  const card = {
    left: left / region.width,
    top: top / region.height,
    right: right / region.width,
    bottom: bottom / region.height,
  };
  const inside = Math.max(card.left, card.top, 1 - card.right, 1 - card.bottom);
  if (inside > LARGE_ENOUGH) return { advice: "closer", card: null };
  if (linesBeyond(region, found) >= PATTERN_LINES) return { advice: "fit", card: null };
  if (hasGlare(region, found)) return { advice: "glare", card: null };
  if (blurOf(detail, all) > SHARP) return { advice: "sharpen", card: null };
  return { advice: "hold", card };
}

/** Counts good looks in a row. */
export class Steadiness {
  #cards = [];

  /** Take one look, and return whether the photo can be taken now. */
  isSteady({ card }) {
    const last = this.#cards.at(-1);
    const hasMoved = card && last && Object.keys(card).some((edge) => Math.abs(card[edge] - last[edge]) > STILL);
    if (!card || hasMoved) this.#cards = [];
    if (card) this.#cards.push(card);
    return this.#cards.length >= GOOD_LOOKS;
  }
}

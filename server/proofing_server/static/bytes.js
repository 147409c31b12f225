// What scripts here do with bytes.

export function startsWith(bytes, start) {
  return start.every((byte, index) => bytes[index] === byte);
}

/** Return one array of all the pieces. */
export function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let position = 0;
  for (const piece of pieces) {
    whole.set(piece, position);
    position += piece.length;
  }
  return whole;
}

export function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function ascii(bytes) {
  let text = "";
  const step = 0x8000; // Arguments of one call are limited.
  for (let at = 0; at < bytes.length; at += step) {
    text += String.fromCharCode(...bytes.subarray(at, at + step));
  }
  return text;
}

export function base64(bytes) {
  return btoa(ascii(bytes));
}

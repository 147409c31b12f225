// Encrypts a picture and uploads the ciphertext. The server gets key and IVs with the submission only, and
// never the picture; the store gets the ciphertext and never the key.

import { base64 } from "./pictures.js";

const KEY_BITS = 256;
const IV_BYTES = 12; // 96 bits, SP 800-38D 5.2.1.1
const TAG_BITS = 128;

/** An upload that failed; `code` is the key of its text, `next` the page that explains it. */
export class UploadError extends Error {
  constructor(code, next = null) {
    super(code);
    this.code = code;
    this.next = next;
  }
}

/** One attempt: one key, and room for the uploads of its sides. */
export class Attempt {
  #csrf;
  #key;

  constructor({ id, csrf, key = null }) {
    this.id = id;
    this.#csrf = csrf;
    this.#key = key;
  }

  /** Return what an equal attempt is made of in another thread. The key stays an object of the browser's. */
  async share() {
    return { id: this.id, csrf: this.#csrf, key: await this.#getKey() };
  }

  /**
   * Encrypt and upload one picture into a slot of its own.
   *
   * @returns {Promise<{slot: string, iv: string}>} what the submission names
   */
  async upload(side, bytes, { signal, onEncrypting, onProgress }) {
    const { slot } = await this.#post("/api/uploads", { attempt: this.id, side }, signal);
    onEncrypting();
    const { body, iv, sha256 } = await this.#encrypt(bytes, slot, side);
    signal.throwIfAborted();
    const upload = await this.#post(
      `/api/uploads/${encodeURIComponent(slot)}`,
      { attempt: this.id, length: body.length, sha256 },
      signal,
    );
    await put(upload, body, signal, onProgress);
    return { slot, iv };
  }

  /** Hand in the attempt and return the page to go to. */
  async submit(images, metadata) {
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", await this.#getKey()));
    const body = { attempt: this.id, key: base64(raw), images, metadata };
    return (await this.#post("/api/document", body)).next;
  }

  async #encrypt(bytes, slot, side) {
    try {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
      const additionalData = new TextEncoder().encode(`v2|${slot}|${side}`);
      const how = { name: "AES-GCM", iv, additionalData, tagLength: TAG_BITS };
      const body = new Uint8Array(await crypto.subtle.encrypt(how, await this.#getKey(), bytes));
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
      return { body, iv: base64(iv), sha256: base64(digest) };
    } catch {
      throw new UploadError("encryption_failed");
    }
  }

  #getKey() {
    this.#key ??= crypto.subtle.generateKey({ name: "AES-GCM", length: KEY_BITS }, true, ["encrypt"]);
    return this.#key;
  }

  async #post(path, body, signal) {
    let answer;
    try {
      answer = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": this.#csrf },
        body: JSON.stringify(body),
        signal,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new UploadError("network");
    }
    const value = await answer.json().catch(() => ({}));
    if (answer.ok) return value;
    if (answer.status === 401) throw new UploadError("session_ended", "/session-ended");
    if (answer.status === 429) throw new UploadError("too_many_uploads", value.next ?? null);
    if (value.next) throw new UploadError("elsewhere", value.next);
    if (value.errors) throw Object.assign(new UploadError("invalid"), { errors: value.errors });
    throw new UploadError(answer.status >= 500 ? "technical" : "upload_refused");
  }
}

/** PUT the ciphertext. XMLHttpRequest, because fetch does not tell the progress of an upload. */
function put({ url, headers }, body, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    signal.addEventListener("abort", abort);
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) {
      // The browser sets the length itself and allows nobody else to.
      if (name.toLowerCase() !== "content-length") request.setRequestHeader(name, value);
    }
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(Math.floor((100 * event.loaded) / event.total));
    });
    request.addEventListener("loadend", () => {
      signal.removeEventListener("abort", abort);
      if (signal.aborted) reject(signal.reason);
      else if (request.status >= 200 && request.status < 300) resolve();
      else reject(new UploadError(request.status ? "upload_refused" : "network"));
    });
    onProgress(0);
    request.send(body);
  });
}

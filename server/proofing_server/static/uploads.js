// Encrypts an image and uploads the ciphertext. The server gets the key to seal it for the worker, and to hand it in;
// it never gets the image. The store gets the ciphertext and never the key.

import { base64 } from "./bytes.js";

const KEY_BITS = 256;
const IV_BYTES = 12; // 96 bits, SP 800-38D 5.2.1.1
const TAG_BITS = 128;
// An upload that fails is tried five times over half a minute.
const RETRY_AFTER_SECONDS = [1, 4, 10, 17];
const ANSWER_WITHIN_SECONDS = 20;
const PROGRESS_WITHIN_SECONDS = 30;

/**
 * An upload that failed; `code` is the key of its text, `next` the page that explains it. `again` tells what another
 * try is good for: "later" for a connection or a server that may come back, "now" for a slot that was used up.
 */
export class UploadError extends Error {
  constructor(code, { next = null, again = null } = {}) {
    super(code);
    this.code = code;
    this.next = next;
    this.again = again;
  }
}

/** One attempt: one key, and room for the uploads of its sides. */
export class Attempt {
  #csrf;
  #device; // of the page: "" for the person's own session, else what takes the photos of another one
  #key;
  #isKeyKept = false; // whether the server has sealed the key; it says so when it has not

  constructor({ id, csrf, device = "", key = null, isKeyKept = false }) {
    this.id = id;
    this.#csrf = csrf;
    this.#device = device;
    this.#key = key;
    this.#isKeyKept = isKeyKept;
  }

  /** Return what an equal attempt is made of in another thread. The key stays an object of the browser's. */
  async share() {
    return { id: this.id, csrf: this.#csrf, device: this.#device, key: await this.#getKey(), isKeyKept: this.#isKeyKept };
  }

  /** Note that an upload has ended, in whichever thread; the server has the key since then. */
  noteKept() {
    this.#isKeyKept = true;
  }

  /**
   * Encrypt and upload one image, each time into a slot of its own, until it has arrived.
   *
   * @returns {Promise<{slot: string, iv: string}>} what the submission names
   */
  async upload(side, { bytes, fingerprint, metadata }, { signal, onEncrypting, onProgress, onRetry }) {
    const how = { signal, onEncrypting, onProgress };
    const upload = await retried(() => this.#uploadOnce(side, bytes, how), signal, onRetry);
    await this.#keep(upload, { side, fingerprint, metadata }, signal);
    return upload;
  }

  /** Forget an upload that is not wanted anymore. What is not heard expires by itself. */
  release(slot) {
    this.#post(`/api/uploads/${encodeURIComponent(slot)}/release`, {}).catch(() => {});
  }

  /** Submit the attempt and return the page to go to. */
  async submit(images, metadata) {
    const body = { attempt: this.id, images, metadata };
    if (Object.keys(images).length > 0) body.key = await this.#rawKey();
    return (await this.#post("/api/document", body)).next;
  }

  async #uploadOnce(side, bytes, { signal, onEncrypting, onProgress }) {
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

  /** Have the session keep the upload over a reload. Without that it still counts for this page. */
  async #keep({ slot, iv }, facts, signal) {
    const path = `/api/uploads/${encodeURIComponent(slot)}/finished`;
    const keep = async () => {
      const key = this.#isKeyKept ? {} : { key: await this.#rawKey() };
      await this.#post(path, { attempt: this.id, iv, ...facts, ...key }, signal);
    };
    try {
      await keep().catch((error) => {
        if (error.again === null) throw error;
        this.#isKeyKept = false;
        return keep();
      });
      this.#isKeyKept = true;
    } catch (error) {
      if (signal.aborted || error.next) throw error;
    }
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

  async #rawKey() {
    return base64(new Uint8Array(await crypto.subtle.exportKey("raw", await this.#getKey())));
  }

  async #post(path, body, signal) {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ANSWER_WITHIN_SECONDS * 1000);
    const abort = () => late.abort();
    signal?.addEventListener("abort", abort);
    let answer;
    let value;
    try {
      answer = await fetch(this.#device ? `${path}?device=${this.#device}` : path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": this.#csrf },
        body: JSON.stringify(body),
        signal: late.signal,
      });
      value = await answer.json().catch(() => ({}));
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new UploadError("network", { again: "later" });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
    if (answer.ok) return value;
    const { next = null } = value;
    if (answer.status === 401) {
      throw new UploadError("session_ended", { next: this.#device ? "/handoff" : "/session-ended" });
    }
    if (answer.status === 429) throw new UploadError("too_many_uploads", { next });
    if (next) throw new UploadError("wrong_step", { next });
    if (value.errors) throw Object.assign(new UploadError("invalid"), { errors: value.errors });
    if (answer.status >= 500) throw new UploadError("technical", { again: "later" });
    throw new UploadError("upload_refused", { again: "now" });
  }
}

/** Do *act* until it succeeds, or another try is of no use. */
async function retried(act, signal, onRetry) {
  const later = [...RETRY_AFTER_SECONDS];
  let now = 1;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (signal.aborted || !error.again) throw error;
      if (error.again === "now" && now-- <= 0) throw error;
      if (error.again === "later") {
        if (later.length === 0) throw error;
        onRetry();
        await pause(later.shift(), signal);
      }
    }
  }
}

/** Wait, and a little longer so that not all try at the same moment; no longer than until the connection is back. */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, seconds * (1 + Math.random() / 4) * 1000);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}

/** PUT the ciphertext. XMLHttpRequest, because fetch does not tell the progress of an upload. */
function put({ url, headers }, body, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    let timer = 0;
    const goOn = () => {
      clearTimeout(timer);
      timer = setTimeout(abort, PROGRESS_WITHIN_SECONDS * 1000); // A dead connection does not end by itself.
    };
    signal.addEventListener("abort", abort);
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) {
      // The browser sets the length itself and allows nobody else to.
      if (name.toLowerCase() !== "content-length") request.setRequestHeader(name, value);
    }
    request.upload.addEventListener("progress", (event) => {
      goOn();
      if (event.lengthComputable) onProgress(Math.floor((100 * event.loaded) / event.total));
    });
    request.addEventListener("loadend", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      if (signal.aborted) reject(signal.reason);
      else if (request.status >= 200 && request.status < 300) resolve();
      else if (request.status === 0) reject(new UploadError("network", { again: "later" }));
      else if (request.status >= 500) reject(new UploadError("technical_upload", { again: "later" }));
      else reject(new UploadError("upload_refused", { again: "now" }));
    });
    onProgress(0);
    goOn();
    request.send(body);
  });
}

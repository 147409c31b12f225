// Reads, checks, draws, encrypts and uploads pictures, away from the thread of the page; see background.js.

import { checkSize, fingerprint, PictureError, readPicture } from "./pictures.js";
import { Attempt, UploadError } from "./uploads.js";

const PREVIEW_WIDTH = 720; // Twice the width of a side, for screens with two pixels for one.

const running = new Map(); // AbortController by the id of the job

addEventListener("message", async ({ data: { id, job, abort } }) => {
  if (abort) {
    running.get(id)?.abort();
    return;
  }
  const controller = new AbortController();
  running.set(id, controller);
  const tell = (news, transfer = []) => postMessage({ id, news }, transfer);
  try {
    postMessage({ id, answer: await take(job, { signal: controller.signal, tell }) });
  } catch (error) {
    const isKnown = error instanceof PictureError || error instanceof UploadError;
    postMessage({ id, error: { code: isKnown ? error.code : "encryption_failed", next: error.next } });
  } finally {
    running.delete(id);
  }
});

/**
 * Take one picture: the whole way if there is an attempt to upload it for, else only the look at it.
 *
 * @returns {Promise<{metadata: object, slot?: string, iv?: string}>}
 */
async function take({ file, side, rules, failedBefore, attempt }, { signal, tell }) {
  const { bytes, mime } = await readPicture(file, rules);
  if (isSecureContext && failedBefore.has(`${side}:${await fingerprint(bytes)}`)) {
    throw new PictureError("image_failed_before");
  }
  const metadata = { mime, size: bytes.length };
  if (mime !== "application/yaml") {
    const size = await preview(new Blob([bytes], { type: mime }), tell);
    checkSize(size, rules);
    Object.assign(metadata, size);
  }
  if (!attempt) return { metadata };
  const upload = await new Attempt(attempt).upload(side, bytes, {
    signal,
    onEncrypting: () => tell({ isEncrypting: true }),
    onProgress: (percent) => tell({ percent }),
  });
  return { ...upload, metadata };
}

/** Hand a small copy to the page, turned as the camera says, and return the size of the whole. */
async function preview(blob, tell) {
  try {
    const whole = await createImageBitmap(blob);
    const { width, height } = whole;
    const small = await createImageBitmap(whole, {
      resizeWidth: Math.min(width, PREVIEW_WIDTH),
      resizeQuality: "medium",
    });
    whole.close();
    tell({ preview: small }, [small]);
    return { width, height };
  } catch {
    return {}; // The browser cannot decode it; the job's own gate decides.
  }
}

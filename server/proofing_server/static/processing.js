// Reads, checks, measures, draws, encrypts and uploads one image: in worker.js, or in the page where no worker runs.

import { fingerprint, prepareImage } from "./images.js";
import { MEASURED_PIXELS, grayOf, hintsOf } from "./photo_quality.js";
import { ImageError } from "./refusal.js";
import { pixelsOf } from "./scaling.js";
import { Attempt, UploadError } from "./uploads.js";

const PREVIEW_WIDTH = 720; // Twice the width of a side, for screens with two pixels for one.

/**
 * Take one image: the whole way if there is an attempt to upload it for, else only the look at it.
 *
 * The page gets what was prepared before it is uploaded, and passes it in again when the upload has failed.
 *
 * @param {{file?: Blob, prepared?: object, side: string, source: string, rules: object, failedBefore: Set<string>,
 *   attempt?: object}} job
 * @param {{signal: AbortSignal, tell: (news: object, transfer?: Transferable[]) => void}} how
 * @returns {Promise<{slot?: string, iv?: string}>}
 */
export async function processImage(job, { signal, tell }) {
  const prepared = job.prepared ?? (await prepare(job, tell));
  if (prepared.metadata.mime !== "application/yaml") await look(prepared, job.side, tell);
  if (!job.attempt) return {};
  return new Attempt(job.attempt).upload(job.side, prepared, {
    signal,
    onEncrypting: () => tell({ isEncrypting: true }),
    onProgress: (percent) => tell({ percent }),
    onRetry: () => tell({ isRetrying: true }),
  });
}

/** Return what a page gets about a failed job: the key of its text, and the page that explains it. */
export function failureOf(error) {
  const isKnown = error instanceof ImageError || error instanceof UploadError;
  return { code: isKnown ? error.code : "encryption_failed", next: error.next };
}

async function prepare({ file, side, source, rules, failedBefore }, tell) {
  const { bytes, ...facts } = await prepareImage(file, rules);
  const mark = isSecureContext ? await fingerprint(bytes) : null;
  if (failedBefore.has(`${side}:${mark}`)) throw new ImageError("image_failed_before");
  const prepared = { bytes, fingerprint: mark, metadata: { ...facts, size: bytes.length, source } };
  tell({ prepared });
  return prepared;
}

/** Hand the page what it can see in the photo, and a small copy, turned as the camera says. */
async function look({ bytes, metadata }, side, tell) {
  try {
    const whole = await createImageBitmap(new Blob([bytes], { type: metadata.mime }));
    const pixels = pixelsOf(whole, MEASURED_PIXELS);
    if (pixels) {
      const longPixels = Math.max(metadata.width, metadata.height);
      tell({ hints: hintsOf(grayOf(pixels), { side, longPixels }) });
    }
    const small = await createImageBitmap(whole, {
      resizeWidth: Math.min(whole.width, PREVIEW_WIDTH),
      resizeQuality: "medium",
    });
    whole.close();
    tell({ preview: small }, [small]);
  } catch {
    // The browser cannot decode it; the job's own check decides.
  }
}

// The capture page: has each photo checked as soon as it is chosen, and uploaded encrypted (or leaves it to the
// form post), and submits only when every side is ready.

import { Background, JobError } from "./background.js";
import { wireCamera } from "./camera.js";
import { keepsPixels } from "./scaling.js";
import { showErrors } from "./summary.js";
import { Attempt, UploadError } from "./uploads.js";

document.getElementById("needs-script")?.remove();
document.getElementById("scales").hidden = !keepsPixels();

const form = document.getElementById("capture");
const texts = JSON.parse(document.getElementById("capture-texts").textContent);
const failedBefore = new Set(JSON.parse(document.getElementById("capture-failed").textContent));
const rules = {
  maxBytes: Number(form.dataset.maxBytes),
  maxPixels: Number(form.dataset.maxPixels),
  maxSidePixels: Number(form.dataset.maxSidePixels),
  takesText: "takesText" in form.dataset,
};
const usesUploads = form.dataset.mode === "uploads";
const button = form.querySelector("button[type=submit]");
const busy = form.querySelector(".busy");
let leaving = false;
let sides = [];

/** One side: its field, and what became of its photo. */
class SideField {
  #root;
  #input;
  #stopCamera;
  #retryButton;
  #removeButton;
  #replaceButton;
  #seen = null; // the file of the field that was read last
  #work = null; // the running upload: {controller, promise}
  #prepared = null; // the image without metadata, until another is chosen: {bytes, fingerprint, metadata}
  #isTwin = false; // whether the prepared image is held back, because the other side has the same
  #kept; // an upload of an earlier page that the session has: {slot, fingerprint}
  upload = null; // {slot, iv} of this page

  constructor(root) {
    this.#root = root;
    this.name = root.dataset.side;
    this.#input = root.querySelector("input[type=file]");
    this.#retryButton = root.querySelector("[data-retry]");
    this.#removeButton = root.querySelector("[data-remove]");
    this.#replaceButton = root.querySelector("[data-replace]");
    const { slot, fingerprint } = root.dataset;
    this.#kept = slot ? { slot, fingerprint } : null;
    this.#input.addEventListener("change", () => this.look());
    this.#retryButton.addEventListener("click", () => this.tryAgain());
    this.#removeButton.addEventListener("click", () => this.remove());
    this.#replaceButton.addEventListener("click", () => this.#input.click());
    this.#stopCamera = wireCamera(root, {
      onImage: (blob) => this.choose(blob, "camera"),
      onDenied: () => this.#say(texts.messages.camera_denied),
    });
    if (this.#kept) this.#setReady(texts.messages[`kept_${this.name}`]);
  }

  get isReady() {
    return this.#root.classList.contains("ready");
  }

  get isBusy() {
    return this.#work !== null;
  }

  get metadata() {
    return this.#prepared?.metadata;
  }

  /** What the image is known by; null where it is the testers' file, or not known. */
  get fingerprint() {
    if (this.#prepared?.metadata.mime === "application/yaml") return null;
    return (this.#prepared ?? this.#kept)?.fingerprint || null;
  }

  /** Wait until the upload that runs now has ended, one way or the other. */
  async settled() {
    await this.#work?.promise;
  }

  /** Look at the file that the field holds, unless that was done: not every file comes with a change event. */
  look() {
    const [file] = this.#input.files;
    if (!file || file === this.#seen) return;
    this.#seen = file;
    this.choose(file, "upload");
  }

  choose(file, source) {
    this.#stopCamera();
    this.#forget();
    this.#start({ file, source });
  }

  /** Upload once more what is in the page already. */
  tryAgain() {
    const prepared = this.#prepared;
    if (!prepared || this.isBusy) return;
    this.#clearMarks();
    this.#start({ prepared });
    this.#input.focus();
  }

  /** Take the photo out of the page, and out of the session. */
  remove() {
    this.#stopCamera();
    const slot = (this.upload ?? this.#kept)?.slot;
    if (slot) attempt?.release(slot);
    this.#forget();
    this.#input.value = "";
    this.#seen = null;
    this.#say(texts.messages.removed);
    this.#input.focus();
    this.#letOthersGoOn();
  }

  /** Show an error at the field and clear it, so that it blocks the submission. */
  fail(code, next = null) {
    this.#forget();
    this.#mark(code, next);
    this.#letOthersGoOn();
  }

  get error() {
    return this.#root.querySelector(".field-error").textContent;
  }

  /** The upload was lost: upload it again if the page still has it, else ask for it. */
  lose(code) {
    if (!this.#prepared) {
      this.fail(code);
      return;
    }
    this.upload = null;
    this.#clearMarks();
    this.#mark(code);
  }

  #start(job) {
    const controller = new AbortController();
    const promise = this.#take(job, controller.signal)
      .catch((error) => {
        if (controller.signal.aborted) return;
        this.#clearMarks();
        this.#mark(codeOf(error), error.next);
        this.#letOthersGoOn();
      })
      .finally(() => {
        if (this.#work?.controller === controller) this.#work = null;
      });
    this.#work = { controller, promise };
  }

  async #take(job, signal) {
    if (job.file) this.#say(texts.messages.reading);
    const shared = { side: this.name, rules, failedBefore, attempt: await attempt?.share() };
    signal.throwIfAborted();
    const onNews = (news) => {
      if (!signal.aborted) this.#hear(news);
    };
    const upload = await background.run({ ...job, ...shared }, { signal, onNews });
    // Another file was chosen meanwhile: what ended too late changes nothing.
    signal.throwIfAborted();
    this.#progress(null);
    if (usesUploads) attempt.noteKept();
    else this.#putIntoField(job.file);
    this.upload = upload;
    this.#setReady(usesUploads ? texts.messages.ready : texts.messages.chosen);
  }

  #hear({ prepared, preview, isEncrypting, isRetrying, percent }) {
    if (prepared) this.#hold(prepared);
    else if (preview) this.#preview(preview);
    else if (isEncrypting) this.#say(texts.messages.encrypting);
    else if (isRetrying) this.#retrying();
    else this.#progress(percent);
  }

  /** Hold the image in the page, and no further while the other side has the same. */
  #hold(prepared) {
    this.#prepared = prepared;
    if (this.#findTwin()) {
      this.#stopWork();
      this.#clearMarks();
      this.#isTwin = true;
      this.#mark("same_photo");
    } else {
      this.#letOthersGoOn();
    }
  }

  #findTwin() {
    const isTwin = (side) => side !== this && !side.#isTwin && side.fingerprint === this.fingerprint;
    return this.fingerprint && sides.find(isTwin);
  }

  /** Go on with photos that were held back because this side had the same. */
  #letOthersGoOn() {
    for (const side of sides.filter((each) => each.#isTwin && !each.#findTwin())) {
      side.#isTwin = false;
      side.#clearMarks();
      side.#start({ prepared: side.#prepared });
    }
  }

  /** The photo as it is sent goes into the file field, from where the form post takes it. */
  #putIntoField(file) {
    const { bytes, metadata } = this.#prepared;
    if (metadata.mime === "application/yaml") return;
    const files = new DataTransfer();
    files.items.add(new File([bytes], file?.name ?? `${this.name}.jpg`, { type: metadata.mime }));
    this.#input.files = files.files;
    [this.#seen] = this.#input.files;
  }

  #setReady(text) {
    this.#say(text);
    const focused = document.activeElement;
    this.#root.classList.add("ready"); // The style hides the field.
    this.#removeButton.hidden = this.#replaceButton.hidden = false;
    if (this.#root.contains(focused) && !focused.getClientRects().length) this.#replaceButton.focus();
  }

  #mark(code, next = null) {
    this.#input.value = "";
    this.#input.setAttribute("aria-invalid", "true");
    this.#root.classList.add("has-error");
    this.#root.querySelector(".field-error").textContent = textOf(code);
    this.#retryButton.hidden = this.#prepared === null || this.#isTwin;
    this.#removeButton.hidden = this.#prepared === null;
    if (next) go(next);
  }

  /** Forget the photo, whatever became of it. */
  #forget() {
    this.#stopWork();
    this.#prepared = this.#kept = this.upload = null;
    this.#isTwin = false;
    this.#clearMarks();
    const canvas = this.#root.querySelector(".preview");
    canvas.hidden = true;
    canvas.width = canvas.height = 0;
  }

  #stopWork() {
    this.#work?.controller.abort();
    this.#work = null;
  }

  #clearMarks() {
    const hadFocus = this.#root.querySelector(".photo-buttons").contains(document.activeElement);
    this.#root.classList.remove("has-error", "ready");
    this.#input.removeAttribute("aria-invalid");
    this.#root.querySelector(".field-error").textContent = "";
    document.querySelector(`#error-summary a[href="#${this.name}"]`)?.closest("li").remove();
    if (!document.querySelector("#error-summary li")) showSummary([]);
    this.#retryButton.hidden = this.#removeButton.hidden = this.#replaceButton.hidden = true;
    this.#progress(null);
    this.#say("");
    if (hadFocus) this.#input.focus(); // Its button is hidden.
  }

  #preview(bitmap) {
    const canvas = this.#root.querySelector(".preview");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.hidden = false;
    bitmap.close();
  }

  #retrying() {
    this.#progress(null);
    this.#say(texts.messages.retrying);
  }

  #progress(percent) {
    const bar = this.#root.querySelector("progress");
    if (!bar) return;
    bar.hidden = percent === null;
    if (percent === null) return;
    bar.value = percent;
    this.#say(texts.messages.uploading.replace("{percent}", percent));
  }

  #say(text) {
    this.#root.querySelector(".side-status").textContent = text;
  }
}

const attempt = usesUploads
  ? new Attempt({ id: form.dataset.attempt, csrf: form.elements.csrf_token.value })
  : null;
const background = new Background(attempt?.id);
sides = [...form.querySelectorAll("[data-side]")].map((root) => new SideField(root));

if (usesUploads && !(window.isSecureContext && crypto?.subtle)) {
  // Web Crypto is there on https, and on http://localhost for development; page.js shows the explanation.
  button.setAttribute("aria-disabled", "true");
  for (const input of form.querySelectorAll("input[type=file], .camera-buttons button")) input.disabled = true;
} else {
  form.addEventListener("submit", onSubmit);
  // Files that were chosen before this script ran, or restored by the browser, before it or after.
  const look = () => sides.forEach((side) => side.look());
  look();
  addEventListener("pageshow", look);
}

addEventListener("beforeunload", (event) => {
  if (!leaving && (sides.some((side) => side.isBusy) || (usesUploads && isBusy()))) {
    event.preventDefault();
    event.returnValue = texts.messages.leave;
  }
});

// A page that comes back from the browser's history may be used again.
addEventListener("pageshow", () => {
  leaving = false;
  setBusy("");
});

async function onSubmit(event) {
  if (!usesUploads && sides.every((side) => side.isReady) && !isBusy()) {
    leaving = true;
    setBusy(texts.messages.sending);
    return; // The browser posts the form itself.
  }
  event.preventDefault();
  if (isBusy()) return;
  // What ends for one side may let the other continue.
  while (sides.some((side) => side.isBusy)) {
    setBusy(texts.messages.wait_for_uploads);
    await Promise.all(sides.map((side) => side.settled()));
    setBusy("");
  }
  const missing = sides.filter((side) => !side.isReady);
  for (const side of missing) if (!side.error) side.fail("missing");
  showSummary(missing);
  if (missing.length === 0) {
    if (usesUploads) await submitUploads();
    else form.requestSubmit();
  }
}

async function submitUploads() {
  setBusy(texts.messages.sending);
  const images = {};
  const metadata = {};
  for (const side of sides.filter(({ upload }) => upload)) {
    images[side.name] = side.upload;
    metadata[side.name] = side.metadata;
  }
  try {
    go(await attempt.submit(images, metadata));
  } catch (error) {
    setBusy("");
    if (error.next) {
      go(error.next);
    } else if (error.errors) {
      for (const side of sides) if (error.errors[side.name]) side.lose(error.errors[side.name]);
      showSummary(sides.filter((side) => error.errors[side.name]));
    } else {
      // The photos stay uploaded: the same button tries again.
      const code = error instanceof UploadError && error.code === "upload_refused" ? error.code : "technical";
      busy.textContent = textOf(code);
      busy.classList.add("visible", "failed");
    }
  }
}

function showSummary(wrong) {
  showErrors(form, wrong, texts.messages.summary_title);
}

function codeOf(error) {
  return error instanceof JobError ? error.code : "encryption_failed";
}

function textOf(code) {
  return texts.messages[code] ?? texts.codes[code] ?? texts.messages.technical;
}

function setBusy(text) {
  busy.textContent = text;
  busy.classList.remove("visible", "failed");
  if (text) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

function isBusy() {
  return button.getAttribute("aria-disabled") === "true";
}

function go(path) {
  leaving = true;
  location.assign(path);
}

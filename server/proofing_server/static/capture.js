// The capture page: leads through the sides one at a time, has each photo checked as soon as it is chosen, and
// uploaded encrypted (or leaves it to the form post), and submits only when every side is ready.

import { Background, JobError } from "./background.js";
import { Camera, hasCamera } from "./camera.js";
import { keepsPixels } from "./scaling.js";
import { labeled, showErrors } from "./summary.js";
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
// Work that takes longer is announced, once.
const SLOW_MS = 4000;
let leaving = false;
let sides = [];

/** One side: its field, and what became of its photo. */
class SideField {
  #root;
  #input;
  #camera = null;
  #buttons = {}; // by what they do
  #seen = null; // the file of the field that was read last
  #work = null; // the running upload: {controller, promise}
  #prepared = null; // the image without metadata, until another is chosen: {bytes, fingerprint, metadata}
  #slow = 0; // timer of what is announced while it lasts
  #isTwin = false; // whether the prepared image is held back, because the other side has the same
  #kept; // an upload of an earlier page that the session has: {slot, fingerprint}
  upload = null; // {slot, iv} of this page

  constructor(root) {
    this.#root = root;
    this.name = root.dataset.side;
    this.#input = root.querySelector("input[type=file]");
    const { slot, fingerprint } = root.dataset;
    this.#kept = slot ? { slot, fingerprint } : null;
    this.#input.addEventListener("change", () => this.look());
    const acts = {
      keep: () => this.#moveOn(),
      open: () => this.open(this.#input),
      remove: () => this.remove(),
      replace: () => this.#input.click(),
      retake: () => this.#camera.open(this.#buttons.retake),
      retry: () => this.tryAgain(),
    };
    for (const [name, act] of Object.entries(acts)) {
      this.#buttons[name] = root.querySelector(`[data-${name}]`);
      this.#buttons[name].addEventListener("click", act);
    }
    if (hasCamera()) {
      this.#camera = new Camera(root, texts.messages.advice, {
        onImage: (blob) => this.choose(blob, "camera"),
        onDenied: () => this.#say(texts.messages.camera_denied),
      });
      root.querySelector(".camera-buttons").hidden = false;
    }
    if (this.#kept) {
      this.#show(texts.messages[`kept_${this.name}`]);
      this.#setReady();
    }
  }

  get isReady() {
    return this.#root.classList.contains("ready");
  }

  /** Whether there is a photo that nothing is wrong with, ready or on its way. */
  get hasPhoto() {
    return this.#root.classList.contains("has-photo");
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

  /** Make this the one side that is open, and put the focus on *target* in it. */
  open(target = null) {
    for (const side of sides) side.#setOpen(side === this);
    target?.focus();
  }

  choose(file, source) {
    this.#camera?.close();
    this.#forget();
    this.open();
    this.#start({ file, source });
  }

  /** Upload once more what is in the page already. */
  tryAgain() {
    const prepared = this.#prepared;
    if (!prepared || this.isBusy) return;
    this.#clearMarks();
    this.#start({ prepared });
    this.open(this.#input);
  }

  /** Take the photo out of the page, and out of the session. */
  remove() {
    this.#camera?.close();
    const slot = (this.upload ?? this.#kept)?.slot;
    if (slot) attempt?.release(slot);
    this.#forget();
    this.#input.value = "";
    this.#seen = null;
    this.#say(texts.messages.removed);
    this.open(this.#input);
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
    if (job.file) this.#show(texts.messages.reading);
    this.#slow = setTimeout(() => this.#announce(this.#status.textContent), SLOW_MS);
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
    this.#say(usesUploads ? texts.messages.ready : texts.messages.chosen);
    this.#setReady();
  }

  #hear({ prepared, hints, preview, isEncrypting, isRetrying, percent }) {
    if (prepared) this.#hold(prepared);
    else if (hints) this.#advise(hints);
    else if (preview) this.#preview(preview);
    else if (isEncrypting) this.#show(texts.messages.encrypting);
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

  /** Show what may be wrong with the photo; it is uploaded anyway, and the person decides. */
  #advise(hints) {
    const list = document.createElement("ul");
    for (const hint of hints) {
      list.append(Object.assign(document.createElement("li"), { textContent: texts.messages.hints[hint] }));
    }
    this.#root.querySelector(".side-hints").replaceChildren(...(hints.length ? [list] : []));
    this.#buttons.keep.hidden = hints.length === 0;
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

  #setReady() {
    this.#root.classList.add("ready");
    this.#showPhoto();
  }

  /** Show what can be done with the photo in place of the ways to another one; without a hint, move on. */
  #showPhoto() {
    if (this.hasPhoto) return;
    this.#root.classList.add("has-photo"); // The style hides the field.
    this.#buttons.open.hidden = true;
    this.#buttons.remove.hidden = this.#buttons.replace.hidden = false;
    this.#buttons.retake.hidden = this.#camera === null;
    if (!this.#isOpen) return;
    if (this.#buttons.keep.hidden) this.#moveOn();
    else if (this.#hasLostFocus()) this.#buttons.keep.focus();
  }

  /** Leave the side, and open the next one without a photo. The focus moves only if it was here. */
  #moveOn() {
    this.#buttons.keep.hidden = true;
    const next = sides.find((side) => !side.hasPhoto);
    if (!next) {
      this.#setOpen(false);
      if (this.#hasLostFocus()) button.focus();
    } else {
      next.open();
      if (this.#hasLostFocus()) next.#root.querySelector("h2").focus();
    }
  }

  get #isOpen() {
    return this.#root.classList.contains("current");
  }

  #setOpen(isOpen) {
    this.#root.classList.toggle("current", isOpen);
    this.#buttons.open.hidden = isOpen || this.hasPhoto;
  }

  /** Whether the focus was in this side, on something that is hidden now. */
  #hasLostFocus() {
    const focused = document.activeElement;
    return focused === document.body || (this.#root.contains(focused) && !focused.getClientRects().length);
  }

  #mark(code, next = null) {
    this.#input.value = "";
    this.#input.setAttribute("aria-invalid", "true");
    this.#root.classList.add("has-error");
    this.#root.querySelector(".field-error").textContent = textOf(code);
    this.#buttons.retry.hidden = this.#prepared === null || this.#isTwin;
    this.#buttons.remove.hidden = this.#prepared === null;
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
    this.#root.classList.remove("has-error", "has-photo", "ready");
    this.#input.removeAttribute("aria-invalid");
    this.#root.querySelector(".field-error").textContent = "";
    document.querySelector(`#error-summary a[href="#${this.name}"]`)?.closest("li").remove();
    if (!document.querySelector("#error-summary li")) showSummary([]);
    for (const name of ["keep", "remove", "replace", "retake", "retry"]) this.#buttons[name].hidden = true;
    this.#buttons.open.hidden = this.#isOpen;
    this.#root.querySelector(".side-hints").replaceChildren();
    this.#progress(null);
    this.#say("");
    if (hadFocus) this.open(this.#input); // Its button is hidden.
  }

  #preview(bitmap) {
    const canvas = this.#root.querySelector(".preview");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.hidden = false;
    bitmap.close();
    this.#showPhoto();
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
    this.#show(texts.messages.uploading.replace("{percent}", percent));
  }

  /** Show *text*, and have it read out. */
  #say(text) {
    this.#show(text);
    this.#announce(text);
  }

  #show(text) {
    this.#status.textContent = text;
  }

  #announce(text) {
    clearTimeout(this.#slow);
    const label = this.#root.querySelector("h2").textContent;
    this.#root.querySelector("[data-news]").textContent = text && labeled(form, label, text);
  }

  get #status() {
    return this.#root.querySelector(".side-status");
  }
}

const attempt = usesUploads
  ? new Attempt({
      id: form.dataset.attempt,
      csrf: form.elements.csrf_token.value,
      device: form.dataset.device,
    })
  : null;
const background = new Background(attempt?.id);
sides = [...form.querySelectorAll("[data-side]")].map((root) => new SideField(root));
form.classList.add("guided");
sides.find((side) => !side.hasPhoto)?.open();
// The summary of problems leads to fields of sides that are closed.
document.addEventListener("click", ({ target }) => {
  const name = target.closest?.("#error-summary a")?.hash.slice(1);
  sides.find((side) => side.name === name)?.open();
});

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

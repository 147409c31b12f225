// The capture page: looks at each photo as soon as it is chosen, uploads it encrypted (or leaves it to the
// form post), and submits only when every side is ready.

import { wireCamera } from "./camera.js";
import { fingerprint, PictureError, readPicture } from "./pictures.js";
import { Attempt, UploadError } from "./uploads.js";

document.getElementById("needs-script")?.remove();

const form = document.getElementById("capture");
const texts = JSON.parse(document.getElementById("capture-texts").textContent);
const failedBefore = new Set(JSON.parse(document.getElementById("capture-failed").textContent));
const rules = { maxBytes: Number(form.dataset.maxBytes), takesText: "takesText" in form.dataset };
const usesUploads = form.dataset.mode === "uploads";
const button = form.querySelector("button[type=submit]");
const busy = form.querySelector(".busy");
let leaving = false;

/** One side: its field, its photo, and the state of its upload. */
class SideField {
  #root;
  #input;
  #seen = null; // the file of the field that was looked at last
  #work = null; // the running upload: {controller, promise}
  picture = null;
  upload = null;

  constructor(root) {
    this.#root = root;
    this.name = root.dataset.side;
    this.#input = root.querySelector("input[type=file]");
    this.#input.addEventListener("change", () => this.look());
    wireCamera(root, {
      onPicture: (blob) => this.choose(blob, "camera"),
      onDenied: () => this.#say(texts.messages.camera_denied),
    });
  }

  get isReady() {
    return usesUploads ? this.upload !== null : this.picture !== null;
  }

  get isBusy() {
    return this.#work !== null;
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
    this.#work?.controller.abort();
    this.#reset();
    const controller = new AbortController();
    const promise = this.#take(file, source, controller.signal)
      .catch((error) => {
        if (!controller.signal.aborted) this.fail(codeOf(error), error.next);
      })
      .finally(() => {
        if (this.#work?.controller === controller) this.#work = null;
      });
    this.#work = { controller, promise };
  }

  /** Show an error at the field and clear it, so that it blocks the submission. */
  fail(code, next = null) {
    this.#reset();
    this.#input.value = "";
    this.#input.setAttribute("aria-invalid", "true");
    this.#root.classList.add("has-error");
    this.#root.querySelector(".field-error").textContent = textOf(code);
    if (next) go(next);
  }

  get error() {
    return this.#root.querySelector(".field-error").textContent;
  }

  async #take(file, source, signal) {
    this.#say(texts.messages.reading);
    const picture = await readPicture(file, rules);
    if (window.isSecureContext && failedBefore.has(`${this.name}:${await fingerprint(picture.bytes)}`)) {
      throw new PictureError("image_failed_before");
    }
    const metadata = { ...(await sizeOf(picture)), mime: picture.mime, size: picture.bytes.length, source };
    if (signal.aborted) return;
    this.#preview(picture);
    if (usesUploads) {
      const upload = await attempt.upload(this.name, picture.bytes, {
        signal,
        onEncrypting: () => this.#say(texts.messages.encrypting),
        onProgress: (percent) => this.#progress(percent),
      });
      if (signal.aborted) return;
      this.upload = { ...upload, metadata };
      this.#progress(null);
      this.#say(texts.messages.ready);
    } else {
      if (source === "camera") this.#putIntoField(picture);
      this.#say(texts.messages.chosen);
    }
    this.picture = picture;
    this.#root.classList.add("ready");
  }

  /** A photo from the camera goes into the file field, from where the form post takes it. */
  #putIntoField(picture) {
    const files = new DataTransfer();
    files.items.add(new File([picture.bytes], `${this.name}.jpg`, { type: picture.mime }));
    this.#input.files = files.files;
    [this.#seen] = this.#input.files;
  }

  #reset() {
    this.picture = null;
    this.upload = null;
    this.#root.classList.remove("has-error", "ready");
    this.#input.removeAttribute("aria-invalid");
    this.#root.querySelector(".field-error").textContent = "";
    document.querySelector(`#error-summary a[href="#${this.name}"]`)?.closest("li").remove();
    if (document.querySelector("#error-summary:not(:has(li))")) showSummary([]);
    this.#progress(null);
    this.#say("");
    const preview = this.#root.querySelector(".preview");
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.hidden = true;
    preview.removeAttribute("src");
  }

  #preview({ bytes, mime }) {
    if (mime === "application/yaml") return;
    const preview = this.#root.querySelector(".preview");
    preview.src = URL.createObjectURL(new Blob([bytes], { type: mime }));
    preview.hidden = false;
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

const attempt = usesUploads ? new Attempt(form.dataset.attempt, form.elements.csrf_token.value) : null;
const sides = [...form.querySelectorAll("[data-side]")].map((root) => new SideField(root));

if (usesUploads && !(window.isSecureContext && crypto?.subtle)) {
  // Web Crypto is there on https, and on http://localhost for development; page.js shows the explanation.
  button.setAttribute("aria-disabled", "true");
  for (const input of form.querySelectorAll("input[type=file], .camera-buttons button")) input.disabled = true;
} else {
  form.addEventListener("submit", onSubmit);
  button.disabled = false;
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
  if (sides.some((side) => side.isBusy)) {
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
  for (const { name, upload } of sides) {
    images[name] = { slot: upload.slot, iv: upload.iv };
    metadata[name] = upload.metadata;
  }
  try {
    go(await attempt.submit(images, metadata));
  } catch (error) {
    setBusy("");
    if (error.next) {
      go(error.next);
    } else if (error.errors) {
      for (const side of sides) if (error.errors[side.name]) side.fail(error.errors[side.name]);
      showSummary(sides.filter((side) => error.errors[side.name]));
    } else {
      // The photos stay uploaded: the same button tries again.
      const code = error instanceof UploadError && error.code === "upload_refused" ? error.code : "technical";
      busy.textContent = textOf(code);
      busy.classList.add("visible", "failed");
    }
  }
}

/** Show the summary of errors, with a link to each field, and give it the focus. */
function showSummary(wrong) {
  const place = document.getElementById("summary-place");
  place.replaceChildren();
  if (wrong.length === 0) return;
  const box = element("div", { className: "notice error", id: "error-summary", tabIndex: -1 });
  box.setAttribute("role", "alert");
  const list = element("ul");
  for (const side of wrong) {
    const label = form.querySelector(`label[for=${side.name}]`).textContent;
    const link = element("a", { href: `#${side.name}`, textContent: `${label}: ${side.error}` });
    const item = element("li");
    item.append(link);
    list.append(item);
  }
  box.append(element("h2", { textContent: texts.messages.summary_title }), list);
  place.append(box);
  box.focus();
}

async function sizeOf({ bytes, mime }) {
  if (mime === "application/yaml") return {};
  try {
    const bitmap = await createImageBitmap(new Blob([bytes], { type: mime }));
    const size = { width: bitmap.width, height: bitmap.height };
    bitmap.close();
    return size;
  } catch {
    return {}; // The browser cannot decode it; the worker's gate decides.
  }
}

function codeOf(error) {
  return error instanceof PictureError || error instanceof UploadError ? error.code : "encryption_failed";
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

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

// The capture page: has each photo looked at as soon as it is chosen, and uploaded encrypted (or leaves it to the
// form post), and submits only when every side is ready.

import { Background, JobError } from "./background.js";
import { wireCamera } from "./camera.js";
import { Attempt, UploadError } from "./uploads.js";

document.getElementById("needs-script")?.remove();

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

/** One side: its field, and what became of its photo. */
class SideField {
  #root;
  #input;
  #seen = null; // the file of the field that was looked at last
  #work = null; // the running upload: {controller, promise}
  taken = null; // {metadata}, and with uploads {slot, iv}

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
    return this.taken !== null;
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
    const job = { file, side: this.name, rules, failedBefore, attempt: await attempt?.share() };
    signal.throwIfAborted();
    const taken = await background.run(job, { signal, onNews: (news) => this.#hear(news) });
    taken.metadata.source = source;
    this.#progress(null);
    if (!usesUploads && source === "camera") this.#putIntoField(file);
    this.#say(usesUploads ? texts.messages.ready : texts.messages.chosen);
    this.taken = taken;
    this.#root.classList.add("ready");
  }

  #hear({ preview, isEncrypting, percent }) {
    if (preview) this.#preview(preview);
    else if (isEncrypting) this.#say(texts.messages.encrypting);
    else this.#progress(percent);
  }

  /** A photo from the camera goes into the file field, from where the form post takes it. */
  #putIntoField(photo) {
    const files = new DataTransfer();
    files.items.add(new File([photo], `${this.name}.jpg`, { type: photo.type }));
    this.#input.files = files.files;
    [this.#seen] = this.#input.files;
  }

  #reset() {
    this.taken = null;
    this.#root.classList.remove("has-error", "ready");
    this.#input.removeAttribute("aria-invalid");
    this.#root.querySelector(".field-error").textContent = "";
    document.querySelector(`#error-summary a[href="#${this.name}"]`)?.closest("li").remove();
    if (!document.querySelector("#error-summary li")) showSummary([]);
    this.#progress(null);
    this.#say("");
    const canvas = this.#root.querySelector(".preview");
    canvas.hidden = true;
    canvas.width = canvas.height = 0;
  }

  #preview(bitmap) {
    const canvas = this.#root.querySelector(".preview");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.hidden = false;
    bitmap.close();
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
const sides = [...form.querySelectorAll("[data-side]")].map((root) => new SideField(root));

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
  for (const { name, taken } of sides) {
    images[name] = { slot: taken.slot, iv: taken.iv };
    metadata[name] = taken.metadata;
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
  const prefix = form.dataset.errorTitle;
  document.title = document.title.replace(prefix, "");
  if (wrong.length === 0) return;
  document.title = prefix + document.title;
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

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

// Takes a photo with the device's camera, where there is one; choosing a file always works as well. The camera fills
// a dialog. Once the card is sharp, large and inside the frame the photo is taken by itself; the button is always
// there, too.

import { Steadiness, frameIn, inVideo, lookAt, withMargin } from "./card_frame.js";
import { grayOf } from "./photo_quality.js";
import { keepsPixels } from "./scaling.js";

const LOOK_EVERY_MS = 180;
const REGION_PIXELS = 400;
const DETAIL_PIXELS = 560;
const DETAIL_PART = 0.5;
// No advice is given before the person has seen the camera's image, and none follows another faster than it is read.
const ADVICE_AFTER_MS = 1500;
const ADVICE_EVERY_MS = 2500;
const PHOTO_QUALITY = 0.95;

/** Return whether this browser has a camera to offer, and returns its pixels as they are. */
export function hasCamera() {
  // A photo is read from a canvas; some browsers change what is read, against tracking.
  return Boolean(navigator.mediaDevices?.getUserMedia) && keepsPixels();
}

/** The camera of one side, in its dialog. */
export class Camera {
  #side;
  #dialog;
  #video;
  #frame;
  #advice;
  #torch;
  #texts;
  #handlers;
  #stream = null;
  #opening = null; // what the camera is being opened for; a stream that comes for anything else is ended
  #opener = null; // the button that gets the focus back
  #looking = 0;
  #isAwaited = false; // whether the photo was asked for before there was an image
  #given = { text: "", at: 0 };

  /**
   * @param {HTMLElement} root of the side
   * @param {Record<string, string>} texts advice by its key
   * @param {{onImage: (blob: Blob) => void, onDenied: () => void}} handlers
   */
  constructor(root, texts, handlers) {
    this.#side = root.dataset.side;
    this.#dialog = root.querySelector(".camera-dialog");
    this.#video = this.#dialog.querySelector(".camera");
    this.#frame = this.#dialog.querySelector(".camera-frame");
    this.#advice = this.#dialog.querySelector(".camera-advice");
    this.#torch = this.#dialog.querySelector("[data-camera=torch]");
    this.#texts = texts;
    this.#handlers = handlers;
    for (const button of root.querySelectorAll("[data-camera=open]")) {
      button.addEventListener("click", () => this.open(button));
    }
    this.#dialog.querySelector("[data-camera=take]").addEventListener("click", () => this.#take());
    this.#dialog.querySelector("[data-camera=close]").addEventListener("click", () => this.close());
    this.#torch.addEventListener("click", () => this.#switchTorch());
    this.#dialog.addEventListener("close", () => this.close()); // By the Escape key, too.
    new ResizeObserver(() => this.#placeFrame()).observe(this.#video);
    addEventListener("pagehide", () => this.close());
  }

  /** Open the camera; *opener* gets the focus back. */
  async open(opener) {
    if (this.#opening || this.#stream) return;
    const mine = {};
    this.#opening = mine;
    this.#opener = opener;
    try {
      const facingMode = this.#side === "selfie" ? "user" : "environment";
      const video = { facingMode, width: { ideal: 2560 }, height: { ideal: 1440 } };
      const stream = await navigator.mediaDevices.getUserMedia({ video });
      if (this.#opening !== mine) {
        end(stream);
        return;
      }
      this.#stream = stream;
      this.#dialog.showModal();
      this.#video.srcObject = stream;
      await this.#video.play();
      if (this.#opening !== mine) return;
      this.#opening = null;
      this.#offerTorch();
      this.#placeFrame();
      if (this.#isAwaited) this.#take();
      else if (this.#side !== "selfie") this.#watch();
    } catch {
      if (this.#opening !== mine) return; // It was closed meanwhile.
      this.close();
      this.#handlers.onDenied();
    }
  }

  /** Turn the camera off. */
  close() {
    clearInterval(this.#looking);
    this.#opening = null;
    this.#isAwaited = false;
    if (this.#stream) end(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
    this.#say("");
    this.#torch.hidden = true;
    this.#torch.setAttribute("aria-pressed", "false");
    if (!this.#dialog.open) return;
    this.#dialog.close();
    if (this.#opener?.getClientRects().length) this.#opener.focus();
  }

  #take() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!this.#stream) return;
    if (this.#opening || !width) {
      this.#isAwaited = true;
      return;
    }
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    this.close();
    canvas.toBlob((blob) => blob && this.#handlers.onImage(blob), "image/jpeg", PHOTO_QUALITY);
  }

  /** Look at the frame again and again, advise, and take the photo when the card has been good for a moment. */
  #watch() {
    const steadiness = new Steadiness();
    const canvases = [document.createElement("canvas"), document.createElement("canvas")];
    const begun = performance.now();
    clearInterval(this.#looking);
    this.#looking = setInterval(() => {
      if (!this.#video.videoWidth || document.hidden) return;
      const look = this.#look(canvases);
      const isSteady = steadiness.isSteady(look);
      const now = performance.now();
      if (now - begun < ADVICE_AFTER_MS) return;
      if (isSteady) {
        this.#take();
      } else if (now - this.#given.at > ADVICE_EVERY_MS) {
        this.#say(this.#texts[look.advice]);
      }
    }, LOOK_EVERY_MS);
  }

  #look([regionCanvas, detailCanvas]) {
    const { box, video } = this.#sizes();
    const frame = frameIn(this.#side, box);
    const region = inVideo(withMargin(frame), box, video);
    const whole = inVideo(frame, box, video);
    const middle = {
      x: whole.x + (whole.width * (1 - DETAIL_PART)) / 2,
      y: whole.y + (whole.height * (1 - DETAIL_PART)) / 2,
      width: whole.width * DETAIL_PART,
      height: whole.height * DETAIL_PART,
    };
    return lookAt(
      this.#grayOf(regionCanvas, region, REGION_PIXELS),
      this.#grayOf(detailCanvas, middle, DETAIL_PIXELS),
    );
  }

  #grayOf(canvas, { x, y, width, height }, longest) {
    const ratio = Math.min(1, longest / Math.max(width, height));
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.#video, x, y, width, height, 0, 0, canvas.width, canvas.height);
    return grayOf(context.getImageData(0, 0, canvas.width, canvas.height));
  }

  #sizes() {
    const { clientWidth, clientHeight, videoWidth, videoHeight } = this.#video;
    return {
      box: { width: clientWidth, height: clientHeight },
      video: { width: videoWidth, height: videoHeight },
    };
  }

  #placeFrame() {
    const { x, y, width, height } = frameIn(this.#side, this.#sizes().box);
    // Properties that a script sets are no inline style to the content security policy.
    Object.assign(this.#frame.style, {
      left: `${x}px`,
      top: `${y}px`,
      width: `${width}px`,
      height: `${height}px`,
    });
  }

  #offerTorch() {
    const [track] = this.#stream.getVideoTracks();
    this.#torch.hidden = !track.getCapabilities?.().torch;
  }

  async #switchTorch() {
    const torch = this.#torch.getAttribute("aria-pressed") !== "true";
    const [track] = this.#stream?.getVideoTracks() ?? [];
    try {
      await track?.applyConstraints({ advanced: [{ torch }] });
      this.#torch.setAttribute("aria-pressed", String(torch));
    } catch {
      this.#torch.hidden = true; // The device says that it has one, and does not switch it.
    }
  }

  #say(text = "") {
    if (text === this.#given.text) return;
    this.#given = { text, at: performance.now() };
    this.#advice.textContent = text;
  }
}

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}

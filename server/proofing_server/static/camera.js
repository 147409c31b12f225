// Takes a photo with the device's camera, where there is one; choosing a file always works as well.

import { keepsPixels } from "./scaling.js";

/**
 * Wire the camera buttons of one side.
 *
 * @param {HTMLElement} side
 * @param {{onImage: (blob: Blob) => void, onDenied: () => void}} handlers
 * @returns {() => void} what turns the camera off
 */
export function wireCamera(side, { onImage, onDenied }) {
  // A photo is read from a canvas; some browsers change what is read, against tracking.
  if (!navigator.mediaDevices?.getUserMedia || !keepsPixels()) return () => {};
  const buttons = side.querySelector(".camera-buttons");
  const [open, take, close] = ["open", "take", "close"].map((name) =>
    buttons.querySelector(`[data-camera=${name}]`),
  );
  const video = side.querySelector(".camera");
  const facingMode = side.dataset.side === "selfie" ? "user" : "environment";
  let stream = null;
  let opening = null; // what the camera is being opened for; a stream that comes for anything else is ended

  const show = (isOpen) => {
    video.hidden = take.hidden = close.hidden = !isOpen;
    open.hidden = isOpen;
    side.classList.toggle("filming", isOpen);
  };
  const end = (ended) => ended?.getTracks().forEach((track) => track.stop());
  const stop = () => {
    opening = null;
    end(stream);
    stream = null;
    video.srcObject = null;
    show(false);
  };

  open.addEventListener("click", async () => {
    if (opening || stream) return;
    const mine = {};
    opening = mine;
    try {
      const wanted = { facingMode, width: { ideal: 2560 }, height: { ideal: 1440 } };
      const opened = await navigator.mediaDevices.getUserMedia({ video: wanted });
      if (opening !== mine) return end(opened);
      stream = opened;
      video.srcObject = stream;
      await video.play();
      if (opening !== mine) return;
      opening = null;
      show(true);
      take.focus();
    } catch {
      if (opening !== mine) return; // It was stopped meanwhile.
      stop();
      onDenied();
    }
  });
  take.addEventListener("click", () => {
    if (!stream || !video.videoWidth) return;
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    stop();
    open.focus();
    canvas.toBlob((blob) => blob && onImage(blob), "image/jpeg", 0.95);
  });
  close.addEventListener("click", () => {
    stop();
    open.focus();
  });
  addEventListener("pagehide", stop);
  buttons.hidden = false;
  return stop;
}

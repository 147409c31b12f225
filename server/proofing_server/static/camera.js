// Takes a photo with the device's camera, where there is one; choosing a file always works as well.

/**
 * Wire the camera buttons of one side.
 *
 * @param {HTMLElement} side
 * @param {{onPicture: (blob: Blob) => void, onDenied: () => void}} handlers
 */
export function wireCamera(side, { onPicture, onDenied }) {
  if (!navigator.mediaDevices?.getUserMedia) return;
  const buttons = side.querySelector(".camera-buttons");
  const [open, take, close] = ["open", "take", "close"].map((name) =>
    buttons.querySelector(`[data-camera=${name}]`),
  );
  const video = side.querySelector(".camera");
  let stream = null;

  const show = (isOpen) => {
    video.hidden = take.hidden = close.hidden = !isOpen;
    open.hidden = isOpen;
    side.classList.toggle("filming", isOpen);
  };
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    show(false);
  };

  open.addEventListener("click", async () => {
    try {
      const wanted = { facingMode: "environment", width: { ideal: 2560 }, height: { ideal: 1440 } };
      stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
      video.srcObject = stream;
      await video.play();
      show(true);
      take.focus();
    } catch {
      stop();
      onDenied();
    }
  });
  take.addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob(
      (blob) => {
        stop();
        open.focus();
        if (blob) onPicture(blob);
      },
      "image/jpeg",
      0.95,
    );
  });
  close.addEventListener("click", () => {
    stop();
    open.focus();
  });
  addEventListener("pagehide", stop);
  buttons.hidden = false;
}

// Processes images away from the thread of the page; see background.js.

import { failureOf, processImage } from "./processing.js";

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
    postMessage({ id, answer: await processImage(job, { signal: controller.signal, tell }) });
  } catch (error) {
    postMessage({ id, error: failureOf(error) });
  } finally {
    running.delete(id);
  }
});

// No event tells the page that a worker has ended, but this lock is then free.
const lock = `worker ${Math.random()}`;
const hold = () => {
  postMessage({ isReady: true, lock });
  return new Promise(() => {});
};
if (navigator.locks) navigator.locks.request(lock, hold).catch(() => postMessage({ isReady: true }));
else postMessage({ isReady: true });

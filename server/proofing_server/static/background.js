// Has worker.js do everything that takes time, so that the page always answers the person. Where that script does
// not load, or the worker ends, the page does the same work itself: slower to answer, but nobody is turned away.

import { failureOf, processImage } from "./processing.js";

const READY_WITHIN_MS = 10_000;

// The page may make this one policy of Trusted Types: whatever it is given, it names our own script.
const policy = window.trustedTypes?.createPolicy("worker", { createScriptURL: workerURL });

/** A job that failed; `code` is the key of its text, `next` the page that explains it. */
export class JobError extends Error {
  constructor({ code, next = null }) {
    super(code);
    this.code = code;
    this.next = next;
  }
}

/** The worker of one page, and what it does without one. */
export class Background {
  #worker = null; // null when jobs are done in the page
  #jobs = new Map(); // by id: {job, signal, resolve, reject, onNews}
  #lastId = 0;
  #late = 0;

  /** Start the worker, which may upload for this attempt only; without one, it uploads nothing. */
  constructor(attempt = "") {
    try {
      this.#start(policy ? policy.createScriptURL(attempt) : workerURL(attempt));
    } catch {
      this.#worker = null; // An old browser, or one that allows no workers.
    }
  }

  /**
   * Do one job, and return what came of it.
   *
   * @param {object} job as processing.js takes it
   * @param {{signal: AbortSignal, onNews: (news: object) => void}} how
   */
  run(job, { signal, onNews }) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#jobs.set(id, { job, signal, resolve, reject, onNews });
      signal.addEventListener("abort", () => {
        this.#worker?.postMessage({ id, abort: true });
        this.#jobs.delete(id);
        reject(signal.reason);
      });
      if (this.#worker) this.#worker.postMessage({ id, job });
      else this.#runHere(id);
    });
  }

  #start(url) {
    const worker = new Worker(url, { type: "module" });
    const lose = () => this.#lose(worker);
    this.#worker = worker;
    this.#late = setTimeout(lose, READY_WITHIN_MS);
    worker.addEventListener("error", lose);
    worker.addEventListener("messageerror", lose);
    worker.addEventListener("message", ({ data }) => {
      if (!data.isReady) {
        this.#hear(data);
        return;
      }
      clearTimeout(this.#late);
      // Given to the page when the worker has ended.
      if (data.lock) navigator.locks.request(data.lock, lose);
    });
  }

  /** Go on without the worker: what it has not finished is begun again in the page. */
  #lose(worker) {
    if (this.#worker !== worker) return;
    clearTimeout(this.#late);
    this.#worker = null;
    worker.terminate();
    for (const id of this.#jobs.keys()) this.#runHere(id);
  }

  async #runHere(id) {
    const { job, signal } = this.#jobs.get(id);
    try {
      const answer = await processImage(job, { signal, tell: (news) => this.#hear({ id, news }) });
      this.#hear({ id, answer });
    } catch (error) {
      this.#hear({ id, error: failureOf(error) });
    }
  }

  #hear({ id, news, error, answer }) {
    const job = this.#jobs.get(id);
    if (!job) return; // It was aborted.
    if (news) {
      job.onNews(news);
      return;
    }
    this.#jobs.delete(id);
    if (error) job.reject(new JobError(error));
    else job.resolve(answer);
  }
}

/** The policy of a worker comes with its script, so that the script has an address for each attempt. */
function workerURL(attempt) {
  const url = new URL("worker.js", import.meta.url);
  if (attempt) url.searchParams.set("attempt", attempt);
  return url.href;
}

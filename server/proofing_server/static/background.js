// Speaks with worker.js, which does everything that takes time, so that the page always answers the person.

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

/** The worker of one page. */
export class Background {
  #attempt;
  #worker = null;
  #jobs = new Map(); // by id: {resolve, reject, onNews}
  #lastId = 0;

  /** Start the worker, which may upload for this attempt only; without one, it uploads nothing. */
  constructor(attempt = "") {
    this.#attempt = attempt;
    this.#worker = this.#start();
  }

  /**
   * Do one job in the worker, and return what it answers.
   *
   * @param {object} job as worker.js takes it
   * @param {{signal: AbortSignal, onNews: (news: object) => void}} how
   */
  run(job, { signal, onNews }) {
    const id = ++this.#lastId;
    this.#worker ??= this.#start();
    return new Promise((resolve, reject) => {
      this.#jobs.set(id, { resolve, reject, onNews });
      signal.addEventListener("abort", () => {
        this.#worker?.postMessage({ id, abort: true });
        this.#jobs.delete(id);
        reject(signal.reason);
      });
      this.#worker.postMessage({ id, job });
    });
  }

  #start() {
    const url = policy ? policy.createScriptURL(this.#attempt) : workerURL(this.#attempt);
    const worker = new Worker(url, { type: "module" });
    worker.addEventListener("message", ({ data }) => this.#hear(data));
    // Its script did not load. Each job fails by itself in worker.js; the next one starts a new worker.
    worker.addEventListener("error", () => {
      this.#worker = null;
      for (const id of this.#jobs.keys()) this.#hear({ id, error: { code: "network" } });
    });
    return worker;
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

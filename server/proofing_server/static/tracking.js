// Tracks a job for all tabs of a browser that wait for it, over one connection: a browser opens six to a host
// over HTTP/1.1, and a stream in each tab would leave none for pages.

const MAX_POLL_SECONDS = 15;
const BACK_OFF = 1.5;
const SILENCE_MS = 25_000;

/** Tracks one job. One visible tab reads the event stream and shares each update; the others poll only if no updates arrive. */
export class JobTracker {
  #name;
  #url;
  #firstPollSeconds;
  #handlers;
  #channel = null;
  #lead = null; // AbortController of this tab's request to read the stream
  #stream = null;
  #silence = 0;
  #pollTimer = 0;
  #pollSeconds;
  #last = null; // the last state that this tab received

  /**
   * @param {string} resultId
   * @param {number} pollSeconds between the first two polls; later ones are rarer
   * @param {{onJob: (job: object) => void, onTrouble: () => void, onSessionEnd: () => void}} handlers
   */
  constructor(resultId, pollSeconds, handlers) {
    this.#name = `job ${resultId}`;
    this.#url = `/api/jobs/${encodeURIComponent(resultId)}`;
    this.#firstPollSeconds = this.#pollSeconds = pollSeconds;
    this.#handlers = handlers;
    document.addEventListener("visibilitychange", () => {
      if (!this.#channel) return;
      if (document.hidden) {
        this.#stopLeading();
      } else {
        this.poll(); // A tab that slept polls right away.
        this.#requestLead();
      }
    });
  }

  open() {
    this.close();
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.addEventListener("message", ({ data }) => {
      if (data.job) this.#apply(data.job);
      else if (this.#last && this.#stream) this.#channel.postMessage({ job: this.#last });
    });
    this.#channel.postMessage({ request: true });
    this.#watchSilence();
    this.#requestLead();
  }

  close() {
    this.#channel?.close();
    this.#channel = null;
    this.#stopLeading();
    this.#stopPolling();
    clearTimeout(this.#silence);
  }

  async poll() {
    clearTimeout(this.#pollTimer);
    this.#pollTimer = 0;
    let answer = null;
    let job = null;
    try {
      answer = await fetch(this.#url, { headers: { Accept: "application/json" } });
      if (answer.status === 404) job = { state: "missing" };
      else if (answer.ok) job = await answer.json();
    } catch {
      // Offline, or the server is down.
    }
    if (!this.#channel) return;
    if (answer?.status === 401) {
      this.#handlers.onSessionEnd();
      return;
    }
    if (job) this.#broadcast(job);
    else this.#handlers.onTrouble();
    this.#pollSeconds = Math.min(this.#pollSeconds * BACK_OFF, MAX_POLL_SECONDS);
    const listens = this.#stream ? this.#stream.readyState === EventSource.OPEN : Boolean(navigator.locks);
    if (!job || !listens) this.#fallBack();
  }

  /** Read the stream when no other tab does: the lock goes to the next tab when its holder is hidden or gone. */
  #requestLead() {
    if (!navigator.locks) {
      this.#fallBack();
      return;
    }
    if (document.hidden || this.#lead) return;
    const lead = new AbortController();
    this.#lead = lead;
    const { signal } = lead;
    const hold = () =>
      new Promise((release) => {
        if (signal.aborted) {
          release();
          return;
        }
        signal.addEventListener("abort", release);
        this.#openStream();
      });
    navigator.locks.request(this.#name, { signal }, hold).catch(() => {
      if (!signal.aborted) this.#fallBack();
    });
  }

  #stopLeading() {
    this.#stream?.close();
    this.#stream = null;
    this.#lead?.abort();
    this.#lead = null;
  }

  #openStream() {
    this.#stream = new EventSource(`${this.#url}/events`);
    this.#stream.addEventListener("status", (event) => {
      this.#stopPolling();
      this.#broadcast(JSON.parse(event.data));
    });
    this.#stream.addEventListener("trouble", () => this.#fallBack());
    this.#stream.addEventListener("error", () => this.#fallBack());
  }

  #broadcast(job) {
    this.#channel.postMessage({ job });
    this.#apply(job);
  }

  #apply(job) {
    this.#last = job;
    this.#watchSilence();
    this.#handlers.onJob(job);
  }

  /** Poll when no update arrives, as behind a proxy that holds streams back, or when all tabs are hidden. */
  #watchSilence() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#fallBack(), SILENCE_MS);
  }

  #fallBack() {
    if (this.#channel && !this.#pollTimer) {
      this.#pollTimer = setTimeout(() => this.poll(), this.#pollSeconds * 1000);
    }
  }

  #stopPolling() {
    clearTimeout(this.#pollTimer);
    this.#pollTimer = 0;
    this.#pollSeconds = this.#firstPollSeconds;
  }
}

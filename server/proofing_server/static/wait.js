// Follows a job: server-sent events, and polling with back-off where they do not get through. The page
// is never believed: when the job has ended, the server is asked for the next page.

const MAX_POLL_SECONDS = 15;
const BACK_OFF = 1.5;
const STREAM_SILENCE_MS = 25_000;

const root = document.getElementById("wait");
const status = document.getElementById("wait-status");
const texts = JSON.parse(root.dataset.texts);
const url = `/api/jobs/${encodeURIComponent(root.dataset.resultId)}`;
const firstPollSeconds = Number(root.dataset.pollSeconds);

let stage = root.dataset.stage;
let stream = null;
let silence = 0;
let pollTimer = 0;
let pollSeconds = firstPollSeconds;
let inTrouble = false;
let ended = false;

if (stage !== "missing") {
  openStream();
  // A page that slept, came back from history, or was offline asks at once.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) poll();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) resume();
  });
  addEventListener("online", resume);
  addEventListener("offline", () => say(texts.offline));
  addEventListener("pagehide", () => {
    stream?.close();
    clearTimeout(pollTimer);
    clearTimeout(silence);
  });
}

function resume() {
  ended = false;
  poll();
  openStream();
}

function openStream() {
  stream?.close();
  stream = new EventSource(`${url}/events`);
  stream.addEventListener("status", (event) => {
    stopPolling();
    watchSilence();
    take(JSON.parse(event.data));
  });
  stream.addEventListener("trouble", fallBack);
  stream.addEventListener("error", fallBack);
  watchSilence();
}

/** Poll when the stream says nothing, as behind a proxy that holds it back. */
function watchSilence() {
  clearTimeout(silence);
  silence = setTimeout(fallBack, STREAM_SILENCE_MS);
}

function fallBack() {
  if (!ended && !pollTimer) pollTimer = setTimeout(poll, pollSeconds * 1000);
}

function stopPolling() {
  clearTimeout(pollTimer);
  pollTimer = 0;
  pollSeconds = firstPollSeconds;
}

async function poll() {
  clearTimeout(pollTimer);
  pollTimer = 0;
  if (ended) return;
  let answer = null;
  try {
    answer = await fetch(url, { headers: { Accept: "application/json" } });
  } catch {
    // Offline, or the server is away: said below.
  }
  if (answer?.status === 401) {
    leave("/session-ended");
    return;
  }
  if (answer?.status === 404) {
    take({ state: "missing" });
    return;
  }
  if (answer?.ok) {
    take(await answer.json());
  } else {
    inTrouble = true;
    say(navigator.onLine ? texts.trouble : texts.offline);
  }
  pollSeconds = Math.min(pollSeconds * BACK_OFF, MAX_POLL_SECONDS);
  if (stream?.readyState !== EventSource.OPEN) fallBack();
}

function take(job) {
  if (ended) return;
  if (inTrouble) {
    inTrouble = false;
    say(texts.again);
  }
  if (job.state === "done") {
    say(texts.done);
    leave(job.next);
  } else if (job.state === "missing") {
    leave(root.dataset.path);
  } else if (job.state === "late" && stage !== "late") {
    showLate();
  } else if (status.textContent === "") {
    say(texts.checking);
  }
  stage = job.state;
}

function leave(path) {
  ended = true;
  stream?.close();
  stopPolling();
  clearTimeout(silence);
  location.replace(path);
}

function showLate() {
  document.getElementById("waiting").hidden = true;
  document.getElementById("stop-hint")?.remove();
  const stop = document.getElementById("stop");
  stop.textContent = stop.dataset.late;
  const late = document.getElementById("late");
  late.hidden = false;
  const heading = late.querySelector("h1");
  document.title = `${heading.textContent} – ${document.title.split(" – ").pop()}`;
  heading.focus();
  say(texts.late);
}

function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

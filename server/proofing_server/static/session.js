// Warns a while before the session ends, and leaves the page when it has: it shows personal data. The server is asked
// first, because another tab may have kept the session alive. A server that cannot be reached has not ended the
// session: the page warns, asks again, and leaves when the time is over that was given last.

const ANSWER_WITHIN_SECONDS = 15;
const ASK_AGAIN_AFTER_SECONDS = 5;
const CHECK_WHILE_OPEN_SECONDS = 15;
const ANNOUNCE_AT_SECONDS = [60, 30];

const dialog = document.getElementById("session-warning");
const text = document.getElementById("session-warning-text");
const announcement = dialog.querySelector("[data-announce]");
const unreachable = dialog.querySelector("[data-unreachable]");
const warnSeconds = Number(dialog.dataset.warnSeconds);

let method = "GET"; // POST when the person has answered that they are there, until the server has taken it
let endsAt = 0;
let timer = 0;
let ticking = 0;
let asking = null;

dialog.querySelector("[data-stay]").addEventListener("click", stay);
dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  stay();
});
// Some browsers close a dialog with the second Escape whatever the page wants. The person who presses it is there.
dialog.addEventListener("close", () => {
  if (ticking) stay();
});
// Timers of a page that slept are late, and another tab may have ended the session.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) ask();
});
take(Number(dialog.dataset.idleSeconds));

function stay() {
  method = "POST";
  ask();
}

function after(seconds, act) {
  clearTimeout(timer);
  timer = setTimeout(act, Math.max(1, seconds) * 1000);
}

async function ask() {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  after(ANSWER_WITHIN_SECONDS, () => mine.abort());
  const { status, secondsLeft } = await askSession(mine.signal);
  if (asking !== mine) return; // Asked once more meanwhile.
  unreachable.hidden = secondsLeft !== null;
  if (secondsLeft !== null) {
    method = "GET";
    take(secondsLeft);
  } else if (status === 403) {
    location.replace(location.pathname); // The page is of an earlier session. Not reload(): it would post a form again.
  } else if (status === 401 || Date.now() >= endsAt) {
    location.replace("/session-ended");
  } else {
    warn();
    after(ASK_AGAIN_AFTER_SECONDS, ask);
  }
}

function take(secondsLeft) {
  endsAt = Date.now() + secondsLeft * 1000;
  if (secondsLeft > warnSeconds) {
    stopWarning();
    after(secondsLeft - warnSeconds, ask);
  } else {
    warn();
    after(Math.min(secondsLeft + 1, CHECK_WHILE_OPEN_SECONDS), ask);
  }
}

function warn() {
  showTime();
  ticking ||= setInterval(showTime, 1000);
  if (!dialog.open) dialog.showModal();
}

function stopWarning() {
  clearInterval(ticking);
  ticking = 0;
  announcement.textContent = "";
  if (dialog.open) dialog.close(); // The browser gives the focus back.
}

function showTime() {
  const seconds = Math.max(0, Math.round((endsAt - Date.now()) / 1000));
  text.textContent = dialog.dataset.text.replace("{time}", inWords(seconds));
  // Not every second is read aloud.
  if (ANNOUNCE_AT_SECONDS.includes(seconds)) announcement.textContent = text.textContent;
}

function inWords(seconds) {
  const { lang } = document.documentElement;
  const unit = (value, name) =>
    new Intl.NumberFormat(lang, { style: "unit", unit: name, unitDisplay: "long" }).format(value);
  const minutes = Math.floor(seconds / 60);
  const parts = minutes ? [unit(minutes, "minute")] : [];
  if (seconds % 60 || !minutes) parts.push(unit(seconds % 60, "second"));
  return new Intl.ListFormat(lang, { type: "unit" }).format(parts);
}

/** Ask about the session, or have it start its idle time again. Without an answer the status is 0. */
async function askSession(signal) {
  let status = 0;
  try {
    const answer = await fetch("/api/session", {
      method,
      headers: { "X-CSRF-Token": dialog.dataset.csrf },
      signal,
    });
    status = answer.status;
    return { status, secondsLeft: answer.ok ? (await answer.json()).idle_seconds : null };
  } catch {
    return { status, secondsLeft: null };
  }
}

// On every page: focus, forms that are sent once, the masked number, and the warning before the session ends.

const BUSY_VISIBLE_AFTER_MS = 15_000;
const ANSWER_WITHIN_SECONDS = 15;
const ASK_AGAIN_AFTER_SECONDS = 5;

takeFocus();
forgetPost();
// Without https (or http://localhost) there is no Web Crypto, and state changes are refused.
if (!window.isSecureContext) document.getElementById("insecure")?.removeAttribute("hidden");
for (const form of document.querySelectorAll("form[data-once]")) sendOnce(form);
for (const button of document.querySelectorAll("[data-toggle]")) maskedField(button);
watchSession(document.getElementById("session-warning"));

/** Put the focus on the error summary, or on the heading of a page that tells news. */
function takeFocus() {
  const target = document.getElementById("error-summary") ?? document.querySelector("[data-focus]");
  if (target && !target.closest("[hidden]")) target.focus();
}

/**
 * A form that was told wrong came as the answer to a post, which no browser keeps: *back* to it would end on the
 * browser's own error page. Every form has the address it posts to, so the entry of the history becomes a plain one.
 */
function forgetPost() {
  if (document.getElementById("error-summary")) history.replaceState(null, "", location.href);
}

/** Send a form once: the button keeps the focus, says that it is busy, and does nothing more. */
function sendOnce(form) {
  const button = form.querySelector("button[type=submit]");
  const status = form.querySelector(".busy");
  let timer = 0;
  form.addEventListener("submit", (event) => {
    if (button.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      return;
    }
    button.setAttribute("aria-disabled", "true");
    if (!status) return;
    status.textContent = status.dataset.busy;
    timer = setTimeout(() => {
      status.textContent = status.dataset.slow;
      status.classList.add("visible");
    }, BUSY_VISIBLE_AFTER_MS);
  });
  // A page that comes back from the browser's history must not look busy for ever.
  addEventListener("pageshow", () => {
    clearTimeout(timer);
    button.removeAttribute("aria-disabled");
    if (status) status.textContent = "";
  });
}

/** Let the person see the number that a field hides. It is hidden again before the form is sent. */
function maskedField(button) {
  const field = document.getElementById(button.dataset.toggle);
  button.hidden = false;
  const show = (visible) => {
    field.type = visible ? "text" : "password";
    button.setAttribute("aria-pressed", String(visible));
  };
  button.addEventListener("click", () => {
    show(field.type === "password");
    field.focus();
  });
  field.form.addEventListener("submit", () => show(false));
}

/**
 * Warn a while before the session ends, and leave the page when it has: it shows personal data. The server
 * is asked first, because another tab may have kept the session alive. A server that cannot be reached has not
 * ended the session: the page warns, asks again, and leaves when the time is over that was told last.
 */
function watchSession(warning) {
  if (!warning) return;
  const warnSeconds = Number(warning.dataset.warnSeconds);
  let method = "GET"; // POST when the person has said that they are there, until the server has heard it
  let endsAt = 0;
  let timer = 0;
  let asking = null;
  const after = (seconds, act) => {
    clearTimeout(timer);
    timer = setTimeout(act, Math.max(1, seconds) * 1000);
  };
  const take = (secondsLeft) => {
    endsAt = Date.now() + secondsLeft * 1000;
    warning.hidden = secondsLeft > warnSeconds;
    after(warning.hidden ? secondsLeft - warnSeconds : secondsLeft + 1, ask);
  };
  const ask = async () => {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    after(ANSWER_WITHIN_SECONDS, () => mine.abort());
    const { status, secondsLeft } = await askSession(method, warning.dataset.csrf, mine.signal);
    if (asking !== mine) return; // Asked once more meanwhile.
    if (secondsLeft !== null) {
      method = "GET";
      take(secondsLeft);
    } else if (status === 401 || Date.now() >= endsAt) {
      location.replace("/session-ended");
    } else {
      warning.hidden = false;
      after(ASK_AGAIN_AFTER_SECONDS, ask);
    }
  };
  warning.querySelector("button").addEventListener("click", () => {
    method = "POST";
    ask();
  });
  take(Number(warning.dataset.idleSeconds));
}

/** Ask about the session, or have it start its idle time again. Without an answer the status is 0. */
async function askSession(method, csrf, signal) {
  let status = 0;
  try {
    const answer = await fetch("/api/session", { method, headers: { "X-CSRF-Token": csrf }, signal });
    status = answer.status;
    return { status, secondsLeft: answer.ok ? (await answer.json()).idle_seconds : null };
  } catch {
    return { status, secondsLeft: null };
  }
}

// On every page: focus, forms that are sent once, the masked number, and the warning before the session ends.

const BUSY_VISIBLE_AFTER_MS = 15_000;
const WARN_BEFORE_END_SECONDS = 120;

takeFocus();
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

/** Warn two minutes before the session ends, and leave the page when it has: it shows personal data. */
function watchSession(warning) {
  if (!warning) return;
  let timers = [];
  const restart = (idleSeconds) => {
    timers.forEach(clearTimeout);
    warning.hidden = true;
    timers = [
      setTimeout(() => {
        warning.hidden = false;
      }, Math.max(0, idleSeconds - WARN_BEFORE_END_SECONDS) * 1000),
      setTimeout(() => location.replace("/session-ended"), (idleSeconds + 1) * 1000),
    ];
  };
  warning.querySelector("button").addEventListener("click", async () => {
    const answer = await fetch("/api/session", {
      method: "POST",
      headers: { "X-CSRF-Token": warning.dataset.csrf },
    }).catch(() => null);
    if (answer?.ok) restart((await answer.json()).idle_seconds);
    else if (answer?.status === 401) location.replace("/session-ended");
  });
  restart(Number(warning.dataset.idleSeconds));
}

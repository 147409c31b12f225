// On every page: focus, forms that are sent once, and the masked number.

const BUSY_VISIBLE_AFTER_MS = 15_000;

takeFocus();
forgetPost();
// Without https (or http://localhost) there is no Web Crypto, and state changes are refused.
if (!window.isSecureContext) document.getElementById("insecure")?.removeAttribute("hidden");
for (const form of document.querySelectorAll("form[data-once]")) sendOnce(form);
for (const button of document.querySelectorAll("[data-toggle]")) maskedField(button);

/** Put the focus on the error summary, or on the heading of a page with news. */
function takeFocus() {
  const target = document.getElementById("error-summary") ?? document.querySelector("[data-focus]");
  if (target && !target.closest("[hidden]")) target.focus();
}

/**
 * A form with an error, or in another language, came as the answer to a post, which no browser keeps: *back* to it would
 * end on the browser's own error page. Every form has the address it posts to, so the entry of the history becomes a plain one.
 */
function forgetPost() {
  const isAnswer = "switched" in document.body.dataset || document.getElementById("error-summary");
  if (isAnswer) history.replaceState(null, "", location.href);
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
  // A page that comes back from the browser's history must not look busy forever.
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
    field.classList.toggle("masked", !visible);
    button.setAttribute("aria-pressed", String(visible));
  };
  button.addEventListener("click", () => {
    show(field.classList.contains("masked"));
    field.focus();
  });
  field.form.addEventListener("submit", () => show(false));
}

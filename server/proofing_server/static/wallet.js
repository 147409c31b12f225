// Asks the browser for a wallet that answers the vendor's question, and posts the answer. Where the browser has no
// such wallet, the page's link and QR code are all there is.

const root = document.getElementById("wallet");
const status = document.getElementById("wallet-status");
const button = root.querySelector("button");
const texts = JSON.parse(root.dataset.texts);

const requests = JSON.parse(root.dataset.requests);

// Source: W3C Digital Credentials, https://www.w3.org/TR/digital-credentials/.
if (typeof DigitalCredential !== "undefined" && navigator.credentials && requests.some(isAllowed)) {
  root.hidden = false;
  button.addEventListener("click", share);
}

// Early browsers do not say which protocols they know: they are asked anyway.
function isAllowed({ protocol }) {
  return DigitalCredential.userAgentAllowsProtocol?.(protocol) ?? true;
}

async function share() {
  button.disabled = true;
  say(texts.asking);
  const answer = await ask();
  if (answer && (await send(answer))) {
    location.replace(root.dataset.path);
    return;
  }
  button.disabled = false;
}

async function ask() {
  try {
    const { protocol, data } = await navigator.credentials.get({ digital: { requests }, mediation: "required" });
    return { protocol, data };
  } catch {
    // The person closed the wallet, or there is none: the browser does not say which.
    say(texts.nothing);
    return null;
  }
}

async function send(answer) {
  try {
    const { ok } = await fetch(`/api/answers/${encodeURIComponent(root.dataset.questionId)}`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-CSRF-Token": document.querySelector("[name=csrf_token]").value,
      },
      body: JSON.stringify(answer),
    });
    if (ok) return true;
  } catch {
    // Offline, or the server is down.
  }
  say(texts.trouble);
  return false;
}

function say(text) {
  status.textContent = text;
}

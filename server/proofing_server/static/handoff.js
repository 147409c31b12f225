// Hears on both devices how far a hand-off is, and loads the page again when that changes: the server decides what it
// shows. docs/adr/0053.

const GIVE_UP_MS = 25 * 60 * 1000;

const root = document.getElementById("handoff");
const device = root.dataset.device ? `?device=${root.dataset.device}` : "";
const begun = performance.now();
let stream = null;
let timer = 0;

listen();
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => {
  if (event.persisted) listen();
});

/** Follow the stream; where it does not get through, ask every few seconds. */
function listen() {
  close();
  stream = new EventSource(`/api/handoff/events${device}`);
  stream.addEventListener("state", ({ data }) => take(JSON.parse(data)));
  stream.addEventListener("open", () => clearTimeout(timer));
  stream.addEventListener("error", () => {
    clearTimeout(timer);
    timer = setTimeout(poll, Number(root.dataset.pollSeconds) * 1000);
  });
}

async function poll() {
  try {
    const answer = await fetch(`/api/handoff${device}`, { headers: { Accept: "application/json" } });
    if (answer.status === 401) leave(root.dataset.device ? "/handoff" : "/session-ended");
    else take(await answer.json());
  } catch {
    // Offline, or the server is down.
  }
  // After its time nothing can come anymore.
  if (performance.now() - begun > GIVE_UP_MS) close();
  else timer = setTimeout(poll, Number(root.dataset.pollSeconds) * 1000);
}

function take({ state, message = "", next }) {
  const isNew = state !== root.dataset.state || message !== (root.dataset.message ?? "");
  if (state && isNew) leave(next);
}

function leave(path) {
  close();
  location.replace(path);
}

function close() {
  stream?.close();
  stream = null;
  clearTimeout(timer);
}

// The waiting page: what it announces, and where it leads. The page is never believed: when the job has ended, the
// server is asked for the next page.

import { JobTracker } from "./tracking.js";

// With the first look, at most three announcements about one job. What follows is the screen of a late answer,
// whose heading takes the focus.
const ANNOUNCED_AFTER_SECONDS = [15, 30];

// What each state shows, its section first.
const SHOWN = {
  in_progress: ["waiting", "stop", "stop-counted"],
  away: ["away", "stop", "stop-counted"],
  late: ["late", "retry"],
  pending: ["pending", "stop", "stop-pending"],
};
// Of a check for which the person was sent to a vendor, stopping counts at any time.
const SHOWN_ONCE_SENT_OUT = { ...SHOWN, pending: ["pending", "stop", "stop-counted"] };

const root = document.getElementById("wait");
const status = document.getElementById("wait-status");
const texts = JSON.parse(root.dataset.texts);

let stage = root.dataset.stage;
let seen = false;
let inTrouble = false;

if (stage !== "missing") {
  const tracker = new JobTracker(root.dataset.resultId, Number(root.dataset.pollSeconds), {
    onJob: take,
    onTrouble: () => trouble(navigator.onLine ? texts.trouble : texts.offline),
    onSessionEnd: () => leave("/session-ended"),
  });
  const leave = (path) => {
    tracker.close();
    location.replace(path);
  };
  const resume = () => {
    tracker.open();
    tracker.poll();
  };

  function take(job) {
    if (job.state === "done") {
      leave(job.next);
      return;
    }
    // Where the person has to go is in the page alone, which is loaded again when that changes.
    const isElsewhere = job.state === "away" && (stage !== "away" || job.vendor_page !== root.dataset.vendorPage);
    if (job.state === "missing" || isElsewhere) {
      leave(root.dataset.path);
      return;
    }
    if (inTrouble) say(texts.again);
    // The heading of a page that leads away has the focus, and says it already.
    else if (!seen && job.state !== "away") say(texts[job.state] ?? texts.checking);
    inTrouble = false;
    seen = true;
    if (job.state !== stage) show(job.state);
    stage = job.state;
  }

  tracker.open();
  // A person who stops the check is led by the answer to that, and not by the end of the job that it causes.
  addEventListener("submit", () => tracker.close());
  addEventListener("online", resume);
  addEventListener("offline", () => trouble(texts.offline));
  // A page that comes back from the browser's history.
  addEventListener("pageshow", (event) => {
    if (event.persisted) resume();
  });
  addEventListener("pagehide", () => tracker.close());
  for (const seconds of ANNOUNCED_AFTER_SECONDS) announceAfter(seconds - Number(root.dataset.waitedSeconds), seconds);
}

/** Say that the check continues, unless something else has been said that matters more. */
function announceAfter(secondsLeft, seconds) {
  if (secondsLeft <= 0) return;
  setTimeout(() => {
    if (seen && !inTrouble && stage === "in_progress") say(texts.after_seconds[seconds]);
  }, secondsLeft * 1000);
}

function trouble(text) {
  inTrouble = true;
  say(text);
}

/** Show the part of the page for a job in another state: the person is back, it is *late*, or *pending* at a vendor. */
function show(state) {
  const shown = ("sentOut" in root.dataset ? SHOWN_ONCE_SENT_OUT : SHOWN)[state];
  if (!shown) return;
  for (const id of Object.values(SHOWN).flat()) document.getElementById(id).hidden = !shown.includes(id);
  const heading = document.getElementById(shown[0]).querySelector("h1");
  document.title = `${heading.textContent} – ${document.title.split(" – ").pop()}`;
  say("");
  heading.focus();
}

function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

// Receive events from Proofing: verify, skip what was seen or is older, answer.
//
//     npm install
//     WEBHOOK_SECRET=whsec_... PORT=9000 node receiver.mjs
//
// Put TLS in front of it. Keep `seen` and `sequences` in your database: one row an event, one row a verification.

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const MAX_BODY_BYTES = 64 * 1024;
const REMEMBER_MILLISECONDS = 4 * 24 * 3600 * 1000;

const secret = process.env.WEBHOOK_SECRET ?? "";
if (!secret.startsWith("whsec_")) {
  // The library would take a public key, which everybody may know, as a secret.
  console.error("WEBHOOK_SECRET must be the secret that begins with whsec_");
  process.exit(1);
}
const webhook = new Webhook(secret);
const seen = new Map();
const sequences = new Map();

/** Return whether the event is new, and not older than those of its verification before it. */
function take(id, event) {
  const { id: verification, sequence } = event.data;
  const now = Date.now();
  for (const [one, at] of seen) {
    if (now - at < REMEMBER_MILLISECONDS) break; // they are in the order of their arrival
    seen.delete(one);
  }
  if (seen.has(id)) return false;
  seen.set(id, now);
  if (sequence < (sequences.get(verification) ?? 0)) return false;
  sequences.set(verification, sequence);
  return true;
}

/** Return the body's bytes as text, or null when it is too large. */
async function read(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > MAX_BODY_BYTES) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

const server = createServer(async (request, response) => {
  const answer = (status) => response.writeHead(status, { "content-length": 0 }).end();
  if (request.method !== "POST") return answer(405);
  try {
    const body = await read(request);
    if (body === null) return request.destroy();
    const event = webhook.verify(body, request.headers);
    if (take(request.headers["webhook-id"], event)) {
      // Answer first and work later, if the work takes longer than a second or two.
      console.log(`${event.type} ${event.data.id} ${event.data.sequence}`);
    }
    return answer(204);
  } catch {
    return answer(400);
  }
});

server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1", () => {
  console.log(`listening on ${server.address().port}`);
});

// The requests of the page. What fails for the connection's sake, or because a server is busy, is sent again: all of them
// may be repeated.

const place = new URL("documents", import.meta.url);
const tries = 6;

// Refusal is an answer that says no, and will say so again.
export class Refusal extends Error {
  constructor(status, body) {
    super(`refused with ${status}`);
    this.status = status;
    this.code = body?.Code;
    this.fields = body?.errors ?? [];
  }
}

// token is what the link brings. It stands in the part of the address that a browser sends to nobody.
const token = () => location.hash.slice(1);

// patience waits before another try: longer each time and, without a connection, until there is one.
async function patience(attempt, waiting) {
  waiting?.(true);
  await new Promise((done) => setTimeout(done, Math.min(500 * 2 ** attempt, 15000)));
  if (navigator.onLine === false) await new Promise((done) => addEventListener("online", done, { once: true }));
  waiting?.(false);
}

const mayPass = (status) => status === 0 || status === 408 || status === 429 || status >= 500;

async function again(once, waiting) {
  for (let attempt = 0; ; attempt++) {
    const { status, body } = await once();
    if (status >= 200 && status < 300) return body;
    if (!mayPass(status) || attempt + 1 === tries) throw new Refusal(status, body);
    await patience(attempt, waiting);
  }
}

async function call(method, content) {
  try {
    const response = await fetch(place, {
      method, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
      headers: { "Upload-Token": token(), ...(content && { "Content-Type": "application/json" }) },
      body: content && JSON.stringify(content),
    });
    return { status: response.status, body: await response.json() };
  } catch {
    return { status: 0 };
  }
}

// state returns what is asked for and how far it has come.
export const state = (waiting) => again(() => call("GET"), waiting);

// announce says which files will be sent, and returns for each of them the request that sends it.
export const announce = (documents, waiting) => again(() => call("POST", documents), waiting).then((body) => body.uploads);

// put sends one file by its request. progress is told how much of it is sent, from 0 to 1. XMLHttpRequest knows that,
// fetch does not.
export function put(upload, bytes, progress, waiting) {
  const once = () => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open(upload.method, upload.url);
    for (const [name, value] of Object.entries(upload.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onloadend = () => done({ status: request.status });
    request.send(bytes);
  });
  return again(once, waiting);
}

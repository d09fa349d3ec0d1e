// Takes events on PORT, if they are signed with the private half of one of WEBHOOK_PUBLIC_KEYS.
import { createPublicKey, verify } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";

// The form of an Ed25519 key that node:crypto reads (RFC 8410): 12 bytes that say what follows, and the key's 32.
const keys = process.env.WEBHOOK_PUBLIC_KEYS!.split(" ").map((key) => {
  const raw = Buffer.from(key.replace("whpk_", ""), "base64");
  return createPublicKey({ key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]), format: "der", type: "spki" });
});

function isOurs(headers: IncomingHttpHeaders, body: Buffer): boolean {
  const timestamp = String(headers["webhook-timestamp"]);
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) < 300)) return false; // five minutes, so that nobody sends an old one again
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${timestamp}.`), body]);
  return String(headers["webhook-signature"]).split(" ").some((signature) => {
    const [version, base64] = signature.split(",");
    return version === "v1a" && keys.some((key) => verify(null, signed, key, Buffer.from(base64, "base64")));
  });
}

createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks); // the very bytes that came: they are what is signed
  response.writeHead(isOurs(request.headers, body) ? 204 : 401).end();
}).listen(Number(process.env.PORT), "127.0.0.1");

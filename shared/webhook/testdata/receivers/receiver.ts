// Takes events on PORT, if they are signed with WEBHOOK_SECRET.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

interface KycEvent {
  event_id: string; // the same in each copy: take it once
  event: string;
  customer_id: string;
  state_version: number; // of two events of a customer the higher one is newer
}

const webhook = new Webhook(process.env.WEBHOOK_SECRET!);

createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks); // the very bytes that came: they are what is signed
  try {
    const event = webhook.verify(body, request.headers as Record<string, string>) as KycEvent;
    console.log(event.event, event.customer_id); // put it into a queue of your own, and answer
    response.writeHead(204).end();
  } catch {
    response.writeHead(401).end();
  }
}).listen(Number(process.env.PORT), "127.0.0.1");

"""Takes events on PORT, if they are signed with WEBHOOK_SECRET."""
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))  # the very bytes that came: they are what is signed
        try:
            event = webhook.verify(body, dict(self.headers))
        except WebhookVerificationError:
            status = 401
        else:
            # event_id is the same in each copy: take it once. Of two events of a customer that with the higher
            # state_version is newer. Put it into a queue of your own, and answer.
            print(event["event"], event["customer_id"], event["event_id"], event["state_version"], flush=True)
            status = 204
        self.send_response(status)
        self.end_headers()


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()

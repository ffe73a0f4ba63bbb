"""Receives notices and has Standard Webhooks' own library verify them. One line of JSON for each."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["SECRET"])
answers = [int(status) for status in os.environ.get("ANSWERS", "").split()]


def verify(body, headers):
    try:
        return {"verified": webhook.verify(body, headers)}
    except WebhookVerificationError as refused:
        return {"refused": str(refused)}


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = {"id": headers.get("webhook-id"), "body": body, **verify(body, headers)}
        told["changed"] = verify(body + " ", headers).get("refused")
        status = answers.pop(0) if answers else 204
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()
        print(json.dumps(told), flush=True)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(f"http://127.0.0.1:{server.server_port}/hook", flush=True)
server.serve_forever()

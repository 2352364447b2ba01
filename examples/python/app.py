"""A small HTTP service.

GET /healthz reports its health. POST /break and POST /heal only serve to demonstrate a failing
health check.
"""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

healthy = True


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, text):
        body = text.encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/":
            self.answer(200, "hello")
        elif self.path == "/healthz":
            if healthy:
                self.answer(200, "ok")
            else:
                self.answer(503, "db: no connection")
        else:
            self.answer(404, "not found")

    def do_POST(self):
        global healthy
        if self.path in ("/break", "/heal"):
            healthy = self.path == "/heal"
            self.answer(200, "done")
        else:
            self.answer(404, "not found")

    def log_message(self, *_):
        """Logs nothing: a line for each health check would be useless."""


# For the first process of a container, SIGTERM has no default action.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()

"""A small web application that the tests deploy: it answers with the commit that its release was made from."""

from __future__ import annotations

import sys

WEB = """
import http.server, json, os, pathlib

REVISION = pathlib.Path("REVISION").read_text().strip()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"version": REVISION, "color": os.environ.get("COLOR", "")}).encode())
    def log_message(self, *args):
        pass

print("serving", REVISION, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
EXEC = f"{sys.executable} web.py"

# Leaves a process behind that keeps the port whatever happens to the service; a later start finds the port taken and sleeps.
STUBBORN = """
import os, runpy, socket, time
with socket.socket() as probe:
    is_taken = probe.connect_ex(("127.0.0.1", int(os.environ["PORT"]))) == 0
if not is_taken and os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        pathlib = __import__("pathlib")
        pathlib.Path("../../stubborn.pid").write_text(str(os.getpid()))
        runpy.run_path("web.py")
    os._exit(0)
time.sleep(600)
"""

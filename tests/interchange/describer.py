"""A server that describes pictures by their colour, so that a caption tells which picture was sent; and what the scripts that
review datasets with it share.
"""

import base64
import http.server
import io
import json
import os
import pathlib
import subprocess
import sys
import threading

RECAPTION = sys.argv[1]
SCRATCH = pathlib.Path(sys.argv[2])
os.environ.update(HF_HOME=str(SCRATCH / "hf"), HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HOME=str(SCRATCH))

from PIL import Image

# The colour of each picture, which tells which one was sent.
COLOURS = [(7 * n % 256, 40 + n, 250 - 3 * n) for n in range(20)]


class Model(http.server.BaseHTTPRequestHandler):
    """Describes a picture by its colour."""

    def do_GET(self):
        self.reply("application/json", json.dumps({"data": [{"id": "model"}]}).encode())

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        parts = [part for message in request["messages"] for part in message["content"] if isinstance(part, dict)]
        url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        picture = Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))).convert("RGB")
        found = picture.getpixel((1, 1))
        nearest = min(range(len(COLOURS)), key=lambda n: sum(abs(a - b) for a, b in zip(COLOURS[n], found)))
        chunks = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": f"Square of paint, sample {nearest}."}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self.reply("text/event-stream", events.encode())

    def reply(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


SERVER = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()


def recaption(*arguments):
    done = subprocess.run([RECAPTION, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode in (0, 1), (arguments, done.returncode, done.stdout, done.stderr)
    return done


def png(colour):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


def model():
    """Returns the options that select the server."""
    base = f"http://127.0.0.1:{SERVER.server_port}/v1"
    return ["--describer", "openai", "--base-url", base, "--model", "model", "--yes"]

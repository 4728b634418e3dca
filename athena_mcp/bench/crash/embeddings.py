"""An embeddings service on this machine, for a change of the embedder that can be killed in the middle."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIMENSION = 16
MODEL = "bench-embedder"


def vector_of(text: str) -> list[float]:
    """A vector that is the same for the same text, and never zero."""
    seed = zlib.crc32(text.encode())
    return [1.0 + (seed >> bit) % 7 for bit in range(DIMENSION)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def do_POST(self) -> None:
        """Embed the texts of a request."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        rows = [{"index": number, "embedding": vector_of(text)} for number, text in enumerate(asked["input"])]
        body = json.dumps({"data": rows, "model": asked["model"]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Service(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no error."""


@contextmanager
def running_service() -> Iterator[str]:
    """The URL of a service that answers until the end of the block."""
    server = _Service(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""An embeddings service on this machine, which says what a test wants it to say."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the service got it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(slots=True)
class Answer:
    """What the service says to one request."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


Say = Callable[[Asked, int], Answer]


def vector_of(text: str) -> list[float]:
    """A vector that tells texts apart, not of length 1."""
    return [float(len(text)), float(sum(map(ord, text)) % 97), 3.0]


def well(asked: Asked, number: int) -> Answer:
    """The right answer, with its rows in an order of the service's own."""
    rows = [{"index": i, "embedding": vector_of(text)} for i, text in enumerate(asked.body["input"])]
    return Answer(body={"data": rows[::-1], "model": asked.body["model"]})


class Service:
    """An embeddings service on this machine; `say` makes its answers, and may block."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.say: Say = well
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(raw))
                service.asked.append(asked)
                answer = service.say(asked, len(service.asked))
                payload = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in {"content-length": str(len(payload)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that no longer waits for its answer

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    @property
    def sizes(self) -> list[int]:
        """How many texts each request carried."""
        return [len(asked.body["input"]) for asked in self.asked]


@contextmanager
def running_service() -> Iterator[Service]:
    """A service that answers until the end of the block."""
    one = Service()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()
        thread.join()

"""What a process answers about itself over HTTP: ``/live``, ``/ready``, ``/status``, ``/metrics``.

One small server on a thread of its own, bound to this machine unless told otherwise: it has no password, and tells
topic names and lags. 200 is yes, 503 is no; the text says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple, Protocol

import msgspec

from pipeline.errors import ConfigFaults, Fault
from pipeline.runtime.progress import Picture, Progress

LOOPBACK = "127.0.0.1"
ANSWER_LIMIT_S = 10.0
"""How long a caller may take to say what it wants."""
TEXT, JSON = "text/plain; charset=utf-8", "application/json"


class Observed(Protocol):
    """A process as the server sees it: its instruments."""

    process: str
    progress: Progress

    def exposition(self) -> tuple[str, bytes]:
        """Content type and text for Prometheus."""


class Answer(NamedTuple):
    """An HTTP answer."""

    code: int
    kind: str
    body: bytes


def answer(path: str, observed: Observed, more: Callable[[], Mapping[str, Any]]) -> Answer:
    """What a path answers; ``more`` is what the process adds to ``/status``."""
    if path == "/metrics":
        return Answer(200, *observed.exposition())
    if path not in ("/live", "/ready", "/status"):
        return Answer(404, TEXT, b"ask for /live, /ready, /status or /metrics\n")
    picture = observed.progress.picture()
    if path == "/status":
        return Answer(200, JSON, msgspec.json.encode(status_of(observed.process, picture) | dict(more())))
    faults = picture.faults if path == "/live" else (*picture.faults, *picture.missing)
    return Answer(503 if faults else 200, TEXT, ("\n".join(faults or ("yes",)) + "\n").encode())


def status_of(process: str, picture: Picture) -> dict[str, Any]:
    """Everything known of the progress of a process, for people and programs."""
    return {
        "process": process, "live": picture.live, "ready": picture.is_ready, "faults": picture.faults,
        "missing": picture.missing, "needs": picture.needs, "waiting": picture.waiting,
        "recovering": picture.recovering, "loop_age_s": round(picture.loop_age_s, 3),
        "partitions": [
            {"topic": topic, "partition": partition, **asdict(view)}
            for (topic, partition), view in sorted(picture.places.items())
        ],
    }  # fmt: skip


class HealthServer:
    """The server. Port 0 takes any free one; ``port`` says which it is. Raises ``OSError`` when the port is taken."""

    def __init__(
        self,
        observed: Observed,
        host: str = LOOPBACK,
        port: int = 0,
        status: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(observed, status))
        self._server.daemon_threads = True
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = Thread(target=self._server.serve_forever, name="health", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more and give the port back."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> HealthServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def served_at(
    place: tuple[str, int], observed: Observed, status: Callable[[], Mapping[str, Any]] = dict
) -> HealthServer:
    """The server at host and port of ``--health``. Raises :class:`ConfigFaults` when nobody can listen there."""
    try:
        return HealthServer(observed, *place, status)
    except OSError as error:
        remedy = f"give each process a place of its own, port 0 for any that is free: {error.strerror or error}"
        raise ConfigFaults([Fault("arguments", "--health", f"{place[0]}:{place[1]}", remedy)]) from error


def _handler(observed: Observed, status: Callable[[], Mapping[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = ANSWER_LIMIT_S
        server_version, sys_version = "wangge", ""

        def do_GET(self) -> None:
            found = answer(self.path.partition("?")[0], observed, status)
            self.send_response(found.code)
            self.send_header("Content-Type", found.kind)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Probes come every few seconds: nothing is logged."""

    return Handler

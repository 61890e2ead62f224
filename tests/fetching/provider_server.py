"""A provider on this machine: an HTTP server that serves given paths, and can be made to misbehave."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """What the server answers for a path.

    drop_after  bytes after which the connection is closed, once per entry, each answer in turn
    ranges      whether the server honours Range
    token       the bearer token without which it answers `status_without_token`
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop_after: list[int] = field(default_factory=list)
    ranges: bool = True
    head: bool = True
    token: str | None = None
    status_without_token: int = 401
    headers_without_token: dict[str, str] = field(default_factory=dict)
    failing: list[int] = field(default_factory=list)


class Provider:
    """A running server; `served` maps paths (with their query, if any) to what it answers."""

    def __init__(self) -> None:
        self.served: dict[str, Served] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                provider.answer(self)

            def do_HEAD(self) -> None:
                provider.answer(self)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                provider.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, path: str, body: bytes = b"", **how: Any) -> str:
        """Answer this from now on; the address."""
        self.served[path] = Served(body, **how)
        return self.url + path

    def asked(self, method: str, path: str) -> list[dict[str, str]]:
        """The headers of the requests of that kind so far."""
        return [headers for verb, place, headers in self.requests if (verb, place) == (method, path)]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request as `served` says."""
        self.requests.append((request.command, request.path, dict(request.headers)))
        found = self.served.get(request.path)
        if found is None:
            return _reply(request, 404, {}, b"not found")
        if found.token and request.headers.get("Authorization") != f"Bearer {found.token}":
            return _reply(request, found.status_without_token, found.headers_without_token, b"restricted")
        if found.failing:
            return _reply(request, found.failing.pop(0), {}, b"busy")
        if request.command == "HEAD" and not found.head:
            return _reply(request, 405, {}, b"")
        return _file(request, found)


def _file(request: BaseHTTPRequestHandler, found: Served) -> None:
    body, status, headers = found.body, found.status, dict(found.headers)
    asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    version = request.headers.get("If-Range")
    same = version is None or version in (headers.get("ETag"), headers.get("Last-Modified"))
    if asked and found.ranges and same and status == 200:
        start = int(asked[1])
        if start >= len(body):
            return _reply(request, 416, {}, b"")
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        body, status = body[start:], 206
    drop = found.drop_after.pop(0) if found.drop_after and request.command == "GET" else None
    return _reply(request, status, headers, body, drop)


def _reply(
    request: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    body: bytes,
    drop: int | None = None,
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command == "HEAD":
        return
    try:
        request.wfile.write(body if drop is None else body[:drop])
    except ConnectionError:  # whoever asked has heard enough
        request.close_connection = True
    if drop is not None:
        request.wfile.flush()
        request.close_connection = True
        request.connection.shutdown(2)

"""What the server of a page lets in and what it answers; `dashboards.server` runs it.

Whatever else a person has open in the browser can send requests to ports of this machine, so that listening to
no other machine protects nothing by itself. A request is let in when it names this server as its host (a foreign
name that resolves to 127.0.0.1 does not), comes from its own page and carries the token that only the printed
address holds. No part of a request becomes a path of a file.
"""

from __future__ import annotations

import hmac
import io
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NoReturn
from urllib.parse import parse_qs

from dashboards.exchange import described, dumped, parsed
from tabkit.errors import ConfigError, TabkitError

TOKEN_HEADER = "X-Tabkit-Token"  # noqa: S105 - the name of a header
_LOCKED = "default-src 'none'"
# What `default-src` does not cover, and only the header can say (a meta element may not forbid frames).
_BESIDE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_TEXT, _HTML, _JSON = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/json"

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may ask of a server.

    Parameters
    ----------
    body_bytes
        Of a request; larger ones are refused unread.
    seconds
        For a request to come in as a whole, and for its answer to be taken.
    connections
        At the same time, each in a thread of its own; further ones are closed at once.
    """

    body_bytes: int = 1 << 20
    seconds: float = 10
    connections: int = 32


@dataclass(frozen=True, slots=True)
class Site:
    """A page and the calls that it may make.

    Parameters
    ----------
    page
        Given the token, the whole document; it sends the token back in the header `X-Tabkit-Token`.
    policy
        Content security policy of the page: at least `default-src 'none'`, and `connect-src 'self'` for its calls.
    answers
        By name: `POST /api/NAME` takes a JSON object and answers one. They run in threads, several at a time.
    closing
        Called once when the server stops, for example `Background.stop`.
    limits
        What one client may ask.

    Examples
    --------
    >>> Site(page=str, policy="script-src *", answers={})
    Traceback (most recent call last):
        ...
    tabkit.errors.ConfigError: a page's policy must hold "default-src 'none'" in one line, not 'script-src *'
    To do: start it with "default-src 'none'; " and allow what the page needs
    """

    page: Callable[[str], str]
    policy: str
    answers: Mapping[str, Answer]
    closing: Callable[[], None] = _nothing
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if _LOCKED not in self.policy or not (self.policy.isascii() and self.policy.isprintable()):
            raise ConfigError(
                f'a page\'s policy must hold "{_LOCKED}" in one line, not {self.policy!r}',
                advice=f'start it with "{_LOCKED}; " and allow what the page needs',
            )


@dataclass(frozen=True, slots=True)
class Gate:
    """Who is let in to a site: `hosts` are the names that it answers to, with the port."""

    site: Site
    token: str
    hosts: frozenset[str]

    def fits(self, token: str) -> bool:
        """Compare a token in constant time."""
        return hmac.compare_digest(token.encode(errors="replace"), self.token.encode())


@dataclass(frozen=True, slots=True)
class _Reply:
    """What goes back."""

    status: HTTPStatus
    kind: str = _TEXT
    body: bytes = b""
    policy: str = _LOCKED


class _RefusedError(Exception):
    """A request that is not let in."""

    def __init__(self, status: HTTPStatus, problem: str, advice: str) -> None:
        super().__init__(problem)
        self.status, self.problem, self.advice = status, problem, advice


class _Deadline(io.RawIOBase):
    """Reads from a connection until a time; a timeout for each read would let a client send a byte now and then."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection, self._end = connection, time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class Handler(BaseHTTPRequestHandler):
    """Answers one request; HTTP/1.0 closes the connection after it."""

    default_request_version = "HTTP/1.0"  # 0.9 has no headers, and so none that protect

    def __init__(self, gate: Gate, *connection: Any) -> None:
        self._gate = gate
        super().__init__(*connection)

    def setup(self) -> None:
        """Read within the limit of time."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Deadline(self.connection, self._gate.site.limits.seconds))

    def do_GET(self) -> None:
        """Answer with the page."""
        self._reply(self._page)

    def do_POST(self) -> None:
        """Answer a call."""
        self._reply(self._call)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse what is no request, or has an unknown method, without repeating any of it."""
        status = HTTPStatus.NOT_FOUND if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(_Reply(status, body=b"" if self.command == "HEAD" else status.phrase.encode()))
        self._drain()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet: the address of a request holds the token."""

    def _reply(self, make: Callable[[], _Reply]) -> None:
        try:
            self._check_sender()
            self._send(make())
        except _RefusedError as error:
            said = {"stage": "request", "problem": error.problem, "advice": error.advice}
            self._send(_error(error.status, said, as_json=self.command == "POST"))
            self._drain()

    def _check_sender(self) -> None:
        hosts, origin = self.headers.get_all("Host", []), self.headers.get("Origin")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if host not in self._gate.hosts:
            _refuse(HTTPStatus.MISDIRECTED_REQUEST, "the request is for another host", "open the printed address")
        if origin is not None and origin.lower() != f"http://{host}":
            _refuse(HTTPStatus.FORBIDDEN, "the request comes from another page", "open the printed address")

    def _page(self) -> _Reply:
        path, _, query = self.path.partition("?")
        if path == "/favicon.ico":
            return _Reply(HTTPStatus.NO_CONTENT)
        if path != "/":
            _refuse(HTTPStatus.NOT_FOUND, "there is nothing here", "open the printed address")
        tokens = parse_qs(query).get("token", [])
        self._check_token(tokens[0] if len(tokens) == 1 else "")
        site = self._gate.site
        return self._guarded(lambda: _Reply(HTTPStatus.OK, _HTML, site.page(self._gate.token).encode(), site.policy))

    def _call(self) -> _Reply:
        answer = self._gate.site.answers.get(self.path.removeprefix("/api/")) if self.path.startswith("/api/") else None
        if answer is None:
            _refuse(HTTPStatus.NOT_FOUND, "no such call is known", "reload the page: it may be older than the server")
        self._check_token(self.headers.get(TOKEN_HEADER, ""))
        body = self._body()
        return self._guarded(lambda: _Reply(HTTPStatus.OK, _JSON, dumped(answer(parsed(body))).encode()))

    def _guarded(self, make: Callable[[], _Reply]) -> _Reply:
        """Turn what goes wrong in a page or an answer into a reply."""
        try:
            return make()
        except TabkitError as error:
            return _error(HTTPStatus.BAD_REQUEST, described(error), as_json=self.command == "POST")
        except BaseException as error:  # a panic of Polars is no Exception
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, described(error), as_json=self.command == "POST")

    def _check_token(self, token: str) -> None:
        if not self._gate.fits(token):
            advice = "open the printed address as it is; a server that was started anew has a new one"
            _refuse(HTTPStatus.FORBIDDEN, "the token is missing or not that of this server", advice)

    def _body(self) -> bytes:
        size = _size(self.headers.get_all("Content-Length", []), chunked="Transfer-Encoding" in self.headers)
        limit = self._gate.site.limits.body_bytes
        if size > limit:
            problem = f"the request has {size:,} bytes, the limit is {limit:,}"
            _refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem, "send less")
        if self.headers.get_content_type() != "application/json":
            _refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a call must be JSON", "send it as application/json")
        try:
            body = self.rfile.read(size)
        except TimeoutError:
            _refuse(HTTPStatus.REQUEST_TIMEOUT, "the request took too long", "send it again")
        if len(body) < size:
            _refuse(HTTPStatus.BAD_REQUEST, f"{len(body)} bytes came, {size} were announced", "send it again")
        return body

    def _send(self, reply: _Reply) -> None:
        self.connection.settimeout(self._gate.site.limits.seconds)
        self.send_response_only(reply.status)
        headers = {**_HEADERS, "Content-Security-Policy": f"{reply.policy.rstrip('; ')}; {_BESIDE}"}
        if reply.status != HTTPStatus.NO_CONTENT:
            headers |= {"Content-Type": reply.kind, "Content-Length": str(len(reply.body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def _drain(self) -> None:
        """Discard what still comes for a moment: a connection that is closed on unread bytes takes the answer along."""
        end = time.monotonic() + min(1.0, self._gate.site.limits.seconds)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.connection.recv(1 << 16):
                    return


def _refuse(status: HTTPStatus, problem: str, advice: str) -> NoReturn:
    raise _RefusedError(status, problem, advice)


def _size(lengths: list[str], *, chunked: bool) -> int:
    """Return the length that a request announces."""
    if chunked or not lengths:
        _refuse(HTTPStatus.LENGTH_REQUIRED, "a call must say how long it is", "send Content-Length, not chunks")
    if len(lengths) > 1 or not (lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) < 19):
        _refuse(HTTPStatus.BAD_REQUEST, "the length of the request is not one number", "send one Content-Length")
    return int(lengths[0])


def _error(status: HTTPStatus, said: Mapping[str, str | None], *, as_json: bool) -> _Reply:
    """Say what is wrong, to the page or to a person."""
    if as_json:
        return _Reply(status, _JSON, dumped({"error": said}).encode())
    return _Reply(
        status, body="\nTo do: ".join(filter(None, (said["problem"], said["advice"]))).encode(errors="replace")
    )

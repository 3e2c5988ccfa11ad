"""Which requests the server accepts, and its answers; `dashboards.server.server` runs it.

Whatever else a person has open in the browser can send requests to ports of this machine, so that listening to
no other machine protects nothing by itself. A request is let in when it names this server as its host (a foreign
name that resolves to 127.0.0.1 does not), comes from its own page and carries the token that only the printed
address holds. No part of a request becomes a path of a file.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from dashboards.server.exchange import described, dumped, parsed
from dashboards.server.messages import (
    HTML,
    JSON,
    LOCKED,
    Head,
    RefusedError,
    Reply,
    error_reply,
    read_head,
    refusal,
    refuse,
)
from tabkit.errors import ConfigError, TabkitError

_MOST_QUERY = 1000  # characters of an address; the token needs a tenth, and reading more would keep others waiting

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may ask of a server.

    Parameters
    ----------
    body_bytes
        Of a request; larger ones are refused unread.
    seconds
        For a body to come in as a whole, and for an answer to be taken.
    connections
        Requests with the token at the same time, each answered in a thread of its own; further ones are told to wait.
    head_bytes
        Of a request before its body: what anybody can send.
    head_seconds
        For a head to come in as a whole, from the moment that the connection is there.
    waiting
        Connections that have not shown the token; for one more, the oldest of them is closed. They take no thread.
    """

    body_bytes: int = 1 << 20
    seconds: float = 10
    connections: int = 32
    head_bytes: int = 1 << 16
    head_seconds: float = 2
    waiting: int = 64


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
        What clients may ask.

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
        if LOCKED not in self.policy or not (self.policy.isascii() and self.policy.isprintable()):
            raise ConfigError(
                f'a page\'s policy must hold "{LOCKED}" in one line, not {self.policy!r}',
                advice=f'start it with "{LOCKED}; " and allow what the page needs',
            )


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in by its head.

    Parameters
    ----------
    size
        Bytes of its body.
    answer
        Makes the reply of the body. It raises nothing.
    as_json
        Whether a page asks, and not a person: how errors are told.
    """

    size: int
    answer: Callable[[bytes], Reply]
    as_json: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """Who is let in to a site: `hosts` are the names that it answers to, with the port."""

    site: Site
    token: str
    hosts: frozenset[str]

    def receive(self, data: bytes) -> Call | Reply:
        """Let a request in by its head, or reply why not; it takes well under a millisecond, and no file is read."""
        method = ""
        try:
            head = read_head(data)
            method = head.method
            return self._admit(head)
        except RefusedError as error:
            return refusal(error, as_json=method == "POST")

    def _admit(self, head: Head) -> Call | Reply:
        if head.method not in ("GET", "POST"):
            status = HTTPStatus.NOT_FOUND
            return Reply(status, body=b"" if head.method == "HEAD" else status.phrase.encode())
        self._check_sender(head)
        return self._page(head) if head.method == "GET" else self._call(head)

    def _check_sender(self, head: Head) -> None:
        host, origins = head.only("host").lower(), head.headers.get("origin", [])
        if host not in self.hosts:
            refuse(HTTPStatus.MISDIRECTED_REQUEST, "the request is for another host", "open the printed address")
        if any(origin.lower() != f"http://{host}" for origin in origins):
            refuse(HTTPStatus.FORBIDDEN, "the request comes from another page", "open the printed address")

    def _page(self, head: Head) -> Call | Reply:
        path, _, query = head.target.partition("?")
        if path == "/favicon.ico":
            return Reply(HTTPStatus.NO_CONTENT)
        if path != "/":
            refuse(HTTPStatus.NOT_FOUND, "there is nothing here", "open the printed address")
        self._check_token(_token(query))
        site = self.site
        return _guarded(0, lambda _: Reply(HTTPStatus.OK, HTML, site.page(self.token).encode(), site.policy))

    def _call(self, head: Head) -> Call:
        answer = self.site.answers.get(head.target.removeprefix("/api/")) if head.target.startswith("/api/") else None
        if answer is None:
            refuse(HTTPStatus.NOT_FOUND, "no such call is known", "reload the page: it may be older than the server")
        self._check_token(head.only("x-tabkit-token"))
        size = _size(head, self.site.limits.body_bytes)
        return _guarded(size, lambda body: Reply(HTTPStatus.OK, JSON, dumped(answer(parsed(body))).encode()), True)

    def _check_token(self, token: str) -> None:
        """Compare a token in constant time."""
        if not hmac.compare_digest(token.encode(errors="replace"), self.token.encode()):
            advice = "open the printed address as it is; a server that was started anew has a new one"
            refuse(HTTPStatus.FORBIDDEN, "the token is missing or not that of this server", advice)


def _token(query: str) -> str:
    """Return the one token of an address, or ""."""
    tokens = parse_qs(query).get("token", []) if len(query) <= _MOST_QUERY else []
    return tokens[0] if len(tokens) == 1 else ""


def _size(head: Head, limit: int) -> int:
    """Return the length of the body that a call announces."""
    lengths = head.headers.get("content-length", [])
    if "transfer-encoding" in head.headers or not lengths:
        refuse(HTTPStatus.LENGTH_REQUIRED, "a call must say how long it is", "send Content-Length, not chunks")
    if len(lengths) > 1 or not (lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) < 19):
        refuse(HTTPStatus.BAD_REQUEST, "the length of the request is not one number", "send one Content-Length")
    if (size := int(lengths[0])) > limit:
        problem = f"the request has {size:,} bytes, the limit is {limit:,}"
        refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem, "send less")
    if head.only("content-type").partition(";")[0].strip().lower() != "application/json":
        refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a call must be JSON", "send it as application/json")
    return size


def _guarded(size: int, make: Callable[[bytes], Reply], as_json: bool = False) -> Call:
    """Turn what goes wrong in a page or an answer into a reply."""

    def answer(body: bytes) -> Reply:
        try:
            return make(body)
        except TabkitError as error:
            return error_reply(HTTPStatus.BAD_REQUEST, described(error), as_json=as_json)
        except BaseException as error:  # a panic of Polars is no Exception
            return error_reply(HTTPStatus.INTERNAL_SERVER_ERROR, described(error), as_json=as_json)

    return Call(size, answer, as_json)

"""HTTP messages of the server: the head of a request, and a reply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

from dashboards.server.exchange import dumped

TEXT, HTML, JSON = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/json"
LOCKED = "default-src 'none'"
PART_BYTES = 1 << 16  # read at once
FAREWELL_SECONDS = 1.0  # a connection that is closed on unread bytes takes the answer along: so long are they discarded
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
_VERSION = re.compile(r"HTTP/1\.[0-9]")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)")
_MOST_HEADERS = 100  # browsers send some twenty


class RefusedError(Exception):
    """A request that is not let in: why, and what its sender can do."""

    def __init__(self, status: HTTPStatus, problem: str, advice: str | None = None) -> None:
        super().__init__(problem)
        self.status, self.problem, self.advice = status, problem, advice


def refuse(status: HTTPStatus, problem: str, advice: str) -> NoReturn:
    """Refuse a request."""
    raise RefusedError(status, problem, advice)


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the headers of a request: `headers` holds the values by the name in lower case."""

    method: str
    target: str
    headers: Mapping[str, list[str]]

    def only(self, name: str) -> str:
        """Return the value of a header that must come once, and "" where it does not."""
        values = self.headers.get(name, [])
        return values[0] if len(values) == 1 else ""


def read_head(data: bytes) -> Head:
    r"""Read the head of a request.

    The standard library reads headers as those of e-mails, which takes 50 ms of some heads that are allowed to be
    sent: long enough for a crowd to keep others waiting. This takes a millisecond at most.

    Parameters
    ----------
    data
        Up to the empty line that ends it.

    Raises
    ------
    RefusedError
        It is no head. The words repeat nothing of it.

    Examples
    --------
    >>> head = read_head(b"GET /?token=abc HTTP/1.1\r\nHost: localhost:80\r\n\r\n")
    >>> head.method, head.target, head.only("host")
    ('GET', '/?token=abc', 'localhost:80')
    """
    first, *lines = data.decode("latin-1").rstrip("\r\n").split("\n")
    words = first.split()
    # The oldest of requests name no version; they name no host either, and so end at the check of it.
    if not 2 <= len(words) <= 3 or not all(map(_VERSION.fullmatch, words[2:])):
        raise RefusedError(HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST.phrase)
    if len(lines) > _MOST_HEADERS:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        raise RefusedError(status, status.phrase)
    headers: dict[str, list[str]] = {}
    for line in lines:
        header = _HEADER.fullmatch(line.removesuffix("\r"))
        if header is None:  # also one that goes on in the next line, which nobody may send any more
            raise RefusedError(HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST.phrase)
        headers.setdefault(header[1].lower(), []).append(header[2].strip(" \t"))
    return Head(words[0], words[1], headers)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: HTTPStatus
    kind: str = TEXT
    body: bytes = b""
    policy: str = LOCKED

    def encoded(self) -> bytes:
        """Return the bytes to send; HTTP/1.0 says that the connection ends after them."""
        headers = {**_HEADERS, "Content-Security-Policy": f"{self.policy.rstrip('; ')}; {_BESIDE}"}
        if self.status != HTTPStatus.NO_CONTENT:
            headers |= {"Content-Type": self.kind, "Content-Length": str(len(self.body))}
        lines = [f"HTTP/1.0 {self.status.value} {self.status.phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body


def error_reply(status: HTTPStatus, said: Mapping[str, str | None], *, as_json: bool) -> Reply:
    """Say what is wrong, to the page or to a person."""
    if as_json:
        return Reply(status, JSON, dumped({"error": said}).encode())
    words = "\nTo do: ".join(filter(None, (said["problem"], said["advice"])))
    return Reply(status, body=words.encode(errors="replace"))


def refusal(error: RefusedError, *, as_json: bool) -> Reply:
    """Say why a request is not let in."""
    said = {"stage": "request", "problem": error.problem, "advice": error.advice}
    return error_reply(error.status, said, as_json=as_json)

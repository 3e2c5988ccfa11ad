"""Connections that are not authorised yet: few, short, and without threads.

What anybody at this machine can open must not take what the owner of the page needs. One thread reads all heads
as they come and waits for none; only a request with the token leaves for a thread of its own.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from dashboards.server.messages import FAREWELL_SECONDS, PART_BYTES, RefusedError, Reply, refusal
from dashboards.server.requests import Call, Limits

# An accepted connection is heard before so many others arrive that it would have to make room for them.
_ACCEPTED_AT_ONCE = 16
_PAUSE_SECONDS = 0.05  # short for a person, long for a processor
_END = re.compile(rb"\r?\n\r?\n")

PassOn = Callable[[socket.socket, Call, bytes], Reply | None]
"""Takes a connection with its call and what came of its body, or replies why it cannot."""


@dataclass(slots=True, eq=False)
class _Guest:
    """A connection that sends its head until a time, or has its answer and may take it until then."""

    connection: socket.socket
    end: float
    data: bytearray = field(default_factory=bytearray)
    answered: bool = False


class Lobby:
    """Hears the heads of requests, refuses what is not let in, and passes the others on.

    Parameters
    ----------
    listener
        A socket that listens; it is made non-blocking, and stays the caller's to close.
    limits
        How many connections may wait here, how large a head may be and how long it may take.
    receive
        Lets a request in by its head, or replies why not.
    pass_on
        Takes a connection that was let in; it belongs to it from then on.
    """

    def __init__(
        self, listener: socket.socket, limits: Limits, receive: Callable[[bytes], Call | Reply], pass_on: PassOn
    ) -> None:
        listener.setblocking(False)
        self._listener, self._limits, self._receive, self._pass_on = listener, limits, receive, pass_on
        self._guests: dict[_Guest, None] = {}  # the oldest first
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)

    def turn(self, seconds: float) -> None:
        """Wait for something to come, at most for some seconds, and deal with it."""
        ready = [key.data for key, _ in self._selector.select(seconds)]
        for guest in filter(None, ready):
            self._hear(guest)
        if None in ready:
            self._welcome()
        now = time.monotonic()
        for guest in [guest for guest in self._guests if guest.end <= now]:
            self._close(guest)

    def close(self) -> None:
        """Close all connections that wait."""
        for guest in list(self._guests):
            self._close(guest)
        self._selector.close()

    def _welcome(self) -> None:
        """Take connections in, and hear what they have already sent; the oldest guests make room."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # this process may open no more files
                if self._guests:
                    self._make_room(len(self._guests) - 1)
                else:
                    time.sleep(_PAUSE_SECONDS)
                return
            self._make_room(self._limits.waiting - 1)
            connection.setblocking(False)
            guest = _Guest(connection, time.monotonic() + self._limits.head_seconds)
            self._guests[guest] = None
            self._selector.register(connection, selectors.EVENT_READ, guest)
            self._hear(guest)

    def _make_room(self, most: int) -> None:
        for guest in list(self._guests)[: max(0, len(self._guests) - most)]:
            self._close(guest)

    def _hear(self, guest: _Guest) -> None:
        try:
            part = guest.connection.recv(PART_BYTES)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self._close(guest)
        elif not guest.answered:  # what comes after the answer is discarded
            start = max(0, len(guest.data) - 3)
            guest.data += part
            end = _END.search(guest.data, start)
            if (end.end() if end else len(guest.data)) > self._limits.head_bytes:
                self._say(guest, _too_large(self._limits.head_bytes))
            elif end:
                self._decide(guest, bytes(guest.data[: end.end()]), bytes(guest.data[end.end() :]))

    def _decide(self, guest: _Guest, head: bytes, rest: bytes) -> None:
        try:
            received = self._receive(head)
        except Exception as error:  # one request must not take the others along
            traceback.print_exception(error)
            return self._close(guest)
        if isinstance(received, Reply):
            return self._say(guest, received)
        self._selector.unregister(guest.connection)
        if (reply := self._pass_on(guest.connection, received, rest)) is None:
            del self._guests[guest]
            return None
        self._selector.register(guest.connection, selectors.EVENT_READ, guest)
        return self._say(guest, reply)

    def _say(self, guest: _Guest, reply: Reply) -> None:
        """Answer, and stay a moment: a connection that is closed on unread bytes takes the answer along."""
        guest.answered, guest.data = True, bytearray()
        guest.end = time.monotonic() + min(FAREWELL_SECONDS, self._limits.seconds)
        said = reply.encoded()
        try:
            if guest.connection.send(said) < len(said):
                raise BlockingIOError  # its buffer holds far more, unless somebody made it small
            guest.connection.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(guest)

    def _close(self, guest: _Guest) -> None:
        self._guests.pop(guest, None)
        with suppress(KeyError):  # Ctrl-C may have come while it changed hands
            self._selector.unregister(guest.connection)
        with suppress(OSError):
            guest.connection.close()


def _too_large(limit: int) -> Reply:
    status, problem = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the head of a request may have {limit:,} bytes"
    return refusal(RefusedError(status, problem, "open the printed address"), as_json=False)

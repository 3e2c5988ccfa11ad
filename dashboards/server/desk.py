"""Authorised requests: each is read and answered in its own thread."""

from __future__ import annotations

import socket
import threading
import time
import traceback
from contextlib import suppress
from http import HTTPStatus

from dashboards.server.messages import FAREWELL_SECONDS, PART_BYTES, RefusedError, Reply, refusal, refuse
from dashboards.server.requests import Call, Limits


class Desk:
    """Answers calls in threads that are counted.

    They are daemons, so that an answer that hangs does not keep the process; `stop` waits for the others, because
    a thread that the interpreter kills inside Polars can take the process down with it.

    Parameters
    ----------
    limits
        How many calls may be answered at the same time, and how long a body and an answer may take.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()

    def take(self, connection: socket.socket, call: Call, began: bytes) -> Reply | None:
        """Answer a call in a thread if one is left, and close its connection then; or reply that none is.

        Parameters
        ----------
        connection
            Where the rest of the body comes from and the answer goes to.
        call
            What is asked.
        began
            What came of its body, or after it.
        """
        thread = threading.Thread(target=self._answer, args=(connection, call, began), daemon=True)
        with self._lock:
            if len(self._open) >= self._limits.connections:
                problem = f"{self._limits.connections} requests are being answered, and that is the limit"
                error = RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, problem, "wait for one of them, then ask again")
                return refusal(error, as_json=call.as_json)
            self._open[connection] = thread
        thread.start()
        return None

    def stop(self, patience_seconds: float) -> None:
        """Read no more, and let answers that are under way end."""
        with self._lock:
            left = dict(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)  # wakes those that wait for a body
        end = time.monotonic() + patience_seconds
        for thread in left.values():
            if thread.ident is not None:  # a signal may have come before its start
                thread.join(max(0.0, end - time.monotonic()))

    def _answer(self, connection: socket.socket, call: Call, began: bytes) -> None:
        try:
            self._converse(connection, call, began)
        except OSError:
            pass  # clients go away: a browser does so whenever a page is reloaded
        except BaseException as error:
            traceback.print_exception(error)
        finally:
            # Closed first: a thread that left the list was waited for, and holds no socket any more.
            with suppress(OSError):
                connection.close()
            with self._lock:
                del self._open[connection]

    def _converse(self, connection: socket.socket, call: Call, began: bytes) -> None:
        try:
            body = _body(connection, call.size, began, self._limits.seconds)
        except RefusedError as error:
            self._send(connection, refusal(error, as_json=call.as_json))
            _drain(connection, min(FAREWELL_SECONDS, self._limits.seconds))
        else:
            self._send(connection, call.answer(body))

    def _send(self, connection: socket.socket, reply: Reply) -> None:
        connection.settimeout(self._limits.seconds)  # for the whole, not for each part
        connection.sendall(reply.encoded())
        connection.shutdown(socket.SHUT_WR)


def _body(connection: socket.socket, size: int, began: bytes, seconds: float) -> bytes:
    """Read a body until a time; a timeout for each read would let a client send a byte now and then."""
    body, end = bytearray(began[:size]), time.monotonic() + seconds
    while len(body) < size:
        connection.settimeout(max(0.001, end - time.monotonic()))
        try:
            part = connection.recv(min(PART_BYTES, size - len(body)))
        except TimeoutError:
            refuse(HTTPStatus.REQUEST_TIMEOUT, "the request took too long", "send it again")
        if not part:
            refuse(HTTPStatus.BAD_REQUEST, f"{len(body)} bytes came, {size} were announced", "send it again")
        body += part
    return bytes(body)


def _drain(connection: socket.socket, seconds: float) -> None:
    """Discard what still comes for a moment: a connection that is closed on unread bytes takes the answer along."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        if not connection.recv(PART_BYTES):
            return

"""A page with answers for the person at this machine: a small server that no other machine and no other page reaches.

It listens to 127.0.0.1 alone and asks every request for a token; `dashboards.handling` holds the door.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from dashboards.handling import Gate, Handler, Limits, Site
from tabkit.errors import ConfigError

__all__ = ["Limits", "Site", "running", "serve"]

_ADDRESS = "127.0.0.1"
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 5.0


def serve(site: Site, *, port: int = 0, ready: Callable[[str], None]) -> None:
    """Serve a page until Ctrl-C.

    Answers that are under way may end (for five seconds), then this returns; exceptions that signal handlers of the
    caller raise, such as SystemExit for SIGTERM, pass through after the same ending.

    Parameters
    ----------
    site
        The page and what it may ask.
    port
        0 takes any that is free.
    ready
        Called with the address to open, token included, once the server listens.

    Raises
    ------
    ConfigError
        The port is in use, not allowed or no port.
    """
    server = _listen(site, port)
    try:
        with suppress(KeyboardInterrupt):  # how a person ends it
            ready(server.url)
            server.serve_forever(_POLL_SECONDS)
    finally:
        server.stop()


@contextmanager
def running(site: Site, *, port: int = 0) -> Iterator[str]:
    """Serve a page from a thread for a while.

    Yields
    ------
    str
        The address to open, token included.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> site = Site(page=lambda token: "<!doctype html>", policy="default-src 'none'", answers={})
    >>> with running(site) as url, urlopen(url) as answer:
    ...     answer.read()
    b'<!doctype html>'
    """
    server = _listen(site, port)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        thread.join()
        server.stop()


class _Server(ThreadingHTTPServer):
    """Threads that are counted, and can be waited for.

    They are daemons, so that an answer that hangs does not keep the process; `stop` waits for the others, because
    a thread that the interpreter kills inside Polars can take the process down with it.
    """

    # Either option lets another process listen to the same port: the first elsewhere than on POSIX, the second there.
    allow_reuse_address = os.name == "posix"
    allow_reuse_port = False
    request_queue_size = 64

    def __init__(self, site: Site, port: int) -> None:
        self._site = site
        self._open: dict[Any, threading.Thread] = {}
        self._lock = threading.Lock()
        super().__init__((_ADDRESS, port), Handler)
        self._gate = Gate(site, secrets.token_urlsafe(32), _hosts(self.server_port))

    @property
    def url(self) -> str:
        """The address to open."""
        return f"http://{_ADDRESS}:{self.server_port}/?token={self._gate.token}"

    def server_bind(self) -> None:
        """Bind without asking a name server who we are, which the standard library does and may wait for."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = _ADDRESS, self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, if there is one left."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._lock:
            full = len(self._open) >= self._site.limits.connections
            if not full:
                self._open[request] = thread
        if full:
            self.shutdown_request(request)
        else:
            thread.start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to its handler."""
        Handler(self._gate, request, client_address, self)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        # Closed first: a thread that left the list was waited for, and holds no socket any more.
        super().shutdown_request(request)
        with self._lock:
            self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Keep quiet about clients that went away: a browser does so whenever a page is reloaded."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            traceback.print_exception(error)

    def stop(self) -> None:
        """Stop listening, tell the site, and let answers that are under way end."""
        self.server_close()
        try:
            self._site.closing()
        finally:
            with self._lock:
                left = dict(self._open)
            for connection in left:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)  # wakes those that wait for a request
            end = time.monotonic() + _PATIENCE_SECONDS
            for thread in left.values():
                thread.join(max(0.0, end - time.monotonic()))


def _hosts(port: int) -> frozenset[str]:
    """Return the hosts that a browser may name for this server; it leaves out the port that is the default."""
    names = (_ADDRESS, "localhost")
    return frozenset(f"{name}:{port}" for name in names) | (frozenset(names) if port == 80 else frozenset())


def _listen(site: Site, port: int) -> _Server:
    if not 0 <= port <= 65535:
        raise ConfigError(f"a port is a number from 0 to 65535, not {port}", advice="take 0 for any that is free")
    try:
        return _Server(site, port)
    except PermissionError as error:
        problem = f"this user may not listen to port {port}"
        raise ConfigError(problem, advice="choose one above 1023 (--port), or 0 for any that is free") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        advice = "choose another (--port), or 0 for any that is free"
        raise ConfigError(f"port {port} is in use", advice=advice) from error

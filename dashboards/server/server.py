"""A small server for one page, which only this machine and this page can reach.

It listens to 127.0.0.1 alone and asks every request for a token: `dashboards.server.requests` says who is let in,
`lobby` holds those who have not shown it, and `desk` answers.
"""

from __future__ import annotations

import errno
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from dashboards.server.desk import Desk
from dashboards.server.lobby import Lobby
from dashboards.server.requests import Gate, Limits, Site
from tabkit.errors import ConfigError

__all__ = ["Limits", "Site", "running", "serve"]

_ADDRESS = "127.0.0.1"
_POLL_SECONDS = 0.05  # short for a person, long for a processor
_PATIENCE_SECONDS = 5.0  # for requests at work when the server stops
_BACKLOG = 512  # not yet accepted; where a crowd fills it, the system lets the next one try again after a second


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
            server.run()
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
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.end()
        thread.join()
        server.stop()


class _Server:
    """Hears those without the token in one thread (`Lobby`), and answers those with it in others (`Desk`)."""

    def __init__(self, site: Site, listener: socket.socket) -> None:
        self._site, self._listener = site, listener
        self._port = listener.getsockname()[1]
        self._gate = Gate(site, secrets.token_urlsafe(32), _hosts(self._port))
        self._desk = Desk(site.limits)
        self._lobby = Lobby(listener, site.limits, self._gate.receive, self._desk.take)
        self._ending = threading.Event()

    @property
    def url(self) -> str:
        """The address to open."""
        return f"http://{_ADDRESS}:{self._port}/?token={self._gate.token}"

    def run(self) -> None:
        """Serve until the end."""
        while not self._ending.is_set():
            self._lobby.turn(_POLL_SECONDS)

    def end(self) -> None:
        """Let `run` return, which another thread is in."""
        self._ending.set()

    def stop(self) -> None:
        """Stop listening, tell the site, and let answers that are under way end."""
        self._lobby.close()
        self._listener.close()
        try:
            self._site.closing()
        finally:
            self._desk.stop(_PATIENCE_SECONDS)


def _hosts(port: int) -> frozenset[str]:
    """Return the hosts that a browser may name for this server; it leaves out the port that is the default."""
    names = (_ADDRESS, "localhost")
    return frozenset(f"{name}:{port}" for name in names) | (frozenset(names) if port == 80 else frozenset())


def _listen(site: Site, port: int) -> _Server:
    if not 0 <= port <= 65535:
        raise ConfigError(f"a port is a number from 0 to 65535, not {port}", advice="take 0 for any that is free")
    try:
        # It lets no other process listen to the same port, whatever the platform, and asks no name server who we are.
        listener = socket.create_server((_ADDRESS, port), backlog=_BACKLOG)
    except PermissionError as error:
        problem = f"this user may not listen to port {port}"
        raise ConfigError(problem, advice="choose one above 1023 (--port), or 0 for any that is free") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        advice = "choose another (--port), or 0 for any that is free"
        raise ConfigError(f"port {port} is in use", advice=advice) from error
    return _Server(site, listener)

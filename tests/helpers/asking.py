"""A site to ask, and a client whose requests are right but for what a test changes."""

import contextlib
import http.client
import socket
from urllib.parse import parse_qs, urlsplit

from dashboards.server.server import Limits, Site, running
from tabkit.errors import SchemaError

POLICY = "default-src 'none'; script-src 'sha256-abc'; connect-src 'self'"


class PanicError(BaseException):
    """As those of Polars."""


def fail(_given):
    raise SchemaError("no column 'a'", advice="choose another")


def break_down(_given):
    return {}["key"]


def panic(_given):
    raise PanicError("at the disco")


def make(limits=None, **more):
    answers = {"echo": dict, "fail": fail, "break": break_down, "panic": panic, "nan": lambda _: {"x": float("nan")}}
    return Site(page=lambda token: f"<p>ü {token}", policy=POLICY, answers=answers | more, limits=limits or Limits())


class Client:
    """Sends requests that are right but for what a test changes."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.url, self.port, self.token = url, parts.port, parse_qs(parts.query)["token"][0]
        self.host = f"127.0.0.1:{self.port}"

    def ask(self, method, path, headers=None, body=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            with contextlib.suppress(ConnectionError):  # a server may refuse before it has heard everything
                connection.endheaders(body)
            answer = connection.getresponse()
            answer.text = answer.read().decode()
            return answer

    def get(self, path=None, **headers):
        return self.ask("GET", path or f"/?token={self.token}", {"Host": self.host} | named(headers))

    def post(self, name, body=b"{}", **headers):
        usual = {"Host": self.host, "X-Tabkit-Token": self.token, "Content-Type": "application/json"}
        all_headers = usual | {"Content-Length": str(len(body))} | named(headers)
        return self.ask("POST", name, {k: v for k, v in all_headers.items() if v is not None}, body)

    def raw(self, data, seconds=10):
        """Send bytes as they are; return what comes until the end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            got = b""
            with contextlib.suppress(ConnectionError):
                while part := connection.recv(65536):
                    got += part
            return got

    def head(self, length):
        return (
            f"POST /api/echo HTTP/1.1\r\nHost: {self.host}\r\nX-Tabkit-Token: {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


def named(headers):
    return {name.replace("_", "-"): value for name, value in headers.items()}


@contextlib.contextmanager
def limited(**limits):
    with running(make(Limits(**limits))) as url:
        yield Client(url)

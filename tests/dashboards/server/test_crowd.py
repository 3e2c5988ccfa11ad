"""A crowd without the token at the door: the owner is answered at once, and what the crowd took is given back."""

import contextlib
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from asking import Client, limited, make

from dashboards.server.server import Limits, running

CROWD = 300
AT_ONCE = 3.0  # seconds; a crowd of half-open connections used to lock the owner out for eleven
DESCRIPTORS = Path("/dev/fd")


def connect(client):
    return socket.create_connection(("127.0.0.1", client.port), timeout=10)


def crowd(client, stack, data=b"", count=CROWD):
    """Connections that each sent the same bytes and hold on; the server may already have closed some."""
    held = [stack.enter_context(connect(client)) for _ in range(count)]
    for connection in held if data else []:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
    return held


@contextlib.contextmanager
def dripping(held):
    """Send a byte a second along each connection, as long as this lasts."""
    done = threading.Event()

    def drip():
        while not done.wait(1):
            for connection in held:
                with contextlib.suppress(OSError):
                    connection.send(b"G")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def owner_is_answered(client, times=5):
    """Ask for the page and for a call, one after the other."""
    for _ in range(times):
        began = time.monotonic()
        assert client.get().status == 200
        assert client.post("/api/echo").status == 200
        assert time.monotonic() - began < AT_ONCE


def came_back(count, before, seconds=10):
    """Wait until a count is what it was before, and return whether it is."""
    end = time.monotonic() + seconds
    while count() > before and time.monotonic() < end:
        time.sleep(0.05)
    return count() <= before


def head_of(client, method="POST", path="/api/echo", token="wrong", length=2, more=b""):
    lines = f"{method} {path} HTTP/1.1\r\nHost: {client.host}\r\nX-Tabkit-Token: {token}\r\n"
    lines += f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
    return lines.encode() + more + b"\r\n"


def silence(_client):
    return b""


def half_a_head(client):
    return head_of(client)[:-2]


def wrong_token(client):
    return head_of(client) + b"{}"


def wrong_token_of_the_page(client):
    return f"GET /?token=wrong HTTP/1.1\r\nHost: {client.host}\r\n\r\n".encode()


def body_that_never_comes(client):
    return head_of(client, length=10**15)


def garbage(client):
    return wrong_token(client) + b"\x00\xff\r\n\r\n" * 500 + b"GET / HTTP/1.1\r\n\r\n" * 50


def head_without_end(_client):
    return b"GET / HTTP/1.1\r\nA: " + b"a" * 60_000


def laborious_headers(client):
    return head_of(client, more=b"A: " + b"a\r" * 30_000 + b"\r\n")


def laborious_address(client):
    return head_of(client, method="GET", path="/?token=" + "%41" * 20_000)


ATTACKS = (
    silence, half_a_head, wrong_token, wrong_token_of_the_page, body_that_never_comes, garbage, head_without_end,
    laborious_headers, laborious_address,
)  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_crowd_does_not_keep_the_owner_out(client, attack, capfd):
    threads = threading.active_count()
    with contextlib.ExitStack() as stack:
        crowd(client, stack, attack(client))
        owner_is_answered(client)
    assert came_back(threading.active_count, threads)
    assert capfd.readouterr() == ("", "")


def test_a_crowd_that_drips_does_not_keep_the_owner_out(client):
    with contextlib.ExitStack() as stack:
        held = crowd(client, stack)
        with dripping(held):
            owner_is_answered(client)
            time.sleep(1.2)  # one byte each, at least
            owner_is_answered(client)


def test_a_crowd_that_comes_again_and_again_does_not_keep_the_owner_out(client):
    done = threading.Event()

    def press():
        while not done.is_set():
            with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
                crowd(client, stack, b"G", count=100)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        owner_is_answered(client)
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_the_page_may_keep_connections_in_store():
    with limited(head_seconds=30) as client, contextlib.ExitStack() as stack:  # opened ahead, as browsers do
        held = crowd(client, stack, count=40)
        owner_is_answered(client)
        for connection in held:
            connection.sendall(client.head(2) + b"{}")
            assert connection.recv(12) == b"HTTP/1.0 200"


def test_a_head_has_a_largest_size():
    with limited(head_bytes=1000) as client:
        assert b" 431 " in client.raw(b"GET / HTTP/1.1\r\nA: " + b"a" * 1000)
        assert b" 431 " in client.raw(client.head(2).replace(b"Host", b"A: %s\r\nHost" % (b"a" * 1000)) + b"{}")
        assert client.get().status == 200


def test_the_oldest_of_those_without_a_token_make_room():
    with limited(waiting=3) as client, contextlib.ExitStack() as stack:
        held = crowd(client, stack, count=6)
        assert [connection.recv(1) for connection in held[:3]] == [b""] * 3
        for connection in held[3:]:
            connection.sendall(client.head(2) + b"{}")
            assert connection.recv(12) == b"HTTP/1.0 200"


def test_requests_that_are_answered_are_bounded_and_the_next_is_told():
    entered, go = threading.Semaphore(0), threading.Event()

    def slow(_given):
        entered.release()
        return {"waited": go.wait(10)}

    with running(make(Limits(connections=2), slow=slow)) as url, contextlib.ExitStack() as stack:
        client = Client(url)
        held = crowd(client, stack, client.head(2).replace(b"/echo", b"/slow") + b"{}", count=2)
        assert all(entered.acquire(timeout=10) for _ in held)
        crowd(client, stack)  # takes no room of theirs
        answer = client.post("/api/echo")
        assert answer.status == 503
        assert "2 requests" in answer.text
        go.set()
        assert [connection.recv(12) for connection in held] == [b"HTTP/1.0 200"] * 2


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="open files cannot be counted here")
def test_what_the_crowd_took_is_given_back():
    with limited(head_seconds=0.2) as client:

        def taken():
            return len(os.listdir(DESCRIPTORS))

        before, threads = taken(), threading.active_count()
        with contextlib.ExitStack() as stack:
            held = crowd(client, stack) + crowd(client, stack, b"G") + crowd(client, stack, wrong_token(client))
            assert came_back(lambda: taken() - len(held), before)  # the server's, while the crowd holds on
            assert came_back(threading.active_count, threads)
        assert came_back(taken, before)
        assert client.get().status == 200

"""A server of a page: clients that hold on, the beginning and the end."""

import contextlib
import json
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from asking import POLICY, Client, limited, make

from dashboards.server.background import Background
from dashboards.server.server import Site, running
from tabkit.errors import ConfigError

# Clients that hold on


def test_a_body_that_does_not_come_is_not_waited_for():
    with limited(seconds=0.3) as client:
        began = time.monotonic()
        assert b" 408 " in client.raw(client.head(100) + b"{")
        assert time.monotonic() - began < 5


def drip(connection):
    for _ in range(200):
        connection.sendall(b"G")
        time.sleep(0.05)


def test_a_request_that_drips_is_not_waited_for():
    with (
        limited(head_seconds=0.4) as client,
        socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection,
    ):
        began = time.monotonic()
        with pytest.raises(ConnectionError):  # each byte comes in time, the whole does not
            drip(connection)
        assert time.monotonic() - began < 5


def test_idle_connections_are_bounded_and_make_room(capfd):
    with limited(head_seconds=1.5, waiting=3) as client, contextlib.ExitStack() as stack:
        threads = threading.active_count()
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", client.port), timeout=10)) for _ in range(6)]
        time.sleep(0.5)
        closed = select.select(held, [], [], 0)[0]
        assert closed == held[:3]
        assert [connection.recv(1) for connection in closed] == [b""] * 3
        assert threading.active_count() == threads
        assert [connection.recv(1) for connection in held] == [b""] * 6
        assert client.get().status == 200
    assert capfd.readouterr() == ("", "")


def test_a_client_that_goes_away_is_no_fault(capfd):
    entered, go = threading.Event(), threading.Event()

    def slow(_given):
        entered.set()
        assert go.wait(10)
        return {"x": "y" * 10_000_000}

    with running(make(slow=slow)) as url:
        client = Client(url)
        with socket.create_connection(("127.0.0.1", client.port)) as connection:
            connection.sendall(client.head(2).replace(b"/echo", b"/slow") + b"{}")
            assert entered.wait(10)
        go.set()
        assert client.get().status == 200
    assert capfd.readouterr() == ("", "")


# Beginning and end


def test_a_port_in_use_is_said(client):
    with pytest.raises(ConfigError, match=f"port {client.port} is in use") as error, running(make(), port=client.port):
        pass
    assert "--port" in error.value.advice


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_is_a_port(port):
    with pytest.raises(ConfigError, match="from 0 to 65535"), running(make(), port=port):
        pass


def test_the_same_port_can_be_taken_again():
    with running(make()) as url:
        port = Client(url).port
        assert Client(url).get().status == 200
    with running(make(), port=port) as url:
        assert Client(url).port == port
        assert Client(url).get().status == 200


def test_the_end_closes_the_door_and_tells_the_jobs():
    jobs, entered = Background(), threading.Event()

    def work(progress):
        with progress.task("for ever") as advance:
            while True:
                advance(1)
                entered.set()
                time.sleep(0.01)

    site = Site(page=str, policy=POLICY, answers={"start": lambda _: {"job": jobs.start(work)}}, closing=jobs.stop)
    before = threading.active_count()
    with contextlib.ExitStack() as stack, running(site) as url:
        stack.enter_context(socket.create_connection(("127.0.0.1", Client(url).port)))  # closed after the server
        job = json.loads(Client(url).post("/api/start").text)["job"]
        assert entered.wait(10)
        began = time.monotonic()
    assert time.monotonic() - began < 4  # though a connection without a request is open
    assert jobs.state(job)["error"]["stage"] == "cancelled"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", Client(url).port))
    assert threading.active_count() == before


SCRIPT = """
import signal, sys, time
{before}
from dashboards.server.background import Background
from dashboards.server.server import Site, serve

jobs = Background()

def work(progress):
    with progress.task("for ever") as advance:
        while True:
            advance(1)
            time.sleep(0.01)

answers = {{"start": lambda _: {{"job": jobs.start(work)}}, "slow": lambda _: time.sleep(0.3) or {{"done": True}}}}
site = Site(page=str, policy="default-src 'none'", answers=answers, closing=jobs.stop)
serve(site, ready=lambda url: print(url, flush=True))
print("the end", flush=True)
"""
# A shell's background jobs, which tests may be, ignore Ctrl-C.
INTERRUPTIBLE = "signal.signal(signal.SIGINT, signal.default_int_handler)"
TERMINABLE = f"{INTERRUPTIBLE}; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))"


@pytest.mark.parametrize(
    ("number", "code", "last"), [(signal.SIGINT, 0, "the end\n"), (signal.SIGTERM, 143, "")], ids=["ctrl-c", "sigterm"]
)
def test_a_signal_ends_it_quietly(number, code, last):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(before=TERMINABLE)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        client, slow = Client(process.stdout.readline().strip()), []
        assert client.get().status == 200
        assert client.post("/api/start").status == 200
        with socket.create_connection(("127.0.0.1", client.port)):  # as browsers keep one in store
            asking = threading.Thread(target=lambda: slow.append(client.post("/api/slow").text))
            asking.start()
            time.sleep(0.1)
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
        asking.join()
    finally:
        process.kill()
        process.communicate()
    assert err == ""
    assert (process.returncode, out) == (code, last)
    assert slow == ['{"done": true}']  # what was asked before is answered

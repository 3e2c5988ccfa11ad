"""Who is let in to a page and its answers, and what they are told."""

import contextlib
import json
import socket
import threading
from urllib.parse import quote

import pytest
from asking import POLICY, Client, fail, limited, make

from dashboards.server.server import Site, running
from tabkit.errors import ConfigError

# Who is let in


def test_the_page_comes_with_its_token_and_policy(client):
    answer = client.get()
    assert answer.status == 200
    assert answer.text == f"<p>ü {client.token}"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith(f"{POLICY}; ")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_call_is_answered(client):
    answer = client.post("/api/echo", '{"name": "ü", "x": [1, null]}'.encode())
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.text) == {"name": "ü", "x": [1, None]}


def test_only_this_machine_reaches_it(client):
    others = {"127.0.0.2"}
    with contextlib.suppress(OSError):  # a machine may not know its own name
        others |= {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1"}:
        with pytest.raises(OSError, match=r"refused|unreachable|timed out|assign"):
            socket.create_connection((address, client.port), timeout=2).close()


@pytest.mark.parametrize("token", ["", "wrong", "ü", "%00", "a" * 30_000])
def test_another_token_opens_nothing(client, token):
    wrong = f"token={quote(token)}x"
    for path in (f"/?token={quote(token)}", f"/?token={client.token}&{wrong}", f"/?{wrong}&token={client.token}"):
        answer = client.get(path)
        assert answer.status == 403
        assert client.token not in answer.text
    answer = client.post("/api/echo", X_Tabkit_Token=token)
    assert answer.status == 403
    assert json.loads(answer.text)["error"]["advice"]


def test_no_token_opens_nothing(client):
    assert client.get("/").status == 403
    assert client.post("/api/echo", X_Tabkit_Token=None).status == 403
    assert client.post(f"/api/echo?token={client.token}", X_Tabkit_Token=None).status == 404


def test_tokens_are_long_and_new_each_time(client):
    with running(make()) as url:
        assert len(Client(url).token) >= 43
        assert Client(url).token != client.token


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""]
)
def test_a_foreign_host_name_is_refused(client, host):
    named_host = host.format(port=client.port)
    assert client.get(Host=named_host).status == 421
    assert client.post("/api/echo", Host=named_host).status == 421


def test_one_host_must_be_named(client):
    assert b" 421 " in client.raw(f"GET /?token={client.token} HTTP/1.0\r\n\r\n".encode())
    hosts = f"Host: {client.host}\r\nHost: evil.example\r\n"
    assert b" 421 " in client.raw(f"GET /?token={client.token} HTTP/1.1\r\n{hosts}\r\n".encode())


def test_localhost_is_the_same(client):
    host = f"LocalHost:{client.port}"
    assert client.get(Host=host).status == 200
    assert client.post("/api/echo", Host=host, Origin=f"http://localhost:{client.port}").status == 200


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "https://{host}", "http://127.0.0.1:1", ""])
def test_another_origin_is_refused(client, origin):
    foreign = origin.format(host=client.host)
    assert client.post("/api/echo", Origin=foreign).status == 403
    assert client.get(Origin=foreign).status == 403


def test_the_own_origin_is_let_in(client):
    assert client.post("/api/echo", Origin=f"http://{client.host}").status == 200


@pytest.mark.parametrize(
    "path",
    ["/index.html", "/../../etc/passwd", "/%2e%2e/etc/passwd", "/api/echo", "/api/", "//evil.example/", "*",
     "http://evil.example/", "/api/echo/../echo"],
)  # fmt: skip
def test_nothing_else_is_there_to_get(client, path):
    assert client.get(f"{path}?token={client.token}").status == 404


@pytest.mark.parametrize(
    "path",
    ["/", "/api/", "/api/other", "/api/__class__", "/api/echo/", "/api/echo?", "/api/%65cho", "/echo", "api/echo"],
)
def test_nothing_else_is_there_to_call(client, path):
    answer = client.post(path)
    assert answer.status == 404
    assert path.strip("/") in ("", "api") or path not in answer.text


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "<script>"])
def test_no_other_method_is_known(client, method):
    answer = client.ask(method, f"/?token={client.token}", {"Host": client.host, "Origin": "http://evil.example"})
    assert answer.status == 404
    assert "script" not in answer.text
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_every_answer_says_how_it_is_to_be_used(client, capfd):
    answers = [
        client.get(), client.get("/"), client.get("/favicon.ico"), client.get(Host="evil.example"),
        client.post("/api/echo"), client.post("/api/fail"), client.post("/api/break"), client.post("/api/other"),
        client.ask("PUT", "/", {"Host": client.host}),
    ]  # fmt: skip
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert "Server" not in answer.headers
    capfd.readouterr()


def test_an_icon_is_neither_there_nor_missed(client):
    answer = client.get("/favicon.ico")
    assert (answer.status, answer.text) == (204, "")


def test_the_oldest_of_requests_is_refused_with_headers(client):
    answer = client.raw(f"GET /?token={client.token}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.0 421 ")
    assert b"X-Frame-Options: DENY\r\n" in answer


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"POST /api/echo\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n",
             b"GET /" + b"a" * 70_000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"\r\n\r\n",
             b"GET / HTTP/1.1\r\nno header\r\n\r\n", b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
             b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", b"GET / HTTP/1.1\r\nA : b\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_is_no_fault(data, capfd):
    with limited(head_seconds=0.3) as client:
        assert b" 200 " not in client.raw(data)
        assert client.get().status == 200
    assert capfd.readouterr() == ("", "")


# Bodies


def test_a_body_must_say_its_length(client):
    assert client.post("/api/echo", Content_Length=None).status == 411
    assert client.post("/api/echo", Transfer_Encoding="chunked").status == 411
    assert client.post("/api/echo", Content_Length=None, Transfer_Encoding="chunked").status == 411


@pytest.mark.parametrize("length", ["-1", "+2", "two", "0x2", "2, 2", "1" * 30, "\xb2"])
def test_a_length_is_a_number(client, length):
    assert client.post("/api/echo", Content_Length=length).status == 400


def test_there_is_one_length(client):
    data = client.head(2).replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n")
    assert b" 400 " in client.raw(data + b"{}")


def test_a_large_body_is_refused_unread():
    with limited(body_bytes=1000) as client:
        assert client.post("/api/echo", b'{"a": "%s"}' % (b"x" * 991)).status == 200
        answer = client.post("/api/echo", b'{"a": "%s"}' % (b"x" * 992))
        assert answer.status == 413
        assert "1,001 bytes, the limit is 1,000" in answer.text
        assert b" 413 " in client.raw(client.head(10**15))
        # What was on its way is taken in, or the client would hear of a broken connection instead of the answer.
        assert b" 413 " in client.raw(client.head(3_000_000) + b"x" * 3_000_000)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", None])
def test_a_body_is_called_json(client, kind):
    assert client.post("/api/echo", Content_Type=kind).status == 415


def test_a_body_may_name_its_encoding(client):
    assert client.post("/api/echo", Content_Type="Application/JSON; charset=utf-8").status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'{"a": NaN}', b"[" * 100_000, b"\xff"])
def test_a_body_is_an_object(client, body):
    answer = client.post("/api/echo", body)
    assert answer.status == 400
    assert json.loads(answer.text)["error"]["stage"] == "configuration"


def test_a_body_that_ends_early_is_refused():
    with limited(seconds=0.3) as client, socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
        connection.sendall(client.head(100) + b"{}")
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(65536)


# What goes wrong inside


def test_an_error_is_told(client, capfd):
    answer = client.post("/api/fail")
    assert answer.status == 400
    assert json.loads(answer.text) == {
        "error": {"stage": "schema", "problem": "no column 'a'", "advice": "choose another"}
    }
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "said"), [("break", "KeyError: 'key'"), ("panic", "PanicError: at the disco")])
def test_a_fault_is_told_and_its_traceback_stays_here(client, capfd, name, said):
    answer = client.post(f"/api/{name}")
    assert answer.status == 500
    error = json.loads(answer.text)["error"]
    assert (error["stage"], error["problem"]) == ("fault", said)
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    assert "Traceback" in capfd.readouterr().err


def test_a_page_that_fails_says_so():
    with running(Site(page=fail, policy=POLICY, answers={})) as url:
        answer = Client(url).get()
    assert (answer.status, answer.text) == (400, "no column 'a'\nTo do: choose another")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_answers_hold_no_nan(client):
    assert client.post("/api/nan").text == '{"x": null}'


def test_calls_are_answered_side_by_side():
    meeting = threading.Barrier(4, timeout=10)
    with running(make(meet=lambda _: {"n": meeting.wait()})) as url:
        client, got = Client(url), []
        threads = [threading.Thread(target=lambda: got.append(client.post("/api/meet").status)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == [200] * 4


@pytest.mark.parametrize("policy", ["", "script-src *", f"{POLICY}\r\nX: y", f"{POLICY} ü"])
def test_a_policy_that_opens_all_or_breaks_the_header_is_refused(policy):
    with pytest.raises(ConfigError, match="default-src 'none'"):
        Site(page=str, policy=policy, answers={})

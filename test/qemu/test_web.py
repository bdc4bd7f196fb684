"""The page and /stats.json, over the forwarded port: what a browser, curl and a rude client see."""
import concurrent.futures
import json
import socket
import time

SHARED = True
SECONDS = 300


def get(machine, path="/", method="GET", headers=None):
    """(status, headers, body) over a connection of its own."""
    connection = machine.http()
    try:
        connection.request(method, path, headers={"Connection": "close", **(headers or {})})
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


def stats(machine):
    status, headers, body = get(machine, "/stats.json")
    assert status == 200 and headers["Content-Type"] == "application/json", (status, headers)
    return json.loads(body)


def exchange(machine, pieces, pause=0.0, timeout=20.0):
    """Send pieces, then read until the server closes: the whole answer."""
    with machine.dial("tcp/80", timeout) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                s.sendall(piece)
                if pause:
                    time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        while True:
            try:
                data = s.recv(65536)
            except ConnectionResetError:
                return answer
            if not data:
                return answer
            answer += data


def status_of(answer):
    assert answer.startswith(b"HTTP/1.1 "), answer[:80]
    return int(answer[9:12])


def settled(machine):
    """The frame counts once nothing moves any more."""
    before = stats(machine)
    for _ in range(20):
        time.sleep(0.2)
        now = stats(machine)
        if now["memory"]["free"] == before["memory"]["free"]:
            return now
        before = now
    return before


def test_page(machine):
    status, headers, body = get(machine)
    assert status == 200 and headers["Content-Type"].startswith("text/html"), (status, headers)
    assert b"<h1>exos</h1>" in body and len(body) == int(headers["Content-Length"])
    assert get(machine, "/index.html")[2] == body
    assert get(machine, "/?x=%41")[2] == body


def test_stats(machine):
    machine.expect(r"exos\$ ")       # the page is there a moment before the shell
    s = stats(machine)
    assert s["version"] == 1 and s["complete"] is True
    assert 0 < s["memory"]["free"] < s["memory"]["frames"]
    assert s["memory"]["held"] + s["memory"]["free"] == s["memory"]["frames"]
    names = {e["name"]: e for e in s["environments"]}
    for name in ("netd", "httpd", "echo", "shell"):
        assert name in names, f"{name} is not among {sorted(names)}"
    assert names["httpd"]["id"] == s["self"]
    assert 0 < names["httpd"]["pages"] <= names["httpd"]["guarantee"]
    assert s["network"]["rx_packets"] > 0 and s["network"]["tx_packets"] > 0
    later = stats(machine)
    assert later["uptime_ms"] >= s["uptime_ms"] and later["httpd"]["requests"] > s["httpd"]["requests"]


def test_payload_is_sent_from_where_it_lies(machine):
    before = stats(machine)["httpd"]["ring"]
    get(machine)
    after = stats(machine)["httpd"]["ring"]
    assert after["segments"] > before["segments"] and after["bounced"] == before["bounced"], (before, after)


def test_methods_and_paths(machine):
    status, headers, body = get(machine, method="HEAD")
    assert status == 200 and body == b"" and int(headers["Content-Length"]) == len(get(machine)[2])
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        status, headers, _ = get(machine, method=method)
        assert status == 405 and headers["Allow"] == "GET, HEAD", (method, status, headers)
    assert get(machine, method="BREW")[0] == 501
    for path in ("/nothing", "/stats.jsonx", "/../etc/passwd", "//", "/" + "x" * 1000, "/%41"):
        assert get(machine, path)[0] == 404, path
    assert get(machine, "http://127.0.0.1/")[0] == 200


def test_keep_alive(machine):
    connection = machine.http()
    for path in ("/", "/stats.json", "/nothing", "/", "/stats.json") * 4:
        connection.request("GET", path)
        reply = connection.getresponse()
        reply.read()
        assert reply.status == (404 if path == "/nothing" else 200)
        assert not reply.will_close
    connection.close()


def test_pipelining(machine):
    one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"HEAD /stats.json HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(machine, [(one + head) * 8 + last])
    page = get(machine)[2]
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 16, answer.count(b"HTTP/1.1 200 OK\r\n")
    assert answer.count(page) == 8 and answer.count(b"HTTP/1.1 404 ") == 1
    assert answer.rindex(b"HTTP/1.1 404 ") > answer.rindex(page)


def test_bodies_are_skipped(machine):
    for body in (b"x" * 5, b"x" * 30000):
        answer = exchange(machine, [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                                    + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
        assert status_of(answer) == 405 and answer.count(b"HTTP/1.1 200 OK") == 1, answer[:200]
    assert status_of(exchange(machine, [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"])) == 413
    assert status_of(exchange(machine, [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"])) == 405


def test_bad_requests(machine):
    for request, status in (
            (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n", 414),
            (b"GET /" + b"x" * 200000, 414),
            (b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"c" * 9000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100, 431),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/3.0\r\n\r\n", 505),
            (b"\x16\x03\x01\x00\xa5\x01\x00", 400),
            (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
            (b"\0" * 100, 400)):
        answer = exchange(machine, [request])
        assert status_of(answer) == status and b"Connection: close" in answer, (request[:40], status, answer[:60])
    assert get(machine)[0] == 200


def test_request_split_at_every_byte(machine):
    request = b"GET / HTTP/1.1\r\nHost: exos\r\nConnection: close\r\n\r\n"
    page = get(machine)[2]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        cuts = [[request[:i], request[i:]] for i in range(1, len(request))]
        for answer in pool.map(lambda pieces: exchange(machine, pieces, pause=0.02), cuts):
            assert status_of(answer) == 200 and answer.endswith(page)
    answer = exchange(machine, [request[i:i + 1] for i in range(len(request))], pause=0.005)
    assert status_of(answer) == 200 and answer.endswith(page)


def test_request_never_finished(machine):
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(exchange, machine, [b"GET / HTTP/1.1\r\nHost: x\r\nX-Long"], timeout=40) for _ in range(8)]
        assert get(machine)[0] == 200
        for future in slow:
            answer = future.result()
            assert status_of(answer) == 408, answer[:60]
    assert 5 < time.monotonic() - started < 30


def test_client_that_goes_away(machine):
    for n in range(40):
        s = machine.dial("tcp/80")
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[:n])
        if n % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")	# a reset instead of a FIN
        s.close()
    assert get(machine)[0] == 200


def test_1000_in_sequence_64_in_parallel(machine):
    page = get(machine)[2]
    before = settled(machine)
    for _ in range(1000):
        status, _, body = get(machine)
        assert status == 200 and body == page
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        for path, (status, _, body) in zip(("/", "/stats.json") * 32, pool.map(lambda p: get(machine, p), ("/", "/stats.json") * 32)):
            assert status == 200 and (body == page if path == "/" else json.loads(body)["complete"])
    after = settled(machine)
    assert after["httpd"]["requests"] - before["httpd"]["requests"] >= 1064
    assert after["memory"]["free"] == before["memory"]["free"], (before["memory"], after["memory"])
    held = lambda s: {e["name"]: e["pages"] for e in s["environments"]}
    assert held(after) == held(before)


def test_64_connections_held_open_at_once(machine):
    connections = [machine.http(30) for _ in range(64)]
    for c in connections:
        c.request("GET", "/")
    for c in reversed(connections):
        reply = c.getresponse()
        assert reply.status == 200 and b"<h1>exos</h1>" in reply.read()
    for c in connections:
        c.close()

"""echo on port 7: UDP and TCP."""
import concurrent.futures
import os
import socket
import time

SHARED = True
SECONDS = 120


def tcp(machine, timeout=20):
    return machine.dial("tcp/7", timeout)


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        assert piece, f"closed after {len(data)} of {n} bytes"
        data += piece
    return data


def test_udp(machine):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect(("127.0.0.1", machine.ports["udp/7"]))
        for size in (0, 1, 2, 17, 18, 19, 512, 1471, 1472):
            data = os.urandom(size)
            for _ in range(5):
                s.send(data)
                try:
                    assert s.recv(4096) == data, f"{size} bytes came back changed"
                    break
                except TimeoutError:
                    continue
            else:
                raise AssertionError(f"{size} bytes never came back")


def test_tcp_sizes(machine):
    with tcp(machine) as s:
        for size in (1, 2, 100, 1459, 1460, 1461, 8191, 8192, 8193, 65536):
            data = os.urandom(size)
            sender = concurrent.futures.ThreadPoolExecutor(1).submit(s.sendall, data)
            assert read_exactly(s, size) == data, size
            sender.result()


def test_tcp_bulk(machine):
    data = os.urandom(1 << 20)
    with tcp(machine, 60) as s, concurrent.futures.ThreadPoolExecutor(1) as pool:
        sender = pool.submit(s.sendall, data)
        assert read_exactly(s, len(data)) == data
        sender.result()


def test_tcp_half_close(machine):
    with tcp(machine) as s:
        data = os.urandom(5000)
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        assert read_exactly(s, len(data)) == data
        assert s.recv(1) == b""


def test_tcp_parallel(machine):
    def one(i):
        with tcp(machine) as s:
            data = bytes([i]) * 3000
            s.sendall(data)
            return read_exactly(s, len(data)) == data
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        assert all(pool.map(one, range(48)))


def test_peer_that_never_reads(machine):
    with tcp(machine) as greedy:
        greedy.setblocking(False)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            try:
                greedy.send(b"x" * 65536)
            except BlockingIOError:
                time.sleep(0.02)
        with tcp(machine) as s:
            s.sendall(b"still there")
            assert read_exactly(s, 11) == b"still there"

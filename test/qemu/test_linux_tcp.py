"""The host's own TCP as the peer, over a TAP device in a network namespace of its own. Needs root, ip and /dev/net/tun."""
import concurrent.futures
import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import random
import re
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

import qemu
import wire as w
from runtests import Skip

SECONDS = 180
SERVER, GUEST = "10.0.2.2", "10.0.2.15"
CLONE_NEWNET = 0x40000000


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def bootp_reply(request, kind):
    """A DHCP answer (RFC 2131) to the client's message: the lease of GUEST for an hour."""
    head = struct.pack(">BBBB4sHH", 2, 1, 6, 0, request[4:8], 0, 0x8000) + b"\0" * 4 + socket.inet_aton(GUEST) \
        + socket.inet_aton(SERVER) + b"\0" * 4 + request[28:44] + b"\0" * 192 + b"\x63\x82\x53\x63"
    options = bytes([53, 1, kind, 54, 4]) + socket.inet_aton(SERVER) + bytes([51, 4]) + struct.pack(">I", 3600) \
        + bytes([1, 4, 255, 255, 255, 0, 3, 4]) + socket.inet_aton(SERVER) + b"\xff"
    return head + options


class Network:
    """One Ethernet segment: QEMU's socket on one side, a TAP device of this thread's namespace on the other. Between them a relay
    that may lose, duplicate, delay and reorder frames, and answers DHCP."""

    def __init__(self, folder, loss=0.0, duplicate=0.0, reorder=0.0, seed=1):
        self.random, self.loss, self.duplicate, self.reorder = random.Random(seed), loss, duplicate, reorder
        self.here, self.there = os.path.join(folder, "relay"), os.path.join(folder, "qemu")
        self.guest = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.guest.bind(self.here)
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tap, 0x400454ca, struct.pack("16sH", b"exos0", 0x1002))  # TUNSETIFF, IFF_TAP | IFF_NO_PI
        ip("link", "set", "lo", "up")
        ip("addr", "add", SERVER + "/24", "dev", "exos0")
        ip("link", "set", "exos0", "up")
        self.stopping, self.held = False, {}
        self.thread = threading.Thread(target=self._relay, daemon=True)
        self.thread.start()

    def _relay(self):
        while not self.stopping:
            for ready in select.select([self.guest, self.tap], [], [], 0.02)[0]:
                if ready is self.guest:
                    frame = self.guest.recv(65536)
                    if frame[12:14] == b"\x08\0" and frame[23:24] == b"\x11" and frame[34:38] == struct.pack(">HH", 68, 67):
                        self._dhcp(frame)
                        continue
                    self._pass(frame, self._to_tap, "tap")
                else:
                    self._pass(os.read(self.tap, 65536), self._to_guest, "guest")
            for name, send in (("tap", self._to_tap), ("guest", self._to_guest)):
                late = self.held.pop(name, None)
                if late:
                    send(late)

    def _pass(self, frame, send, name):
        if self.random.random() < self.loss:
            return
        if name not in self.held and self.random.random() < self.reorder:
            self.held[name] = frame  # behind the next one
            return
        send(frame)
        if self.random.random() < self.duplicate:
            send(frame)

    def _to_tap(self, frame):
        with contextlib.suppress(OSError):
            os.write(self.tap, frame)

    def _to_guest(self, frame):
        with contextlib.suppress(OSError):
            self.guest.sendto(frame, self.there)

    def _dhcp(self, frame):
        request = frame[42:]
        option = re.search(rb"\x35\x01(.)", request[240:], re.S)
        reply = {1: 2, 3: 5}.get(option.group(1)[0]) if option else None  # DISCOVER: OFFER; REQUEST: ACK
        if reply:
            self._to_guest(w.ethernet(w.BROADCAST, w.ETH_IP,
                                      w.ipv4("255.255.255.255", w.UDP, self._udp(bootp_reply(request, reply)), src=SERVER),
                                      src=bytes.fromhex("02e805000001")))

    @staticmethod
    def _udp(payload):
        return struct.pack(">HHHH", 67, 68, 8 + len(payload), 0) + payload

    def close(self):
        self.stopping = True
        self.thread.join(1)
        os.close(self.tap)
        self.guest.close()


@contextlib.contextmanager
def segment(**faults):
    """A machine on a segment of its own; this thread and its children live in the other end's namespace meanwhile."""
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        raise Skip("needs root, /dev/net/tun and ip (iproute2)")
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    with tempfile.TemporaryDirectory(prefix="exos-") as folder:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise Skip("this machine does not allow network namespaces")
        network = None
        try:
            network = Network(folder, **faults)
            with qemu.Machine(net=f"dgram:{network.there}:{network.here}").start() as m:
                m.wait_up()
                yield m
        finally:
            if network:
                network.close()
            libc.setns(home, CLONE_NEWNET)
            os.close(home)


def get(path="/", timeout=60):
    connection = http.client.HTTPConnection(GUEST, 80, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def test_64_in_parallel_1000_in_sequence():
    with segment() as machine:
        machine.expect(r"exos\$ $")  # or the shell still takes pages
        time.sleep(0.2)
        page = get()[1]
        before = json.loads(get("/stats.json")[1])["memory"]["free"]
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            started = time.monotonic()
            for status, body in pool.map(lambda _: get(), range(640)):
                assert status == 200 and body == page
            took = time.monotonic() - started
        assert took < 60, f"640 requests, 64 at a time: {took:.1f} s"
        for _ in range(1000):
            assert get() == (200, page)
        time.sleep(0.5)
        assert json.loads(get("/stats.json")[1])["memory"]["free"] == before


def test_ping():
    if not shutil.which("ping"):
        raise Skip("needs ping")
    with segment():
        for size in (0, 56, 1472):
            done = subprocess.run(["ping", "-c", "5", "-i", "0.2", "-W", "2", "-s", str(size), GUEST], capture_output=True, text=True)
            assert " 0% packet loss" in done.stdout, done.stdout + done.stderr


def echo_over(amount):
    data = os.urandom(amount)
    with socket.create_connection((GUEST, 7), timeout=60) as s:
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)), daemon=True)
        sender.start()
        back = b"".join(iter(lambda: s.recv(65536), b""))
    assert back == data, f"{len(back)} of {len(data)} bytes, " + ("changed" if back != data[:len(back)] else "cut")


def test_echo_of_four_megabytes():
    with segment():
        echo_over(4 << 20)


def test_a_link_that_loses_duplicates_and_reorders():
    with segment(loss=0.02, duplicate=0.02, reorder=0.05):
        echo_over(200_000)
        page = None
        for _ in range(20):
            status, body = get()
            assert status == 200 and page in (None, body)
            page = body


def test_port_that_nobody_has_stays_silent():
    with segment():
        get()
        with socket.socket() as s:
            s.settimeout(1.5)
            try:
                s.connect((GUEST, 8080))
                raise AssertionError("somebody answers on port 8080")
            except TimeoutError:
                pass


def test_client_that_resets():
    with segment():
        for n in range(100):
            s = socket.create_connection((GUEST, 80), timeout=20)
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[:n % 28])
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        assert get()[0] == 200

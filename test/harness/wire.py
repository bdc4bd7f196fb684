"""A place on the guest's Ethernet for tests: any frame goes in, every frame is seen.

Machine(wire=True) joins guest, emulated router (10.0.2.2, DHCP) and this peer (10.0.2.77) by a hub; the peer is machine.wire.
"""
import os
import select
import socket
import struct
import threading
import time

BROADCAST = b"\xff" * 6
MY_MAC, MY_IP, GUEST_IP = bytes.fromhex("02e805000077"), "10.0.2.77", "10.0.2.15"
ETH_IP, ETH_ARP = 0x0800, 0x0806
ICMP, TCP, UDP = 1, 6, 17


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ethernet(dst, kind, payload, src=MY_MAC):
    return dst + src + struct.pack(">H", kind) + payload


def ipv4(dst, protocol, payload, src=MY_IP, ttl=64, ident=0):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, 0, ttl, protocol, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def icmp_echo(ident, sequence, payload):
    head = struct.pack(">BBHHH", 8, 0, 0, ident, sequence)
    return head[:2] + struct.pack(">H", checksum(head + payload)) + head[4:] + payload


def _pseudo(src, dst, protocol, length):
    return socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(">BBH", 0, protocol, length)


def udp(dst, sport, dport, payload, src=MY_IP):
    head = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0)
    total = checksum(_pseudo(src, dst, UDP, 8 + len(payload)) + head + payload) or 0xffff
    return head[:6] + struct.pack(">H", total) + payload


def arp(operation, sender_mac, sender_ip, target_mac, target_ip):
    return struct.pack(">HHBBH", 1, ETH_IP, 6, 4, operation) + sender_mac + socket.inet_aton(sender_ip) \
        + target_mac + socket.inet_aton(target_ip)


class Wire:
    """Two unix datagram sockets, one frame per datagram. A thread answers ARP for our address and keeps the other frames."""

    def __init__(self, folder):
        self.local, self.remote = os.path.join(folder, "wire-here"), os.path.join(folder, "wire-qemu")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.local)
        self._frames, self._changed, self._stop = [], threading.Condition(), False
        self._macs = {}
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def options(self):
        """QEMU's side: a hub with the guest's card on netdev n0, the router on netdev u0, and us."""
        return ["-netdev", "hubport,id=hu,hubid=0,netdev=u0",
                "-netdev", f"dgram,id=w0,local.type=unix,local.path={self.remote},remote.type=unix,remote.path={self.local}",
                "-netdev", "hubport,id=hw,hubid=0,netdev=w0", "-netdev", "hubport,id=n0,hubid=0"]

    def _listen(self):
        while not self._stop:
            if not select.select([self._socket], [], [], 0.1)[0]:
                continue
            try:
                frame = self._socket.recv(65536)
            except OSError:
                return
            kind = int.from_bytes(frame[12:14], "big")
            if kind == ETH_ARP and len(frame) >= 42:
                operation, sender_mac, sender_ip, target_ip = frame[20:22], frame[22:28], frame[28:32], frame[38:42]
                with self._changed:
                    self._macs[socket.inet_ntoa(sender_ip)] = sender_mac
                if operation == b"\0\1" and target_ip == socket.inet_aton(MY_IP):
                    self.send(ethernet(sender_mac, ETH_ARP, arp(2, MY_MAC, MY_IP, sender_mac, socket.inet_ntoa(sender_ip))))
            with self._changed:
                self._frames.append(frame)
                self._changed.notify_all()

    def send(self, frame):
        """Put one frame on the wire, as it is: lengths below 60 bytes and beyond the MTU too."""
        try:
            self._socket.sendto(frame, self.remote)
        except (FileNotFoundError, ConnectionRefusedError):
            raise RuntimeError("the machine that this wire belongs to has ended") from None

    def wait_frame(self, accept, timeout=2.0, start=0):
        """The first frame from position start on for which accept(frame) is true, or None."""
        deadline = time.monotonic() + timeout
        position = start
        with self._changed:
            while True:
                while position < len(self._frames):
                    if accept(self._frames[position]):
                        return self._frames[position]
                    position += 1
                if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    return None

    def seen(self):
        """How many frames were seen so far: a position for wait_frame()."""
        with self._changed:
            return len(self._frames)

    def frames(self, start=0):
        with self._changed:
            return self._frames[start:]

    def resolve(self, ip=GUEST_IP, tries=5):
        """The MAC that answers ARP for ip."""
        for _ in range(tries):
            start = self.seen()
            self.send(ethernet(BROADCAST, ETH_ARP, arp(1, MY_MAC, MY_IP, b"\0" * 6, ip)))
            reply = self.wait_frame(lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[28:32] == socket.inet_aton(ip), 1.0, start)
            if reply:
                return reply[22:28]
        raise RuntimeError(f"nobody answers ARP for {ip}")

    def ping(self, ip=GUEST_IP, payload=b"exos", ident=0x6578, sequence=1, timeout=2.0, mac=None):
        """True when an echo reply with the same payload and right checksums came back."""
        mac = mac or self.resolve(ip)
        start = self.seen()
        self.send(ethernet(mac, ETH_IP, ipv4(ip, ICMP, icmp_echo(ident, sequence, payload))))

        def is_reply(f):
            if f[12:14] != b"\x08\x00" or f[23] != ICMP or f[26:30] != socket.inet_aton(ip):
                return False
            length = int.from_bytes(f[16:18], "big")
            message = f[34:14 + length]
            return (message[:1] == b"\0" and message[4:8] == struct.pack(">HH", ident, sequence) and message[8:] == payload
                    and checksum(message) == 0 and checksum(f[14:34]) == 0)
        return self.wait_frame(is_reply, timeout, start) is not None

    def close(self):
        self._stop = True
        self._thread.join(1)
        self._socket.close()

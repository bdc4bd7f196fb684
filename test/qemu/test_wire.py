"""Raw frames: ARP, ping, packets of every length, malformed ones."""
import random
import struct

import wire as w

MACHINE = {"wire": True}
SHARED = True
SECONDS = 180


def echo(machine, mac, data, sport=40000, tries=3):
    for _ in range(tries):
        start = machine.wire.seen()
        machine.wire.send(w.ethernet(mac, w.ETH_IP, w.ipv4(w.GUEST_IP, w.UDP, w.udp(w.GUEST_IP, sport, 7, data))))
        back = machine.wire.wait_frame(lambda f: f[12:14] == b"\x08\0" and f[23] == w.UDP and f[34:38] == struct.pack(">HH", 7, sport), 1.0, start)
        if back:
            length = int.from_bytes(back[38:40], "big")
            return back[42:34 + length]
    return None


def pings(machine, mac, tries=5):
    """Does it answer? Right behind a flood a ring may be full, and one packet more is dropped as it should be."""
    return any(machine.wire.ping(mac=mac, sequence=n, timeout=1.0) for n in range(tries))


def well(machine, mac):
    assert pings(machine, mac), "ping"
    assert echo(machine, mac, b"well?") == b"well?", "udp echo"
    assert machine.page_status() == 200, "page"


def test_arp_is_answered_once(machine):
    mac = machine.wire.resolve()
    start = machine.wire.seen()
    machine.wire.send(w.ethernet(w.BROADCAST, w.ETH_ARP, w.arp(1, w.MY_MAC, w.MY_IP, b"\0" * 6, w.GUEST_IP)))
    machine.wire.wait_frame(lambda f: False, 0.5)
    replies = [f for f in machine.wire.frames(start) if f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[6:12] == mac]
    assert len(replies) == 1, len(replies)


def test_ping(machine):
    for n, size in enumerate((0, 1, 17, 18, 56, 1000, 1471, 1472)):
        assert machine.wire.ping(payload=bytes(i & 0xff for i in range(size)), sequence=n), size


def test_every_length(machine):
    """Frames of 1 to 1600 bytes, as zeros, as random bytes, and as the front of a good packet cut there. (Of 0 bytes there is
    none: the emulator takes an empty datagram for the end of the wire.)"""
    mac = machine.wire.resolve()
    rng = random.Random(1)
    whole = w.ethernet(mac, w.ETH_IP, w.ipv4(w.GUEST_IP, w.UDP, w.udp(w.GUEST_IP, 40001, 7, b"x" * 1472)))
    for n in range(1, 1601):
        machine.wire.send(whole[:n])
        machine.wire.send((mac + rng.randbytes(1600))[:n])
        machine.wire.send(whole[:14] + b"\0" * (n - 14) if n > 14 else b"\0" * n)
        if n % 200 == 0:
            assert pings(machine, mac), n
    for n in (2000, 4096, 9000, 65535):
        machine.wire.send((whole + b"\0" * n)[:n])
    well(machine, mac)


def test_udp_of_every_length(machine):
    mac = machine.wire.resolve()
    for n in list(range(0, 64)) + [500, 1024, 1471, 1472]:
        assert echo(machine, mac, bytes(n), sport=41000 + n) == bytes(n), n


def test_malformed_headers(machine):
    """Every byte of the headers of TCP, UDP, ICMP and ARP packets set to hostile values, one at a time."""
    mac = machine.wire.resolve()
    syn = struct.pack(">HHIIBBHHH", 50000, 80, 1, 0, 0x50, 2, 1000, 0, 0)
    packets = [
        w.ethernet(mac, w.ETH_IP, w.ipv4(w.GUEST_IP, w.TCP, syn)),
        w.ethernet(mac, w.ETH_IP, w.ipv4(w.GUEST_IP, w.UDP, w.udp(w.GUEST_IP, 40002, 7, b"hello"))),
        w.ethernet(mac, w.ETH_IP, w.ipv4(w.GUEST_IP, w.ICMP, w.icmp_echo(1, 1, b"hello"))),
        w.ethernet(w.BROADCAST, w.ETH_ARP, w.arp(1, w.MY_MAC, w.MY_IP, b"\0" * 6, w.GUEST_IP)),
    ]
    for packet in packets:
        for at in range(6, min(len(packet), 62)):
            for value in (0x00, 0x01, 0x7f, 0x80, 0xff):
                machine.wire.send(packet[:at] + bytes([value]) + packet[at + 1:])
        assert pings(machine, mac)
    well(machine, mac)


def test_random_frames(machine):
    mac = machine.wire.resolve()
    rng = random.Random(2)
    kinds = [b"\x08\0", b"\x08\x06", b"\x86\xdd", b"\x81\0"]
    for n in range(5000):
        head = rng.choice((mac, w.BROADCAST, b"\x01\0\x5e\0\0\1")) + w.MY_MAC + rng.choice(kinds)
        body = rng.randbytes(rng.randrange(0, 200))
        if rng.random() < 0.5 and len(body) >= 24:
            body = w.ipv4(w.GUEST_IP, rng.choice((w.TCP, w.UDP, w.ICMP)), body)
        machine.wire.send(head + body)
        if n % 1000 == 0:
            assert pings(machine, mac), n
    well(machine, mac)


def test_fragments_reach_no_port(machine):
    mac = machine.wire.resolve()
    whole = w.ipv4(w.GUEST_IP, w.UDP, w.udp(w.GUEST_IP, 40003, 7, b"fragment"))
    for bits in (0x2000, 0x0001, 0x2001, 0x1fff):
        head = whole[:6] + struct.pack(">H", bits) + b"\x40\x11\0\0" + whole[12:20]
        head = head[:10] + struct.pack(">H", w.checksum(head)) + head[12:]
        start = machine.wire.seen()
        machine.wire.send(w.ethernet(mac, w.ETH_IP, head + whole[20:]))
        assert machine.wire.wait_frame(lambda f: f[12:14] == b"\x08\0" and f[23] == w.UDP and f[34:36] == b"\0\7", 0.3, start) is None, hex(bits)
    well(machine, mac)


def test_flood_of_one_port_leaves_the_other(machine):
    mac = machine.wire.resolve()
    frame = w.ethernet(mac, w.ETH_IP, w.ipv4(w.GUEST_IP, w.UDP, w.udp(w.GUEST_IP, 40004, 7, b"f" * 64)))
    for _ in range(20):
        for _ in range(500):
            machine.wire.send(frame)
        assert machine.page_status() == 200
    well(machine, mac)


def test_syn_flood(machine):
    mac = machine.wire.resolve()
    pseudo = lambda segment: w._pseudo(w.MY_IP, w.GUEST_IP, w.TCP, len(segment)) + segment
    for n in range(2000):
        segment = struct.pack(">HHIIBBHHH", 1024 + n, 80, n * 7919, 0, 0x50, 2, 1000, 0, 0)
        segment = segment[:16] + struct.pack(">H", w.checksum(pseudo(segment))) + segment[18:]
        machine.wire.send(w.ethernet(mac, w.ETH_IP, w.ipv4(w.GUEST_IP, w.TCP, segment)))
    assert echo(machine, mac, b"during") == b"during"
    for attempt in range(10):
        try:
            assert machine.page_status() == 200
            return
        except OSError:
            continue
    raise AssertionError("no page after a SYN flood")

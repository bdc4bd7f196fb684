"""The serial line, when nobody reads at its other end."""
import threading
import time

import qemu

SECONDS = 120


def page(machine):
    connection = machine.http(10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_line_that_nobody_reads_stops_nobody_else():
    """The shell writes more than the host's buffers hold while the host does not read: bytes are lost, the page is not."""
    reading = threading.Event()
    reading.set()
    with qemu.Machine(sink=lambda _: reading.wait()) as m:
        m.wait_up()
        assert page(m) == 200
        reading.clear()
        m.send("help\n" * 4000)
        started = time.monotonic()
        for _ in range(30):
            assert page(m) == 200
            time.sleep(0.1)
        assert time.monotonic() - started < 20, time.monotonic() - started
        reading.set()
        time.sleep(1)
        start = len(m.console_text())
        m.send("\n")
        m.expect(r"exos\$ $", 30, start)
        assert page(m) == 200

"""The serial line, when nobody reads at its other end."""
import threading
import time

import qemu

SECONDS = 120


def test_a_line_that_nobody_reads_stops_nobody_else():
    """The shell writes more than the host's buffers hold while the host does not read: it waits, alone."""
    reading = threading.Event()
    reading.set()
    with qemu.Machine(sink=lambda _: reading.wait()) as m:
        m.wait_up()
        assert m.page_status() == 200
        reading.clear()
        m.send("help\n" * 4000)
        started = time.monotonic()
        for _ in range(30):
            assert m.page_status() == 200
            time.sleep(0.1)
        assert time.monotonic() - started < 20, time.monotonic() - started
        reading.set()
        time.sleep(1)
        start = len(m.console_text())
        m.send("\n")
        m.expect(r"exos\$ $", 30, start)
        assert m.page_status() == 200


def test_a_line_that_is_read_late_loses_nothing():
    """The shell waits for the reader, and then the whole text is there, many times over."""
    reading = threading.Event()
    reading.set()
    with qemu.Machine(sink=lambda _: reading.wait()) as m:
        m.wait_up()
        one = m.command_output("help")
        start = len(m.console_text())
        reading.clear()
        for _ in range(400):            # more than the host's buffers hold; what the shell cannot take any more is lost, as typed text is
            m.send("help\n")
            time.sleep(0.005)
        reading.set()
        time.sleep(2)
        text = m.console_text()[start:]
        whole, last_line = text.count(one), one.splitlines()[-1]
        assert 10 < whole < 400 and whole == text.count(last_line), (whole, text.count(last_line))

"""The timer: stimecmp where the hart has Sstc, the firmware otherwise. The tests of time run on both."""
import qemu

WITHOUT_SSTC = ["-cpu", "rv64,sstc=off"]


def _passes(name, said, extra=()):
    with qemu.Machine(append=f"test={name}", mem="64", net="none", extra=extra) as m:
        m.wait_report(rf"^pass {name}$", timeout=60)
        assert m.wait(timeout=10) == 0
        assert said in m.console_text(), m.tail()


def test_events_by_stimecmp():
    _passes("events", "timer by stimecmp")


def test_events_by_the_firmware():
    _passes("events", "timer by SBI", WITHOUT_SSTC)


def test_slices_by_the_firmware():
    _passes("slice_upcalls", "timer by SBI", WITHOUT_SSTC)


def test_overruns_by_the_firmware():
    _passes("u5_overrun", "timer by SBI", WITHOUT_SSTC)


def test_transfers_with_deadlines_by_the_firmware():
    _passes("t_transfers", "timer by SBI", WITHOUT_SSTC)

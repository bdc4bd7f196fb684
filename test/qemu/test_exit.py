"""How the machine ends."""
import qemu

SECONDS = 60


def ends_with(typed, status):
    with qemu.Machine().start() as m:
        m.wait_up()
        m.expect(r"exos\$ $")
        m.send(typed)
        assert m.wait(15) == status


def test_exit_is_success():
    ends_with("exit\n", 0)


def test_exit_status_reaches_the_host():
    ends_with("exit 42\n", 42)


def test_end_of_input():
    ends_with("\x04", 0)


def test_boots_without_a_network():
    with qemu.Machine(net="none").start() as m:
        m.wait_up()
        m.expect(r"exos\$ $")
        assert "no network device" in m.command_output("filters")
        m.send("exit 3\n")
        assert m.wait(15) == 3

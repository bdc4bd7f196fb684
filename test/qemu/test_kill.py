"""The end of one library OS is nothing to another."""
import re
import socket
import time

SECONDS = 120


def echoes(machine):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect(("127.0.0.1", machine.ports["udp/7"]))
        for _ in range(5):
            s.send(b"hello")
            try:
                return s.recv(100) == b"hello"
            except (TimeoutError, ConnectionRefusedError):
                continue
    return False


def gone(machine, name):
    for _ in range(50):
        if not re.search(rf"(?m)  {name}$", machine.command_output("ps")):
            return True
        time.sleep(0.1)
    return False


def test_echo_dies_httpd_serves(machine):
    assert echoes(machine) and machine.page_status() == 200
    machine.command_output("kill echo")
    assert gone(machine, "echo")
    for _ in range(20):
        assert machine.page_status() == 200
    assert not echoes(machine)


def test_httpd_dies_echo_serves(machine):
    assert echoes(machine) and machine.page_status() == 200
    with machine.dial("tcp/7", 10) as s:
        s.sendall(b"before")
        assert s.recv(100) == b"before"
        machine.command_output("kill httpd")
        assert gone(machine, "httpd")
        s.sendall(b"after")
        assert s.recv(100) == b"after"
    for _ in range(20):
        assert echoes(machine)


def test_killed_under_load_and_started_again(machine):
    """httpd dies in the middle of requests, its frames come back, and the shell starts another one on the same port."""
    free = lambda: int(re.search(r"(?m)^ +(\d+) free,", machine.command_output("pages")).group(1))
    sockets = [machine.dial("tcp/80", 10) for _ in range(16)]
    for s in sockets:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" * 2)
    before = free()
    machine.command_output("kill httpd")
    assert gone(machine, "httpd")
    assert free() > before
    for s in sockets:
        s.close()
    machine.command_output("run -p 4096 httpd &")
    for _ in range(50):
        try:
            assert machine.page_status() == 200
            break
        except OSError:
            time.sleep(0.2)
    else:
        raise AssertionError("the second httpd never answered")
    machine.command_output("kill httpd")
    assert gone(machine, "httpd")
    assert echoes(machine)

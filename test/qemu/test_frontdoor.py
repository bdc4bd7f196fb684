"""What a user and a script meet first: make qemu, make serve, and what they say when something is wrong."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import common
import qemu

RUN = [sys.executable, os.path.join(common.ROOT, "test", "harness", "run.py")]


def serve(*options):
    """(process, its JSON line)"""
    process = subprocess.Popen([*RUN, "serve", "--no-build", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"serve said nothing: {process.stderr.read()}")
    return process, json.loads(line)


def stop(process, how=signal.SIGTERM):
    process.send_signal(how)
    rest, complaints = process.communicate(timeout=20)
    return process.returncode, rest, complaints


def children_of(pid):
    """The processes whose parent is pid: the emulator."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(entry))
        except OSError:
            pass        # ended meanwhile
    return found


def test_serve_tells_one_line_and_stops_cleanly():
    """One JSON line when the page answers; SIGTERM ends serve with 0, the emulator with it, and nothing else was printed."""
    process, told = serve()
    try:
        assert set(told) == {"http", "ports", "console", "pid"} and set(told["ports"]) == {"tcp/7", "udp/7"}
        assert told["pid"] == process.pid
        with urllib.request.urlopen(told["http"], timeout=10) as reply:
            assert reply.status == 200 and b"<" in reply.read()
        children = children_of(process.pid)
        assert children and os.path.getsize(told["console"]) > 0
    finally:
        code, rest, _ = stop(process)
    assert code == 0 and rest == "", (code, rest)
    assert not any(os.path.exists(f"/proc/{child}") for child in children)


def test_two_systems_side_by_side():
    """Free ports for each, whatever else runs."""
    first, a = serve()
    second, b = serve()
    try:
        assert a["http"] != b["http"]
        for told in (a, b):
            with urllib.request.urlopen(told["http"], timeout=10) as reply:
                assert reply.status == 200
    finally:
        assert stop(first)[0] == 0 and stop(second, signal.SIGINT)[0] == 0


def test_terminal_carries_input_and_the_exit_code():
    """Piped input reaches the shell, and its exit status is the command's."""
    done = subprocess.run([*RUN, "qemu", "--no-build"], input="help\nexit 3\n", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, (done.returncode, done.stdout[-500:], done.stderr[-500:])
    assert "exos$" in done.stdout and "OpenSBI v" not in done.stdout and "http://127.0.0.1:" in done.stderr


def test_a_hung_up_debugging_session_leaves_nothing():
    """The terminal goes away (SIGHUP) while qemu-gdb waits for gdb: the emulator, its folder and the port's file go too."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([*RUN, "qemu-gdb", "--no-build"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=dict(os.environ, TMPDIR=folder))
        while "waiting for gdb" not in (line := process.stderr.readline()):
            assert line, "qemu-gdb ended"
        children = children_of(process.pid)
        assert children and os.listdir(folder)
        code, _, complaints = stop(process, signal.SIGHUP)
        assert code == 128 + signal.SIGHUP and "Traceback" not in complaints, (code, complaints)
        assert not any(os.path.exists(f"/proc/{child}") for child in children) and not os.listdir(folder)


def test_stalled_boot_is_explained():
    """A machine that says nothing: the place of each hart is named, and the budget ends the wait."""
    complaints = []
    with qemu.Machine(harts=2, paused=True, net="none") as m:
        started = time.monotonic()
        try:
            m.wait_up(budget=2, stall=0.5, complain=complaints.append)
            raise AssertionError("a stopped machine came up")
        except qemu.BootTimeout as late:
            text = str(late)
    assert time.monotonic() - started < 10
    assert len(complaints) == 1 and "nothing new for 0.5 s" in complaints[0]
    for expected in ("hart 0: pc", "hart 1: pc", "reset code", "likely causes"):
        assert expected in text, text


def test_unknown_network_is_refused_with_the_choices():
    done = subprocess.run([*RUN, "qemu", "--no-build", "--net", "carrier-pigeon"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=20, check=False)
    assert done.returncode == common.USAGE and "user, none, dgram" in done.stderr


def test_missing_emulator_is_named():
    done = subprocess.run([*RUN, "qemu", "--no-build"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          check=False, env=dict(os.environ, QEMU="/nonexistent/qemu"))
    assert done.returncode == common.ENVIRONMENT and "QEMU=/nonexistent/qemu" in done.stderr, done.stderr


def test_impossible_machines_are_refused_with_the_limits():
    for options, limit in ((["--harts", "9"], "1 to 8"), (["--harts", "0"], "1 to 8"), (["--harts", "x"], "1 to 8"),
                           (["--tree", "foo"], "rv64-debug"), (["--mem", "2G"], "24 to"), (["--mem", "8"], "24 to")):
        done = subprocess.run([*RUN, "qemu", "--no-build", *options], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=20, check=False)
        assert done.returncode == common.USAGE and limit in done.stderr, (options, done.returncode, done.stderr)


def test_the_smallest_machine_reaches_the_prompt():
    done = subprocess.run([*RUN, "qemu", "--no-build", "--mem", "24"], input="exit 5\n", capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 5, (done.returncode, done.stdout[-500:], done.stderr[-500:])

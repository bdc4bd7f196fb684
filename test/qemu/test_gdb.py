"""The debugger's commands of test/harness/exos_gdb.py, in batch mode against a booted system."""
import os
import re
import shutil
import subprocess

import common
import qemu
from runtests import Skip

SECONDS = 90
GDB = "gdb-multiarch"


def gdb(machine, *commands, symbols=None):
    """What gdb prints for these commands, with the machine stopped."""
    if shutil.which(GDB) is None:
        raise Skip(f"{GDB} is not installed: make gdb does it")
    folder = common.tree(machine.tree_name)
    line = [GDB, "-q", "-nx", "-batch", os.path.join(folder, "exos.elf"), "-ex", "set confirm off", "-ex", "set architecture riscv:rv64",
            "-x", os.path.join(common.ROOT, "test", "harness", "exos_gdb.py"), "-ex", f"target remote 127.0.0.1:{machine.gdb_port}"]
    if symbols:
        line += ["-ex", f"add-symbol-file {os.path.join(folder, 'user', symbols)}"]
    for command in commands:
        line += ["-ex", command]
    done = subprocess.run(line + ["-ex", "detach"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_lists_and_walks():
    with qemu.Machine(gdb=True) as machine:
        machine.wait_up()
        machine.expect(r"exos\$ $")
        text = gdb(machine, "exos envs", "exos caps shell", "exos pages shell", "exos slices", "exos walk shell 0x10000", "exos walk shell 0x2000000000",
                   "exos caps nobody", "exos walk shell no_such_symbol", "exos break echo main", "help exos walk")
        for name in ("init", "netd", "httpd", "echo", "shell"):
            assert re.search(rf"(?m)^ +\d+ +\d+  (ready|waiting) +\d+ +\d+ +0x[0-9a-f]+  {name}$", text), text
        assert re.search(r"(?m)^ +2  ctx +0x3 +\d+ +\d+ +0x0$", text), text
        owned = re.search(r"(?m)^(\d+) frames; charged: (\d+)$", text)
        assert owned and owned.group(1) == owned.group(2) and int(owned.group(1)) > 50, text
        assert re.search(r"(?m)^hart 0: position \d+, on it \w+$", text), text
        # The first page of the shell's image: executable, the user's, and not writable.
        assert re.search(r"level 0: table 0x\w+ entry 16: 0x\w+ vr-xu-a", text), text
        assert "nothing is bound there" in text and "there is no environment nobody" in text, text
        assert "no_such_symbol is no address" in text and "the symbols of echo are not loaded" in text, text
        assert "the page-table entries that translate VA" in text, text
        # It goes on as if nothing had been.
        assert "shell" in machine.command_output("ps")


def test_stops_in_one_program_only():
    """All programs lie at the same addresses; the break is one of the address, and stops in the one that is meant."""
    with qemu.Machine(gdb=True, paused=True) as machine:
        text = gdb(machine, "exos break shell main", "continue", "exos slices", "exos envs", "delete", symbols="bin/shell")
        assert re.search(r"on it shell\b", text), text
        assert re.search(r"Breakpoint 1, main", text), text
        machine.wait_up()

#!/usr/bin/env python3
"""doctor.py - is this machine ready? Every tool: found, wanted, how to get it; then a boot of emulator and firmware alone."""
import os
import subprocess
import sys
import tempfile

import common
import tools
from common import ENVIRONMENT, PASS, colour

# Ten instructions at 0x80200000 that print "ok" through the firmware and power off with code 42 through the test device:
#   li a0,'o'; li a7,1; ecall; li a0,'k'; ecall; lui t0,0x100; lui t1,0x2a3; addi t1,t1,0x333; sw t1,0(t0); j .
PROBE = [0x06f00513, 0x00100893, 0x00000073, 0x06b00513, 0x00000073, 0x001002b7, 0x002a3337, 0x33330313, 0x0062a023, 0x0000006f]


def boot_test():
    """(passed, what was seen)"""
    with tempfile.TemporaryDirectory(prefix="exos-doctor-") as folder:
        image = os.path.join(folder, "probe.bin")
        with open(image, "wb") as f:
            f.write(b"".join(word.to_bytes(4, "little") for word in PROBE))
        try:
            done = subprocess.run([tools.QEMU, "-M", "virt", "-m", "64", "-bios", tools.BIOS, "-kernel", image, "-display", "none",
                                   "-monitor", "none", "-serial", "stdio", "-no-reboot", "-nic", "none"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=30, check=False)
        except subprocess.TimeoutExpired as late:
            return False, f"not finished after 30 s; it printed: {(late.stdout or b'')[-200:]!r}"
        except OSError as error:
            return False, str(error)
    firmware = next((line.strip() for line in done.stdout.splitlines() if line.startswith("OpenSBI")), "no firmware banner")
    passed = done.returncode == 42 and done.stdout.rstrip().endswith("ok")
    return passed, f"{firmware}, exit code {done.returncode} (wanted 42)" + ("" if passed else f": {done.stdout[-200:].strip()!r}")


def main(_):
    rows = [("tool", "found", "wanted", "", "for", "get it with")]
    lacking = []
    for tool in tools.TOOLS:
        good = tool.ok()
        if not good:
            lacking.append(tool)
        rows.append((tool.name, tool.version() or "missing", tool.wanted and tool.wanted + "+", "ok" if good else "NO", tool.why,
                     "" if good else f"apt-get install -y {tool.package}"))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + "  " + row[5]
        print(colour("31", line.rstrip(), sys.stdout) if row[3] == "NO" else line.rstrip())
    passed, seen = boot_test()
    print(f"\nboot test: {'ok' if passed else 'FAILED'}: {seen}")
    if lacking:
        print(f"\nall that is missing at once:\n    sudo sh -c 'apt-get update && {tools.install_command(lacking)}'")
    if not passed:
        print("The emulator or its firmware does not work; exos cannot start here. QEMU=/path/to/qemu-system-riscv64 and"
              " BIOS=/path/to/fw_dynamic.bin name others.")
    return PASS if passed and not lacking else ENVIRONMENT


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

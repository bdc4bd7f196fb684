#!/usr/bin/env python3
"""longest.py [--harts N] [NAME...] - the longest stays in the kernel during guest tests, in instructions, for each call

A stay is from a trap to the return from it: interrupts are off, and on several harts the kernel's lock may be held. The emulator runs
the release kernel as it is, with a plugin (longest.c) that counts. Without names: all guest tests, on one hart, or on N. Prints a table,
writes build/longest.json. With several harts what is executed while one waits for another depends on the host, and stands apart.
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

import build
import common
import qemu
import runtests
import symbols
import tools
from common import BUILD, BUILD_FAILED, PASS, Stop, relative

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 120
# What a stay is named after, besides sys_*: (function, name). Interrupts and exceptions have no call.
OTHERS = {"page_delete": "cap_delete", "slice_timer": "(timer)", "slice_told": "(other hart)", "console_interrupt": "(device)",
          "upcall_fault": "(exception)", "arch_fp_wake": "(floating point)"}
MARKED = "(marked)"
WAITS = ("lock_wait", "lock_take", "arch_relax", "harts_gather")  # the compiler has lock_wait() once more in lock_take()


def plugin():
    """The plugin, compiled."""
    os.makedirs(BUILD, exist_ok=True)
    path = os.path.join(BUILD, "longest.so")
    done = subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", path, os.path.join(HERE, "longest.c")],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Stop(BUILD_FAILED, done.stderr)
    return path


def symbol_lines(tree):
    book = symbols.Symbols(os.path.join(common.tree(tree), "exos.elf"))
    end = dict(zip(book.names, book.addresses[1:] + [book.end]))
    at = dict(zip(book.names, book.addresses))
    yield f"entry {at['trap_entry']:x}"
    for name, address in at.items():
        label = name[4:] if name.startswith("sys_") else OTHERS.get(name)
        if label:
            yield f"name {address:x} {label.replace(' ', '_')}"
    for name in WAITS:
        yield f"wait {at[name]:x} {end[name]:x}"
    yield f"idle {at['arch_wait_for_work']:x} {end['arch_wait_for_work']:x}"


def extra(so, table, out):
    """Options of the emulator: the plugin reads the file `table` and writes the file `out` at the end."""
    return ["-plugin", f"{so},symbols={table},out={out}"]


def read(text):
    """What the plugin wrote: {call: [stays, longest, firmware, wait]}, and for each marked part (program, kernel, firmware)."""
    rows = [(words[0], [int(n) for n in words[1:]]) for words in map(str.split, text.splitlines())]
    return {name: row for name, row in rows if name != MARKED}, [tuple(row) for name, row in rows if name == MARKED]


def run(so, table, name, harts, settings=None):
    """{call: [stays, longest, firmware, wait]} of one guest test."""
    with tempfile.NamedTemporaryFile("r", suffix=".txt") as out:
        with qemu.Machine(**(settings or {"append": f"test={name}"}), harts=harts, extra=extra(so, table, out.name)) as machine:
            try:
                machine.wait(SECONDS)
            except qemu.MachineError:
                return {}           # it says nothing about time; the tests themselves are runtests.py's matter
        return read(out.read())[0]


def measure(names, harts=1, jobs=1):
    """{call: {"stays", "longest", "firmware", "wait", "test"}} over these guest tests."""
    so, found = plugin(), {}
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lines, concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        lines.write("\n".join(symbol_lines("rv64")) + "\n")
        lines.flush()
        for name, result in zip(names, pool.map(lambda name: run(so, lines.name, name, harts), names)):
            for call, (stays, longest, firmware, wait) in result.items():
                best = found.setdefault(call.replace("_", " ") if call[0] == "(" else call,
                                        dict(stays=0, longest=0, firmware=0, wait=0, test=""))
                best["stays"] += stays
                best["firmware"], best["wait"] = max(best["firmware"], firmware), max(best["wait"], wait)
                if longest > best["longest"]:
                    best.update(longest=longest, test=name)
    return found


def table(found, most=None):
    rows = [("call", "longest", "in test", "stays", "firmware", "waiting")]
    rows += [(call, f"{f['longest']:,}", f["test"], f"{f['stays']:,}", f"{f['firmware']:,}", f"{f['wait']:,}")
             for call, f in sorted(found.items(), key=lambda item: -item[1]["longest"])[:most]]
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) if i in (0, 2) else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))).rstrip() for r in rows)


def main(argv):
    tools.ensure(tools.BUILD_SET, tools.RUN_SET, tools.TEST_SET)
    harts = int(argv[argv.index("--harts") + 1]) if "--harts" in argv[:-1] else 1
    names = [a for a in argv if not a.startswith("--") and a != str(harts)]
    build.build("rv64")
    found = measure(names or runtests.guest_names("rv64"), harts, min(2, os.cpu_count() or 1))
    print(table(found))
    path = os.path.join(BUILD, "longest.json")
    with open(path, "w", encoding="ascii") as f:
        json.dump(found, f, indent=2, sort_keys=True)
        f.write("\n")
    print(f"written: {relative(path)}")
    return PASS


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

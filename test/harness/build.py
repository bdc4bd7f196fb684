#!/usr/bin/env python3
"""build.py TREE [TARGET...] - configure and build one tree (rv64, rv64-debug, rv64-clang, host, host-asan, host-fuzz).

Quiet: one line per step, and the compiler's words when it complains. V=1 shows every command.
"""
import fcntl
import os
import re
import subprocess
import sys
import time

import common
import tools
from common import BUILD_FAILED, ROOT, USAGE, Stop, say

TREES = ("rv64", "rv64-debug", "rv64-clang", "host", "host-asan", "host-coverage", "host-fuzz")


def _run(command, log):
    """Run one step; its output goes to the log, and to the terminal too with V=1."""
    if common.VERBOSE:
        say("+ " + " ".join(command))
        return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode, ""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False)
    with open(log, "a", encoding="utf-8") as f:
        f.write("+ " + " ".join(command) + "\n" + done.stdout)
    return done.returncode, done.stdout


def _diagnostics(output):
    """What a person wants of ninja's output: the complaints, not the progress nor the long command lines."""
    keep = []
    for line in output.splitlines():
        if re.match(r"\[\d+/\d+\] ", line) or line.startswith((": && ", "ninja: build stopped", "[0/2]", "-- ")):
            continue
        if re.match(r"(/\S+/)?\S*(gcc|clang-\d+|python3(\.\d+)?|ar) ", line):
            continue
        keep.append(line)
    shown = keep[:60]
    if len(keep) > len(shown):
        shown.append(f"... {len(keep) - len(shown)} more lines")
    return "\n".join(shown)


def build(name, targets=(), keep_going=False):
    """Bring a tree up to date. Raises Stop(BUILD_FAILED) with the compiler's message, after building what can be (keep_going)."""
    folder = common.tree(name)
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, "build.log")
    started = time.monotonic()
    with open(os.path.join(folder, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands may want the same tree at the same time
        open(log, "w", encoding="utf-8").close()
        if not os.path.exists(os.path.join(folder, "build.ninja")):
            code, output = _run(["cmake", "--preset", name], log)
            if code != 0:
                raise Stop(BUILD_FAILED, f"configuring {name} failed:\n{output.strip()}\n"
                           f"If the tree was made by another version of the tools: rm -rf {common.relative(folder)}; make doctor lists the tools.")
        command = ["cmake", "--build", "--preset", name]
        if targets:
            command += ["--target", *targets]
        if common.VERBOSE:
            command.append("--verbose")
        if keep_going:
            command += ["--", "-k", "0"]
        code, output = _run(command, log)
    if code != 0:
        raise Stop(BUILD_FAILED, f"building {name} failed:\n{_diagnostics(output)}\n"
                   f"The whole output is in {common.relative(log)}; V=1 shows every command.")
    if common.VERBOSE or time.monotonic() - started > 1:
        say(f"built {name} ({time.monotonic() - started:.1f}s)")


def main(argv):
    if not argv or argv[0] not in TREES:
        raise Stop(USAGE, f"TREE={argv[0]} is none of: {', '.join(TREES)}." if argv else __doc__.strip())
    tools.ensure(tools.BUILD_SET if argv[0].startswith("rv64") else tools.TEST_SET)
    build(argv[0], argv[1:])
    return 0


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

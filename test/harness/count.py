#!/usr/bin/env python3
"""count.py - lines of C and assembly, without comments and blank lines, per room.

The kernel that runs (kern, arch, drivers) must stay below its limit. Its audit, which is only in the debug kernel and in the tests, and
the other rooms are counted for information (docs/decisions/0017).
"""
import os
import re
import sys

import common
from common import FAIL, PASS, ROOT, complain

LIMIT = 8000
KERNEL = ("kern", "arch", "drivers")
CHECKER = ("kern/audit.c", "kern/audit.h")
OTHERS = ("include", "libexos", "user", "test")

# Strings and character constants are matched so that a comment sign inside one is not taken for a comment.
TOKENS = re.compile(r'''//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*\'''', re.S)
DIRECTIVE = re.compile(r"\s*#\s*(define|undef|include|if|ifdef|ifndef|elif|else|endif|error|pragma|line)\b")


def code_lines(text, assembly):
    def blank(match):
        token = match.group(0)
        return "\n" * token.count("\n") if token.startswith("/") else token
    lines = [line for line in TOKENS.sub(blank, text).split("\n") if line.strip()]
    if assembly:
        lines = [line for line in lines if not line.lstrip().startswith("#") or DIRECTIVE.match(line)]
    return len(lines)


def count_room(room):
    """[(lines, path)] of the C and assembly files of one room."""
    found = []
    for folder, _, names in os.walk(os.path.join(ROOT, room)):
        for name in names:
            if name.endswith((".c", ".h", ".S")):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8", errors="replace") as f:
                    found.append((code_lines(f.read(), name.endswith(".S")), os.path.relpath(path, ROOT)))
    return found


def main(argv):
    total = checker = 0
    for room in KERNEL:
        files = count_room(room)
        checker += sum(n for n, path in files if path in CHECKER)
        files = [entry for entry in files if entry[1] not in CHECKER]
        lines = sum(n for n, _ in files)
        total += lines
        print(f"{room:10} {lines:6}")
        if common.VERBOSE or "-v" in argv:
            for n, path in sorted(files, reverse=True):
                print(f"  {n:6}  {path}")
    print(f"{'kernel':10} {total:6}   of at most {LIMIT}")
    print(f"{'audit':10} {checker:6}   in the debug kernel and the tests only")
    print()
    for room in OTHERS:
        print(f"{room:10} {sum(n for n, _ in count_room(room)):6}")
    if total > LIMIT:
        complain(f"the kernel has {total} lines, {total - LIMIT} too many. What of it is policy that a library could hold?")
        return FAIL
    return PASS


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

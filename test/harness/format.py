#!/usr/bin/env python3
"""format.py [FILE...] - lay out C sources with clang-format; without a file, all that git knows."""
import subprocess
import sys

import common
import tools
from common import ROOT, say


def main(argv):
    tools.ensure(tools.FORMAT_SET)
    files = argv or subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["clang-format-14", "-i", *files], cwd=ROOT, check=True)
    say(f"laid out {len(files)} files; git diff shows what changed")
    return 0


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

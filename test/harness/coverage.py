#!/usr/bin/env python3
"""coverage.py [-v] - which lines and branches of the kernel the unit tests reach

The host tests run once in a tree that counts (build/host-coverage); gcovr adds the counts up. Printed are a line per file and the sum;
-v names the lines that never ran. The long tests are left out, as in make unit. Exit code 1 when the sum is below FLOOR.
"""
import json
import os
import subprocess
import sys

import build
import common
import tools
from common import FAIL, PASS, ROOT, Stop, complain, relative, say

TREE = "host-coverage"
ROOMS = ("kern", "drivers", "arch")
FLOOR = {"line": 95.0, "branch": 85.0}      # percent of the kernel


def run_tests(folder):
    for where, _, names in os.walk(folder):
        for name in filter(lambda n: n.endswith(".gcda"), names):
            os.remove(os.path.join(where, name))
    done = subprocess.run(["ctest", "--test-dir", folder, "-LE", "nightly|slow", "--parallel", str(min(2, os.cpu_count() or 1)), "--output-on-failure"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise Stop(FAIL, f"the unit tests fail in {relative(folder)}; make unit shows them better:\n{done.stdout[-2000:]}")


def count(folder):
    """gcovr's account of the last run, a dict."""
    command = ["gcovr", "--root", ROOT, "--object-directory", folder, "--json", "-", "--json-summary", os.path.join(folder, "coverage.json")]
    for room in ROOMS:
        command += ["--filter", f"{room}/"]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise Stop(FAIL, f"gcovr failed:\n{done.stderr[-2000:]}")
    with open(os.path.join(folder, "coverage.json"), encoding="utf-8") as f:
        summary = json.load(f)
    missing = {entry["file"]: [line["line_number"] for line in entry["lines"]
                               if not line["count"] and not line["gcovr/noncode"]] for entry in json.loads(done.stdout)["files"]}
    return summary, missing


def ranges(numbers):
    """[1, 2, 3, 7] -> "1-3 7" """
    parts = []
    for n in numbers:
        if parts and parts[-1][1] == n - 1:
            parts[-1][1] = n
        else:
            parts.append([n, n])
    return " ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in parts)


def measure():
    """Build, run, count: (summary, missing lines of each file)."""
    tools.ensure(tools.TEST_SET, tools.COVERAGE_SET)
    build.build(TREE)
    say("running the unit tests, counting")
    folder = common.tree(TREE)
    run_tests(folder)
    return count(folder)


def verdict(summary):
    """What is below its floor, as text; empty when nothing is."""
    return "; ".join(f"{summary[kind + '_percent']} % of the kernel's {kind}s run in the unit tests, {floor:g} % are wanted"
                     for kind, floor in FLOOR.items() if summary[f"{kind}_percent"] < floor)


def main(argv):
    summary, missing = measure()
    print(f"{'file':28} {'lines':>7} {'branches':>9}")
    for entry in summary["files"]:
        print(f"{entry['filename']:28} {entry['line_percent']:6.1f}% {entry['branch_percent'] or 0:8.1f}%")
        if (common.VERBOSE or "-v" in argv) and missing.get(entry["filename"]):
            print(f"    never: {ranges(missing[entry['filename']])}")
    print(f"{'kernel':28} {summary['line_percent']:6.1f}% {summary['branch_percent']:8.1f}%   of {summary['line_total']} lines, {summary['branch_total']} branches")
    too_low = verdict(summary)
    if too_low:
        complain(f"{too_low}. V=1 names the lines that never ran.")
        return FAIL
    return PASS


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

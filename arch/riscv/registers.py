#!/usr/bin/env python3
"""Refuse a kernel whose compiled code touches a register that entry.S hands back to the user uncleared.

  registers.py --objdump OBJDUMP OBJECT...     objects of assembly (.S) are passed over

These registers are reserved by -ffixed-REG in CMakeLists.txt; but a compiler may have uses of its own, as for large stack frames.
"""
import argparse
import re
import subprocess
import sys

RESERVED = re.compile(r"\b(t3|t4|t5|t6)\b")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objdump", required=True)
    parser.add_argument("objects", nargs="+")
    args = parser.parse_args()
    for name in args.objects:
        if ".S." in name:
            continue
        out = subprocess.run([args.objdump, "-d", "--no-show-raw-insn", name], check=True, capture_output=True, text=True).stdout
        where = "?"
        for line in out.splitlines():
            if line.endswith(">:"):
                where = line.split("<")[1][:-2]
            elif "\t" in line and RESERVED.search(re.sub(r"<[^>]*>", "", line.split("\t", 1)[1])):
                sys.exit(f"registers: {where} in {name} uses a register that calls hand back to the user as it is:\n{line}")


if __name__ == "__main__":
    main()

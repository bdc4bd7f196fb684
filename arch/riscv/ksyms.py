#!/usr/bin/env python3
"""Make and check the kernel's own symbol table.

  ksyms.py empty --out F.S                          the table of pass 1: no symbols
  ksyms.py table --nm NM --elf PASS1 --out F.S      the functions of PASS1, sorted by address
  ksyms.py check --nm NM --elf PASS1 --final ELF    refuse ELF if a function is not where PASS1 had it

The table, read by the kernel's backtrace:
  uint32_t ksyms_count          number of entries
  uint32_t ksyms_addr[count]    function start, bytes from __text_start, ascending
  uint32_t ksyms_name[count]    its name, bytes from ksyms_strings
  char     ksyms_strings[]      names, each ended by a zero byte
"""
import argparse
import subprocess
import sys


def functions(nm, elf):
    """[(offset from __text_start, name)] of every symbol in the text segment, one name per address."""
    out = subprocess.run([nm, "--defined-only", elf], check=True, capture_output=True, text=True).stdout
    symbols = [(int(addr, 16), kind, name) for addr, kind, name in (line.split(None, 2) for line in out.splitlines())]
    where = {name: addr for addr, _, name in symbols}
    start, end = where["__text_start"], where["__text_end"]
    best = {}
    for addr, kind, name in symbols:
        # Local labels and mapping symbols name places inside a function, not functions.
        if kind not in "tT" or not start <= addr < end or name.startswith((".L", "$", "__text_")):
            continue
        # Global names win over local ones at one address, then the shorter, then the alphabet: stable in both passes.
        rank = (kind != "T", len(name), name)
        if addr not in best or rank < best[addr]:
            best[addr] = rank
    return [(addr - start, best[addr][2]) for addr in sorted(best)]


def assembly(entries):
    lines = ["/* Made by arch/riscv/ksyms.py, which describes it. */",
             "\t.section .ksyms, \"a\"",
             "\t.globl\tksyms_count, ksyms_addr, ksyms_name, ksyms_strings",
             "\t.balign\t8",
             "ksyms_count:",
             f"\t.word\t{len(entries)}",
             "ksyms_addr:"]
    lines += [f"\t.word\t{offset:#x}" for offset, _ in entries]
    lines.append("ksyms_name:")
    position = 0
    for _, name in entries:
        lines.append(f"\t.word\t{position}")
        position += len(name.encode()) + 1
    lines.append("ksyms_strings:")
    lines += [f"\t.asciz\t\"{name}\"" for _, name in entries]
    lines.append("\t.byte\t0")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["empty", "table", "check"])
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--elf")
    parser.add_argument("--final")
    parser.add_argument("--out")
    args = parser.parse_args()

    if args.action == "check":
        before, after = functions(args.nm, args.elf), functions(args.nm, args.final)
        if before != after:
            moved = next((a, b) for a, b in zip(before + [None], after + [None]) if a != b)
            sys.exit(f"ksyms: text moved between the two links: {moved[0]} became {moved[1]}.\n"
                     "The backtrace would name wrong functions. Does a section before .ksyms depend on its size (kernel.ld)?")
        return
    entries = [] if args.action == "empty" else functions(args.nm, args.elf)
    with open(args.out, "w", encoding="ascii") as out:
        out.write(assembly(entries))


if __name__ == "__main__":
    main()

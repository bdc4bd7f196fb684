"""The benchmark report: figures from the guest, beside their targets and what other systems need for the same."""
import json
import os
import subprocess

import qemu
from common import BUILD, ROOT

# key: (what is measured, exos's target, Aegis in DEC5000 cycles, seL4, xv6, Linux), in instructions on one hart under
# -icount shift=0. The peers' figures were taken on the same emulator; Aegis's are from SOSP 1995, another machine, for the shape.
PEERS = {
    "null_call": ("null system call, in and out", 30, 40, 130, 874, 264),
    "exception_round": ("exception to the handler and back", 60, 38, 1414, None, 4040),
    "fault_bind_resume": ("page fault, handler binds, resumes", 300, None, 2182, None, 3368),
    "bind1": ("bind one page", None, None, None, None, None),
    "prot1": ("protect one page", 120, 423, 740, None, 9706),
    "unprot1": ("unprotect one page", 120, 423, 740, None, 6981),
    "prot100": ("protect 100 pages, one call", 2500, 2725, None, None, 10030),
    "unprot100": ("unprotect 100 pages, one call", 2500, 3575, None, None, 19800),
    "yield_to": ("yield to a named environment", 120, None, 424, 5761, 2086),
    "yield_to_fp": ("the same, both with floating point", None, None, None, None, None),
    "pct_oneway": ("protected transfer, one way", 60, 35, 255, None, None),
    "thread_switch": ("to another thread of the program", None, None, None, None, None),
    "mutex_pair": ("a free lock, taken and given back", None, None, None, None, None),
    "pipe_round": ("a byte through a pipe and one back", 900, 710, None, 65843, 12813),
    "pipe_inlined": ("the same, a pipe of its own, inlined", None, None, None, None, None),
    "memory_round": ("shared counter, both in turn", None, None, None, None, None),
    "rpc_trusting": ("remote procedure, both believe", None, None, None, None, None),
    "rpc_distrusting": ("the same, admitted and copied", None, None, None, None, None),
    "pct_round": ("transfer and the answer", 130, 158, 549, None, None),
    "env_life": ("environment of 8 pages: create to end", 20_000, None, 144_000, None, None),
    "unbind1": ("unbind one page", None, None, None, None, None),
    "dirty": ("is this page dirty? no call", 10, 245, None, None, 2936),
    "fault_bind_resume_lib": ("page fault, handler in C", None, None, None, None, None),
    "appel1": ("protect 1, trap, unprotect: per page", 350, 850, None, None, 31_731),
    "appel2": ("protect 100, trap, unprotect: the same", 250, 550, None, None, 15_230),
    "page_fresh": ("page: take, zero, bind, touch, free", 1200, None, 4513, 39_716, 19_606),
    "page_again": ("the same, when it was mine last", 400, None, None, None, None),
    "rx_to_ring": ("64 B packet from device to ring", 600, None, None, None, 5102),
    "rx_filters": ("(filters bound meanwhile)", None, None, None, None, None),
    "boot": ("kernel entry to the prompt", 5_000_000, None, 600_000, 418_000_000, 1_560_000_000),
}

# Measured once more on a machine of four harts, of which the other three have nothing to do: KEY_4h.
AGAIN = ("null_call", "exception_round", "yield_to", "pct_oneway", "pct_round", "pipe_round")

# The same work on so many harts at once, as often as it goes (user/tests/scale.c): scale_KIND_Nh, operations in a second.
HARTS = (1, 2, 4)
KINDS = {"null": "null calls", "transfer": "transfers and their answers", "bind": "bind and unbind, each with the lock"}

# Columns of tables 10 and 13 of Engler, Kaashoek, O'Toole, SOSP 1995.
PAPER_OPERATIONS = ("dirty", "prot1", "prot100", "unprot100", "appel1", "appel2")
AEGIS = 2               # its place in a line of PEERS


def figures(lines):
    """{key: number} from report lines "bench KEY VALUE"."""
    found = {}
    for line in lines:
        words = line.split()
        if len(words) == 3 and words[0] == "bench":
            found[words[1]] = float(words[2]) if "." in words[2] else int(words[2])
    return found


def number(value):
    """As it stands in a table: text stays as it is, and beyond ten million only millions count."""
    if isinstance(value, int) and value >= 10_000_000:
        return f"{value // 1_000_000:,} M"
    return value if isinstance(value, str) else "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def table(values):
    head = ("operation", "key", "exos", "target", "ratio", "Aegis*", "seL4", "xv6", "Linux")
    rows = []
    for key in [*PEERS, *(k for k in values if k not in PEERS and not k.startswith(("lib_", "scale_", "longest_", "revoke_", "grant_", "bystander_")) and not k.endswith("_4h"))]:
        what, target, *peers = PEERS.get(key, (key, None, None, None, None, None))
        value = values.get(key)
        ratio = f"{value / target:.2f}" if target and value is not None else "-"
        mark = " over" if target and value is not None and value > target else ""
        rows.append((what, key, number(value), number(target), ratio + mark, *map(number, peers)))
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))) for row in [head, *rows]]
    lines.insert(1, "-" * len(lines[0]))
    lines.append("Instructions per operation, one hart; ratio above 1: over the target. * DEC5000 cycles, SOSP 1995. Each key: docs/measuring.md.")
    return "\n".join(lines)


def grid(head, rows):
    cells = [head, *([row[0], *map(number, row[1:])] for row in rows)]
    widths = [max(len(str(row[i])) for row in cells) for i in range(len(head))]
    return ["  " + "  ".join(str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(row, widths))) for row in cells]


def harts(values):
    """What must not cost more for there being several harts: on one, and on four, uncontended."""
    rows = [(PEERS[key][0], values.get(key), values.get(key + "_4h"), PEERS[key][1]) for key in AGAIN]
    mark = [f"  over with four harts: {key}" for key in AGAIN if (values.get(key + "_4h") or 0) > PEERS[key][1]]
    one = {kind: values.get(f"scale_{kind}_1h") for kind in KINDS}
    ratios = [(what, *(values[f"scale_{kind}_{n}h"] / one[kind] if one[kind] and f"scale_{kind}_{n}h" in values else None for n in HARTS))
              for kind, what in KINDS.items()]
    lock = [(what, *(values[f"scale_{key}_{n}h"] / 10 if f"scale_{key}_{n}h" in values else None for n in HARTS))
            for key, what in (("lock_held", "the lock held longest, microseconds"), ("lock_wait", "and waited for"))]
    return "\n".join(["With four harts, three of them idle.", *grid(("", "1 hart", "4 harts", "target"), rows), *mark, "",
                      f"All harts at work: throughput as a ratio to one hart, in wall time on a host of {os.cpu_count()} processors.",
                      *grid(("", *(f"{n} hart" + "s" * (n > 1) for n in HARTS)), ratios + lock)])


def longest(table):
    return "Longest stays in the kernel, interrupts off, in instructions: all guest tests on one hart.\n" + \
        "\n".join("  " + line for line in table.splitlines())


def paper(values):
    """What tables 6, 8, 9, 10, 12, 13 of SOSP 1995 measured, here: transfers (6), ways to another program (8), a program (9), the
    kernel's calls (10), procedures by how much the sides believe (12), the library over two page tables (13). Of the paper only the
    figures in PEERS stand beside them."""
    operations = ("", *PAPER_OPERATIONS)
    ours = lambda name, form: (name, *(values.get(form.format(key)) for key in PAPER_OPERATIONS))
    row = lambda name, *keys: (name, *(values.get(key) for key in keys))
    aegis = lambda *keys: ("Aegis, DEC5000 cycles", *(PEERS[key][AEGIS] if key else None for key in keys))
    matmul = lambda table: (table, values.get(f"lib_matmul_first_{table}"), values.get(f"lib_matmul_{table}"))
    lines = ["Table 6: protected transfer, one way.",
             *grid(("", "one way"), [aegis("pct_oneway"), row("exos", "pct_oneway")]),
             "", "Table 8: to another program and back: a byte through the library's pipe, through one that the program has inlined (pipe'),",
             "a counter in shared memory, and a procedure (lrpc).",
             *grid(("", "pipe", "pipe'", "shm", "lrpc"),
                    [aegis("pipe_round", None, None, "pct_round"),
                     row("exos", "pipe_round", "pipe_inlined", "memory_round", "rpc_distrusting")]),
             "", "Table 9: a product of two matrices of 150 by 150, in memory touched for the first time, and again: the difference is all",
             "that the library's paging costs.",
             *grid(("", "first", "again"), [matmul("radix"), matmul("inverted")]),
             "", "Table 10: virtual memory operations, by the kernel's calls and a handler in assembly.",
             *grid(operations, [aegis(*PAPER_OPERATIONS), ours("exos", "{}")]),
             "", "Table 12: a remote procedure, by how much the two sides believe each other; and the bare transfer and answer.",
             *grid(("", "distrusting", "trusting", "bare"), [row("exos", "rpc_distrusting", "rpc_trusting", "pct_round")]),
             "", "Table 13: the same as table 10 through libexos/vm and its handlers in C, over two page tables.",
             *grid(operations, [ours("radix", "lib_{}_radix"), ours("inverted", "lib_{}_inverted")])]
    return "\n".join(lines)


def write(values):
    """build/bench.json: one flat object."""
    def first_line(*command):
        try:
            return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
        except (OSError, subprocess.CalledProcessError, IndexError):
            return "unknown"
    record = dict(values, host_processors=os.cpu_count(), commit=first_line("git", "rev-parse", "HEAD"), qemu=qemu.version(),
                  compiler=first_line("riscv64-unknown-elf-gcc", "--version"))
    path = os.path.join(BUILD, "bench.json")
    with open(path, "w", encoding="ascii") as f:
        json.dump(record, f, indent=2)
        f.write("\n")
    return path

#!/usr/bin/env python3
"""figures.py - pictures of the book that are drawn from a trace

  figures.py shares OUTPUT.svg     trace user/tests/shares.c (role "figure") and draw the time that each client got

The emulator counts instructions, so that the load of its host is not in the picture: two runs differ by fractions of a slice.
"""
import os
import sys

import build
import common
import qemu
import tools
import traces
from common import USAGE, Stop, relative

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 360, 56, 44, 20, 150
CLIENTS = (("three", 3, "#1b6ca8"), ("two", 2, "#c0561c"), ("one", 1, "#3c7d3c"))
ICOUNT = 4


class Shares(traces.Replay):
    """When each client ran: {name: [(since, until)]} in ticks."""

    def __init__(self, trace):
        self.runs_of = {name: [] for name, _, _ in CLIENTS}
        super().__init__(trace)

    def ran(self, hart, env, since, until):
        if self.trace.name(env) in self.runs_of:
            self.runs_of[self.trace.name(env)].append((since, until))


def record(tree):
    with qemu.Machine(tree_name=tree, net="none", icount=ICOUNT, append="trace=shares:figure", extra=["-seed", "1", "-rtc", "clock=vm"]) as m:
        code = m.wait(300)
        if code != 0:
            raise Stop(code, f"figures: exit code {code}.\n{m.tail()}")
        return traces.Trace(m.report_lines())


def served(shares):
    """The time in which all three were served: from the first turn of the last one to appear. Their start-up is left out."""
    turn = max(until - since for runs in shares.runs_of.values() for since, until in runs) // 2
    begin = max(next(since for since, until in runs if until - since > turn) for runs in shares.runs_of.values())
    return begin, max(runs[-1][1] for runs in shares.runs_of.values())


def draw(trace):
    shares = Shares(trace)
    begin, end = served(shares)
    ms = 1000 / trace.hz
    whole = (end - begin) * ms
    top = whole / 2 * 1.05

    def x(t):
        return LEFT + (t - begin) * ms / whole * (WIDTH - LEFT - RIGHT)

    def y(value):
        return HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for value in range(0, int(top) + 1, 50):
        out.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>')
    for value in range(0, int(whole) + 1, 100):
        at = x(begin + value / ms)
        out.append(f'<path d="M{at:.1f} {HEIGHT - BOTTOM}v5" stroke="black"/>'
                   f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 19}" text-anchor="middle">{value}</text>')
    out.append(f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="black"/>'
               f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">time passed, ms</text>'
               f'<text transform="translate(14 {HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle">time used, ms</text>')
    sums = {name: sum(max(0, min(b, end) - max(a, begin)) for a, b in runs) for name, runs in shares.runs_of.items()}
    for name, tickets, colour in CLIENTS:
        used, path = 0, [f"M{x(begin):.1f} {y(0):.1f}"]
        for since, until in shares.runs_of[name]:
            if until > begin:
                since = max(since, begin)
                path.append(f"L{x(since):.1f} {y(used * ms):.1f}")
                used += until - since
                path.append(f"L{x(until):.1f} {y(used * ms):.1f}")
        path.append(f"L{x(end):.1f} {y(used * ms):.1f}")
        ideal = sum(sums.values()) * tickets / 6
        out.append(f'<path d="M{x(begin):.1f} {y(0):.1f}L{x(end):.1f} {y(ideal * ms):.1f}" stroke="{colour}" stroke-dasharray="2 4" opacity="0.6"/>')
        out.append(f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 8}" y="{y(used * ms) + 4:.1f}" fill="{colour}">{tickets} ticket{"s" * (tickets > 1)}: '
                   f'{100 * used / sum(sums.values()):.1f} %</text>')
    return "\n".join(out) + "\n</svg>\n", sums


def main(argv):
    if len(argv) != 2 or argv[0] != "shares":
        raise Stop(USAGE, __doc__)
    tools.ensure(tools.BUILD_SET, tools.RUN_SET)
    build.build("rv64")
    text, sums = draw(record("rv64"))
    os.makedirs(os.path.dirname(os.path.abspath(argv[1])), exist_ok=True)
    with open(argv[1], "w", encoding="utf-8") as f:
        f.write(text)
    print(f"written: {relative(os.path.abspath(argv[1]))}; " + ", ".join(f"{name} {100 * n / sum(sums.values()):.2f} %" for name, n in sums.items()))
    return common.PASS


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

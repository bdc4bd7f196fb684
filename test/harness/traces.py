#!/usr/bin/env python3
"""traces.py - what the tracer reports, as events for a viewer and as a summary

bin/tracer (user/tracer/tracer.c) writes the events of the trace rings to the report channel; exos/trace.h tells what they mean. Here they
become the Trace Event Format that Perfetto (ui.perfetto.dev) and chrome://tracing show: for each hart who runs on it, for each
environment when it runs and which calls it makes, with transfers as arrows.

  traces.py REPORT OUTPUT.json      convert the report of an earlier run (a file of its lines); the summary goes to stdout
"""
import collections
import json
import os
import re
import sys

import common
from common import FAIL, Stop

NONE, CALL, RETURN, SWITCH, UPCALL, FAULT, TRANSFER, RECEIVED, SENT = range(9)     # enum trace_kind
NO_CALL = 0xffff
UPCALLS = ("fault", "slice end", "slice begin", "event", "entry")                   # UP_* of exos/uarea.h
CAUSES = {0: "fetch misaligned", 1: "fetch access", 2: "illegal instruction", 3: "breakpoint", 4: "load misaligned", 5: "load access",
          6: "store misaligned", 7: "store access", 12: "fetch page", 13: "load page", 15: "store page"}
GIVING = ("yield", "pct_send", "wait", "pct_call")                               # the caller may run again only later
HARTS_PID, RUNS, CALLS = 0, 0, 1                                                    # pid of the harts; threads of an environment

Event = collections.namedtuple("Event", "hart time kind env what value")


def call_names():
    with open(os.path.join(common.ROOT, "include", "exos", "calls.h"), encoding="utf-8") as f:
        return re.findall(r"^\t[XY]\((\w+), \d", f.read(), re.M)


def signed(value):
    return value - (1 << 64) if value >> 63 else value


class Trace:
    """events in the order of time, names of environments, and what is missing."""

    def __init__(self, lines):
        self.events, self.names, self.lost, self.dropped, self.ended, self.status = [], {}, 0, 0, None, None
        self.hz = self.harts = None
        last = collections.defaultdict(int)
        for line in lines:
            words = line.split()
            if not words:
                continue
            if words[0] == "trace":
                self.hz, self.harts = int(words[2]), int(words[3])
            elif words[0] == "env":
                self.names[int(words[1], 16)] = words[2]
            elif words[0] == "lost":
                self.lost += int(words[2], 16)
            elif words[0] == "dropped":
                self.dropped = int(words[1], 16)
            elif words[0] == "ended":
                self.ended, self.status = " ".join(words[1:-1]), int(words[-1])
            elif words[0] == "e":
                hart, delta, kind, env, what, value = (int(w, 16) for w in words[1:])
                last[hart] += delta
                self.events.append(Event(hart, last[hart], kind, env, what, value))
        if self.hz is None or self.ended is None:
            raise Stop(FAIL, "the report holds no complete trace.")
        self.events.sort(key=lambda e: e.time)          # stable: the order within a hart stays
        self.calls = call_names()
        self.begin = self.events[0].time if self.events else 0
        self.end = self.events[-1].time if self.events else 0

    def us(self, time):
        return (time - self.begin) * 1_000_000 / self.hz

    def name(self, env):
        return self.names.get(env, f"#{env:x}") if env else "idle"

    def call(self, number):
        return self.calls[number] if number < len(self.calls) else "no such call"


class Replay:
    """Goes through a trace once. Subclasses say what an interval or an instant becomes; every interval that begins also ends."""

    def __init__(self, trace):
        self.trace = trace
        self.runs = {}                                      # hart: (environment, since)
        self.open = collections.defaultdict(list)           # environment: calls it is in, the innermost last: (number, since)
        entered = {}                                        # hart: the transfer that the next switch belongs to
        for e in trace.events:
            if e.kind == CALL:
                self.open[e.env].append((e.what, e.time))
            elif e.kind == RETURN:
                self.finish(e.env, e.what, e.time, signed(e.value))
            elif e.kind == SWITCH:
                self.switch(e, entered.pop(e.hart, None))
            else:
                if e.kind == TRANSFER:
                    entered[e.hart] = e
                self.instant(e)
        for hart in list(self.runs):
            self.stop(hart, trace.end)
        for env, stack in self.open.items():
            while stack:
                self.called(env, *stack.pop(), trace.end, None)

    def finish(self, env, number, time, result):
        """The innermost call of that number is over, and what was within it. Of one that began before the trace nothing is known."""
        stack = self.open[env]
        if all(n != number for n, _ in stack):
            return
        while stack:
            n, since = stack.pop()
            self.called(env, n, since, time, result if n == number else None)
            if n == number:
                return

    def innermost(self, env):
        return self.trace.call(self.open[env][-1][0]) if self.open[env] else None

    def switch(self, e, transfer):
        before = self.runs.get(e.hart, (0, 0))[0]
        self.stop(e.hart, e.time)
        if before and self.innermost(before) in ("pct_reply", "exit"):
            self.called(before, *self.open[before].pop(), e.time, None)
        if not e.env:
            return
        self.runs[e.hart] = (e.env, e.time)
        # Who is entered by a transfer goes on with what it did only afterwards.
        came_back = transfer is None or self.trace.call(transfer.what) == "pct_reply"
        if came_back and self.innermost(e.env) in ("yield", "pct_send", "pct_call"):
            self.called(e.env, *self.open[e.env].pop(), e.time, 0)

    def stop(self, hart, time):
        env, since = self.runs.pop(hart, (0, 0))
        if env:
            self.ran(hart, env, since, time)

    def ran(self, hart, env, since, until):
        """env ran on a hart."""

    def called(self, env, number, since, until, result):
        """env made a call; result None: it does not return, or the trace ended."""

    def instant(self, e):
        """A fault, an upcall, a transfer, a packet."""


class Viewer(Replay):
    """Trace Event Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU"""

    def __init__(self, trace):
        self.out, self.nth = [], 0
        self.seen = set()
        super().__init__(trace)
        # An end before a beginning at the same time, and of those that end together the one that began last.
        self.out.sort(key=lambda o: (o[0], o[1]))
        self.events = [o[2] for o in self.out]

    def put(self, time, order, ph, pid, tid, name, **more):
        self.nth += 1
        self.out.append((time, (*order, self.nth), {"ph": ph, "ts": self.trace.us(time), "pid": pid, "tid": tid, "name": name, **more}))
        self.seen.add((pid, tid))

    def interval(self, pid, tid, name, since, until, args):
        if until > since:
            self.put(since, (2, -until), "B", pid, tid, name, args=args)
            self.put(until, (1, -since), "E", pid, tid, name)
        else:                                               # shorter than a tick: a pair of its own between those that end and begin
            self.put(since, (3, 0), "B", pid, tid, name, args=args)
            self.put(since, (3, 0), "E", pid, tid, name)

    def ran(self, hart, env, since, until):
        self.interval(HARTS_PID, hart, self.trace.name(env), since, until, {"env": env})
        self.interval(env, RUNS, f"on hart {hart}", since, until, {})

    def called(self, env, number, since, until, result):
        self.interval(env, CALLS, self.trace.call(number), since, until, {} if result is None else {"result": result})

    def instant(self, e):
        if e.kind == FAULT:
            self.put(e.time, (2, 0), "i", e.env, RUNS, f"fault: {CAUSES.get(e.what, e.what)}", s="t", args={"address": hex(e.value)})
        elif e.kind == UPCALL:
            self.put(e.time, (2, 0), "i", e.env, RUNS, f"upcall: {UPCALLS[e.what]}", s="t")
        elif e.kind == TRANSFER:
            name = self.trace.call(e.what)
            self.put(e.time, (2, 0), "s", e.env, RUNS, name, id=self.nth, cat="transfer")
            self.put(e.time, (2, 1), "f", e.value, RUNS, name, id=self.nth - 1, cat="transfer", bp="e")
        elif e.kind == RECEIVED:
            self.put(e.time, (2, 0), "i", e.env, RUNS, "packet received", s="t", args={"bytes": e.what, "ring": e.value})
        elif e.kind == SENT:
            self.put(e.time, (2, 0), "i", e.env, RUNS, "packet sent", s="t", args={"bytes": e.what})

    def names(self):
        pids = sorted({pid for pid, _ in self.seen})
        for pid in pids:
            yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0,
                   "args": {"name": "harts" if pid == HARTS_PID else f"{self.trace.name(pid)} ({pid})"}}
        for pid, tid in sorted(self.seen):
            yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid,
                   "args": {"name": f"hart {tid}" if pid == HARTS_PID else ("runs", "calls")[tid]}}

    def document(self):
        return {"traceEvents": [*self.names(), *self.events], "displayTimeUnit": "ns",
                "otherData": {"lost": self.trace.lost, "dropped": self.trace.dropped, "ended": self.trace.ended, "status": self.trace.status}}


class Summary(Replay):
    def __init__(self, trace):
        self.time, self.turns = collections.Counter(), collections.Counter()
        self.busy, self.counts = collections.Counter(), collections.defaultdict(collections.Counter)
        self.spent = collections.defaultdict(lambda: [0, 0, 0])     # (environment, call): number, ticks, errors
        super().__init__(trace)

    def ran(self, hart, env, since, until):
        self.time[env] += until - since
        self.turns[env] += 1
        self.busy[hart] += until - since

    def called(self, env, number, since, until, result):
        entry = self.spent[env, self.trace.call(number)]
        entry[0] += 1
        entry[1] += until - since
        entry[2] += result is not None and result < 0

    def instant(self, e):
        if e.kind == FAULT:
            self.counts[e.env][f"{CAUSES.get(e.what, e.what)} faults"] += 1
        elif e.kind == UPCALL:
            self.counts[e.env][f"{UPCALLS[e.what]} upcalls"] += 1
        elif e.kind == TRANSFER:
            self.counts[e.env][f"{self.trace.call(e.what)} to {self.trace.name(e.value)}"] += 1
        elif e.kind in (RECEIVED, SENT):
            self.counts[e.env]["packets received" if e.kind == RECEIVED else "packets sent"] += 1

    def lines(self):
        t = self.trace
        whole = max(t.end - t.begin, 1)
        yield (f"{t.us(t.end) / 1000:.3f} ms, {len(t.events)} events, {t.lost} lost, {t.dropped} without room; "
               f"the program: {t.ended}" + (f" with status {t.status}" if t.ended == "exited" else ""))
        for hart in range(t.harts):
            yield f"hart {hart}: {100 * self.busy[hart] / whole:.1f} % busy"
        for env in sorted(self.time.keys() | self.counts.keys() | {e for e, _ in self.spent}, key=lambda e: -self.time[e]):
            yield (f"\n{t.name(env)} ({env}): {self.time[env] * 1000 / t.hz:.3f} ms ({100 * self.time[env] / whole:.1f} %) "
                   f"in {self.turns[env]} turn{'s' * (self.turns[env] != 1)}")
            for name, n in sorted(self.counts[env].items()):
                yield f"    {n:8} {name}"
            rows = [(name, *entry) for (e, name), entry in self.spent.items() if e == env]
            for name, n, ticks, errors in sorted(rows, key=lambda r: -r[1]):
                yield (f"    {n:8} {name:14} mean {ticks * 1_000_000 / t.hz / n:.2f} us{' until it ran again' * (name in GIVING)}"
                       + (f", {errors} refused" if errors else ""))


def write(lines, path):
    """Write the JSON, and beside it the summary as text. Returns the summary."""
    trace = Trace(lines)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(Viewer(trace).document(), f, separators=(",", ":"))
        f.write("\n")
    summary = "\n".join(Summary(trace).lines())
    with open(os.path.splitext(path)[0] + ".txt", "w", encoding="utf-8") as f:
        f.write(summary + "\n")
    return summary


def main(argv):
    if len(argv) != 2:
        raise Stop(common.USAGE, __doc__)
    with open(argv[0], encoding="utf-8") as f:
        print(write(f.read().splitlines(), argv[1]))
    return common.PASS


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

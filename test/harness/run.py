#!/usr/bin/env python3
"""run.py COMMAND [options] - start exos in the emulator

  qemu         a terminal on the guest's console; the guest's exit code is ours
  serve        no terminal: one JSON line on stdout when the system answers, then until SIGTERM
  test NAME    the guest test tests/NAME: its verdict is the exit code
  bench        the benchmarks: tables, build/bench.json, docs/pictures/revocation.svg
  trace NAME   run that program with everything traced: build/trace.json for a viewer, and a summary
  qemu-gdb     like qemu, stopped at the first instruction and waiting for gdb
  gdb          attach gdb to a machine started by qemu-gdb (--prog NAME stops in the main of that program)

Options, where they make sense: --harts N, --mem MIB, --net user|none|dgram:LOCAL:REMOTE|tap:IF, --append "ARGS",
--tree rv64|rv64-debug, --budget SECONDS, --no-build.
Exit codes: 0 pass, 1 fail, 2 usage, 3 build, 4 environment, 124 budget spent; otherwise the guest's own.
"""
import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import bench
import build
import common
import console
import longest
import qemu
import revocation
import runtests
import tools
import traces
import wire
from common import BUDGET, ENVIRONMENT, FAIL, PASS, USAGE, Stop, complain, relative, say

HARTS_MAX = 8                   # of kern/slice.h
TREES = ("rv64", "rv64-debug")
MEM_MIN, MEM_MAX = 24, 16384    # MiB; with less, what init promises to the services does not fit


def options(argv):
    parser = argparse.ArgumentParser(usage=__doc__, add_help=True)
    parser.add_argument("command", choices=["qemu", "serve", "test", "bench", "trace", "qemu-gdb", "gdb"])
    parser.add_argument("name", nargs="?")
    parser.add_argument("--harts", default=os.environ.get("HARTS") or "1")
    parser.add_argument("--mem", default=os.environ.get("MEM") or None)
    parser.add_argument("--net", default=os.environ.get("NET") or "user")
    parser.add_argument("--append", default=os.environ.get("APPEND") or "")
    parser.add_argument("--tree", default=os.environ.get("TREE") or "rv64")
    parser.add_argument("--budget", type=float, default=None)
    parser.add_argument("--prog", default=os.environ.get("PROG") or None)
    parser.add_argument("--icount", type=int, default=False, help="test, trace: 2^N nanoseconds for each instruction, the same in every run")
    parser.add_argument("--no-build", action="store_true")
    args = parser.parse_args(argv)
    if args.tree not in TREES:
        raise Stop(USAGE, f"TREE={args.tree}: the system is built as {' or '.join(TREES)}.")
    if args.mem is None:
        # The debug kernel's audit walks all frames after every call: with few of them programs still get time to run.
        args.mem = "34" if args.tree == "rv64-debug" else "256"
    if not args.harts.isdigit() or not 1 <= int(args.harts) <= HARTS_MAX:
        raise Stop(USAGE, f"HARTS={args.harts}: exos runs on 1 to {HARTS_MAX} harts.")
    args.harts = int(args.harts)
    if not args.mem.isdigit() or not MEM_MIN <= int(args.mem) <= MEM_MAX:
        raise Stop(USAGE, f"MEM={args.mem}: a number of MiB from {MEM_MIN} to {MEM_MAX}, without a unit.")
    return args


def machine(args, **more):
    settings = dict(tree_name=args.tree, append=args.append, harts=args.harts, mem=args.mem, net=args.net)
    settings.update(more)
    return qemu.Machine(**settings)


def command_qemu(args):
    stub = args.command == "qemu-gdb"
    terminal = console.Terminal()
    with machine(args, sink=terminal.show, gdb=stub, paused=stub) as m:
        say(f"exos on QEMU {qemu.version()}: {args.harts} hart{'s' * (args.harts > 1)}, {args.mem} MiB, network {args.net}")
        if m.url:
            say(f"page: {m.url}    echo: tcp {m.ports['tcp/7']}, udp {m.ports['udp/7']}")
        say(f"leave: {terminal.how_to_leave()}")
        if stub:
            write_gdb_port(args, m.gdb_port)
            say("waiting for gdb: run `make gdb` (or `make gdb PROG=NAME`) in another terminal")
        try:
            return terminal.attend(m, watch=not stub, budget=args.budget or qemu.BOOT_SECONDS)
        finally:
            if stub:
                os.remove(gdb_port_file(args))


def command_serve(args):
    if not args.net.startswith("user"):
        raise Stop(USAGE, f"serve needs NET=user to have ports, not NET={args.net}.")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    folder = common.tree(args.tree)
    log = os.path.join(folder, f"console-{os.getpid()}.txt")
    open(log, "wb").close()
    with machine(args, console_file=log) as m:
        budget = args.budget or qemu.BOOT_SECONDS
        deadline, boot = time.monotonic() + budget, qemu.BootWatch(m, budget)
        # Not before it says so itself: a connection that finds nobody would wait for its timeout first.
        while not (m.is_up() and answers(m.url)):
            if stopping.is_set():
                return PASS
            if not m.running():
                complain(f"the machine ended (exit code {m.process.returncode}) before the page was there.\n{m.tail()}")
                return m.process.returncode or FAIL
            if time.monotonic() > deadline:
                complain(f"no page at {m.url} after {budget:g} s.\n{m.diagnose()}")
                return BUDGET
            event = boot.check()
            if event:
                complain(event[1])
            stopping.wait(0.05)
        ports = {name: m.ports[name] for name in ("tcp/7", "udp/7")}
        print(json.dumps({"http": m.url, "ports": ports, "console": os.path.abspath(log), "pid": os.getpid()}), flush=True)
        while not stopping.wait(0.2):
            if not m.running():
                complain(f"the machine ended by itself (exit code {m.process.returncode}).\n{m.tail()}")
                return m.process.returncode or FAIL
    return PASS


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except (OSError, ValueError, http.client.HTTPException):
        return False


def command_test(args):
    if not args.name:
        raise Stop(USAGE, "which test? run.py test NAME, where NAME is a file user/tests/NAME.c")
    code, detail = guest_test(args, args.name)
    if detail:
        complain(detail)
    return code


def guest_test(args, name):
    """Run one guest test. Returns (exit code, what went wrong); a pass needs exit code 0 and a verdict on the report channel."""
    with machine(args, icount=args.icount, append=f"test={name} {args.append}".strip()) as m:
        try:
            code = m.wait(args.budget or 60)
        except qemu.BootTimeout as late:
            return BUDGET, f"test {name}: {late}"
        lines = m.report_lines()
        for line in lines:
            print(line)
        failed = [line for line in lines if line.startswith("fail")]
        if code != 0 or failed:
            return code or FAIL, f"test {name}: exit code {code}{', ' if failed else ''}{'; '.join(failed)}\n{m.tail()}"
        if not any(line.startswith(("pass", "skip")) for line in lines):
            return FAIL, f"test {name}: the machine ended with 0, but no verdict came over the report channel.\n{m.tail()}"
        return PASS, ""


def feed_wire(m):
    """While the benchmarks ask for packets ("wire MAC PORT" until "unwire"), send them, one at a time."""
    while m.running():
        lines = m.report_lines()
        if "unwire" in lines:
            return
        for words in (line.split() for line in lines if line.startswith("wire ")):
            mac = bytes.fromhex(words[1])
            try:
                m.wire.send(wire.ethernet(mac, wire.ETH_IP, wire.ipv4(wire.GUEST_IP, wire.UDP, wire.udp(wire.GUEST_IP, 9, int(words[2]), b"." * 22))))
            except RuntimeError:
                return
        time.sleep(0.005)


def boot_figure(args):
    """Instructions from the kernel's entry to the shell's prompt, in a boot of its own. The emulator counts them, the shell tells."""
    with machine(args, icount=True) as m:
        m.wait_up(args.budget or 300)
        m.expect(r"exos\$ ", 60)
        told = re.search(r"(\d+) instructions", m.command_output("boot"))
    return {"boot": int(told.group(1))} if told else {}


def library_figures(args, name):
    """Figures that a guest test reports while instructions are counted."""
    with machine(args, icount=True, append=f"test={name}") as m:
        code = m.wait(args.budget or 300)
        if code != 0:
            raise Stop(code, f"bench: tests/{name} failed with {code}.\n{m.tail()}")
        return bench.figures(m.report_lines())


def four_harts_figures(args):
    """The figures that must not depend on how many harts there are, with four."""
    with machine(args, icount=True, harts=4, net="none", append="bench") as m:
        code = m.wait(args.budget or 300)
        if code != 0:
            raise Stop(code, f"bench on four harts failed with {code}.\n{m.tail()}")
        figures = bench.figures(m.report_lines())
    return {f"{key}_4h": figures[key] for key in bench.AGAIN if key in figures}


def side_by_side_figures(args):
    """Operations in a second with so many harts at work at once: wall time, as the host gives it."""
    found = {}
    for harts in bench.HARTS:
        with machine(args, harts=harts, net="none", append="test=scale") as m:
            code = m.wait(args.budget or 120)
            if code != 0:
                raise Stop(code, f"bench: tests/scale on {harts} harts failed with {code}.\n{m.tail()}")
            found.update(bench.figures(m.report_lines()))
    return found


def command_bench(args):
    tools.ensure(tools.TEST_SET)        # the host's compiler, for the plugin that counts
    with machine(args, icount=True, wire=args.net == "user", append=f"bench {args.append}".strip()) as m:
        if m.wire:
            threading.Thread(target=feed_wire, args=(m,), daemon=True).start()
        try:
            code = m.wait(args.budget or 300)
        except qemu.BootTimeout as late:
            raise Stop(BUDGET, f"bench: {late}") from None
        figures = bench.figures(m.report_lines())
        if code != 0 or not figures:
            raise Stop(code or FAIL, f"bench: exit code {code}, {len(figures)} figures.\n{m.tail()}")
    figures.update(boot_figure(args))
    figures.update(four_harts_figures(args))
    for name in ("paper_vm", "paper_vm_inverted"):
        figures.update(library_figures(args, name))
    figures.update(revocation.measure(args.budget or 300))
    figures.update(side_by_side_figures(args))
    stays = longest.measure(runtests.guest_names(args.tree), jobs=min(2, os.cpu_count() or 1))
    figures.update({f"longest_{call}": stay["longest"] for call, stay in stays.items() if call[0] != "("})
    print(bench.table(figures), bench.harts(figures), bench.longest(longest.table(stays, 12)), revocation.table(figures), bench.paper(figures),
          sep="\n\n")
    print(f"written: {relative(bench.write(figures))}, {relative(revocation.picture(figures, revocation.PICTURE))}")
    return PASS


def program(args):
    """The program that PROG names, as a file of the tree."""
    folder = os.path.join(common.tree(args.tree), "user")
    found = [p for p in (os.path.join(folder, f, args.prog) for f in ("bin", "tests", "bench")) if os.path.exists(p)]
    if not found:
        raise Stop(USAGE, f"there is no program {args.prog} in {relative(folder)}.")
    return found[0]


def command_trace(args):
    """PROG may have arguments, behind colons: matmul:20."""
    command = args.name or args.prog
    if not command or " " in command:
        raise Stop(USAGE, "which program? make trace PROG=NAME[:ARGUMENT...]")
    args.prog = command.split(":")[0]
    program(args)
    with machine(args, icount=args.icount, append=f"trace={command} {args.append}".strip()) as m:
        try:
            code = m.wait(args.budget or 300)
        except qemu.BootTimeout as late:
            raise Stop(BUDGET, f"trace: {late}") from None
        lines = m.report_lines()
        if code != 0:
            raise Stop(code, f"trace {command}: exit code {code}.\n{m.tail()}")
    path = os.path.join(common.BUILD, "trace.json")
    print(traces.write(lines, path))
    print(f"\nwritten: {relative(path)} (open it in ui.perfetto.dev or chrome://tracing), {relative(os.path.splitext(path)[0] + '.txt')}")
    return PASS


def gdb_port_file(args):
    return os.path.join(common.tree(args.tree), "gdb-port")


def write_gdb_port(args, port):
    with open(gdb_port_file(args), "w", encoding="ascii") as f:
        f.write(str(port))


def command_gdb(args):
    tools.ensure(tools.DEBUG_SET)
    folder = common.tree(args.tree)
    try:
        with open(gdb_port_file(args), encoding="ascii") as f:
            port = int(f.read())
    except (OSError, ValueError):
        raise Stop(ENVIRONMENT, "no machine is waiting for gdb. Start one with `make qemu-gdb` in another terminal, then come back.") from None
    line = ["gdb-multiarch", "-q", os.path.join(folder, "exos.elf"), "-ex", "set confirm off", "-ex", "set architecture riscv:rv64",
            "-x", os.path.join(common.ROOT, "test", "harness", "exos_gdb.py"), "-ex", f"target remote 127.0.0.1:{port}"]
    if args.prog:
        # All programs are linked at one address: a plain breakpoint would be met by all of them.
        line += ["-ex", f"add-symbol-file {program(args)}", "-ex", f"exos break {args.prog} main"]
    return subprocess.call(line)


COMMANDS = {"qemu": command_qemu, "qemu-gdb": command_qemu, "serve": command_serve, "test": command_test,
            "bench": command_bench, "trace": command_trace, "gdb": command_gdb}


def leave(number, _frame):
    """A signal that would end us where we stand: unwind instead, so that the emulator and its folder go too."""
    raise SystemExit(128 + number)


def main(argv):
    args = options(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    if args.command != "gdb":
        tools.ensure(tools.BUILD_SET, tools.RUN_SET)
        if not args.no_build:
            build.build(args.tree)
    try:
        return COMMANDS[args.command](args)
    except qemu.MachineError as error:
        raise Stop(FAIL, str(error)) from None


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

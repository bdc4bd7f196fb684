#!/usr/bin/env python3
"""check.py [NAME...] [--only TEXT] - search the models, and show that each refuses its seeded mistakes

  test/model/NAME.pml begins with a comment that holds
    model SETTING: FLAGS      how it is searched; each setting is a test, and finds nothing. `small`: searched sooner than optimised
    mistake N (SETTING): TEXT what -DMISTAKE=N does; each is a test, and an assertion of the model refutes it

spin makes a program of the model, GCC compiles it, and it visits every state that the model can reach. A line that no setting
reaches fails the test, unless it says why: "unreached: REASON". Without spin: skipped.
Prints `ok`, `FAIL` or `skip` lines, then their sum. Exit code 1 when something failed.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 240           # of one search; the longest takes a dozen on an idle machine
COMPILE = ["gcc", "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=2048", "-o", "pan", "pan.c"]
SEARCH = ["./pan", "-m3000000", "-w22"]
DEPTH = re.compile(r"max search depth too small")


def read_model(path):
    """({setting: flags}, [(mistake, setting)])"""
    with open(path, encoding="utf-8") as f:
        source = f.read()
    settings = dict(re.findall(r"^ \* model (\w+):(.*)$", source, re.M))
    mistakes = [(int(n), setting) for n, setting in re.findall(r"^ \* mistake (\d+) \((\w+)\): ", source, re.M)]
    return {name: flags.split() for name, flags in settings.items()}, mistakes


def search(path, flags, optimise):
    """(output of the search, the model's states as {(process, state): line}); raises RuntimeError"""
    flags = [f for f in flags if f != "small"]
    with tempfile.TemporaryDirectory() as work:
        def run(*command):
            try:
                return subprocess.run(command, cwd=work, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"no end within {SECONDS} s") from None
        for command in (["spin", "-a", *flags, path], [*COMPILE, optimise]):
            done = run(*command)
            if done.returncode != 0:
                raise RuntimeError(f"{command[0]}: {(done.stdout + done.stderr)[-1500:]}")
        states, process = {}, None
        for line in run("./pan", "-d").stdout.splitlines():
            process = line.split()[1] if line.startswith("proctype ") else process
            found = re.match(r"\s*state\s+(\d+) -\(tr.*?\.pml:(\d+) => (.*)", line)
            if found and found.group(3) != "-end-":
                states[process, int(found.group(1))] = int(found.group(2))
        return run(*SEARCH).stdout, states


def unreached_states(output):
    process, states = None, set()
    for line in output.splitlines():
        found = re.match(r"unreached in (?:proctype )?(\w+)", line)
        process = found.group(1) if found else process
        found = re.match(r"\s.*state (\d+), ", line)
        if found:
            states.add((process, int(found.group(1))))
    return states


def holds(path, flags, lines):
    """(verdict, detail); lines: {line: has any setting reached it?} is filled in."""
    output, states = search(path, flags, "-O0" if "small" in flags else "-O2")
    count = re.search(r"(\d+) states, stored", output)
    if not re.search(r"errors: 0\b", output) or DEPTH.search(output) or not count:
        return "FAIL", "\n".join(output.splitlines()[:12])
    missed = unreached_states(output)
    for state, line in states.items():
        lines[line] = lines.get(line, False) or state not in missed
    return "ok", f"{int(count.group(1)):,} states"


def refuses(path, flags, number):
    output, _ = search(path, [*flags, f"-DMISTAKE={number}"], "-O0")      # found soon: compiling it would take longer
    found = re.search(r"^pan:1: (assertion violated .*?) \(at depth (\d+)\)", output, re.M)
    if not found:
        return "FAIL", "no assertion notices it:\n" + "\n".join(output.splitlines()[:6])
    return "ok", ""


def reached(path, lines):
    with open(path, encoding="utf-8") as f:
        source = f.read().splitlines()
    missing = [n for n, was in sorted(lines.items()) if not was and "unreached:" not in source[n - 1]]
    if missing:
        return "FAIL", "no setting reaches\n" + "\n".join(f"{os.path.basename(path)}:{n}: {source[n - 1].strip()}" for n in missing)
    return "ok", f"{len(lines)} lines"


def main(arguments):
    only = arguments[arguments.index("--only") + 1] if "--only" in arguments[:-1] else ""
    names = [a for a in arguments if not a.startswith("-") and a != only] or sorted(
        os.path.splitext(os.path.basename(p))[0] for p in glob.glob(os.path.join(HERE, "*.pml")))
    why = "" if shutil.which("spin") else "spin is not installed: apt-get install spin"
    count = {"ok": 0, "FAIL": 0, "skip": 0}

    def report(title, verdict, seconds, detail):
        first, *more = detail.splitlines() or [""]
        print(f"{verdict} {title} ({seconds:.1f}s) {first}".rstrip(), *("    " + line for line in more), sep="\n", flush=True)
        count[verdict] += 1

    def timed(job):
        started = time.monotonic()
        try:
            verdict, detail = job[1](*job[2]) if not why else ("skip", why)
        except RuntimeError as error:
            verdict, detail = "FAIL", str(error)
        return job[0], verdict, time.monotonic() - started, detail

    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for name in names:
            path = os.path.join(HERE, name + ".pml")
            settings, mistakes = read_model(path)
            lines = {}
            work = [(f"model/{name}/{setting}", holds, (path, flags, lines)) for setting, flags in settings.items()]
            work += [(f"model/{name}/refuses_mistake_{n}", refuses, (path, settings[setting], n)) for n, setting in mistakes]
            for result in pool.map(timed, [job for job in work if only in job[0]]):
                report(*result)
            if not only:
                report(*timed((f"model/{name}/every_line_is_reached", reached, (path, lines))))
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 1 if count["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

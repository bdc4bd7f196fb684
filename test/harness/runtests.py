#!/usr/bin/env python3
"""runtests.py [PHASE...] [--only TEXT] [--deterministic] [--seconds N] [--jobs N] - build and run the tests

  unit      host unit tests (GCC)                        clang     the kernel compiled by clang 14 without a warning
  asan      the same under ASan and UBSan (clang 14)     guest     user/tests/* on the release and the debug kernel
  fuzz      corpus replay and a short run of each target system    test/qemu/test_*.py on the whole system
  proof     bounded proofs, where CBMC is installed; with CI set it is fetched
  model     models of what several harts do at once, every state, where spin is installed
  coverage  how much of the kernel the unit tests reach, where gcovr is installed or can be
  nightly   the long forms of unit tests: millions of random operations

Without a phase: all but nightly. Host tests with the label slow are left out when phases are named, unless --only asks for
them. One line per case, then all added up. --only runs the cases whose name contains TEXT.
Logs of failed cases: build/test/NAME.txt. Exit codes: 0 pass, 1 fail, 3 build, 4 environment, 124 budget spent.
"""
import argparse
import concurrent.futures
import glob
import importlib.util
import inspect
import os
import re
import signal
import subprocess
import sys
import time
import traceback
import xml.etree.ElementTree as xml

import build
import common
import coverage
import qemu
import tools
from common import BUDGET, BUILD, BUILD_FAILED, FAIL, PASS, ROOT, Stop, colour, relative, say

HERE = os.path.dirname(os.path.abspath(__file__))
PHASES = ("clang", "unit", "asan", "fuzz", "proof", "model", "coverage", "guest", "system")
CASE_SECONDS = 120


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


class Score:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.build_failed = self.late = False

    def case(self, verdict, name, seconds=None, detail=""):
        """One line per case; what went wrong follows, indented."""
        paint = {"ok": "32", "FAIL": "31", "skip": "33"}[verdict]
        head = colour(paint, verdict, sys.stdout) + f" {name}" + (f" ({seconds:.1f}s)" if seconds is not None else "")
        first, *more = detail.strip().splitlines() or [""]
        print(head + (f" {first}" if first else ""), *("    " + line for line in more[:40]), sep="\n", flush=True)
        self.passed += verdict == "ok"
        self.failed += verdict == "FAIL"
        self.skipped += verdict == "skip"

    def code(self):
        if self.late:
            return BUDGET
        return BUILD_FAILED if self.build_failed else FAIL if self.failed else PASS


# Cases of the host trees ----------------------------------------------------------------------------------------------

def run_ctest(score, phase, tree, only, jobs, labels):
    """The ctest cases of a host tree, each as one line; labels: what ctest is told about them."""
    report = os.path.join(common.tree(tree), "ctest.xml")
    if os.path.exists(report):
        os.remove(report)
    command = ["ctest", "--test-dir", common.tree(tree), "--output-junit", report, "--parallel", str(jobs), "--no-tests=ignore", *labels]
    if only:
        command += ["-R", re.escape(only)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if not os.path.exists(report):
        if "No tests were found" not in done.stdout + done.stderr:
            score.case("FAIL", phase, detail=f"ctest did not run:\n{(done.stdout + done.stderr)[-2000:]}")
        return
    for case in xml.parse(report).getroot().iter("testcase"):
        name, seconds = f"{phase}/{case.get('name')}", float(case.get("time") or 0)
        output = case.findtext("system-out") or ""
        if case.get("status") == "run":
            score.case("ok", name, seconds)
        elif case.get("status") == "disabled":
            score.case("skip", name, seconds, "disabled")
        elif case.get("status") == "notrun":
            score.case("FAIL", name, None, "was not built: see the build's failure above")
        else:
            why = case.find("failure").get("message") if case.find("failure") is not None else ""
            score.case("FAIL", name, seconds, "; ".join(filter(None, [why, keep_log(name, output)])) + "\n" + "\n".join(cmocka_failures(output)))


def cmocka_failures(output):
    """The lines of a test program's output that say what failed; else its last ones."""
    lines = output.splitlines()
    marked = [line for line in lines if re.search(r"\[\s*(ERROR|FAILED)\s*\]|ERROR: |runtime error|\.c:\d+|^\s+#\d|error:", line)]
    return (marked or lines)[-30:]


def keep_log(name, text):
    path = os.path.join(BUILD, "test", name.replace("/", "-") + ".txt")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return f"log: {relative(path)}"


def run_apart(score, phase, script, only):
    """test/proof/prove.py and test/model/check.py print the same lines as we do; what follows a FAIL, indented, belongs to it."""
    command = [sys.executable, os.path.join(ROOT, "test", phase, script)] + (["--only", only] if only else [])
    code, output = run_limited(command, 600)
    cases = re.findall(r"^(ok|FAIL|skip) (\S+) \(([0-9.]+)s\) ?(.*(?:\n    .*)*)", output, re.M)
    for verdict, name, seconds, detail in cases:
        if verdict == "FAIL":
            detail = f"{keep_log(name, detail)}\n{detail}"
        score.case(verdict, name, float(seconds), detail)
    if code != (1 if any(case[0] == "FAIL" for case in cases) else 0):
        score.case("FAIL", phase, detail=f"{script} ended with code {code}:\n{output[-2000:]}")


def run_models(score, only):
    try:
        tools.ensure(tools.MODEL_SET)
    except Stop as stop:
        say(str(stop))              # check.py then says for each model that it is skipped
    run_apart(score, "model", "check.py", only)


def run_coverage(score):
    began = time.monotonic()
    try:
        summary, _ = coverage.measure()
        too_low = coverage.verdict(summary)
    except Stop as stop:
        summary, too_low = None, str(stop)
    seconds = time.monotonic() - began
    if too_low:
        score.case("FAIL", "coverage/kernel", seconds, too_low)
    else:
        score.case("ok", "coverage/kernel", seconds, f"lines {summary['line_percent']} %, branches {summary['branch_percent']} %")


# Guest tests: one boot each -------------------------------------------------------------------------------------------

def guest_names(tree):
    folder = os.path.join(common.tree(tree), "user", "stripped", "tests")
    sources = {os.path.splitext(os.path.basename(p))[0] for p in glob.glob(os.path.join(ROOT, "user", "tests", "*.c"))}
    return sorted(sources & set(os.listdir(folder))) if os.path.isdir(folder) else []


def guest_setting(name, key):
    """What the source of a guest test says of the machine that it wants: /* guest: harts=1,2,4 icount=5 */, each key if need be."""
    with open(os.path.join(ROOT, "user", "tests", f"{name}.c"), encoding="utf-8") as f:
        found = re.search(rf"/\* guest:.*?\b{key}=([0-9,]+).* \*/", f.read())
    return [int(n) for n in found.group(1).split(",")] if found else [None]


def guest_harts(name):
    """How many harts it wants, each a run of its own."""
    return guest_setting(name, "harts")


def run_guest(tree, name, harts, seconds, deterministic=False):
    """(verdict, seconds, detail) of one guest test, in a process of its own. harts None: as many as HARTS says."""
    started = time.monotonic()
    command = [sys.executable, os.path.join(HERE, "run.py"), "test", name, "--no-build", "--tree", tree, "--budget", str(seconds)]
    command += ["--harts", str(harts)] if harts else []
    icount = guest_setting(name, "icount")[0]
    if icount is None and deterministic:
        icount = 3
    command += ["--icount", str(icount)] if icount is not None else []
    code, output = run_limited(command, seconds + 30)
    verdicts = [line for line in output.splitlines() if line.startswith(("skip ", "skip\n"))]
    if code == 0 and verdicts and not any(line.startswith("pass") for line in output.splitlines()):
        return "skip", time.monotonic() - started, verdicts[0][5:]
    return ("ok", time.monotonic() - started, "") if code == 0 else ("FAIL", time.monotonic() - started, output[-3000:])


def run_limited(command, seconds):
    """Run a command in a process group of its own; when time is up, end the whole group. (exit code, output)"""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds)
        code = process.returncode
    except subprocess.TimeoutExpired:
        _end_group(process, signal.SIGTERM)
        try:
            output, _ = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            _end_group(process, signal.SIGKILL)
            output, _ = process.communicate()
        code, output = BUDGET, output + f"\nended after {seconds:g} s: over its budget"
    _end_group(process, signal.SIGTERM)         # whatever a failed test has left running
    return code, output


def _end_group(process, how):
    try:
        os.killpg(process.pid, how)
    except ProcessLookupError:
        pass


# System tests: test/qemu/test_*.py ------------------------------------------------------------------------------------
#
# A file holds functions test_*(). One that takes a parameter `machine` gets a booted one of its own, made from the file's
# MACHINE = dict(...) (arguments of qemu.Machine); with SHARED = True in the file, all its functions get the same one, in
# order. A function fails by any exception, and skips by raising Skip("why"); SECONDS = n is the budget of each function.

def load_module(path):
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class CaseTimeout(Exception):
    pass


def _alarm(*_):
    raise CaseTimeout()


def run_file(path, only):
    """In a process of its own: run one file's cases and print a record line for each. Exit code 0 unless the file is broken."""
    sys.modules["runtests"] = sys.modules["__main__"]  # so that a test's Skip is ours
    module = load_module(path)
    stem = os.path.basename(path)[len("test_"):-len(".py")]
    settings, shared = getattr(module, "MACHINE", {}), None
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(BUDGET))
    cases = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and callable(f)]
    try:
        for name, function in cases:
            full = f"system/{stem}/{name[len('test_'):]}"
            if only and only not in full:
                continue
            started, machine, detail, verdict = time.monotonic(), None, "", "ok"
            signal.alarm(getattr(module, "SECONDS", CASE_SECONDS))
            try:
                if "machine" in inspect.signature(function).parameters:
                    machine = shared
                    if machine is None or not machine.running():
                        machine = qemu.Machine(**settings).start()
                        shared = machine if getattr(module, "SHARED", False) else None
                        machine.wait_up()
                    function(machine)
                else:
                    function()
            except Skip as why:
                verdict, detail = "skip", str(why)
            except CaseTimeout:
                verdict, detail = "FAIL", f"over its budget of {getattr(module, 'SECONDS', CASE_SECONDS)} s\n{_machine_state(machine)}"
            except (Exception, Stop) as error:
                where = traceback.extract_tb(error.__traceback__)
                mine = next((f for f in reversed(where) if f.filename == path), where[-1])
                detail = f"{type(error).__name__}: {error} ({os.path.basename(mine.filename)}:{mine.lineno}: {mine.line})\n{_machine_state(machine)}"
                verdict = "FAIL"
            finally:
                signal.alarm(0)
                if machine is not None and machine is not shared:
                    machine.stop()
            print("\0".join(["case", verdict, full, f"{time.monotonic() - started:.2f}", detail.replace("\n", "\1")]), flush=True)
    finally:
        if shared is not None:
            shared.stop()


def _machine_state(machine):
    if machine is None:
        return ""
    state = machine.tail()
    return f"exit code {machine.process.returncode}\n{state}" if machine.process and not machine.running() else state


def run_system_file(path, only, seconds):
    """[(verdict, name, seconds, detail)] of one file."""
    command = [sys.executable, os.path.abspath(__file__), "--file", path] + (["--only", only] if only else [])
    code, output = run_limited(command, seconds)
    records, rest = [], []
    for line in output.splitlines():
        parts = line.split("\0")
        if parts[0] == "case" and len(parts) == 5:
            records.append((parts[1], parts[2], float(parts[3]), parts[4].replace("\1", "\n")))
        else:
            rest.append(line)
    if code != 0:
        records.append(("FAIL", f"system/{os.path.basename(path)}", None, f"the file ended with code {code}:\n" + "\n".join(rest[-30:])))
    return records


# All together ---------------------------------------------------------------------------------------------------------

def build_for(score, name, tree, keep_going=False):
    started = time.monotonic()
    try:
        build.build(tree, keep_going=keep_going)
    except Stop as stop:
        score.build_failed = True
        score.case("FAIL", f"build/{name}", time.monotonic() - started, str(stop))
        return False
    return True


def run_all(args):
    score, started = Score(), time.monotonic()
    phases = args.phases or PHASES
    left = lambda: args.seconds - (time.monotonic() - started)
    system_phases = [p for p in phases if p in ("guest", "system")]
    tools.ensure(tools.TEST_SET, *([tools.BUILD_SET, tools.RUN_SET] if {"guest", "system", "clang"} & set(phases) else []))

    if "clang" in phases and not args.only:
        began = time.monotonic()
        if build_for(score, "clang", "rv64-clang"):
            score.case("ok", "clang/kernel", time.monotonic() - began)
    for phase, tree in (("unit", "host"), ("asan", "host-asan"), ("fuzz", "host-fuzz"), ("nightly", "host")):
        if phase in phases:
            labels = ["-L", "nightly"] if phase == "nightly" else ["-LE", "nightly|slow" if args.phases and not args.only else "nightly"]
            build_for(score, phase, tree, keep_going=True)      # a test that does not compile keeps no other from running
            run_ctest(score, phase, tree, args.only, args.jobs, labels)

    if "proof" in phases:
        run_apart(score, "proof", "prove.py", args.only)
    if "model" in phases:
        run_models(score, args.only)

    if "coverage" in phases and not args.only:
        run_coverage(score)

    trees = [t for t in (("rv64", "rv64-debug") if "guest" in phases else ("rv64",)) if system_phases]
    usable = [t for t in trees if build_for(score, t, t)]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        work = {}
        if "guest" in phases:
            for tree in usable:
                for name, harts in ((n, h) for n in guest_names(tree) for h in guest_harts(n)):
                    full = f"guest{'-debug' if tree == 'rv64-debug' else ''}/{name}" + (f"@{harts}" if harts else "")
                    if not args.only or args.only in full:
                        work[pool.submit(run_guest, tree, name, harts, CASE_SECONDS, args.deterministic)] = full
        if "system" in phases and "rv64" in usable:
            for path in sorted(glob.glob(os.path.join(ROOT, "test", "qemu", "test_*.py"))):
                work[pool.submit(run_system_file, path, args.only, max(60.0, min(900.0, left())))] = None
        try:
            for done in concurrent.futures.as_completed(work, timeout=max(1.0, left())):
                result = done.result()
                records = result if isinstance(result, list) else [(result[0], work[done], *result[1:])]
                for verdict, name, seconds, detail in records:
                    if verdict == "FAIL":
                        detail = f"{keep_log(name, detail)}\n{detail}"
                    score.case(verdict, name, seconds, detail)
        except concurrent.futures.TimeoutError:
            score.late = True
            for future in work:
                future.cancel()
            score.case("FAIL", "budget", detail=f"the whole run passed {args.seconds:g} s; what had not begun was left out")
    say(f"{time.monotonic() - started:.0f}s")
    print(f"{score.passed} passed, {score.failed} failed, {score.skipped} skipped", flush=True)
    return score.code()


def main(argv):
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("phases", nargs="*", choices=[*PHASES, "nightly", []])
    parser.add_argument("--only")
    parser.add_argument("--deterministic", action="store_true", help="guest tests: instructions are counted, every run is the same")
    parser.add_argument("--seconds", type=float, default=1500)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--file")
    args = parser.parse_args(argv)
    if args.file:
        return run_file(os.path.abspath(args.file), args.only)
    return run_all(args)


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

"""make trace: the file for a viewer and the summary; the shell's trace command; the figure of shares."""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

import common
import qemu
import traces

SECONDS = 240


def make_trace(name, *options):
    command = [sys.executable, os.path.join(common.ROOT, "test", "harness", "run.py"), "trace", name, "--no-build", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def check_document(document):
    """Every interval ends, within the one that it began in; times do not go back on a thread. Returns {(pid, name): intervals}."""
    found, stacks, last = collections.Counter(), collections.defaultdict(list), collections.defaultdict(float)
    for e in document["traceEvents"]:
        where = e["pid"], e["tid"]
        if e["ph"] == "M":
            continue
        assert e["ts"] >= last[where], e
        last[where] = e["ts"]
        if e["ph"] == "B":
            stacks[where].append(e["name"])
        elif e["ph"] == "E":
            assert stacks[where] and stacks[where].pop() == e["name"], e
            found[e["pid"], e["name"]] += 1
    assert not any(stacks.values()), stacks
    return found


def test_a_program_is_traced_from_begin_to_end():
    done = make_trace("rpc", "--harts", "1", "--net", "none")
    assert done.returncode == 0, done.stdout + done.stderr
    path = re.search(r"(?m)^written: (\S+trace\.json)", done.stdout).group(1)
    with open(os.path.join(common.ROOT, path), encoding="utf-8") as f:
        document = json.load(f)
    found = check_document(document)
    assert document["otherData"] == {"lost": 0, "dropped": 0, "ended": "exited", "status": 0}
    names = {e["args"]["name"] for e in document["traceEvents"] if e["name"] == "process_name"}
    assert "harts" in names and sum(n.startswith("rpc ") for n in names) >= 2 and any(n.startswith("tracer ") for n in names), names
    calls = collections.Counter()
    for (_, name), n in found.items():
        calls[name] += n
    # Its thousand calls, each of which was answered.
    assert calls["pct_call"] >= 1000 and calls["pct_reply"] >= 1000 and calls["exit"] >= 1, calls
    transfers = [e for e in document["traceEvents"] if e.get("cat") == "transfer"]
    assert sum(e["ph"] == "s" for e in transfers) == sum(e["ph"] == "f" for e in transfers) >= 2000
    assert {e["id"] for e in transfers if e["ph"] == "s"} == {e["id"] for e in transfers if e["ph"] == "f"}
    assert any(e["name"] == "fault: store page" for e in document["traceEvents"])
    # The summary counts the same, and says for whom.
    with open(os.path.join(common.ROOT, os.path.splitext(path)[0] + ".txt"), encoding="utf-8") as f:
        summary = f.read()
    assert summary.strip() in done.stdout
    assert re.search(r"(?m)^ +\d+ pct_call +mean [\d.]+ us", summary) and re.search(r"(?m)^rpc \(\d+\): [\d.]+ ms \([\d.]+ %\)", summary), summary


def test_two_harts_are_in_one_picture():
    done = make_trace("harts", "--harts", "2", "--net", "none")
    assert done.returncode == 0, done.stdout + done.stderr
    with open(os.path.join(common.BUILD, "trace.json"), encoding="utf-8") as f:
        found = check_document(json.load(f))
    assert found[0, "harts"] > 2
    assert re.search(r"(?m)^hart 1: [\d.]+ % busy$", done.stdout), done.stdout


def test_the_picture_of_three_to_two_to_one():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "shares.svg")
        command = [sys.executable, os.path.join(common.ROOT, "test", "harness", "figures.py"), "shares", path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        with open(path, encoding="utf-8") as f:
            picture = f.read()
    lines = {
        m.group(2): [tuple(map(float, p.split())) for p in m.group(1).split("L")]
        for m in re.finditer(r'<path d="M([^"]+)" fill="none" stroke="(#\w+)"', picture)}
    assert len(lines) == 3, lines.keys()
    # Each goes up in steps, from one corner; their ends are as 3 to 2 to 1.
    heights = []
    for points in lines.values():
        assert len(points) > 50 and all(b[0] >= a[0] and b[1] <= a[1] for a, b in zip(points, points[1:]))
        heights.append(points[0][1] - points[-1][1])
    for height, tickets in zip(heights, (3, 2, 1)):
        assert abs(height / sum(heights) - tickets / 6) < 0.02 * tickets / 6 + 0.003, heights


def test_who_asks_wrongly_is_told():
    for name in ("nonsense", "two words"):
        done = make_trace(name)
        assert done.returncode == common.USAGE and "program" in done.stderr, done.stderr


def test_the_shell_switches_and_shows():
    with qemu.Machine(net="none") as machine:
        machine.wait_up()
        machine.expect(r"exos\$ $")
        assert "nothing was traced yet" in machine.command_output("trace show")
        assert "usage: trace" in machine.command_output("trace maybe")
        assert "usage: trace" in machine.command_output("trace show none")
        assert machine.command_output("trace on").strip() == ""
        machine.command_output("run matmul 8")
        machine.command_output("trace off")
        shown = [line for line in machine.command_output("trace show 400").splitlines() if line.strip()]
        assert all(re.match(r" *\d+\.\d{6} hart 0  \S+ +\S", line) for line in shown), shown[:5]
        assert len(shown) == 400
        text = "\n".join(shown)
        assert re.search(r"hart 0  shell +(calls|object_end|cap_delete|wait) ", text) and re.search(r"hart 0  \S+ +runs, after \S+", text), text
        times = [float(line.split()[0]) for line in shown]
        assert times == sorted(times)
        # Off is off, and what was written stays.
        assert len(machine.command_output("trace show 3").splitlines()) >= 3
        again = machine.command_output("trace show 3").strip()
        assert machine.command_output("trace show 3").strip() == again


def test_a_report_that_breaks_off_is_refused():
    try:
        traces.Trace(["trace 1 10000000 1", "e 0 5 3 401 0 0"])
    except common.Stop as stop:
        assert stop.code == common.FAIL
    else:
        raise AssertionError("half a trace was taken for a whole one")

"""The shell over the serial line."""
import re
import time
import urllib.request

SHARED = True
SECONDS = 60


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def environments(machine):
    """ps as {name: (env, state, pages, guarantee, slices)}"""
    found = {}
    for line in lines(machine.command_output("ps"))[1:]:
        env, _, state, pages, guarantee, slices, _, name = re.match(
            r"\s*(\d+)\s+(\d+)\s+(\w[\w ]*?)\s+(\d+)\s+(\d+)\s+(\d+)\s+([\d.]+)\s+(\S+)$", line).groups()
        found[name] = (int(env), state, int(pages), int(guarantee), int(slices))
    return found


def free_frames(machine):
    return int(re.search(r"(?m)^ +(\d+) free,", machine.command_output("pages")).group(1))


def test_prompt(machine):
    machine.expect(r"exos\$ $")
    assert machine.command_output("") == ""


def test_help_lists_every_command(machine):
    text = machine.command_output("help")
    for name in ("run", "kill", "programs", "ps", "top", "pages", "slices", "filters", "boot", "exit", "help"):
        assert re.search(rf"(?m)^{name}\b", text), name


def test_mistakes_are_answered(machine):
    assert "no command 'frobnicate'" in machine.command_output("frobnicate")
    assert "usage: kill ENV" in machine.command_output("kill")
    assert "usage: run" in machine.command_output("run")
    assert "usage: ps" in machine.command_output("ps aux")
    assert "no program 'nothing'" in machine.command_output("run nothing")
    assert "no environment 99999999" in machine.command_output("kill 99999999")
    assert "no environment 'nobody'" in machine.command_output("kill nobody")
    assert "usage: run" in machine.command_output("run -p many echo")
    assert "which program" in machine.command_output("run -p 100")
    assert "only programs run in the background" in machine.command_output("ps &")
    assert "no status" in machine.command_output("exit soon")
    assert "no status" in machine.command_output("exit 256")
    assert "guarantee" in machine.command_output("run -p 2 echo")
    assert "at most 16 words" in machine.command_output("a " * 20)


def test_line_editing(machine):
    assert machine.command_output("hexx\b\b\x7fhelp\b\b\b\bps\x15help").startswith("run")
    start = len(machine.console_text())
    machine.send("frobnicate\x03")
    machine.expect(r"\^C\nexos\$ $", start=start)
    start = len(machine.console_text())
    machine.send("x" * 400 + "\n")
    machine.expect(r"no command 'x{255}'.*\nexos\$ $", start=start)
    assert "no command '[A[B'" in machine.command_output("\x1b[A\x1b[B")


def test_ps(machine):
    envs = environments(machine)
    for name in ("init", "netd", "httpd", "echo", "shell"):
        assert name in envs, envs
        assert 0 < envs[name][2] <= envs[name][3], envs[name]
    assert envs["shell"][1] == "ready" and envs["echo"][1] in ("waiting", "ready")


def test_top(machine):
    start = len(machine.console_text())
    machine.send("top\n")
    # The third picture: whatever the machine was busy with before, shares are of one second then, and add up to it.
    machine.expect(r"(?s)(any key ends this.*){3}", start=start)
    picture = machine.console_text()[start:].split("\x1b[J")[3]
    assert re.search(r"(?m)^hart 0: +\d+\.\d % idle; \S+ runs$", picture), picture
    shares = [float(n) for n in re.findall(r"(?m)^ +\d+ +(\d+\.\d) % +\d+  \S+$", picture)]
    assert len(shares) >= 4 and shares == sorted(shares, reverse=True) and sum(shares) <= 101, picture
    machine.send("q")
    machine.expect(r"any key ends this\nexos\$ $", start=start)


def test_pages(machine):
    text = machine.command_output("pages")
    head = re.search(r"(\d+) frames of 4 KiB", text)
    counts = [int(n) for n in re.findall(r" (\d+) (?:free|data|page tables|kernel objects|kernel|exposed)\b", text)]
    assert len(counts) == 6 and sum(counts) == int(head.group(1)), text
    assert re.search(r"(?m)^ +\d+( +\d+){5}  httpd$", text), text
    # An eighth of what was free at the start is promised to nobody, and some of it is lent.
    promised, left = map(int, re.search(r"(\d+) of the free ones promised, (\d+) to borrow", text).groups())
    assert 0 < promised and 0 < left <= int(head.group(1)) // 8, text


def test_slices(machine):
    text = machine.command_output("slices")
    picture = re.search(r"(?m)^  ([a-z.+]{64})$", text).group(1)
    for letter, count, _ in re.findall(r"(?m)^  ([a-z+]) +(\d+)  (\S+)$", text):
        assert picture.count(letter) == int(count), text


def test_filters(machine):
    text = machine.command_output("filters")
    assert int(re.search(r"(\d+) filters", text).group(1)) >= 8
    assert re.search(r"(?m)^ +\d+ +\d+ +1 +2  httpd$", text), text


def test_run_in_the_background_and_kill(machine):
    run_and_kill(machine)  # the first time costs page tables
    before = free_frames(machine)
    for _ in range(3):
        run_and_kill(machine)
    machine.command_output("")
    assert free_frames(machine) == before


def run_and_kill(machine):
    started = re.search(r"minimal: environment (\d+)", machine.command_output("run minimal &"))
    assert started
    time.sleep(0.3)
    assert machine.command_output("kill " + started.group(1)) == ""
    assert "no environment" in machine.command_output("kill " + started.group(1))


def test_foreground_and_interrupt(machine):
    before = free_frames(machine)
    start = len(machine.console_text())
    machine.send("run minimal\n")
    time.sleep(0.5)
    machine.send("\x03")
    machine.expect(r"(?s)run minimal\n.*exos\$ $", start=start)
    assert free_frames(machine) == before


def test_the_page_is_served_meanwhile(machine):
    assert urllib.request.urlopen(machine.url, timeout=10).status == 200

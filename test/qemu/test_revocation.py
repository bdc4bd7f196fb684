"""More is promised than there is: the demonstrations of revocation, on a machine that four programs fill."""
import re

MACHINE = dict(mem="32")
SECONDS = 200


def tables(text):
    """The tables that pressure prints: [{name: (guarantee, holds, asked, requests, lost)}]"""
    found = []
    for block in re.split(r"(?m)^(?:full|after it) .*$", text)[1:]:
        rows = re.findall(r"(?m)^  (\w+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\w+)$", block)
        found.append({name: tuple(map(int, figures)) for name, *figures, _ in rows})
        assert all(row[-1] == "right" for row in rows), text
    return found


def test_pressure(machine):
    text = machine.command_output("run -p 1400 -b 100000 -s 8 pressure", timeout=150)
    assert "ended with status" not in text, text
    assert "0 pages of those promised were missing; the others live, and their data is right" in text, text
    full, *rounds = tables(text)
    assert len(rounds) == 6 and set(full) == {"polite", "deaf", "hostile", "greedy"}, text
    guarantee, holds, _, _, lost = zip(*full.values())
    assert sum(holds) > 3 * sum(guarantee) and not any(lost), text
    last = rounds[-1]
    # Who does not answer loses what it was asked for, and nobody comes below what it is promised.
    assert last["deaf"][4] > 0 and last["hostile"][4] > 0, text
    assert all(row[1] >= row[0] for row in last.values()), text
    # All the others went on meanwhile, and what was borrowed is free again.
    assert machine.page_status() == 200
    assert "minimal" in machine.command_output("ps")


def test_balance(machine):
    text = machine.command_output("run -s 8 balance", timeout=100)
    assert "ended with status" not in text, text
    fixed, moved = map(int, re.search(r"(\d+) pages read where memory stayed, (\d+) where it moved", text).groups())
    assert moved * 4 < fixed, text


def test_the_shell_shows_who_borrows(machine):
    start = len(machine.console_text())
    machine.send("memory\n")
    machine.expect(r"(?m)^ +env guarantee +pages +borrowed +wanted +asked requests +lost  name\n(.*\n)+any key ends this", start=start)
    machine.send("x")
    machine.expect(r"exos\$ $", start=start)

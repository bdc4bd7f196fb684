"""The demonstrations of paging, started from the shell: what they print, and that their figures are what a model says."""
import re

SHARED = True
SECONDS = 100


def output(machine, name):
    text = machine.command_output(f"run {name}")
    assert "ended with status" not in text, text
    return text


def exact_mru_faults(pages, frames, rounds):
    """The textbook's MRU, over a scan round and round."""
    held, last, faults = set(), None, 0
    for page in list(range(pages)) * rounds:
        if page not in held:
            faults += 1
            if len(held) == frames:
                held.remove(last)
            held.add(page)
        last = page
    return faults


def test_policies(machine):
    text = output(machine, "policies")
    faults = {name: int(n) for name, n in re.findall(r"(?m)^  (\S+(?: own)?) +(\d+) +\d+ +\d+", text)}
    assert list(faults) == ["FIFO", "CLOCK", "LRU", "MRU", "my own"], text
    assert faults["LRU"] == faults["FIFO"] == faults["CLOCK"] == 48 * 8
    assert faults["MRU"] == faults["my own"] == exact_mru_faults(48, 32, 8)
    assert faults["MRU"] * 2 < faults["LRU"]


def test_matmul_and_inverted_are_the_same_program_over_two_tables(machine):
    grown = {}
    for name in ("matmul", "inverted"):
        text = output(machine, name)
        first, again = re.findall(r"4 KiB pages, .* (\d+) page faults", text)
        assert (int(first), int(again)) == (132, 0), text
        table, before, after = re.search(r"the ([\w ]+) grew from (\d+) to (\d+) pages", text).groups()
        grown[table] = int(after) - int(before)
    assert grown["radix tree"] >= 63 and grown["inverted table"] <= 8, grown


def test_gc(machine):
    text = output(machine, "gc")
    pages, written = map(int, re.search(r"young collections: (\d+); written .*: (\d+) \(", text).groups())
    assert 0 < written * 3 < pages, text
    assert "clean: 0. Wrong lists: 0." in text

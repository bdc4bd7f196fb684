"""The figures of revocation: what they say, the tables, and that the picture in the book shows them."""
import functools
import os
import tempfile

import bench
import common
import longest
import revocation

SECONDS = 400
SIZES = revocation.SIZES


@functools.lru_cache
def figures():
    return revocation.measure()


def test_every_figure_is_there():
    found = figures()
    for what, variants in (("answered", revocation.ANSWERED), ("aborted", revocation.ABORTED)):
        for key in variants:
            for n in SIZES[:3] if key == "in_flight" else SIZES:
                whole, kernel = found[f"revoke_{what}_{key}_{n}"], found[f"revoke_{what}_kernel_{key}_{n}"]
                # Two blocks of the program, those with the marks, may count as a whole or not at all.
                assert 0 < kernel <= whole + 20 / n, (what, key, n, whole, kernel)
                # Taking is the kernel's work alone: what it executed, and what the program counted, are one number but for the loop.
                assert what == "answered" or kernel > 0.95 * whole, (key, n, whole, kernel)


def test_more_pages_at_once_cost_less_each():
    found = figures()
    for what, key in (("answered", "once"), ("answered", "superpage"), ("answered", "dirty"), ("aborted", "once"), ("aborted", "unlisted")):
        row = [found[f"revoke_{what}_{key}_{n}"] for n in SIZES]
        assert row == sorted(row, reverse=True) and row[0] > 2 * row[-1], (what, key, row)


def test_what_a_binding_a_store_and_a_device_add():
    found = figures()
    for n in SIZES:
        assert found[f"revoke_answered_contexts_{n}"] > found[f"revoke_answered_once_{n}"]
        assert found[f"revoke_aborted_contexts_{n}"] > 2 * found[f"revoke_aborted_once_{n}"]
        assert found[f"revoke_aborted_dirty_{n}"] == found[f"revoke_aborted_once_{n}"], "the kernel does not look at the bit"
        # 512 words, loaded and stored.
        assert found[f"revoke_answered_dirty_{n}"] > found[f"revoke_answered_kernel_dirty_{n}"] + 1024


def test_a_grant_comes_when_the_victim_or_the_kernel_says():
    found = figures()
    for n in SIZES:
        time, deadline = found[f"grant_time_us_{n}"], found[f"grant_deadline_us_{n}"]
        took = {victim: found[f"grant_{victim}_us_{n}"] for victim in revocation.VICTIMS}
        assert 20 * took["cooperative"] < took["slow"] < time < took["deaf"] < took["asleep"], (n, took)
        # A step of the abort in each slice takes 32.
        assert took["deaf"] < time + 3000 + 1000 * n / 32 and deadline <= took["asleep"] < deadline + 3000 + 1000 * n / 32, (n, took)


def test_a_bystander_keeps_its_slices():
    found = figures()
    calm = found["bystander_calm"]
    for meanwhile in ("answered", "slow", "aborted"):
        assert found[f"bystander_{meanwhile}_demands"] >= 3
        assert found[f"bystander_{meanwhile}_switches"] == found["bystander_calm_switches"]
        assert abs(found[f"bystander_{meanwhile}"] - calm) < calm / 1000, (meanwhile, found[f"bystander_{meanwhile}"], calm)


def test_the_tables_fit_a_terminal():
    found = dict(figures(), boot=9_999_999, env_life=99_999, null_call=17)
    for key in bench.PEERS:
        found.setdefault(key, 9_999)
    for text in (bench.table(found), revocation.table(found), bench.paper(found)):
        assert max(map(len, text.splitlines())) <= 130, max(text.splitlines(), key=len)
    assert "never" in revocation.table(found) and "1,560 M" in bench.table(found)


def test_the_picture_in_the_book_is_drawn_from_figures_like_these():
    """It is what the harness draws from the figures that it shows, and no figure is off by more than a half."""
    with open(revocation.PICTURE, encoding="utf-8") as f:
        picture = f.read()
    shown, found = revocation.shown(picture), figures()
    assert revocation.draw(shown) == picture
    assert set(shown) == set(revocation.shown(revocation.draw(found)))
    off = revocation.off(picture, found, 1.5)
    assert not off, f"`make figures` draws it anew: {off}"


def test_the_picture_changes_when_a_figure_does():
    found = figures()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "picture.svg")

        def written(values):
            revocation.picture(values, path)
            with open(path, encoding="utf-8") as f:
                return f.read()

        first = written(found)
        assert revocation.draw(dict(reversed(found.items()))) == first and revocation.shown(first).items() <= found.items()
        key = "grant_deaf_us_1000"
        assert written(dict(found, **{key: found[key] + 1})) == first
        dearer = dict(found, **{key: found[key] * 2})
        assert written(dearer) == revocation.draw(dearer) != first
        with open(path, "a", encoding="utf-8") as f:
            f.write("<!-- by hand -->")
        assert written(dearer) == revocation.draw(dearer)


def test_marks_are_counted_where_they_stand():
    """A part that nobody tells of, or one that was told of and never marked, is a mistake; the median counts, rounded up, per page."""
    lines = ["bench a 5", "marked 3 10 b", "spread a 5 5 5 1", "marked 1 1 c"]
    parts = [(1, 100, 1), (1, 90, 0), (9, 500, 0), (2, 7, 3)]
    assert revocation.parse(lines, parts) == {"a": 5, "b": 11, "c": 10}
    for wrong in (parts[:3], parts + [(0, 0, 0)]):
        try:
            revocation.parse(lines, wrong)
        except common.Stop:
            continue
        raise AssertionError(wrong)
    assert longest.read("(marked) 1 2 3\nnull 4 5 6 7\n(marked) 8 9 10\n") == ({"null": [4, 5, 6, 7]}, [(1, 2, 3), (8, 9, 10)])

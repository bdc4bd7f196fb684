"""P6: no stay in the kernel is longer than user/tests/stay.h says, on 1, 2 and 4 harts; and docs/harts.md says the same."""
import os
import re

import longest
from common import ROOT

SECONDS = 240
# What asks for the most, by calls, by force, by ending; longest.py without names tries all tests.
TESTS = ("long_calls", "c6_long_revocation", "r1_revocation", "lives")
SEEN = ("page_bind", "page_unbind", "page_protect", "page_batch", "page_alloc", "cap_revoke", "cap_delete", "object_end", "env_ask", "exit", "wait", "(timer)")


def _most():
    with open(os.path.join(ROOT, "user", "tests", "stay.h"), encoding="ascii") as f:
        return int(re.search(r"^#define STAY_MOST\s+(\d+)$", f.read(), re.M).group(1))


def _no_stay_is_longer(harts):
    found = longest.measure(TESTS, harts)
    assert not [call for call in SEEN if call not in found], f"not seen: {[call for call in SEEN if call not in found]}"
    late = {call: stay for call, stay in found.items() if stay["longest"] > _most()}
    assert not late, "\n" + longest.table(late)


def test_p6_no_stay_is_longer_on_one_hart():
    _no_stay_is_longer(1)


def test_p6_no_stay_is_longer_on_two_harts():
    _no_stay_is_longer(2)


def test_p6_no_stay_is_longer_on_four_harts():
    _no_stay_is_longer(4)


def test_the_book_names_the_bound():
    with open(os.path.join(ROOT, "docs", "harts.md"), encoding="utf-8") as f:
        assert f"{_most():,} instructions" in f.read()

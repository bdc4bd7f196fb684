#!/usr/bin/env python3
"""attacks.py - every attack that docs/attacks.md lists is one that is tried, and the other way round

A row | M1 | what | `function` | `program` | names a test function of test_kern_attack.c that begins with m1_ and runs, and a program
user/tests/*.c that names M1 in its first lines. Exit codes: 0 they agree, 1 not.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXPECTED = {*(f"M{n}" for n in range(1, 19) if n != 11), *(f"C{n}" for n in range(1, 11)), *(f"S{n}" for n in range(1, 13)),
            "P1", "P2", "P3", "P4", "P5", "P8"}


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def main():
    wrong, seen, listed = [], set(), set()
    run = set(re.findall(r"cmocka_unit_test\((\w+)\)", read("test", "unit", "test_kern_attack.c")))
    for number, function, program in re.findall(r"^\| ([MCSP]\d+) \|[^|]*\|([^|]*)\|([^|]*)\|$", read("docs", "attacks.md"), re.M):
        function, program = function.strip(" `"), program.strip(" `")
        seen.add(number)
        if not function and not program:
            wrong.append(f"{number} is tried by nothing")
        if function:
            listed.add(function)
            if function not in run or not function.startswith(number.lower() + "_"):
                wrong.append(f"{number}: {function} is no test of test_kern_attack.c that carries the number")
        if program:
            path = os.path.join("user", "tests", program + ".c")
            if not os.path.exists(os.path.join(ROOT, path)):
                wrong.append(f"{number}: there is no {path}")
            elif not re.search(rf"\b{number}\b", read(path)[:1500]):
                wrong.append(f"{number}: {path} does not say that it tries it")
    wrong += [f"{number} is not in docs/attacks.md" for number in sorted(EXPECTED - seen)]
    wrong += [f"{function} is not in docs/attacks.md" for function in sorted(run - listed)]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""attacks.py - every attack that docs/attacks.md lists is one that is tried, and the other way round

A row | M1 | what | `function` | `program` | names a test function of test_kern_attack.c that begins with m1_ and runs, and a program
user/tests/*.c that names M1 in its first lines. The functions of T, U and P7 are in OTHERS, and carry the number in their names or in the
comment of their first line. Exit codes: 0 they agree, 1 not.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXPECTED = {*(f"M{n}" for n in range(1, 19) if n != 11), *(f"C{n}" for n in range(1, 11)), *(f"S{n}" for n in range(1, 13)),
            *(f"P{n}" for n in range(1, 9)), *(f"T{n}" for n in range(1, 9)), *(f"U{n}" for n in range(1, 9))}
REVOCATION = ("test_kern_revoke.c", "test_kern_shares.c")
OTHERS = ("test_kern_pct.c", "test_kern_upcall.c", "test_kern_harts.c")


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def main():
    wrong, seen, listed = [], set(), set()
    others = "\n".join(read("test", "unit", name) for name in OTHERS)
    run = set(re.findall(r"cmocka_unit_test\((\w+)\)", read("test", "unit", "test_kern_attack.c")))
    for number, function, program in re.findall(r"^\| ([MCSPTU]\d+) \|[^|]*\|([^|]*)\|([^|]*)\|$", read("docs", "attacks.md"), re.M):
        function, program = function.strip(" `"), program.strip(" `")
        seen.add(number)
        if not function and not program:
            wrong.append(f"{number} is tried by nothing")
        if function and (number[0] in "TU" or number == "P7"):
            first = re.search(rf"^static void {function}\(.*$", others, re.M)
            carries = first and (function.startswith(number.lower() + "_") or re.search(rf"/\*.*\b{number}\b", first.group(0)))
            if not carries or not re.search(rf"^\t\t\w+\({function}\b", others, re.M):
                wrong.append(f"{number}: {function} is no test of {', '.join(OTHERS)} that carries the number")
        elif function:
            listed.add(function)
            if function not in run or not function.startswith(number.lower() + "_"):
                wrong.append(f"{number}: {function} is no test of test_kern_attack.c that carries the number")
        for program in filter(None, re.split(r"[ `,]+", program)):
            path = os.path.join("user", "tests", program + ".c")
            if not os.path.exists(os.path.join(ROOT, path)):
                wrong.append(f"{number}: there is no {path}")
            elif not re.search(rf"\b{number}\b", read(path)[:1500]):
                wrong.append(f"{number}: {path} does not say that it tries it")
    revocation = set(re.findall(r"\b(?:T|cmocka_unit_test)\((\w+)\)", "".join(read("test", "unit", name) for name in REVOCATION)))
    rows = re.findall(r"^\| (R\d+) \|[^|]*\|([^|]*)\|([^|]*)\|$", read("docs", "attacks.md"), re.M)
    for number, functions, program in rows:
        for function in re.findall(r"\w+", functions):
            if function not in revocation or not function.startswith(number.lower() + "_"):
                wrong.append(f"{number}: {function} is no test of {', '.join(REVOCATION)} that carries the number")
        for program in re.findall(r"\w+", program):
            if re.search(rf"\b{number}\b", read("user", "tests", program + ".c")[:1500]):
                continue
            wrong.append(f"{number}: user/tests/{program}.c does not say that it tries it")
    if [number for number, *_ in rows] != [f"R{n}" for n in range(1, 13)]:
        wrong.append("the rows R1 to R12 are not in docs/attacks.md, each once and in order")
    wrong += [f"{number} is not in docs/attacks.md" for number in sorted(EXPECTED - seen)]
    wrong += [f"{function} is not in docs/attacks.md" for function in sorted(run - listed)]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

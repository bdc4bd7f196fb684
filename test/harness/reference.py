#!/usr/bin/env python3
"""reference.py [--check] - the reference pages of the book, and whether the book still fits the code

  (nothing)   write docs/reference/*.md from the comments of include/exos/calls.h and the sentences of err.h
  --check     write nothing; say what is stale: a page that would come out otherwise, a link that leads nowhere, a file or a
              hop of a road that is not there, a piece of code in the book that no longer stands in the source which it names

A piece of code is quoted in the book like this, and compared line by line, without regard to indentation:

    <!-- from user/minimal/minimal.c -->
    ```c
    ...
    ```

Exit codes: 0 all is well, 1 something is stale, or a comment in calls.h lacks something.
"""
import glob
import os
import re
import sys

import common
from common import FAIL, PASS, ROOT

CALLS, ERRORS = "include/exos/calls.h", "include/exos/err.h"
OUT = os.path.join("docs", "reference")
GROUPS = (
    ("Time and events", "null yield wait exit notify slice_bind"),
    ("Protected control transfer", "pct_call pct_reply pct_send"),
    ("Capabilities", "cap_copy cap_grant cap_delete cap_revoke cap_info cap_word object_end"),
    ("Memory", "page_alloc page_bind page_unbind page_protect page_batch page_join page_split table_bind table_unbind ctx_create expose_bind"),
    ("Environments", "env_create env_captab env_set env_regs env_ask"),
    ("Network", "flow_derive ring_create ring_buffer filter_bind net_send"),
    ("Console and machine", "console_write console_read console_bind poweroff trace_set"),
)


class Stale(Exception):
    """Something in the sources or in the book does not fit; the text says what."""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


# The list of calls ----------------------------------------------------------------------------------------------------

class Call:
    def __init__(self, number, name, arguments, comment):
        self.number, self.name, self.arguments = number, name, arguments       # arguments: [(type, name)]
        self.sentence, self.parts, self.order = "", {}, []
        names = "|".join(re.escape(n) for _, n in arguments) or "(?!)"
        label = re.compile(rf"^((?:{names})(?:, (?:{names}))*|Result|Errors|Notes): (.*)$")
        at = None
        for line in comment:
            start = label.match(line)
            if start:
                at = start.group(1)
                self.parts[at] = start.group(2)
                self.order.append(at)
            elif at is None:
                self.sentence = f"{self.sentence} {line}".strip()
            else:
                self.parts[at] += " " + line
        told = {n for key in self.parts for n in key.split(", ")}
        missing = [n for _, n in arguments if n not in told] + (["Result"] if "Result" not in told else [])
        if missing or not self.sentence:
            raise Stale(f"{CALLS}: the comment of {name}() tells nothing about: {', '.join(missing) or 'its purpose'}")

    def errors(self):
        """[(code, what it means here or "")], in the order of the comment."""
        found = []
        for clause in self.parts.get("Errors", "").rstrip(".").split(";"):
            head, _, why = clause.strip().partition(":")
            for code in re.findall(r"E_[A-Z]+", head):
                found.append((code, why.strip()))
        return found


def calls():
    text = read(CALLS)
    body = re.search(r"#define EXOS_CALL_LIST\(X, Y\) \\\n(.*?)\n\nenum", text, re.S).group(1).replace("\\\n", "\n")
    found = []
    for comment, entry in re.findall(r"/\*(.*?)\*/\s*[XY]\((.*?)\)\s*(?=/\*|\Z)", body + "\n", re.S):
        words = [w.strip() for w in re.sub(r"\s+", " ", entry).split(",")]
        name, count = words[0], int(words[1])
        arguments = list(zip(words[2::2], words[3::2]))
        if len(arguments) != count:
            raise Stale(f"{CALLS}: {name}() has {len(arguments)} arguments, its entry says {count}")
        lines = [line.strip().lstrip("*").strip() for line in comment.splitlines()]
        found.append(Call(len(found), name, arguments, [line for line in lines if line]))
    grouped = " ".join(names for _, names in GROUPS).split()
    if sorted(grouped) != sorted(c.name for c in found):
        raise Stale(f"reference.py: GROUPS and {CALLS} differ: {sorted(set(grouped) ^ {c.name for c in found})}")
    return found


def errors():
    """{code: (number, sentence)}"""
    return {c: (int(n), s) for c, n, s in re.findall(r'X\((E_[A-Z]+),\s*(\d+), "([^"]*)"\)', read(ERRORS))}


def definition(kind, name):
    """(header, text) of a struct or enum of the ABI, with the comment in front of it."""
    for path in sorted(glob.glob(os.path.join(ROOT, "include", "exos", "*.h"))):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        found = re.search(rf"(?:^/\*(?:[^*]|\*(?!/))*\*/\n)?^{kind} {name} \{{\n.*?^\}};$", text, re.S | re.M)
        if found:
            return os.path.basename(path), found.group(0)
    raise Stale(f"no header of include/exos defines {kind} {name}")


# Pages ----------------------------------------------------------------------------------------------------------------

MADE = "<!-- made by test/harness/reference.py from include/exos/calls.h: change the comment there -->\n"


def sentence(text):
    """With a capital letter, unless it begins with the name of a register."""
    return text if re.match(r"[a-z]+[0-9]", text) else text[0].upper() + text[1:]


def link_calls(text, names, here):
    """name() becomes a link, name|n| and constants become code."""
    text = re.sub(r"\b(\w+)\(\)", lambda m: f"[`{m.group(1)}()`]({m.group(1)}.md)" if m.group(1) in names and m.group(1) != here else f"`{m.group(0)}`", text)
    return re.sub(r"(?<![`\w(])((?:struct|enum) [a-z_]+|[A-Z][A-Z]*_[A-Z_*]+(?:\.\.[A-Z_0-9-]+)?)(?![`\w])", r"`\1`", text)


def signature(call):
    arguments = ", ".join(f"{t}{n}" if t.endswith("*") else f"{t} {n}" for t, n in call.arguments)
    return f"long sys_{call.name}({arguments or 'void'});"


def page(call, names, known):
    text = [MADE, f"# {call.name}", "", link_calls(call.sentence, names, call.name), "", "```c", signature(call), "```", "",
            f"Call number {call.number} (`CALL_{call.name}`)."]
    if call.arguments:
        register = {n: f"a{i + 1}" for i, (_, n) in enumerate(call.arguments)}
        text += ["", "| register | argument | |", "|---|---|---|"]
        for key in [k for k in call.order if k not in ("Result", "Errors", "Notes")]:
            own = key.split(", ")
            text.append(f"| {', '.join(register[n] for n in own)} | {', '.join(f'`{n}`' for n in own)} | {link_calls(call.parts[key], names, call.name)} |")
    text += ["", f"**Result** (a0): {link_calls(call.parts['Result'], names, call.name)}"]
    if call.errors():
        text += ["", "| error | sentence | here |", "|---|---|---|"]
        for code, why in call.errors():
            if code not in known:
                raise Stale(f"{CALLS}: {call.name}() names {code}, which err.h does not have")
            text.append(f"| `{code}` (-{known[code][0]}) | {known[code][1]} | {link_calls(why, names, call.name)} |")
    else:
        text += ["", "It cannot fail."]
    if "Notes" in call.parts:
        notes = call.parts["Notes"]
        text += ["", "## Notes", "", link_calls(sentence(notes), names, call.name)]
    shapes = []
    for shape in re.findall(r"\b(struct|enum) (\w+)", " ".join([t for t, _ in call.arguments] + list(call.parts.values()))):
        if shape not in shapes:
            shapes.append(shape)
    for kind, name in shapes:
        header, body = definition(kind, name)
        text += ["", f"## `{kind} {name}`", "", f"From `exos/{header}`:", "", "```c", body, "```"]
    return "\n".join(text + ["", "[All calls](README.md)", ""])


def index(found, known):
    by_name = {c.name: c for c in found}
    text = [MADE, "# System calls", "", f"There are {len(found)} calls. The number goes into `a0`, the arguments into `a1` to `a6`; the result comes back in `a0`. "
            "How a call works in general is told in [the ABI](../abi.md). The C prototypes are those of `exos_calls.h` of libexos."]
    for title, names in GROUPS:
        text += ["", f"## {title}", "", "| number | call | |", "|---|---|---|"]
        for name in names.split():
            call = by_name[name]
            arguments = ", ".join(n for _, n in call.arguments)
            text.append(f"| {call.number} | [`{name}({arguments})`]({name}.md) | {link_calls(call.sentence, by_name, '')} |")
    text += ["", "## Errors", "", "A call that returns one of these has changed nothing. `exos_strerror()` of libexos prints the sentences.", "",
             "| code | number | sentence |", "|---|---|---|"]
    text += [f"| `{code}` | -{number} | {sentence} |" for code, (number, sentence) in known.items()]
    return "\n".join(text + ["", "[Contents of the book](../README.md)", ""])


def pages():
    """{path relative to the tree: content}"""
    found, known = calls(), errors()
    names = {c.name for c in found}
    made = {os.path.join(OUT, f"{c.name}.md"): page(c, names, known) for c in found}
    made[os.path.join(OUT, "README.md")] = index(found, known)
    return made


# The rest of the book -------------------------------------------------------------------------------------------------

def book():
    return sorted(glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True)) + [os.path.join(ROOT, "README.md")]


def anchors(path):
    with open(path, encoding="utf-8") as f:
        text = re.sub(r"```.*?```", "", f.read(), flags=re.S)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.M)}


def stale_links(path):
    with open(path, encoding="utf-8") as f:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", f.read(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if not os.path.exists(there):
            yield f"{common.relative(path)}: the link {target} leads nowhere"
        elif anchor and there.endswith(".md") and anchor not in anchors(there):
            yield f"{common.relative(path)}: {common.relative(there)} has no section {anchor}"


def stale_names(path):
    """Files of the tree that the text names in code quotes must exist."""
    with open(path, encoding="utf-8") as f:
        text = re.sub(r"```.*?```", "", f.read(), flags=re.S)
    for name in re.findall(r"`((?:include|arch|kern|drivers|libexos|user|test|docs)/[\w./-]*\w)`", text):
        if not os.path.exists(os.path.join(ROOT, name)):
            yield f"{common.relative(path)}: there is no {name}"
    # Rows of a road: | `function` | `file` | what happens |
    for hops, name in re.findall(r"^\| ([^|]*`[^|]*) \| `([\w./-]+\.[chS])` \|", text, re.M):
        for hop in re.findall(r"`(\w+)`", hops):
            if os.path.exists(os.path.join(ROOT, name)) and not re.search(rf"\b{hop}\b", read(name)):
                yield f"{common.relative(path)}: {name} has no {hop}"


def stale_code(path):
    """A quoted piece must stand in its source, in one piece or several divided by a line of dots."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for source, code in re.findall(r"<!-- from (\S+) -->\n```\w*\n(.*?)```", text, re.S):
        if not os.path.exists(os.path.join(ROOT, source)):
            yield f"{common.relative(path)}: quotes {source}, which does not exist"
            continue
        have = "\n".join(line.strip() for line in read(source).splitlines())
        for piece in re.split(r"^\s*\.\.\.\s*$", code, flags=re.M):
            want = "\n".join(line.strip() for line in piece.strip("\n").splitlines())
            if want not in have:
                yield f"{common.relative(path)}: {source} does not have the quoted lines that begin with: {want.splitlines()[0]}"


def check():
    wrong = []
    made = pages()
    for path, content in made.items():
        if not os.path.exists(os.path.join(ROOT, path)) or read(path) != content:
            wrong.append(f"{path}: is not what {CALLS} says now")
    for path in glob.glob(os.path.join(ROOT, OUT, "*.md")):
        if os.path.relpath(path, ROOT) not in made:
            wrong.append(f"{common.relative(path)}: there is no such call")
    for path in book():
        for finder in (stale_links, stale_names, stale_code):
            wrong += finder(path)
    return wrong


def main(argv):
    try:
        if argv == ["--check"]:
            wrong = check()
            print("\n".join(wrong + ["the book is stale: run test/harness/reference.py, or mend the text"] if wrong else [f"{len(book())} pages fit the code"]))
            return FAIL if wrong else PASS
        if argv:
            print(__doc__)
            return 2
        os.makedirs(os.path.join(ROOT, OUT), exist_ok=True)
        for path, content in pages().items():
            with open(os.path.join(ROOT, path), "w", encoding="utf-8") as f:
                f.write(content)
    except Stale as stale:
        print(stale)
        return FAIL
    return PASS


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

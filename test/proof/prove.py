#!/usr/bin/env python3
"""prove.py [NAME...] [--only TEXT] - run the bounded proofs, and show that each refuses its seeded mistakes

  test/proof/NAME.c holds proofs ("proof: FUNCTION unwind N") and mistakes ("mutant: FILE | OLD | NEW"; \\n \\t \\| in texts).

CBMC is looked for in PATH and in build/cbmc. Where it is missing and CI is set, or with --fetch, its packages of a newer Debian
release are unpacked into build/cbmc, from the mirror that this machine's apt uses; nothing is installed. Otherwise: skipped.
Prints `ok`, `FAIL` or `skip` lines, then their sum. Exit code 1 when something failed.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PRIVATE = os.path.join(ROOT, "build", "cbmc")
RELEASE, PACKAGES = "trixie", ["cbmc", "libc6", "libstdc++6", "libgcc-s1", "minisat"]
CHECKS = ["--unwinding-assertions", "--bounds-check", "--pointer-check", "--signed-overflow-check", "--undefined-shift-check",
          "--slice-formula", "--drop-unused-functions"]
SECONDS = 120


def private_command():
    libraries = os.path.join(PRIVATE, "usr", "lib", "x86_64-linux-gnu")
    loader, program = os.path.join(libraries, "ld-linux-x86-64.so.2"), os.path.join(PRIVATE, "usr", "bin", "cbmc")
    path = libraries + ":" + os.path.join(PRIVATE, "usr", "lib")
    return [loader, "--library-path", path, program] if os.path.exists(loader) and os.path.exists(program) else None


def fetch():
    """Unpack CBMC's packages below build/cbmc; returns what went wrong, or an empty string."""
    os.makedirs(PRIVATE, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        for folder in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(work, folder))
        mirror = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"],
                                capture_output=True, text=True, check=False).stdout.split()
        if not mirror:
            return "apt knows no mirror (apt-get update?)"
        with open(os.path.join(work, "sources.list"), "w", encoding="utf-8") as f:
            f.write(f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror[0]} {RELEASE} main\n")
        apt = ["apt-get", "-qq", "-o", f"Dir::Etc::sourcelist={work}/sources.list", "-o", "Dir::Etc::sourceparts=/dev/null",
               "-o", f"Dir::State::lists={work}/lists", "-o", f"Dir::Cache={work}/cache", "-o", "APT::Sandbox::User=root"]
        for arguments in (["update"], ["download", *PACKAGES]):
            done = subprocess.run([*apt, *arguments], cwd=work, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return f"apt-get {arguments[0]} of {RELEASE}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}"
        for package in glob.glob(os.path.join(work, "*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, PRIVATE], check=True)
    return "" if private_command() else "the packages hold no cbmc"


def find_cbmc(may_fetch):
    """(command, why not)"""
    if shutil.which("cbmc"):
        return ["cbmc"], ""
    if private_command():
        return private_command(), ""
    if not may_fetch:
        return None, "cbmc is not installed; test/proof/prove.py --fetch unpacks it into build/cbmc"
    why = fetch()
    return (None, why) if why else (private_command(), "")


def text_of(field):
    return field.replace("\\n", "\n").replace("\\t", "\t").replace("\\|", "|")


def read_proofs(path):
    with open(path, encoding="utf-8") as f:
        source = f.read()
    proofs = re.findall(r"^ \* proof: (\w+) unwind (\d+)$", source, re.M)
    mutants = []
    for line in re.findall(r"^ \* mutant: (.*)$", source, re.M):
        parts = [p for p in re.split(r"(?<!\\)\|", line)]
        name, old, new = parts[0].strip(), text_of(parts[1].strip(" ")), text_of(parts[2].strip(" ") if len(parts) > 2 else "")
        mutants.append((name, old, new))
    return proofs, mutants


def cbmc_run(cbmc, path, function, unwind, first_include=None):
    """(holds, output)"""
    includes = [f"-I{d}" for d in ([first_include] if first_include else []) + [ROOT, os.path.join(ROOT, "include"), HERE]]
    command = [*cbmc, path, "--function", function, "--unwind", unwind, *CHECKS, "-DEXOS_HOST=1", "--no-malloc-may-fail", *includes]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None, f"no answer within {SECONDS} s"
    output = done.stdout + done.stderr
    if done.returncode not in (0, 10):
        return None, "\n".join(output.splitlines()[-15:])
    return done.returncode == 0, "\n".join(line for line in output.splitlines() if line.endswith("FAILURE"))


def prove(cbmc, path, function, unwind):
    holds, output = cbmc_run(cbmc, path, function, unwind)
    return "ok" if holds else "FAIL", output


def refute(cbmc, path, proofs, mutant):
    """The mistake must be noticed by at least one proof of the file."""
    name, old, new = mutant
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        source = f.read()
    if old not in source:
        return "FAIL", f"{name} does not contain {old!r} any more: adapt the mistake"
    with tempfile.TemporaryDirectory() as work:
        os.makedirs(os.path.join(work, os.path.dirname(name)))
        with open(os.path.join(work, name), "w", encoding="utf-8") as f:
            f.write(source.replace(old, new, 1))
        for function, unwind in proofs:
            holds, output = cbmc_run(cbmc, path, function, unwind, work)
            if holds is None:
                return "FAIL", output
            if not holds:
                return "ok", ""
    return "FAIL", "no proof notices it"


def main(arguments):
    may_fetch = "--fetch" in arguments or bool(os.environ.get("CI"))
    only = arguments[arguments.index("--only") + 1] if "--only" in arguments[:-1] else ""
    names = [a for a in arguments if not a.startswith("-") and a != only] or sorted(
        os.path.splitext(os.path.basename(p))[0] for p in glob.glob(os.path.join(HERE, "*.c")))
    cbmc, why = find_cbmc(may_fetch)
    count = {"ok": 0, "FAIL": 0, "skip": 0}
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        work = []
        for name in names:
            path = os.path.join(HERE, name + ".c")
            proofs, mutants = read_proofs(path)
            for function, unwind in proofs:
                work.append((f"proof/{name}/{function}", prove, (cbmc, path, function, unwind)))
            for i, mutant in enumerate(mutants, 1):
                work.append((f"proof/{name}/refuses_mistake_{i}", refute, (cbmc, path, proofs, mutant)))
        def timed(job):
            started = time.monotonic()
            verdict, detail = job[1](*job[2]) if cbmc else ("skip", why)
            return job[0], verdict, time.monotonic() - started, detail
        for title, verdict, seconds, detail in pool.map(timed, [job for job in work if only in job[0]]):
            print(f"{verdict} {title} ({seconds:.1f}s)" + (f" {detail}" if verdict == "skip" else ""), flush=True)
            if verdict == "FAIL" and detail:
                print("    " + detail.replace("\n", "\n    "), flush=True)
            count[verdict] += 1
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 1 if count["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""seeded.py BUILD-TREE [--only TEXT|TEST] - mistakes made on purpose, each of which the tests of several harts must notice

One line of the kernel, or of the simulated short roads, is changed; the file is compiled as the host tree compiles it and put in place
of the right one in a copy of the kernel's library; the test that is named must then fail, by the explorer's own words. Nothing of
the tree is written but BUILD-TREE/seeded. Prints `ok` or `FAIL` for each; exit code 1 when one was not noticed.
"""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECONDS = 300
FOUND = "sim:|audit|assertion|kernel panic"
STALE = "no serial order|still cached|still reaches"

# name, file, what stands there, what is to stand there, the test that notices, and what it says.
MISTAKES = [
    ("no fence on the other hart", "kern/ctx.c", "arch_fence_remote(root->harts & ~us, va, bytes, root->asid);", "(void)bytes;",
     "m10_m11*", STALE),
    ("the fence is asked for and not awaited", "test/sim/sim_machine.c",
     "while ((hart_mask >> i & 1) && fences[i].asked)", "while (false)", "m10_m11*", STALE),
    ("the gate opens before the registers are saved", "test/sim/sim_roads.c",
     "\tSHARED(\"yield: pc\", self->x[0] = sim_cpu.x[0] + 4);\n",
     "\tSHARED(\"yield: gate\", self->gate = self->open);\n\tSHARED(\"yield: pc\", self->x[0] = sim_cpu.x[0] + 4);\n",
     "t4_a_yield*", FOUND),
    ("one call takes no lock", "test/sim/sim_cpu.c", "if (nharts > 1 && n != CALL_null)", "if (nharts > 1 && n != CALL_null && n != CALL_page_unbind)",
     "c7*", FOUND),
    ("what was looked at before the gate is believed after it: call", "test/sim/sim_roads.c",
     "\tgate = take(to, true);\n\tif (gate == GATE_SHUT)\n\t\treturn false;\n\tif (SHARED(\"call: held\", to->uarea->held) != 0 || !near(self, to)) {",
     "\tif (!near(self, to))\n\t\treturn false;\n\tgate = take(to, true);\n\tif (gate == GATE_SHUT)\n\t\treturn false;\n\tif (false) {",
     "t4_u8*", FOUND),
    ("what was looked at before the gate is believed after it: yield", "test/sim/sim_roads.c",
     "if (!SHARED(\"yield: state again\", plain(to)) || !near(self, to)) {", "if (false) {", "t4_a_yield*", FOUND),
    ("one that is on a short road counts as stopped", "kern/env.c",
     "\t\tharts_gather(arch_hart());\n\t\tif (e->callee != NULL) {", "\t\tif (e->callee != NULL) {", "t3_death*", FOUND),
    ("an old deadline ends a new call", "test/sim/sim_roads.c",
     "if (SHARED(\"call: deadline\", self->call_deadline) != 0 || sim_cpu.x[A2] != 0)", "if (sim_cpu.x[A2] != 0)", "t8*", FOUND),
    ("a record goes back while a short road looks at it", "kern/env.c",
     "\tharts_gather(arch_hart());\t/* a short road", "\t/* a short road", "t3_death*", FOUND),
    ("an entry that was taken away comes back", "kern/env.c",
     "\tif (e->hart != arch_hart() && (e->state == ENV_READY || e->state == ENV_WAITING))\n\t\tharts_gather(arch_hart());\n", "",
     "t2_an_entry*", FOUND),
    ("whoever comes takes the lock as soon as it is free", "kern/lock.c",
     "\tticket = __atomic_fetch_add(&kernel_lock.next, 1, __ATOMIC_RELAXED);\n\tlock_wait(ticket);\n",
     "\tfor (unsigned turns = 0;;) {\n\t\tticket = __atomic_load_n(&kernel_lock.serving, __ATOMIC_ACQUIRE);\n"
     "\t\tif (ticket & 1)\n\t\t\tarch_relax(&turns);\n\t\telse if (__atomic_compare_exchange_n(&kernel_lock.serving, &ticket, ticket + 1, "
     "false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))\n\t\t\tbreak;\n\t}\n", "p7*", "which has waited longer"),
    ("the reply right is read and cleared in two steps", "test/sim/sim_roads.c",
     "to = SHARED(\"reply: right\", __atomic_exchange_n(&self->caller, NULL, __ATOMIC_RELAXED));",
     "to = SHARED(\"reply: right\", self->caller);\n\tSHARED(\"reply: clear\", self->caller = NULL);", "t8*", FOUND),
]

# The same for test_kern_harts_revoke: taking, giving and ending while others use what goes.
REVOCATION = [
    ("a page that is taken is not fenced on other harts", "kern/page.c",
     "\tpriv_of(kva_page(e))->live--;\n\tctx_fence_page(root, va);\n}", "\tpriv_of(kva_page(e))->live--;\n\tarch_fence_page(va, priv_of(root)->asid);\n}",
     "r7_every*", STALE),
    ("a page that is taken goes on being reached: no fence at all", "kern/revoke.c",
     "\tframe_strip(ppn);\n", "\tfor (struct cap *d; (d = priv_of(ppn)->caps.head) != NULL; cap_remove(d))\n\t\tif (!table && d->binding != 0) {\n"
     "\t\t\tpte_t *leaf = sv39_entry(binding_root(d->binding), binding_va(d->binding), 0);\n\n"
     "\t\t\tsv39_clear(leaf);\n\t\t\tpriv_of(kva_page(leaf))->live--;\n\t\t}\n", "r7_every*", STALE),
    ("a page in flight is free at once", "kern/revoke.c", "\tif (f->pins > 0) {\n", "\tif (f->pins > 0 && (f->pins = 0) != 0) {\n", "r7_every*", FOUND),
    ("the quarantine is forgotten", "kern/revoke.c", "\tif (f->pins > 0) {\n", "\tif (false) {\n", "r7_every*", FOUND),
    ("what is kept goes to the fastest", "kern/charge.c", "if (unlikely(revoke_waiting[REVOKE_PAGES] != NULL) && system_info->free_frames - n < revoke_ahead(e, REVOKE_PAGES, n))", "if (false)", "r5*", FOUND),
    ("the short road of page_alloc() knows of nobody who waits", "kern/frame.c", "ppn == 0 || system_info->wanted_frames != 0 ||", "ppn == 0 ||",
     "r5*", FOUND),
    ("one that ends stays in the queue", "kern/env.c", "\t\trevoke_took(e, kind, ~0u);\n", "\t\t(void)kind;\n", "r7_a_parent*", FOUND),
    ("one that ends is still asked", "kern/env.c", "\trevoke_no_more(e);\n", "", "r7_either*", FOUND),
    ("one that runs elsewhere is not told", "kern/env.c", "\t\t\th->deferred = true;\n\t\t\tarch_ipi(h);\n", "", "r1*", FOUND),
    ("what was given wakes nobody", "kern/revoke.c", "\t\t\tevent_raise(w, EV_GRANT);\n", "", "r8*", FOUND),
    ("the table that was taken is still known", "kern/frame.c", "\tc->rights = RIGHTS_PAGE;\n\tpage_forget();\n}", "\tc->rights = RIGHTS_PAGE;\n}",
     "r7_every*", FOUND),
    ("taken below the guarantee", "kern/revoke.c",
     "return e->pub->asked != 0 ? least(excess(share_of(e, kind)->held, e->target), above(e, kind)) : 0;", "return e->pub->asked != 0 ? excess(share_of(e, kind)->held, e->target - 1) : 0;",
     "r7_the_timer*", FOUND),
]
TESTS = [("test_kern_harts", MISTAKES), ("test_kern_harts_revoke", REVOCATION)]


def commands(tree):
    with open(os.path.join(tree, "compile_commands.json"), encoding="utf-8") as f:
        return {c["file"]: c for c in json.load(f)}


def link_command(tree, program):
    done = subprocess.run(["ninja", "-C", tree, "-t", "commands", f"unit/{program}"], capture_output=True, text=True, check=True)
    line = next(line for line in reversed(done.stdout.splitlines()) if f"-o unit/{program} " in line)
    return re.sub(r"^: && | && :$", "", line)


def users_of(tree, path):
    """The files of the library that are to be compiled again when this one changes: itself, or all of the kernel for a header."""
    if path.endswith(".c"):
        return [path]
    return [os.path.relpath(f, ROOT) for f in commands(tree) if f.startswith(os.path.join(ROOT, "kern", "")) and f.endswith(".c")]


def notices(tree, work, of, mistake):
    _, path, old, new, test, words = mistake
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        source = f.read()
    if old not in source:
        return f"{path} does not contain {old!r} any more: adapt the mistake"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, os.path.dirname(path)))
    with open(os.path.join(work, path), "w", encoding="utf-8") as f:
        f.write(source.replace(old, new))
    library = os.path.join(work, "libkern_sim.a")
    shutil.copy(os.path.join(tree, "test", "libkern_sim.a"), library)
    known = commands(tree)
    for user in users_of(tree, path):
        entry = known[os.path.join(ROOT, user)]
        words_ = shlex.split(entry["command"])
        file = os.path.join(work, path) if user == path else os.path.join(ROOT, user)
        out = os.path.join(work, os.path.basename(user) + ".o")
        words_[words_.index("-o") + 1] = out
        words_[words_.index("-c") + 1] = file
        words_[1:1] = [f"-I{work}"]
        for flag, count in (("-MD", 1), ("-MT", 2), ("-MF", 2)):
            if flag in words_:
                at = words_.index(flag)
                del words_[at:at + count]
        done = subprocess.run(words_, cwd=entry["directory"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.stderr[-1500:]
        subprocess.run(["ar", "r", library, out], check=True, capture_output=True)
    program = os.path.join(work, of)
    link = link_command(tree, of).replace("test/libkern_sim.a", library).replace(f"-o unit/{of} ", f"-o {program} ")
    done = subprocess.run(link, shell=True, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr[-1500:]
    try:
        done = subprocess.run([program, test], capture_output=True, text=True, errors="replace", check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"{test} did not end within {SECONDS} s"
    said = done.stdout + done.stderr
    if done.returncode == 0 or "Running 0 test" in said:
        return f"{test} did not notice"
    return "" if re.search(words, said) else f"{test} fails with other words: {said[-500:]}"


def main(arguments):
    if not arguments or not os.path.exists(os.path.join(arguments[0], "test", "libkern_sim.a")):
        print(f"{__doc__}\nBUILD-TREE is one that has the host tests, such as build/host: make unit makes it.", file=sys.stderr)
        return 2
    only = arguments[arguments.index("--only") + 1] if "--only" in arguments[:-1] else ""
    tree, failed = os.path.abspath(arguments[0]), 0
    for of, mistake in ((of, mistake) for of, mistakes in TESTS for mistake in mistakes):
        if only not in mistake[0] and only != of:
            continue
        why = notices(tree, os.path.join(tree, "seeded"), of, mistake)
        print(f"{'FAIL' if why else 'ok'} {mistake[0]}" + (": " + why if why else ""), flush=True)
        failed += bool(why)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

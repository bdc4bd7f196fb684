"""Commands for gdb that know environments. Loaded by `make gdb`; by hand: source test/harness/exos_gdb.py

  exos envs           environments: number, name, state, pages, slices, pc
  exos caps ENV       its capabilities: slot, type, rights, depth, object
  exos pages ENV      the frames that are charged to it, as runs
  exos slices         the time vector of each hart, and who runs
  exos walk ENV VA    the page-table entries that translate VA in its context
  exos break ENV LOCATION   stop at LOCATION when the environment of this name or number runs, and in no other

ENV is a number or a name, as `exos envs` prints them. The kernel's memory is read by physical address, so it does not matter in
which mode and context the machine was stopped.
"""
import os
import struct

import gdb

LINK_OFFSET = 0xffffffff00000000         # arch/riscv/machine.h
DIRECT_MAP = 0xffffffc000000000          # kern/arch.h
SLICES = 64


def _physical(address):
    address &= (1 << 64) - 1
    if address >= LINK_OFFSET:
        return address - LINK_OFFSET
    return address - DIRECT_MAP


def read_physical(address, n):
    """n bytes of physical memory, from the emulator's gdb stub."""
    gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)
    try:
        return bytes(gdb.selected_inferior().read_memory(address, n))
    finally:
        gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)


def read(address, kind):
    """A value of a C type at a kernel address."""
    return gdb.Value(read_physical(_physical(int(address)), kind.sizeof), kind)


def symbol(name):
    """A variable of the kernel. Programs have no variables of these names."""
    found = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if found is None:
        raise gdb.GdbError(f"there is no {name}: load build/rv64/exos.elf")
    return int(found.value().address), found.type


def variable(name):
    return read(*symbol(name))


def env_type():
    return gdb.lookup_type("struct env")


def name_of(word):
    text = struct.pack("<Q", int(word) & (1 << 64) - 1).split(b"\0")[0]
    return "".join(chr(c) if 32 < c < 127 else "?" for c in text)


def environments():
    """(kernel record, exposed record) of each living environment."""
    table = variable("env_table")
    for i in range(table.type.range()[1] + 1):
        if int(table[i]) != 0:
            e = read(table[i], env_type())
            yield e, read(e["pub"], e["pub"].type.target())


def environment(which):
    for e, pub in environments():
        if str(int(e["id"])) == which or name_of(pub["word"]) == which:
            return e, pub
    raise gdb.GdbError(f"there is no environment {which}: exos envs lists them")


def enumerator(kind, value):
    for field in gdb.lookup_type(kind).fields():
        if field.enumval == int(value):
            return field.name.split("_", 1)[1].lower()
    return str(int(value))


def current(hart):
    """Number of the environment that is on a hart, 0: none."""
    address, kind = symbol("harts")
    h = read(address + hart * kind.target().sizeof, kind.target())
    return int(read(h["current"], env_type())["id"]) if int(h["current"]) != 0 else 0


class Command(gdb.Command):
    def __init__(self, name, run, words):
        self.__doc__ = next(line.strip() for line in __doc__.splitlines() if line.strip().startswith(name))
        super().__init__(name, gdb.COMMAND_USER)
        self.run, self.words = run, words

    def invoke(self, text, from_tty):
        words = gdb.string_to_argv(text)
        if len(words) != self.words:
            raise gdb.GdbError(__doc__)
        self.run(*words)


def show_envs():
    print(f"{'env':>8} {'parent':>8}  {'state':<10} {'pages':>7} {'slices':>6} {'pc':>12}  name")
    for e, pub in environments():
        print(f"{int(e['id']):>8} {int(pub['parent']):>8}  {enumerator('enum env_state', e['state']):<10} {int(pub['held']):>7} "
              f"{int(pub['slices']['held']):>6} {int(e['x'][0]):>#12x}  {name_of(pub['word'])}")


def show_caps(which):
    e, _ = environment(which)
    print(f"{'slot':>6}  {'type':<8} {'rights':>6} {'depth':>5} {'object':>8} {'binding':>18}")
    cap = gdb.lookup_type("struct cap")
    per_page = 4096 // cap.sizeof
    for page in range(int(e["ncaptab"])):
        records = read(e["captab"][page], cap.array(per_page - 1))
        for i in range(per_page):
            c = records[i]
            if int(c["type"]) != 0:
                print(f"{page * per_page + i:>6}  {enumerator('enum cap_type', c['type']):<8} {int(c['rights']):>#6x} {int(c['depth']):>5} "
                      f"{int(c['object']):>8} {int(c['binding']):>#18x}")


def show_pages(which):
    e, pub = environment(which)
    records = variable("frames")
    first = int(variable("first_ppn"))
    n = int(variable("end_ppn")) - first
    record = records.type.target()
    raw = read_physical(_physical(int(records)), n * record.sizeof)
    run, total = None, 0
    for i in range(n + 1):
        key = None
        if i < n:
            f = gdb.Value(raw[i * record.sizeof:(i + 1) * record.sizeof], record)
            if int(f["owner"]) == int(e["id"]):
                key = enumerator("enum frame_type", f["type"])
                total += 1
        if run is not None and run[0] != key:
            print(f"{run[1]:>8} .. {first + i - 1:<8} {run[0]}")
            run = None
        if key is not None and run is None:
            run = (key, first + i)
    print(f"{total} frames; charged: {int(pub['held'])}")


def show_slices():
    names = {int(e["id"]): name_of(pub["word"]) for e, pub in environments()}
    address, kind = symbol("harts")
    for i in range(int(variable("nharts"))):
        h = read(address + i * kind.target().sizeof, kind.target())
        pub = read(h["pub"], h["pub"].type.target())
        owners = [int(pub["slice"][k]) for k in range(SLICES)]
        seen = sorted({o for o in owners if o != 0}, key=owners.index)
        print(f"hart {i}: position {int(h['position'])}, on it {names.get(current(i), 'nobody')}")
        print("  " + "".join("." if o == 0 else chr(ord("a") + seen.index(o) % 26) for o in owners))
        for k, o in enumerate(seen):
            print(f"  {chr(ord('a') + k % 26)} {owners.count(o):>3}  {names.get(o, o)}")


def show_walk(which, address):
    e, _ = environment(which)
    try:
        va = int(gdb.parse_and_eval(address)) & (1 << 39) - 1
    except gdb.error as why:
        raise gdb.GdbError(f"{address} is no address ({why}): a number, or an expression like &NAME of symbols that are loaded") from None
    table = int(e["context"]) << 12
    for level in (2, 1, 0):
        index = va >> (12 + 9 * level) & 511
        entry = struct.unpack("<Q", read_physical(table + 8 * index, 8))[0]
        flags = "".join(c if entry >> i & 1 else "-" for i, c in enumerate("vrwxugad"))
        print(f"level {level}: table {table:#x} entry {index}: {entry:#x} {flags}")
        if not entry & 1:
            print("nothing is bound there")
            return
        table = (entry >> 10 & (1 << 44) - 1) << 12
        if entry & 0xe:
            print(f"{va:#x} is {table | va & (1 << (12 + 9 * level)) - 1:#x}")
            return


class ProgramBreakpoint(gdb.Breakpoint):
    """All programs are linked at one address: stop only when the one that is meant runs there."""

    def __init__(self, which, location):
        files = [os.path.basename(o.filename or "") for o in gdb.objfiles()]
        if not location.startswith("*") and which not in [os.path.splitext(f)[0] for f in files]:
            raise gdb.GdbError(f"the symbols of {which} are not loaded: add-symbol-file build/rv64/user/bin/{which} (or tests/{which}); "
                               "or LOCATION is an address: *0x10000")
        super().__init__(location, type=gdb.BP_HARDWARE_BREAKPOINT)
        self.which = which

    def stop(self):
        hart = (gdb.selected_thread().num if gdb.selected_thread() else 1) - 1
        runs = current(hart)
        return any(int(e["id"]) == runs and self.which in (str(runs), name_of(pub["word"])) for e, pub in environments())


class Prefix(gdb.Command):
    def __init__(self):
        super().__init__("exos", gdb.COMMAND_USER, prefix=True)


Prefix.__doc__ = __doc__
Prefix()
for _name, _run, _words in (("envs", show_envs, 0), ("caps", show_caps, 1), ("pages", show_pages, 1), ("slices", show_slices, 0),
                            ("walk", show_walk, 2), ("break", ProgramBreakpoint, 2)):
    Command("exos " + _name, _run, _words)
gdb.execute("set stack-cache off")
gdb.execute("set code-cache off")

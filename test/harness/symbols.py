"""Addresses to names: the kernel's symbols, seen from outside the machine."""
import bisect
import os
import re
import subprocess

from common import tree

LINK_OFFSET = 0xffffffff00000000  # virtual minus physical, as in arch/riscv/kernel.ld
KERNEL_PHYSICAL = 0x80200000
RAM = 0x80000000
USER_TOP = 1 << 38

CAUSES = {0: "instruction address misaligned", 1: "instruction access fault", 2: "illegal instruction", 3: "breakpoint",
          4: "load address misaligned", 5: "load access fault", 6: "store address misaligned", 7: "store access fault",
          8: "system call from U", 9: "SBI call from S", 12: "instruction page fault", 13: "load page fault", 15: "store page fault"}
INTERRUPTS = {1: "software interrupt", 5: "timer interrupt", 9: "external interrupt"}


def cause_name(cause):
    if cause >> 63:
        return INTERRUPTS.get(cause & 0xff, f"interrupt {cause & 0xff}")
    return CAUSES.get(cause, f"cause {cause}")


class Symbols:
    """The functions of one ELF file, sorted by address."""

    def __init__(self, elf):
        self.addresses, self.names = [], []
        self.end = 0
        if not os.path.exists(elf):
            return
        nm = "riscv64-unknown-elf-nm"
        try:
            out = subprocess.run([nm, "-n", "--defined-only", elf], check=True, capture_output=True, text=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return
        for line in out.splitlines():
            address, kind, name = line.split(None, 2)
            if name in ("__text_end", "__kernel_end"):
                self.end = max(self.end, int(address, 16)) if name == "__text_end" else self.end
            elif kind in "tT" and not name.startswith((".L", "$")):
                self.addresses.append(int(address, 16))
                self.names.append(name)

    def name(self, address):
        """'function+0x12', or None outside this file's text."""
        i = bisect.bisect_right(self.addresses, address) - 1
        if i < 0 or (self.end and address >= self.end):
            return None
        offset = address - self.addresses[i]
        return f"{self.names[i]}+{offset:#x}" if offset else self.names[i]


class AddressBook:
    """Where an address lies in the running system: kernel, firmware, or a program."""

    def __init__(self, tree_name):
        folder = tree(tree_name)
        self.kernel = Symbols(os.path.join(folder, "exos.elf"))
        self.init = Symbols(os.path.join(folder, "user", "bin", "init"))

    def describe(self, address):
        if address >= LINK_OFFSET:
            return self.kernel.name(address) or "upper half, outside the kernel's text"
        if KERNEL_PHYSICAL <= address < RAM + (1 << 30) and self.kernel.name(address + LINK_OFFSET):
            return self.kernel.name(address + LINK_OFFSET) + " at its physical address: paging is still off"
        if RAM <= address < KERNEL_PHYSICAL:
            return "OpenSBI"
        if address < 0x10000:
            return "reset code of the emulator" if 0x1000 <= address < 0x2000 else "null page"
        if address < USER_TOP:
            name = self.init.name(address)
            return f"a program ({name}, if it is init)" if name else "a program"
        return "no place that exos uses"


def parse_registers(text):
    """QEMU's 'info registers -a' as one dict of name -> value per hart."""
    harts = []
    for block in re.split(r"CPU#\d+", text)[1:]:
        registers = {}
        for name, value in re.findall(r"(?:x\d+/)?(\w+)\s+([0-9a-f]{16})\b", block):
            registers.setdefault(name, int(value, 16))
        harts.append(registers)
    return harts

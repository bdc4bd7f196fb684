"""The images, before anything runs: what the link scripts and the packer promise."""
import os
import struct
import subprocess
import sys

import common

KERNEL = os.path.join(common.tree("rv64"), "exos.elf")
PROGRAMS = os.path.join(common.tree("rv64"), "user")
MKCPIO = os.path.join(common.ROOT, "test", "harness", "mkcpio.py")
LOAD, EXECUTE, WRITE = 1, 1, 2


def segments(path):
    """[(flags, offset, virtual, physical, filesz, memsz)] of the PT_LOAD segments."""
    with open(path, "rb") as f:
        image = f.read()
    start, size, count = struct.unpack_from("<Q", image, 32)[0], *struct.unpack_from("<HH", image, 54)
    found = []
    for i in range(count):
        kind, flags, offset, virtual, physical, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", image, start + i * size)
        if kind == LOAD:
            found.append((flags, offset, virtual, physical, filesz, memsz))
    return found


def symbols(path):
    out = subprocess.run(["riscv64-unknown-elf-nm", path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1]: int(line.split()[0], 16) for line in out.splitlines() if len(line.split()) == 3}


def programs():
    return [os.path.join(PROGRAMS, folder, name) for folder in ("bin", "tests", "bench")
            if os.path.isdir(os.path.join(PROGRAMS, folder)) for name in sorted(os.listdir(os.path.join(PROGRAMS, folder)))]


def test_kernel_is_entered_at_its_lowest_address():
    """QEMU 7.2 enters a kernel at its lowest loaded address: that must be 0x80200000, and hold code, not ELF headers."""
    flags, offset, _, physical, *_ = min(segments(KERNEL), key=lambda s: s[3])
    assert physical == 0x80200000 and flags & EXECUTE and offset > 0
    assert symbols(KERNEL)["_start"] & 0xffffffff == 0x80200000


def test_kernel_has_no_writable_code():
    for flags, _, virtual, *_ in segments(KERNEL):
        assert not (flags & WRITE and flags & EXECUTE), hex(virtual)
        assert virtual % 4096 == 0, hex(virtual)


def test_kernel_knows_its_own_functions():
    """The symbol table in the image names as many functions as the ELF file has."""
    where = symbols(KERNEL)
    _, offset, virtual, *_ = next(s for s in segments(KERNEL) if s[2] <= where["ksyms_count"] < s[2] + s[4])
    with open(KERNEL, "rb") as f:
        f.seek(offset + where["ksyms_count"] - virtual)
        count = struct.unpack("<I", f.read(4))[0]
        f.seek(offset + where["ksyms_addr"] - virtual)
        addresses = struct.unpack(f"<{count}I", f.read(4 * count))
    assert count > 50 and list(addresses) == sorted(addresses)
    assert where["_start"] - where["__text_start"] in addresses


def test_nothing_is_linked_for_gp():
    """gp belongs to the upcall path: with __global_pointer$ defined the linker would use it in user code and kernel."""
    for path in [KERNEL, *programs()]:
        assert "__global_pointer$" not in symbols(path), path


def test_minimal_stands_alone():
    """The second library OS has nothing of libexos and of the C library in it."""
    names = symbols(os.path.join(PROGRAMS, "bin", "minimal"))
    assert names and not {"printf", "malloc", "_exit", "uprintf"} & set(names)


def test_archive_is_reproducible():
    """The same files in any order give the same bytes; every member starts where cpio says."""
    listed = [f"bin/{os.path.basename(p)}={p}" for p in programs()[:4]]
    archives = []
    for order in (listed, listed[::-1]):
        out = os.path.join(common.BUILD, "test-archive.cpio")
        subprocess.run([sys.executable, MKCPIO, out, *order], check=True)
        with open(out, "rb") as f:
            archives.append(f.read())
        os.remove(out)
    assert archives[0] == archives[1]
    assert archives[0].startswith(b"070701") and b"TRAILER!!!" in archives[0] and len(archives[0]) % 512 == 0

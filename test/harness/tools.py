"""The tools that exos is built and tested with: found, judged, and installed or named with the exact command."""
import glob
import os
import re
import shutil
import subprocess
import sys

from common import ENVIRONMENT, Stop, say

QEMU = os.environ.get("QEMU") or "qemu-system-riscv64"
BIOS = os.environ.get("BIOS") or "default"      # the firmware: a file, or what the emulator has


def _output(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _program(*command):
    """A probe: the version in the first lines of what the command prints, or None when it cannot be run."""
    def probe():
        if shutil.which(command[0]) is None:
            return None
        found = re.search(r"\d+\.\d+(\.\d+)?", _output(*command))
        return found.group(0) if found else "?"
    return probe


def _gcc_cross():
    if shutil.which("riscv64-unknown-elf-gcc") is None:
        return None
    return _output("riscv64-unknown-elf-gcc", "-dumpfullversion").strip() or "?"


def _file(pattern, version=None):
    """A probe: a file that must exist; its version, where one can be asked for, comes from a Debian package."""
    def probe():
        if not glob.glob(pattern):
            return None
        found = re.search(r"^(?:\d+:)?(\d+(\.\d+)*)", _output("dpkg-query", "-W", "-f", "${Version}", version) if version else "")
        return found.group(1) if found else "present"
    return probe


def _sanitizers():
    """A probe: clang 14 with the run-time libraries of ASan and libFuzzer, which Debian packages apart from it."""
    if shutil.which("clang-14") is None:
        return None
    folder = _output("clang-14", "-print-runtime-dir").strip() or "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux"
    names = glob.glob(os.path.join(folder, "*fuzzer*")) or glob.glob("/usr/lib/llvm-14/lib/clang/*/lib/linux/*fuzzer*")
    return "present" if names else None


class Tool:
    def __init__(self, name, probe, wanted, package, why, needed_for):
        self.name, self.probe, self.wanted, self.package, self.why, self.needed_for = \
            name, probe, wanted, package, why, needed_for
        self._version = False

    def version(self, again=False):
        if self._version is False or again:
            self._version = self.probe()
        return self._version

    def ok(self, again=False):
        """Present, and not older than wanted. A version that cannot be read is given the benefit of the doubt."""
        version = self.version(again)
        if version is None:
            return False
        have, want = re.findall(r"\d+", version), re.findall(r"\d+", self.wanted)
        return not have or [int(n) for n in have][:len(want)] >= [int(n) for n in want]


BUILD_SET, RUN_SET, TEST_SET, DEBUG_SET, FORMAT_SET, COVERAGE_SET, MODEL_SET = \
    "build", "run", "test", "gdb", "format", "coverage", "model"

TOOLS = [
    Tool("python3", lambda: "%d.%d.%d" % sys.version_info[:3], "3.9", "python3", "runs this harness", {BUILD_SET, RUN_SET, TEST_SET}),
    Tool("make", _program("make", "--version"), "4.0", "make", "the front door", set()),
    Tool("git", _program("git", "--version"), "2.0", "git", "names the commit in bench.json", set()),
    Tool("cmake", _program("cmake", "--version"), "3.25", "cmake", "configures both build trees", {BUILD_SET, TEST_SET}),
    Tool("ninja", _program("ninja", "--version"), "1.10", "ninja-build", "builds them", {BUILD_SET, TEST_SET}),
    Tool("riscv64-unknown-elf-gcc", _gcc_cross, "12", "gcc-riscv64-unknown-elf", "compiles kernel and programs", {BUILD_SET}),
    Tool("picolibc", _file("/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs", "picolibc-riscv64-unknown-elf"), "1.8",
         "picolibc-riscv64-unknown-elf", "the C library under libexos", {BUILD_SET}),
    Tool("linux headers", _file("/usr/include/linux/virtio_mmio.h", "linux-libc-dev"), "5", "linux-libc-dev",
         "virtio's layouts and constants", {BUILD_SET, TEST_SET}),
    Tool("qemu-system-riscv64", _program(QEMU, "--version"), "7.2", "qemu-system-misc", "the machine", {RUN_SET}),
    Tool("opensbi", _file("/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin", "opensbi"), "1.1", "opensbi",
         "the firmware that starts the kernel", {RUN_SET}),
    Tool("gcc", _program("gcc", "--version"), "12", "gcc", "compiles the host tests", {TEST_SET}),
    Tool("libc headers", _file("/usr/include/stdio.h", "libc6-dev"), "2", "libc6-dev", "the host tests' C library", {TEST_SET}),
    Tool("cmocka", _file("/usr/include/cmocka.h", "libcmocka-dev"), "1.1", "libcmocka-dev", "unit tests", {TEST_SET}),
    Tool("clang-14", _program("clang-14", "--version"), "14", "clang-14", "second compiler, sanitizers, fuzzing", {TEST_SET}),
    Tool("clang run-time", _sanitizers, "", "libclang-rt-14-dev", "ASan and libFuzzer libraries", {TEST_SET}),
    Tool("gcovr", _program("gcovr", "--version"), "5", "gcovr", "which lines the unit tests reach", {COVERAGE_SET}),
    Tool("spin", _program("spin", "-V"), "6.4", "spin", "searches the models of test/model", {MODEL_SET}),
    Tool("gdb-multiarch", _program("gdb-multiarch", "--version"), "12", "gdb-multiarch", "make gdb", {DEBUG_SET}),
    Tool("clang-format-14", _program("clang-format-14", "--version"), "14", "clang-format-14", "make format", {FORMAT_SET}),
]


def install_command(tools):
    return "apt-get install -y --no-install-recommends " + " ".join(sorted({t.package for t in tools}))


def ensure(*sets):
    """Whatever the named sets of tools lack is installed when we are root on a Debian machine, else named."""
    if RUN_SET in sets and os.environ.get("QEMU") and shutil.which(QEMU) is None:
        raise Stop(ENVIRONMENT, f"QEMU={QEMU} names no program. Unset QEMU to use qemu-system-riscv64, or give the path of another one.")
    lacking = [t for t in TOOLS if t.needed_for & set(sets) and not t.ok()]
    if not lacking:
        return
    command = install_command(lacking)
    listed = ", ".join(f"{t.name} ({'missing' if t.version() is None else t.version() + ', wanted ' + t.wanted})" for t in lacking)
    by_hand = f"Install with:\n    sudo sh -c 'apt-get update && {command}'\nthen run the same command again; make doctor shows all tools."
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Stop(ENVIRONMENT, f"needed and not here: {listed}.\n{by_hand}")
    say(f"installing {listed}: {command}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for step in (["apt-get", "update", "-qq"], command.split()):
        done = subprocess.run(step, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        if done.returncode != 0 and step[1] == "install":
            raise Stop(ENVIRONMENT, f"installing failed:\n{done.stdout[-2000:].strip()}\nIs the package source reachable? {by_hand}")
    still = [t for t in lacking if not t.ok(again=True)]
    if still:
        raise Stop(ENVIRONMENT, "installed, yet still too old or not found: "
                   + ", ".join(f"{t.name} {t.version() or 'missing'} (wanted {t.wanted})" for t in still)
                   + ".\nexos is built on Debian 12 or later; on another system install these versions by hand.")

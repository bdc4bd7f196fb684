"""One emulated machine, for the front door and for system tests.

    with Machine(append="test=fork") as m:        # boots build/rv64/exos.elf with its archive
        m.wait_up()                               # the system has said "up"; raises with a diagnosis when it does not
        urllib.request.urlopen(m.url)             # free host ports, found after the start: m.ports["tcp/80"]
        m.send("ps\\n"); m.expect(r"exos\\$ ")    # the console, both ways
        code = m.wait(timeout=30)                 # the guest's exit code, from the virt test device

Four streams leave a machine: the console (UART), the report channel (semihosting: verdicts and figures, one line each), QMP,
and what QEMU and the firmware print. A thread of ours reads the first two all the time, so the guest never waits for us.
"""
import ctypes
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import symbols
import tools
import wire as wire_module
from common import ENVIRONMENT, USAGE, Stop, relative, tree

PROMPT = rb"exos\$ "
STALL_SECONDS = 8.0
BOOT_SECONDS = 60.0
FIRMWARE_BEGIN, FIRMWARE_END = b"OpenSBI", re.compile(rb"\nBoot HART MEDELEG[^\n]*\n")


def after_firmware(output):
    """What follows the firmware's banner in console output: nothing while it is, or may yet be, still being printed."""
    begin = output.lstrip()[:len(FIRMWARE_BEGIN)]
    if begin != FIRMWARE_BEGIN:
        return b"" if FIRMWARE_BEGIN.startswith(begin) else output
    end = FIRMWARE_END.search(output)
    return output[end.end():] if end else b""


class MachineError(Exception):
    """The machine did not do what was asked; the text says what was seen."""


class BootTimeout(MachineError):
    """The system did not come up within its budget."""


class MachineEnded(MachineError):
    """QEMU ended while something was still expected of the guest."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


class BootWatch:
    """Watches a machine boot: says once that nothing is heard any more, and at last that the budget is spent."""

    def __init__(self, machine, budget=BOOT_SECONDS, stall=STALL_SECONDS):
        self.machine, self.budget, self.stall = machine, budget, stall
        self._deadline, self._told = time.monotonic() + budget, False

    def check(self):
        """None while all is well; ("stall", text) once; ("budget", text) when time is up and the system is not."""
        if self.machine.is_up():
            return None
        if time.monotonic() > self._deadline:
            return "budget", f"not up after {self.budget:g} s.\n{self.machine.diagnose()}"
        if not self._told and self.machine.silent_for() > self.stall:
            self._told = True
            return "stall", f"nothing new for {self.stall:g} s while booting (the budget is {self.budget:g} s).\n{self.machine.diagnose()}"
        return None


def _die_with_parent():
    """In the child: end when the harness ends, however that happens."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
    except (OSError, AttributeError):
        pass


class Machine:
    def __init__(self, tree_name="rv64", append="", harts=1, mem="256", net="user", icount=False, gdb=False, paused=False,
                 wire=False, extra=(), console_file=None, sink=None):
        """
        append     boot arguments; "report=semihosting" is added here
        net        "user" (NAT with forwarded ports), "none", "dgram:LOCAL:REMOTE" (Ethernet frames over two unix datagram
                   sockets), "tap:INTERFACE"
        icount     one instruction per virtual nanosecond, so that counters count instructions exactly; a number n: 2^n nanoseconds
                   for each, and time in which nobody runs passes at once
        gdb        offer a gdb stub; its port is self.gdb_port
        paused     do not start the harts (until QMP "cont" or gdb's "continue")
        wire       join an Ethernet peer of ours to NET=user: self.wire (wire.py), which sends and sees raw frames
        sink       called with each piece of console output, from the reader's thread
        """
        self.tree_name, self.append, self.harts, self.mem, self.net = tree_name, append, int(harts), str(mem), net
        self.icount, self.gdb, self.paused, self.extra, self.sink = icount, gdb, paused, list(extra), sink
        self.ports, self.gdb_port, self.process = {}, None, None
        self.events = []
        self._console, self._report = bytearray(), bytearray()
        self._changed = threading.Condition()
        self._last_news = time.monotonic()
        self._qmp_lock = threading.Lock()
        self._folder = tempfile.mkdtemp(prefix="exos-")
        self.console_file = console_file or os.path.join(self._folder, "console.txt")
        self._firmware_file = os.path.join(self._folder, "qemu.txt")
        self._sockets, self._closed = [], False
        self.wire = wire_module.Wire(self._folder) if wire else None

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_):
        self.stop()

    # Starting -------------------------------------------------------------------------------------------------------

    def command(self):
        """QEMU's command line."""
        folder = tree(self.tree_name)
        kernel, archive = os.path.join(folder, "exos.elf"), os.path.join(folder, "archive.cpio")
        if not os.path.exists(kernel):
            raise Stop(ENVIRONMENT, f"there is no kernel image {relative(kernel)}.\nBuild it with: test/harness/build.py {self.tree_name}")
        line = [tools.QEMU, "-M", "virt", "-m", self.mem, "-smp", str(self.harts), "-global", "virtio-mmio.force-legacy=false",
                "-bios", tools.BIOS, "-kernel", kernel, "-append", f"report=semihosting {self.append}".strip(),
                "-display", "none", "-monitor", "none", "-no-reboot"]
        if os.path.exists(archive):
            line += ["-initrd", archive]
        for name in ("console", "report"):
            line += ["-chardev", f"socket,id={name},path={self._folder}/{name}"]
        line += ["-serial", "chardev:console", "-semihosting-config", "enable=on,target=native,chardev=report"]
        line += ["-qmp", f"unix:{self._folder}/qmp"]
        line += self._net_options()
        if self.icount is not False:
            line += ["-icount", "shift=0" if self.icount is True else f"shift={self.icount},sleep=off"]
        if self.gdb:
            self.gdb_port = _free_port()
            line += ["-gdb", f"tcp:127.0.0.1:{self.gdb_port}"]
        if self.paused:
            line.append("-S")
        return line + self.extra

    def _net_options(self):
        kind, _, rest = self.net.partition(":")
        if kind == "none":
            return ["-nic", "none"]
        if kind == "user":
            # Port 0: the host's kernel chooses a free one, so that no two machines ever want the same.
            forwards = "".join(f",hostfwd={p}:127.0.0.1:0-:{n}" for p, n in (("tcp", 80), ("tcp", 7), ("udp", 7)))
            if self.wire:
                return ["-netdev", "user,id=u0" + forwards, *self.wire.options(), "-device", "virtio-net-device,netdev=n0"]
            backend = "user,id=n0" + forwards
        elif kind == "dgram" and ":" in rest:
            local, remote = rest.split(":", 1)
            backend = f"dgram,id=n0,local.type=unix,local.path={local},remote.type=unix,remote.path={remote}"
        elif kind == "tap" and rest:
            backend = f"tap,id=n0,ifname={rest},script=no,downscript=no"
        else:
            raise Stop(USAGE, f"NET={self.net} is not known. It is one of: user, none, dgram:LOCAL:REMOTE (unix sockets), tap:INTERFACE.")
        return ["-netdev", backend, "-device", "virtio-net-device,netdev=n0"]

    def start(self):
        """Start QEMU. On return its sockets are connected and the ports are known; the guest has just begun."""
        if shutil.which(tools.QEMU) is None:
            tools.ensure(tools.RUN_SET)
        listeners = {name: self._listen(name) for name in ("console", "report", "qmp")}
        line = self.command()
        with open(self._firmware_file, "wb") as output:
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                            preexec_fn=_die_with_parent, start_new_session=True)
        try:
            streams = {name: self._accept(listener) for name, listener in listeners.items()}
        finally:
            for listener in listeners.values():
                listener.close()
        self._console_socket, self._report_socket = streams["console"], streams["report"]
        self._sockets = list(streams.values())
        self._qmp = streams["qmp"].makefile("rwb")
        self._qmp_answer()
        self.qmp("qmp_capabilities")
        if self.net.startswith("user"):
            self._learn_ports()
        self._last_news = time.monotonic()
        self._reader = threading.Thread(target=self._read_streams, daemon=True)
        self._reader.start()
        return self

    def _listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(self._folder, name))
        listener.listen(1)
        return listener

    def _accept(self, listener):
        deadline = time.monotonic() + 30
        while not select.select([listener], [], [], 0.05)[0]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self.firmware_text().strip() or "(it said nothing)"
                self.stop()
                raise Stop(ENVIRONMENT, f"QEMU did not start:\n{text}\nmake doctor checks the emulator and its firmware.")
        return listener.accept()[0]

    def _learn_ports(self):
        table = self.hmp("info usernet")
        for protocol, host, guest in re.findall(r"(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", table):
            self.ports[f"{protocol.lower()}/{guest}"] = int(host)
        if "tcp/80" not in self.ports:
            self.stop()
            raise Stop(ENVIRONMENT, f"QEMU did not tell which host ports it forwards:\n{table}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['tcp/80']}/" if "tcp/80" in self.ports else None

    # What the guest says --------------------------------------------------------------------------------------------

    def _read_streams(self):
        open_sockets = [self._console_socket, self._report_socket]
        with open(self.console_file, "ab", buffering=0) as log:
            while open_sockets:
                for ready in select.select(open_sockets, [], [])[0]:
                    try:
                        data = ready.recv(65536)
                    except OSError:
                        data = b""
                    if not data:
                        open_sockets.remove(ready)
                        continue
                    console = ready is self._console_socket
                    if console:
                        log.write(data)
                        if self.sink:
                            self.sink(data)
                    with self._changed:
                        (self._console if console else self._report).extend(data)
                        self._last_news = time.monotonic()
                        self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def console_text(self):
        with self._changed:
            return self._console.decode("utf-8", "replace").replace("\r\n", "\n")

    def firmware_text(self):
        """What QEMU itself printed; newer OpenSBI also prints its banner there, for it finds semihosting."""
        with open(self._firmware_file, encoding="utf-8", errors="replace") as f:
            return f.read()

    def report_lines(self):
        """Complete lines of the report channel so far."""
        with self._changed:
            return self._report.decode("utf-8", "replace").split("\n")[:-1]

    def wait_until(self, condition, timeout, what):
        """Wait for condition(), checked after each piece of output; the machine's end ends the wait too."""
        deadline = time.monotonic() + timeout
        while True:
            result = condition()
            if result:
                return result
            if not self.running():
                self._reader.join(2)
                result = condition()
                if result:
                    return result
                raise MachineEnded(f"the machine ended (exit code {self.process.returncode}) before {what}.\n{self.tail()}",
                                   self.process.returncode)
            left = deadline - time.monotonic()
            if left <= 0:
                raise MachineError(f"no {what} within {timeout:g} s.\n{self.tail()}")
            with self._changed:
                self._changed.wait(min(left, 0.2))

    def wait_report(self, pattern, timeout=30.0):
        """The first report line that matches the pattern, as a match object."""
        regex = re.compile(pattern)
        return self.wait_until(lambda: next(filter(None, map(regex.search, self.report_lines())), None), timeout,
                               f"report line matching {pattern!r}")

    def expect(self, pattern, timeout=10.0, start=0):
        """The first place in the console text, from position start on, that matches: a match object."""
        regex = re.compile(pattern)
        return self.wait_until(lambda: regex.search(self.console_text(), start), timeout, f"console text matching {pattern!r}")

    def dial(self, name, timeout=20.0):
        """A TCP connection to a forwarded port ("tcp/80"). The emulator takes one at a time from its queue of one; when that is
        full, the host's kernel would wait one second, three, seven before it knocks again. So we knock ourselves."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                s = socket.create_connection(("127.0.0.1", self.ports[name]), timeout=0.2)
                s.settimeout(timeout)
                return s
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    def http(self, timeout=20.0):
        """A connection to the guest's web server for http.client, already open."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["tcp/80"], timeout=timeout)
        connection.sock = self.dial("tcp/80", timeout)
        return connection

    def page_status(self, timeout=10.0):
        """The status with which the web server answers for its page."""
        connection = self.http(timeout)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status
        finally:
            connection.close()

    def send(self, text):
        """Type on the console."""
        self._console_socket.sendall(text.encode() if isinstance(text, str) else text)

    def command_output(self, line, timeout=10.0):
        """Type a line at the shell's prompt and return what it prints before the next prompt."""
        self.expect(r"exos\$ ", timeout)        # "up" may be told before the first one is printed
        start = len(self.console_text())
        self.send(line + "\n")
        match = self.expect(r"exos\$ $", timeout, start)        # one look at each place: the text may be long
        return self.console_text()[start:match.start()].partition("\n")[2]

    def is_up(self):
        with self._changed:
            return re.search(rb"^up\b", self._report, re.M) is not None or re.search(PROMPT, self._console) is not None

    def wait_up(self, budget=BOOT_SECONDS, stall=STALL_SECONDS, complain=None):
        """Wait until the system answers. complain(text) hears of a stall; when the budget is spent, BootTimeout is raised with
        a diagnosis; when QEMU ends, MachineEnded."""
        watch = BootWatch(self, budget, stall)
        while not self.is_up():
            if not self.running():
                self._reader.join(2)
                if self.is_up():
                    return self
                raise MachineEnded(f"the machine ended (exit code {self.process.returncode}) before it was up.\n{self.tail()}",
                                   self.process.returncode)
            event = watch.check()
            if event and event[0] == "budget":
                raise BootTimeout(event[1])
            if event and complain:
                complain(event[1])
            with self._changed:
                self._changed.wait(0.1)
        return self

    def silent_for(self):
        """Seconds since anything new came on the console or the report channel."""
        return time.monotonic() - self._last_news

    def tail(self, lines=12):
        """The last lines of all that was heard, for messages."""
        parts = []
        with self._changed:
            console = bytes(self._console)
        console = (after_firmware(console) or console).decode("utf-8", "replace")
        emulator = self.firmware_text()
        emulator = (after_firmware(emulator.encode()) if console else emulator.encode()).decode("utf-8", "replace")
        for title, text in (("console", console), ("report channel", "\n".join(self.report_lines())), ("emulator", emulator)):
            last = [line for line in text.splitlines() if line.strip()][-lines:]
            if last:
                parts.append(f"last of the {title}:\n" + "\n".join("  | " + line for line in last))
        return "\n".join(parts) or "nothing was heard from the machine at all"

    # Diagnosis ------------------------------------------------------------------------------------------------------

    def harts_now(self):
        """The registers of each hart, as dicts."""
        return symbols.parse_registers(self.hmp("info registers -a"))

    def diagnose(self, samples=5):
        """Where each hart stands, what was heard last, and what usually explains it."""
        book = symbols.AddressBook(self.tree_name)
        seen = []
        try:
            for _ in range(samples):
                seen.append(self.harts_now())
                time.sleep(0.02)
        except MachineError as error:
            return f"{self.tail()}\n(the emulator does not answer: {error})"
        text, causes = [], []
        for number, now in enumerate(seen[-1]):
            places = []
            for sample in seen:
                place = book.describe(sample[number].get("pc", 0))
                if place not in places:
                    places.append(place)
            text.append(f"hart {number}: pc {now.get('pc', 0):#018x}  {'; '.join(places)}")
            if now.get("scause") or now.get("sepc"):
                text.append(f"        last trap: {symbols.cause_name(now.get('scause', 0))}, sepc {now.get('sepc', 0):#x} "
                            f"({book.describe(now.get('sepc', 0))}), stval {now.get('stval', 0):#x}, "
                            f"stvec {book.describe(now.get('stvec', 0) & ~3)}, satp {now.get('satp', 0):#x}")
            for cause in self._likely(now, places):
                if cause not in causes:
                    causes.append(cause)
        return "\n".join([self.tail(), *text, "likely causes:", *("  - " + c for c in causes or ["none that we know: attach with make qemu-gdb"])])

    def _likely(self, hart, places):
        """Rules of thumb, from the state of one hart."""
        here, cause = " ".join(places), hart.get("scause", 0)
        kernel_fault = cause in (5, 7, 12, 13, 15, 1, 2) and hart.get("sepc", 0) >= symbols.LINK_OFFSET
        if not self._console and not self.firmware_text().strip():
            yield "no output at all: firmware missing or not started (make doctor boots it alone)"
        if "OpenSBI" in here and len(places) == 1:
            yield "a hart that sits in OpenSBI was not started (hart_start), or was stopped; harmless for secondary harts"
        if "physical address" in here:
            yield "the boot code before paging: a wait on the device tree, or a fault with stvec not yet set"
        if hart.get("satp", 0) == 0 and "OpenSBI" not in here:
            yield "satp is 0: paging was never switched on for this hart"
        if kernel_fault:
            yield f"the kernel itself met a {symbols.cause_name(cause)} at {hart.get('stval', 0):#x} and may be trapping again and again"
        if any(word in here for word in ("idle", "wfi")):
            yield "the hart is idle: every environment sleeps. Is one waiting for a packet, an event or a timer that never comes?"
        if "a program" in here and len(places) > 1:
            yield "a program runs but never reports: it loops, or waits for something by polling"
        if "panic" in here:
            yield "the kernel has panicked: its message is in the console above"

    # QMP ------------------------------------------------------------------------------------------------------------

    def _qmp_answer(self):
        while True:
            line = self._qmp.readline()
            if not line:
                raise MachineError("QEMU closed its control socket")
            answer = json.loads(line)
            if "event" in answer:
                self.events.append(answer["event"])
                continue
            return answer

    def qmp(self, command, **arguments):
        """One QMP command; its "return" value."""
        with self._qmp_lock:
            try:
                self._qmp.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
                self._qmp.flush()
                answer = self._qmp_answer()
            except (OSError, ValueError) as error:
                raise MachineError(f"QMP {command}: {error}") from error
        if "error" in answer:
            raise MachineError(f"QMP {command}: {answer['error'].get('desc', answer['error'])}")
        return answer["return"]

    def hmp(self, line):
        """One line for QEMU's human monitor."""
        return self.qmp("human-monitor-command", **{"command-line": line})

    # Ending ---------------------------------------------------------------------------------------------------------

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait(self, timeout=None):
        """Wait for the guest to power off: its exit code. Raises MachineError when the budget is spent."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise BootTimeout(f"still running after {timeout:g} s.\n{self.diagnose()}") from None
        self._reader.join(5)
        return code

    def stop(self):
        """End QEMU if it still runs, and drop every temporary file. May be called twice."""
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self._closed:
            return
        self._closed = True
        reader = getattr(self, "_reader", None)
        if reader:
            reader.join(2)
        for stream in self._sockets:
            stream.close()
        if self.wire:
            self.wire.close()
        self._firmware_text = self.firmware_text() if os.path.exists(self._firmware_file) else ""
        self.firmware_text = lambda: self._firmware_text  # the file goes, its text stays readable
        shutil.rmtree(self._folder, ignore_errors=True)


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def version():
    """The emulator's version, '7.2.22'."""
    try:
        out = subprocess.run([tools.QEMU, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return "missing"
    found = re.search(r"version (\S+)", out)
    return found.group(1) if found else "unknown"

"""The user's terminal on the guest's console.

Everything typed goes to the guest, control characters too; only Ctrl-A is ours: Ctrl-A x leaves, Ctrl-A Ctrl-A sends one.
When stdin is not a terminal it is fed to the guest once the system is up (`echo ps | make qemu`).
"""
import os
import select
import signal
import sys
import termios
import tty

import qemu
from common import BUDGET, FAIL, PASS, VERBOSE, complain, say

ESCAPE = 0x01


class Terminal:
    def __init__(self):
        self.raw = sys.stdin.isatty()
        self._escaped = False
        self._firmware = b""    # console output held back while it may be the firmware's banner; None once that is over

    def show(self, data):
        """Guest output for the user. The firmware's forty lines are left out, unless V=1; the console file has them."""
        if self._firmware is not None and not VERBOSE:
            self._firmware += data
            data = qemu.after_firmware(self._firmware)
            if not data:
                return
            self._firmware = None
        os.write(sys.stdout.fileno(), data)

    def how_to_leave(self):
        return "Ctrl-A x, or `exit` in the guest" if self.raw else "Ctrl-C, or `exit` in the guest"

    def attend(self, machine, watch, budget):
        """Carry keys to the guest until it powers off or the user leaves. Returns the exit code."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(PASS))
        saved = termios.tcgetattr(sys.stdin) if self.raw else None
        try:
            if self.raw:
                tty.setraw(sys.stdin)
            return self._loop(machine, watch, budget)
        except KeyboardInterrupt:
            return PASS
        finally:
            if saved is not None:
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)

    def _complain(self, text):
        complain(text.replace("\n", "\r\n") + "\r" if self.raw else text)

    def _loop(self, machine, watch, budget):
        boot = qemu.BootWatch(machine, budget) if watch else None
        stdin = sys.stdin.fileno()
        listening = True
        while machine.running():
            event = boot.check() if boot else None
            if event:
                self._complain(event[1])
                if event[0] == "budget":
                    return BUDGET
            # Piped input waits for the prompt, for a booting system may drop it; keys are passed on at once.
            wanted = [stdin] if listening and (self.raw or machine.is_up()) else []
            if not select.select(wanted, [], [], 0.05)[0]:
                continue
            data = os.read(stdin, 4096)
            if not data:
                listening = False
                continue
            data, leave = self._keys(data)
            if data:
                try:
                    machine.send(data)
                except OSError:
                    break
            if leave:
                say("\r\nleft exos\r" if self.raw else "left exos")
                return PASS
        code = machine.wait(10)
        if code < 0 or (code and not machine.is_up()):
            self._complain(f"QEMU ended with code {code} before the system was up.\n{machine.tail()}")
        return code if code >= 0 else FAIL

    def _keys(self, data):
        """Filter typed bytes through our escape character: (bytes for the guest, whether to leave)."""
        if not self.raw:
            return data, False
        out = bytearray()
        for byte in data:
            if self._escaped:
                self._escaped = False
                if byte in b"xX":
                    return bytes(out), True
                out.append(byte)
            elif byte == ESCAPE:
                self._escaped = True
            else:
                out.append(byte)
        return bytes(out), False

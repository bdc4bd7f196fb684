#!/usr/bin/env python3
"""revocation.py - what it costs to have lent memory back: user/bench/revoke.c, as figures, as tables, as a picture

  revocation.py OUTPUT.svg         measure and draw

Two boots of one hart. In the first one instructions are counted and time in which nobody runs passes at once, so each run gives the same
figures, times but for a microsecond. In the second one the network device keeps what it is to send, because nobody takes it from the other end of the wire: the
pages are in flight for as long as we like. A plugin of the emulator tells what of all that the kernel executed.
"""
import math
import os
import re
import socket
import statistics
import sys
import tempfile
import threading
import time

import bench
import build
import common
import longest
import qemu
import tools
from common import FAIL, USAGE, Stop, relative

SIZES = (1, 10, 100, 1000)
SAME = ("-seed", "1", "-rtc", "clock=vm")       # nothing of the host's is in the figures
# key: (what it is, colour)
ANSWERED = {
    "once": ("bound once", "#1b6ca8"),
    "contexts": ("bound in 10 contexts", "#c0561c"),
    "cached": ("clean, in a page cache", "#3c7d3c"),
    "dirty": ("dirty, written to the store first", "#8a4b9a"),
    "superpage": ("out of a page of 2 MiB", "#7a6a10"),
    "in_flight": ("in flight", "#444444"),
}
ABORTED = {
    "once": ("bound once", "#1b6ca8"),
    "contexts": ("bound in 10 contexts", "#c0561c"),
    "unlisted": ("bound once, the victim has no list", "#3c7d3c"),
    "dirty": ("dirty", "#8a4b9a"),
    "in_flight": ("in flight", "#444444"),
}
VICTIMS = {
    "cooperative": ("answers at once", "#3c7d3c"),
    "slow": ("answers late, in four parts", "#1b6ca8"),
    "deaf": ("runs and never answers", "#c0561c"),
    "asleep": ("sleeps and never answers", "#8a4b9a"),
}
BESIDE = {"calm": "nobody wants anything", "answered": "100 pages are wanted and given", "slow": "10 pages are wanted and given late",
          "aborted": "10 pages are wanted and taken"}


# ---- measuring ----

def _boot(what, table, so, seconds, attend=None, extra=(), **settings):
    """Figures of one boot, and for its marked parts what the kernel executed: KEY of a line "marked RUNS PARTS KEY"."""
    with tempfile.NamedTemporaryFile("r", suffix=".txt") as out:
        with qemu.Machine(append=f"bench={what}", extra=[*longest.extra(so, table, out.name), *extra], **settings) as m:
            if attend:
                threading.Thread(target=attend, args=(m,), daemon=True).start()
            try:
                code = m.wait(seconds)
            except qemu.BootTimeout as late:
                raise Stop(common.BUDGET, f"bench={what}: {late}") from None
            lines = m.report_lines()
            if code != 0:
                raise Stop(code, f"bench={what}: exit code {code}.\n{m.tail()}")
        return parse(lines, longest.read(out.read())[1])


def parse(lines, parts):
    """
    Figures of report lines. `marked RUNS PAGES KEY` names the next RUNS of the marked parts [(program, kernel, firmware)]: its figure is
    the median of what kernel and firmware executed in one, per page.
    """
    figures, at = bench.figures(lines), 0
    for words in (line.split() for line in lines if line.startswith("marked ")):
        runs, pages, key = int(words[1]), int(words[2]), words[3]
        if at + runs > len(parts):
            raise Stop(FAIL, f"bench: {key} is told of and was not marked.")
        figures[key] = math.ceil(statistics.median_low(kernel + firmware for _, kernel, firmware in parts[at:at + runs]) / pages)
        at += runs
    if at != len(parts):
        raise Stop(FAIL, f"bench: {len(parts) - at} marked parts are not told of.")
    return figures


def _hold(wire):
    """The other end of the wire: takes packets while the guest says `drain`, none from `hold` on."""
    wire.settimeout(0.02)

    def attend(m):
        while m.running():
            if next((line for line in reversed(m.report_lines()) if line in ("drain", "hold")), None) != "drain":
                time.sleep(0.01)
                continue
            try:
                wire.recv(65536)
            except OSError:
                pass
    return attend


def measure(seconds=300):
    so = longest.plugin()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as table, tempfile.TemporaryDirectory() as folder, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        table.write("\n".join(longest.symbol_lines("rv64")) + "\n")
        table.flush()
        figures = _boot("revoke", table.name, so, seconds, extra=SAME, icount=0, net="none")
        here, there = os.path.join(folder, "here"), os.path.join(folder, "there")
        wire.bind(here)
        figures.update(_boot("flight", table.name, so, seconds, _hold(wire), icount=True, net=f"dgram:{there}:{here}"))
    return figures


# ---- tables ----

def _cell(values, key, kernel=None):
    if values.get(key) is None:
        return "-"
    return bench.number(values[key]) + (f" / {bench.number(values.get(kernel))}" if kernel else "")


def table(values):
    head = lambda what: (what, *(f"{n:,} page{'s' * (n > 1)}" for n in SIZES))
    answered = [(text, *(_cell(values, f"revoke_answered_{key}_{n}", f"revoke_answered_kernel_{key}_{n}") for n in SIZES))
                for key, (text, _) in ANSWERED.items()]
    aborted = [(text, *(_cell(values, f"revoke_aborted_{key}_{n}") for n in SIZES)) for key, (text, _) in ABORTED.items()]
    aborted.append(("a page of 2 MiB", *(["never"] * len(SIZES))))
    granted = [(text, *(_cell(values, f"grant_{key}_us_{n}", f"grant_{key}_kernel_{n}") for n in SIZES)) for key, (text, _) in VICTIMS.items()]
    granted += [(text, *(_cell(values, f"grant_{key}_us_{n}") for n in SIZES))
                for key, text in (("time", "(time for an answer, while the victim runs)"), ("deadline", "(deadline in any case)"))]
    exactly = lambda key: f"{values[key]:,}" if key in values else "-"
    beside = [(text, *(exactly(f"bystander_{key}{what}") for what in ("", "_switches", "_demands"))) for key, text in BESIDE.items()]
    return "\n".join([
        "Lent pages wanted back, and answered: instructions per page from the demand to the grant / of these, the kernel's.",
        *bench.grid(head(""), answered),
        "", "Not answered, and taken: instructions per page of the calls that take. Larger pages are never taken: decision 0016.",
        *bench.grid(head(""), aborted),
        "", "From the demand to the grant, in microseconds, by what the victim does / and instructions of the kernel meanwhile.",
        *bench.grid(head(""), granted),
        "", "A bystander: what a third program is charged for the same work, in instructions, and how often it was given the processor.",
        *bench.grid(("meanwhile", "charged", "switches", "demands"), beside)])


# ---- picture ----

PICTURE = os.path.join(common.ROOT, "docs", "pictures", "revocation.svg")
WIDTH, PLOT, GAP = 860, 300, 66         # the picture, a square plot, the room left of a plot
TOP = 44                                # above the plots
BAR, PAIR = 11, 14                      # a bar, and from one to the next


def _log(value, low, high, length):
    return (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low)) * length


def _text(x, y, text, anchor="start", **more):
    extra = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{text}</text>'


def _short(value):
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


def _figure(key, values, shape, tag):
    """A shape that stands for a figure, and says so to who points at it."""
    return f"{shape}><title>{key}: {values[key]}</title></{tag}>"


def shown(svg):
    """The figures that a picture shows."""
    return {key: int(value) for key, value in re.findall(r"<title>(\w+): (\d+)</title>", svg)}


def _lines(values, left, title, prefix, variants, low, high):
    """One plot: a line for each variant, and their names below it."""
    x = lambda n: left + _log(n, SIZES[0], SIZES[-1], PLOT)
    y = lambda value: TOP + PLOT - _log(value, low, high, PLOT)
    out = [_text(left + PLOT / 2, TOP - 16, title, "middle", font_weight="bold")]
    for power in range(int(math.log10(low)), int(math.log10(high)) + 1):
        out.append(f'<path d="M{left} {y(10 ** power):.1f}h{PLOT}" stroke="#ddd"/>'
                   + _text(left - 6, y(10 ** power) + 4, _short(10 ** power), "end"))
    for n in SIZES:
        out.append(f'<path d="M{x(n):.1f} {TOP}v{PLOT + 5}" stroke="#ddd"/>' + _text(x(n), TOP + PLOT + 19, f"{n:,}", "middle"))
    out.append(f'<path d="M{left} {TOP}v{PLOT}h{PLOT}" fill="none" stroke="black"/>' + _text(left + PLOT / 2, TOP + PLOT + 36, "pages wanted", "middle"))
    for place, (key, (name, colour)) in enumerate(variants.items()):
        points = [(x(n), y(values[f"{prefix}_{key}_{n}"])) for n in SIZES if f"{prefix}_{key}_{n}" in values]
        dashes = ' stroke-dasharray="6 4"' if key in ("dirty", "in_flight") else ""
        out.append(f'<path d="M{"L".join(f"{a:.1f} {b:.1f}" for a, b in points)}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        out += [_figure(f"{prefix}_{key}_{n}", values, f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"', "circle")
                for n, (a, b) in zip(SIZES, points)]
        row = TOP + PLOT + 58 + place * 16
        out.append(f'<path d="M{left} {row - 4}h24" stroke="{colour}" stroke-width="2"{dashes}/>' + _text(left + 32, row, name))
    return out


def _bars(values, left, top, width):
    """From demand to grant: a bar for each victim and number of pages, on a logarithmic axis; a stroke where its time is over."""
    keys = [(n, key) for n in SIZES for key in VICTIMS]
    low, high = 10, 10 ** math.ceil(math.log10(max(values[f"grant_{key}_us_{n}"] for n, key in keys)))
    x = lambda value: left + _log(max(value, low), low, high, width)
    group = len(VICTIMS) * PAIR + 12
    height = len(SIZES) * group
    out = [_text(left + width / 2, top - 16, "from the demand to the grant", "middle", font_weight="bold")]
    for power in range(int(math.log10(low)), int(math.log10(high)) + 1):
        name = f"{10 ** power:,} us" if power < 3 else f"{10 ** (power - 3):,} ms" if power < 6 else f"{10 ** (power - 6):,} s"
        out.append(f'<path d="M{x(10 ** power):.1f} {top}v{height + 5}" stroke="#ddd"/>'
                   + _text(x(10 ** power), top + height + 19, name, "middle"))
    for place, n in enumerate(SIZES):
        at = top + place * group + 6
        out.append(_text(left - 8, at + group / 2 - 2, f"{n:,} page{'s' * (n > 1)}", "end"))
        for i, (key, (_, colour)) in enumerate(VICTIMS.items()):
            name = f"grant_{key}_us_{n}"
            bar = f'<rect x="{left}" y="{at + i * PAIR:.1f}" width="{x(values[name]) - left:.1f}" height="{BAR}" fill="{colour}"'
            out.append(_figure(name, values, bar, "rect"))
        for end, rows in (("time", (1, 3)), ("deadline", (3, 4))):
            name = f"grant_{end}_us_{n}"
            stroke = f'<path d="M{x(values[name]):.1f} {at + rows[0] * PAIR - 1:.1f}v{(rows[1] - rows[0]) * PAIR - 1}"'
            out.append(_figure(name, values, f'{stroke} stroke="black" stroke-width="2"', "path"))
    out.append(f'<path d="M{left} {top}v{height}h{width}" fill="none" stroke="black"/>')
    row = top + height + 42
    at = left
    for name, colour in VICTIMS.values():
        out.append(f'<rect x="{at}" y="{row - 10}" width="{BAR}" height="{BAR}" fill="{colour}"/>' + _text(at + 16, row, name))
        at += 40 + 7 * len(name)
    out.append(f'<path d="M{left + 5} {row + 8}v13" stroke="black" stroke-width="2"/>' + _text(left + 16, row + 19, "here its time is over; of the one that sleeps: the deadline in any case"))
    return out, row + 30


def draw(values):
    """The picture; the same figures give the same one."""
    lines = [values[f"{prefix}_{key}_{n}"] for prefix, variants in (("revoke_answered", ANSWERED), ("revoke_aborted", ABORTED))
             for key in variants for n in SIZES if f"{prefix}_{key}_{n}" in values]
    low, high = 10 ** math.floor(math.log10(min(lines))), 10 ** math.ceil(math.log10(max(lines)))
    second = 2 * GAP + PLOT + 40
    top = TOP + PLOT + 58 + 16 * max(len(ANSWERED), len(ABORTED)) + 40
    bars, height = _bars(values, GAP + 20, top, second + PLOT - GAP - 40)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           f'<text transform="translate(16 {TOP + PLOT / 2:.0f}) rotate(-90)" text-anchor="middle">instructions per page</text>',
           *_lines(values, GAP, "answered: from the demand to the grant", "revoke_answered", ANSWERED, low, high),
           *_lines(values, second, "not answered: the taking", "revoke_aborted", ABORTED, low, high), *bars]
    return "\n".join(out) + "\n</svg>\n"


def off(picture_text, values, by):
    """{key: (shown, measured)} of the figures that a picture shows and that are off by more than this factor, or are not there."""
    pairs = {key: (value, values.get(key)) for key, value in shown(picture_text).items()}
    return {key: pair for key, pair in pairs.items() if pair[1] is None or not pair[0] / by <= pair[1] <= pair[0] * by}


def picture(values, path):
    """Draw it into a file. One that shows these figures but for a hundredth is left alone: times differ by a microsecond now and then."""
    text, old = draw(values), ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            old = f.read()
    if set(shown(old)) != set(shown(text)) or off(old, values, 1.01) or draw(shown(old)) != old:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    return path


def main(argv):
    if len(argv) != 1 or not argv[0].endswith(".svg"):
        raise Stop(USAGE, __doc__)
    tools.ensure(tools.BUILD_SET, tools.RUN_SET, tools.TEST_SET)
    build.build("rv64")
    values = measure()
    print(table(values))
    print(f"written: {relative(os.path.abspath(picture(values, argv[0])))}")
    return common.PASS


if __name__ == "__main__":
    common.run_command(main, sys.argv[1:])

"""What every part of the harness shares: where things are, exit codes, how we speak.

Facts go to stdout, complaints and progress to stderr, colour only to a terminal.
"""
import os
import select
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")

# Exit codes of every front-door command. A guest's own exit code is passed on unchanged.
PASS, FAIL, USAGE, BUILD_FAILED, ENVIRONMENT, BUDGET = 0, 1, 2, 3, 4, 124

VERBOSE = os.environ.get("V", "") not in ("", "0")


class Stop(Exception):
    """End the command with this exit code, after saying what is wrong and what to do next."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def tree(name):
    """The folder of one build tree: rv64, rv64-debug, host, ..."""
    return os.path.join(BUILD, name)


def relative(path):
    """A path as the user would type it from where he stands."""
    short = os.path.relpath(path)
    return path if short.startswith("..") else short


def colour(code, text, stream):
    if stream.isatty() and "NO_COLOR" not in os.environ:
        return f"\033[{code}m{text}\033[0m"
    return text


def say(text):
    """Progress: one line per step."""
    print(text, file=sys.stderr, flush=True)


def complain(text):
    print(colour("31", "exos: ", sys.stderr) + text, file=sys.stderr, flush=True)


def unread(stream):
    """Has whoever read this pipe gone, as `head` does?"""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(flags & select.POLLERR for _, flags in poll.poll(0))


def run_command(main, argv):
    """Run one front-door command; the only place where an exception becomes an exit code."""
    try:
        code = main(argv)
    except Stop as stop:
        complain(str(stop))
        code = stop.code
    except KeyboardInterrupt:
        say("interrupted")
        code = 130
    except BrokenPipeError:
        if not unread(sys.stdout):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())     # for what is still to be flushed
        code = 141
    sys.exit(code or 0)

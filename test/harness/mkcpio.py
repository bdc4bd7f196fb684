#!/usr/bin/env python3
"""mkcpio.py ARCHIVE NAME=FILE... - write a cpio "newc" archive: the boot archive that init reads.

Files are sorted and carry no times or owners, so that the same programs give the same bytes.
"""
import os
import sys


def entry(inode, name, mode, data):
    fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + name + b"\0"
    return pad(head) + pad(data)


def pad(block):
    return block + b"\0" * (-len(block) % 4)


def main(argv):
    if len(argv) < 2 or any("=" not in a for a in argv[2:]):
        sys.exit(__doc__)
    parts = []
    for inode, (name, path) in enumerate(sorted(a.split("=", 1) for a in argv[2:]), 1):
        with open(path, "rb") as f:
            parts.append(entry(inode, name.encode(), 0o100755, f.read()))
    parts.append(entry(0, b"TRAILER!!!", 0, b""))
    archive = b"".join(parts)
    archive += b"\0" * (-len(archive) % 512)
    temporary = argv[1] + ".new"
    with open(temporary, "wb") as f:
        f.write(archive)
    os.replace(temporary, argv[1])


if __name__ == "__main__":
    main(sys.argv)

"""make serve: one JSON line, then until SIGTERM."""
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import common

SECONDS = 120


def test_contract():
    command = [sys.executable, os.path.join(common.ROOT, "test", "harness", "run.py"), "serve", "--no-build"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        said = json.loads(process.stdout.readline())
        assert set(said) == {"http", "ports", "console", "pid"}, said
        assert said["pid"] == process.pid
        page = urllib.request.urlopen(said["http"], timeout=10)
        assert page.status == 200 and b"exos" in page.read()
        with socket.create_connection(("127.0.0.1", said["ports"]["tcp/7"]), timeout=10) as s:
            s.sendall(b"hello")
            assert s.recv(10) == b"hello"
        with open(said["console"], encoding="utf-8", errors="replace") as f:
            assert "exos$ " in f.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert process.stdout.read() == "", "more than one line on stdout"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_two_at_once():
    command = [sys.executable, os.path.join(common.ROOT, "test", "harness", "run.py"), "serve", "--no-build"]
    processes = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        urls = [json.loads(p.stdout.readline())["http"] for p in processes]
        assert urls[0] != urls[1]
        for url in urls:
            assert urllib.request.urlopen(url, timeout=10).status == 200
    finally:
        for p in processes:
            p.terminate()
        assert [p.wait(15) for p in processes] == [0, 0]

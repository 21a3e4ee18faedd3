#!/usr/bin/env python3
"""Goal: `stele shell` on a terminal: completion by the tab key, history, Ctrl-C on a line and in a command.
Usage: shell_pty.py STELE_BINARY TABLE FAMILY, with STELE_CELL set; prints what went wrong and exits 1."""

import os
import pty
import select
import signal
import sys
import time

stele, table, family = sys.argv[1:4]
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv(stele, [stele, "shell", "--history", "shell.history"])
seen = b""


def expect(what, seconds=60):
    """Reads until `what` has come, and forgets what was before it."""
    global seen
    deadline = time.monotonic() + seconds
    while what.encode() not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        try:
            more = os.read(terminal, 4096) if ready else b""
        except OSError:
            more = b""
        if not more:
            print(f"shell: '{what}' did not come after: {seen[-300:]!r}")
            os.kill(pid, signal.SIGKILL)
            sys.exit(1)
        seen += more
    seen = seen.split(what.encode(), 1)[1]


def type_keys(text):
    os.write(terminal, text.encode())


expect("stele> ")
type_keys(f"set {table} typed {family[:1]}\t")
expect(":")  # the editor draws only what is new
type_keys("q 'a value'\n")
expect("stele> ")
type_keys(f"re\t{table} typed --value\n")
expect("ad ")
expect("a value")
type_keys("never run \x03")
expect("^C")
type_keys("read nowhere x\n")
expect("does not exist")
type_keys("\x1b[A\x1b[A\n")  # the command before the last one
expect("a value")
type_keys("exit\n")
_, status = os.waitpid(pid, 0)
if os.waitstatus_to_exitcode(status) != 0:
    print(f"shell: exit code {os.waitstatus_to_exitcode(status)}")
    sys.exit(1)
with open("shell.history", encoding="utf-8") as history:
    if "typed" not in history.read():
        print("shell: no history was written")
        sys.exit(1)

#!/usr/bin/python3
"""Runs an installed unit as systemd would, where there is no systemd: unit_supervisor.py ROOT UNIT

The unit file below ROOT alone says what is run (ExecStart with its EnvironmentFiles), as whom, with which umask and limits, and when
it is started again. Of its start it hears as systemd does: READY=1 at NOTIFY_SOCKET. Prints a line each time: `ready PID`
or, when it was started by itself, `again PID`; `ended CODE` (128 + the signal that ended it). SIGTERM stops the unit. Ends with the code of the last process; 96 when the unit
cannot be run, 97 when it was not ready in time or had to be killed."""

import ctypes
import os
import pwd
import re
import resource
import select
import shlex
import signal
import socket
import sys
import time

READY_SECONDS = 90
CANNOT_RUN = 96
LIBC = ctypes.CDLL(None)


def parse_unit(root, name):
    template, at, rest = name.partition("@")
    file = f"{template}@.service" if at else f"{name}.service"
    keys = {}
    with open(f"{root}/usr/lib/systemd/system/{file}", encoding="utf-8") as unit:
        for line in unit:
            line = line.strip()
            if line and line[0] not in "#[;":
                key, value = line.split("=", 1)
                keys.setdefault(key, []).append(value.replace("%i", rest))
    return keys


def read_environment(root, files):
    found = {}
    for file in files:
        path = root + file.lstrip("-")
        if file[0] == "-" and not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if re.match(r"\w+=", line):
                    key, value = line.rstrip("\n").split("=", 1)
                    found[key] = "".join(shlex.split(value))
    return found


def command_of(unit, environment):
    words = []
    for word in shlex.split(unit["ExecStart"][0]):
        if re.fullmatch(r"\$\w+", word):
            words += environment.get(word[1:], "").split()
        else:
            words.append(word)
    return words


def become(root, unit, environment, words, notify):
    """In the child: what systemd does before it runs the program."""
    user = pwd_entry(root, unit["User"][0])
    state = unit["StateDirectory"][0]
    path = f"{root}/var/lib/{state}"
    os.makedirs(path, exist_ok=True)
    os.chown(path, user.pw_uid, user.pw_gid)
    os.chmod(path, int(unit["StateDirectoryMode"][0], 8))
    files = min(int(unit["LimitNOFILE"][0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # nobody may raise that
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.chroot(root)
    os.chdir("/")
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.umask(int(unit["UMask"][0], 8))
    os.setsid()
    LIBC.prctl(1, signal.SIGKILL)  # it ends with this supervisor
    os.execve(words[0], words, environment | {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": notify})


def pwd_entry(root, name):
    with open(f"{root}/etc/passwd", encoding="utf-8") as lines:
        for line in lines:
            fields = line.rstrip("\n").split(":")
            if fields[0] == name:
                return pwd.struct_passwd((*fields[:2], int(fields[2]), int(fields[3]), *fields[4:]))
    raise KeyError(f"no user {name}")


def ended(pid):
    done, status = os.waitpid(pid, os.WNOHANG)
    if done == 0:
        return None
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class Supervisor:
    def __init__(self, root, name):
        self.root, self.unit = root, parse_unit(root, name)
        self.environment = read_environment(root, self.unit.get("EnvironmentFile", []))
        self.notify = f"/run/notify-{name}"
        self.path = root + self.notify
        self.stop_asked = False
        self.readiness = "ready"
        self.alarm_r, alarm_w = os.pipe()
        os.set_blocking(alarm_w, False)
        signal.set_wakeup_fd(alarm_w)
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stop_asked", True))
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def say(self, text):
        print(text, flush=True)

    def listen(self):
        if os.path.exists(self.path):
            os.remove(self.path)
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard.bind(self.path)
        os.chmod(self.path, 0o777)
        return heard

    def run_once(self):
        """One process from its start to its end; its code."""
        words = command_of(self.unit, self.environment)
        heard = self.listen()
        pid = os.fork()
        if pid == 0:
            try:
                become(self.root, self.unit, self.environment, words, self.notify)
            except Exception as error:  # whatever it is, this copy of the program must not go on
                print(f"unit_supervisor: {words[0]}: {error!r}", file=sys.stderr, flush=True)
            os._exit(CANNOT_RUN)
        deadline = time.monotonic() + READY_SECONDS
        ready, told = False, False
        while (code := ended(pid)) is None:
            if self.stop_asked and not told:
                os.kill(pid, signal.SIGTERM)
                told, deadline = True, time.monotonic() + int(self.unit["TimeoutStopSec"][0])
            wait = None if ready and not told else max(0, deadline - time.monotonic())
            if wait == 0:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                self.say("killed: out of time")
                sys.exit(97)
            readable, _, _ = select.select([heard, self.alarm_r], [], [], wait)
            if self.alarm_r in readable:
                os.read(self.alarm_r, 64)
            if heard in readable and "READY=1" in heard.recv(4096).decode().split("\n") and not ready:
                ready = True
                self.say(f"{self.readiness} {pid}")
        heard.close()
        self.say(f"ended {code}")
        return code

    def starts_again(self, code):
        def listed(key):
            return str(code) in " ".join(self.unit.get(key, [])).split()
        if self.stop_asked or code == CANNOT_RUN or listed("RestartPreventExitStatus"):
            return False
        if listed("RestartForceExitStatus"):
            return True
        clean = code in (0, 128 + signal.SIGTERM, 128 + signal.SIGINT) or listed("SuccessExitStatus")
        return self.unit["Restart"][0] == "on-failure" and not clean

    def run(self):
        while True:
            code = self.run_once()
            if not self.starts_again(code):
                return code
            select.select([self.alarm_r], [], [], int(self.unit["RestartSec"][0]))
            if self.stop_asked:
                return code
            self.readiness = "again"


if __name__ == "__main__":
    sys.exit(Supervisor(os.path.realpath(sys.argv[1]), sys.argv[2]).run())

"""The server processes of a lab: started, found again by other programs through pids.json, and ended."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path

PATIENCE_SECONDS = 5


class Processes:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.pid_file = self.directory / "pids.json"

    def start_all(self, commands):
        """{name: command}, in that order; each in a session of its own, its output in logs/NAME.log."""
        started = {}
        for name, command in commands.items():
            log = open(self.directory / "logs" / f"{name}.log", "wb")
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            started[name] = {"pid": process.pid, "started": start_time(process.pid)}
            self.pid_file.write_text(json.dumps(started))

    def stop_all(self):
        processes = self.running()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in processes.values():
                if is_alive(process):
                    os.killpg(process["pid"], signal.SIGCONT)
                    os.killpg(process["pid"], sign)
            end = time.monotonic() + PATIENCE_SECONDS
            while any(map(is_alive, processes.values())) and time.monotonic() < end:
                time.sleep(0.05)
        self.pid_file.unlink(missing_ok=True)

    def running(self):
        return {name: process for name, process in self._all().items() if is_alive(process)}

    def status(self):
        return {name: is_alive(process) for name, process in self._all().items()}

    def pid(self, name):
        return self.running()[name]["pid"]

    def _all(self):
        return json.loads(self.pid_file.read_text()) if self.pid_file.exists() else {}


def children(pid):
    try:
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except OSError:
        return set()


def title(pid):
    """The command line of a process; "" when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def start_time(pid):
    """Field 22 of /proc/PID/stat tells a process from a later one with its number; None for a zombie or nobody."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else int(fields[18])


def is_alive(process):
    return start_time(process["pid"]) == process["started"]

"""The service on a leaping clock: see timelapse.cc.

    with Timelapse("build/tests/timelapse", config, log) as service:
        state = service.passes(hours=3, quantum=60)
"""
import json
import subprocess

SECONDS = 60                # far more than an end takes, also under a sanitizer


class Timelapse:
    def __init__(self, program, config, log, start=None):
        """`start`: Unix time; by default the real one."""
        arguments = [] if start is None else [str(int(start))]
        with open(log, "ab") as errors:
            self.process = subprocess.Popen([program, config, *arguments], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=errors, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.process.stdin, self.process.stdout:
            self.process.stdin.close()
            if self.process.wait(SECONDS) != 0:
                raise AssertionError(f"the timelapse ended with {self.process.returncode}")

    def passes(self, hours, quantum):
        """Lets so many hours pass; what is due within `quantum` seconds is looked at at once."""
        self.process.stdin.write(f"{round(hours * 3600)} {quantum}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the timelapse ended with {self.process.wait(SECONDS)} before its answer")
        return json.loads(line)


def busy(finding):
    """How long a fetch takes is real, and so is what else this machine does."""
    return (finding["code"], finding["severity"]) == ("sts-policy-fetch-slow", "info")


def theirs(state):
    """The findings that accuse somebody, and so may not come or go with the weather."""
    return {(name, finding["code"], finding["subject"], finding["severity"]) for name, verdict in state["domains"].items()
            for finding in verdict["findings"] if not finding["of_the_agent"] and not busy(finding)}


def statuses(state):
    return {name: verdict["status"] for name, verdict in state["domains"].items()}

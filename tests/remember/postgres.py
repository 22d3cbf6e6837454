#!/usr/bin/env python3
"""A real PostgreSQL for a test: made in a temporary folder, run by an unprivileged user on a socket there, and
gone afterwards. As a program: runs a command beside it, with STSWATCH_TEST_POSTGRES, PGHOST and PGUSER set.

    postgres.py COMMAND...
"""
import glob
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time


def programs():
    """The folder of initdb and postgres: Debian keeps one for each version."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return os.path.dirname(found[-1]) if found else None


class Postgres:
    def __init__(self, port=54329):
        self.port = port
        self.folder = tempfile.mkdtemp(prefix="stswatch-postgres-")
        self.data = os.path.join(self.folder, "data")
        self.process = None
        # postgres refuses to be root
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        os.chmod(self.folder, 0o755)
        self.run("initdb", "-D", self.data, "-U", "stswatch", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        with open(os.path.join(self.data, "postgresql.conf"), "a") as out:
            out.write(f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.folder}'\n"
                      "fsync = off\nmax_connections = 60\nlog_min_messages = warning\n")

    def options(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def run(self, program, *arguments):
        subprocess.run([os.path.join(programs(), program), *arguments], check=True, stdout=subprocess.DEVNULL,
                       cwd=self.folder, **self.options())

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "a")
        self.process = subprocess.Popen([os.path.join(programs(), "postgres"), "-D", self.data], cwd=self.folder,
                                        stdout=self.log, stderr=self.log, **self.options())
        deadline = time.monotonic() + 60
        while subprocess.run([os.path.join(programs(), "pg_isready"), "-q", "-h", self.folder, "-p", str(self.port)],
                             check=False).returncode != 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("postgres does not start: " + open(self.log.name).read()[-2000:])
            time.sleep(0.1)
        return self

    def stop(self, signal="INT"):
        """INT: as a restart does; QUIT: as a crash does."""
        if self.process:
            self.process.send_signal(getattr(__import__("signal"), "SIG" + signal))
            self.process.wait(60)
            self.process = None

    def environment(self):
        return {"PGHOST": self.folder, "PGPORT": str(self.port), "PGUSER": "stswatch"}

    def url(self, name):
        return f"postgresql://stswatch@/{name}?host={self.folder}&port={self.port}"

    def sql(self, name, text):
        return subprocess.run([os.path.join(programs(), "psql"), "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", name,
                               "-c", text], env={**os.environ, **self.environment()}, check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    if not programs():
        print("postgresql is not installed: the store on it is NOT TRIED", file=sys.stderr)
        return 77
    server = Postgres()
    try:
        server.start()
        return subprocess.run(sys.argv[1:], env={**os.environ, **server.environment(),
                                                 "STSWATCH_TEST_POSTGRES": server.url("%")}, check=False).returncode
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())

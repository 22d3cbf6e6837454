"""A real mailbox: a Postfix of its own that takes submissions over STARTTLS and delivers into a Maildir."""
import email
import email.policy
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = Path("/usr/lib/postfix/sbin")
PATIENCE_SECONDS = 30
NOBODY = 65534

MAIN_CF = """compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
daemon_directory = {programs}
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
postlogd_watchdog_timeout = 600s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.net
mydestination =
local_recipient_maps =
alias_maps =
virtual_mailbox_domains = example.net
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = static:inbox/
virtual_minimum_uid = 1
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {pem}
smtpd_peername_lookup = no
"""
MASTER_CF = """127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
virtual unix - n n - - virtual
"""


class Mailbox:
    """`pem`: key and certificate of the server. Leaving the block ends it."""

    def __init__(self, directory, pem, port):
        self.directory, self.port = Path(directory), port
        configuration = self.directory / "postfix"
        configuration.mkdir(parents=True)
        queue = self.directory / "queue"
        owned = [queue / name for name in ("private", "public", "active", "incoming", "deferred", "defer", "bounce",
                                           "maildrop", "hold", "trace", "flush", "corrupt", "saved")]
        (queue / "pid").mkdir(parents=True)
        for folder in (*owned, self.directory / "data"):
            folder.mkdir()
            shutil.chown(folder, "postfix")
        (self.directory / "mail").mkdir()
        shutil.chown(self.directory / "mail", NOBODY, NOBODY)
        names = {"directory": self.directory, "programs": PROGRAMS, "pem": pem, "port": port, "nobody": NOBODY}
        (configuration / "main.cf").write_text(MAIN_CF.format(**names))
        (configuration / "master.cf").write_text(MASTER_CF.format(**names))
        self.command = [str(PROGRAMS / "master"), "-c", str(configuration), "-d"]
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    if connection.recv(3) == b"220":
                        return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"no Postfix on port {self.port}: {Path(self.directory, 'log').read_text()[-2000:]}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE_SECONDS)

    def messages(self):
        """In the order of their coming."""
        files = sorted((self.directory / "mail" / "inbox" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in files]

#!/usr/bin/python3
"""Takes the README's picture of a page of the demo anew: unshare --net tests/browser/screenshots.py (root; STSWATCH names
the program, by default build/stswatch)."""
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
from chromium import SECONDS, Chromium, free_port  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
INTO = ROOT / "contrib/screenshots"
MOST_OCTETS = 150_000
# file -> (path, colours, width, height)
PICTURES = {"domain.png": ("/domain/expired-mx.test", "light", 960, 985)}


def demo(folder, listen):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return subprocess.Popen([ROOT / "contrib/demo", "--dir", folder, "--listen", listen, "--break-after", "0",
                             "--heal-after", "3600"], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)                      # Postfix reads its files below it as another user
        listen = f"127.0.0.1:{free_port()}"
        running = demo(folder, listen)
        try:
            next(line for line in running.stdout if "later the service says" in line)
            time.sleep(2)                            # "just now" everywhere would not look like a service that runs
            with Chromium() as browser:
                for name, (path, scheme, width, height) in PICTURES.items():
                    browser.resize(width, height)
                    browser.prefer(scheme)
                    browser.go(f"http://{listen}{path}")
                    png = browser.screenshot()
                    if len(png) > MOST_OCTETS:
                        sys.exit(f"{name} has {len(png)} octets, more than {MOST_OCTETS}: choose a smaller window")
                    INTO.mkdir(exist_ok=True)
                    (INTO / name).write_bytes(png)
                    print(f"{INTO / name}: {len(png)} octets")
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())

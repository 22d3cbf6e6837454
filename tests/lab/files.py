"""Files that servers may be reading, and folders that several labs fill."""
import fcntl
from contextlib import contextmanager
from pathlib import Path


def replace_file(path, content):
    """Whoever reads the file meanwhile gets all of the old one or all of the new one. True when they differ."""
    octets = content.encode() if isinstance(content, str) else content
    if path.exists() and path.read_bytes() == octets:
        return False
    new = path.with_name(path.name + ".new")
    new.write_bytes(octets)
    new.rename(path)
    return True


@contextmanager
def alone_in(folder):
    """Whoever else would write there, waits."""
    with open(Path(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

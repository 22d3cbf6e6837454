"""The files that the lints look at."""
from pathlib import Path

FOLDERS = ("agent", "alerts", "checks", "config", "tests", "contrib", ".ci")
SOURCES = (".h", ".cc")


def files(root):
    """(path relative to root, as text; full path) of every file of the project, in order."""
    root = Path(root)
    paths = [path for path in root.iterdir() if path.is_file() and path.name != ".git"]   # a file in a linked work tree
    for folder in FOLDERS:
        paths += (path for path in (root / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted((path.relative_to(root).as_posix(), path) for path in paths)


def sources(root):
    return [(name, path) for name, path in files(root) if name.endswith(SOURCES)]


def report(complaints):
    """Prints them; the exit code."""
    complaints = list(complaints)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0

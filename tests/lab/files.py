"""Files that servers may be reading."""


def replace_file(path, content):
    """Whoever reads the file meanwhile gets all of the old one or all of the new one. True when they differ."""
    octets = content.encode() if isinstance(content, str) else content
    if path.exists() and path.read_bytes() == octets:
        return False
    new = path.with_name(path.name + ".new")
    new.write_bytes(octets)
    new.rename(path)
    return True

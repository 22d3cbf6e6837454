"""Domains that real senders deliver to (senders_test.py): one for each peculiarity, and some that change."""
from model import MX1, MX2, Certificate, Domain, Mail, Web, bare, policy
from senders_cases import CASES, ODD, OPEN

SHARED = bare("strays.test", hosts={OPEN: (Mail(Certificate(issuer="self"), options=(f"syslog_name={ODD}",)),)})


def changing(name, **parts):
    """Two hosts of its own, both listed; the first is the odd one in the log."""
    first = f"mx.{name}.test"
    return Domain(f"{name}.test", **{"mx": ((10, first), (20, MX2)), "web": (Web(policy(first, MX2), address="own"),),
                                     "hosts": {first: (Mail(options=(f"syslog_name={ODD}",)),)}, **parts})


CHANGES = ("change-unlisted", "change-all-unlisted", "change-record-gone", "change-file-gone", "change-host-down",
           "change-certificate", "change-to-none")
DOMAINS = [SHARED, *(case.domain for case in CASES), *map(changing, CHANGES)]
__all__ = ["MX1", "DOMAINS", "CHANGES"]

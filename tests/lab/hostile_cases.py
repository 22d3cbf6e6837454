"""What may be said of each hostile domain: the statuses ("a|b") and findings that must be there. Of the family `misbehaving`,
tests/scenarios says it. Written from the rules: what was not seen is unknown, what ends in a fault of the peer's is told."""
import json
from functools import cache
from pathlib import Path

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios" / "misbehaving.json"
# Seen to the end, or not: a peer that is still at it when the look's time is over may be slow or at fault.
SLOW = "unknown|critical", ""
HTTPS = {
    "drip-status drip-chunks no-close renegotiating": SLOW,
    "endless-chunk-extension endless-chunk-size endless-tiny-chunks endless-trailers": ("critical", "sts-policy-body-truncated"),
    "endless-body": ("critical", "sts-policy-too-large"),
    "changing-keys tiny-records": ("critical", "sts-policy-http-invalid"),
    "hello-requests cipher-changes warnings empty-records certificate-chain-1m": ("critical", "sts-webpki-handshake-failure"),
    "certificate-text-broken": ("critical", "sts-webpki-handshake-failure|sts-policy-connect-failed"),
    "certificate-year-1950": ("critical", "sts-webpki-cert-expired"),
    "certificate-time-garbage certificate-time-no-zone certificate-time-empty": ("critical", "sts-webpki-not-trusted"),
    # Odd, and good all the same: what is in it verifies.
    "certificate-chain-90k certificate-subject-64k certificate-subject-parts certificate-names-64k certificate-names-500 "
    "certificate-serial-60k certificate-year-9999 certificate-rsa-16k certificate-extension-60k certificate-text-odd": ("ok", ""),
}
# A healthy host stands beside each: "ok" with it alone, while nothing is known of the other.
SMTP = {
    "drip-greeting drip-ehlo drip-starttls": ("ok", "observation-unknown"),
    "endless-greeting-line endless-ehlo-line endless-starttls endless-starttls-line": ("ok", "smtp-invalid"),
    "endless-injected": ("critical", "starttls-handshake-failure starttls-injected"),
    "hello-requests cipher-changes warnings empty-records certificate-chain-1m": ("critical", "starttls-handshake-failure"),
    "certificate-text-broken": ("critical", "starttls-handshake-failure"),
    "renegotiating": ("ok", ""),
    "certificate-year-1950": ("critical", "certificate-expired"),
    "certificate-time-garbage certificate-time-no-zone certificate-time-empty": ("critical", "certificate-not-trusted"),
    "certificate-year-9999": ("warning", "certificate-intermediate-expiring"),
    "certificate-chain-90k certificate-subject-64k certificate-subject-parts certificate-names-64k certificate-names-500 "
    "certificate-serial-60k certificate-rsa-16k certificate-extension-60k certificate-text-odd": ("ok", ""),
}
DNS = {
    "loop-record": ("unknown|warning|critical", "sts-txt-cname-chain"),
    "loop-policy-host chain": SLOW,
    "loop-itself": ("warning", "mx-target-cname"),
    "lies ttl-huge": ("ok", ""),
    "many-txt": ("ok", "sts-txt-other-records-present"),
    "many-sts": ("critical", "sts-txt-multiple"),
    "many-addresses": ("warning", "mx-too-many"),
    "many-policy-hosts": ("critical", "sts-policy-connect-failed"),
    "many-mx": ("critical", "mx-target-no-address mx-too-many"),  # no host has an address: no word of the policy
    "mx-500": ("critical", "mx-none-in-policy mx-too-many"),
    "odd-names": ("critical", "mx-target-no-address"),
    "churn": ("critical", "mx-none-in-policy"),
    "garbage tcp-endless tcp-drip tcp-silent tcp-announced": ("unknown", "observation-unknown"),
}
EXPECTED = {f"{kind}-{name}.test": said for kind, table in (("https", HTTPS), ("smtp", SMTP), ("dns", DNS))
            for names, said in table.items() for name in names.split()}


@cache
def _scenarios():
    return json.loads(SCENARIOS.read_text())


def statuses(name):
    """Those that the domain may ever have; of what is not in a table, all but ok."""
    if name in EXPECTED:
        return EXPECTED[name][0].split("|")
    stated = _scenarios().get(name, {}).get("status", [])
    return [stated] if isinstance(stated, str) else stated

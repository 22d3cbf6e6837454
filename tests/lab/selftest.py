"""Is the lab what it says? Asked with the ordinary tools: dig, curl, openssl."""
import subprocess

import world
from domains_rules import PROVIDER

RESOLVER = f"@{world.RESOLVER[0]}"


def output(*command, stdin=""):
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True, timeout=20)
    return done.stdout + done.stderr


def dig(*question):
    return output("dig", RESOLVER, "+time=15", "+tries=1", *question)


def curl(host, directory, *more):
    return output("curl", "-sS", "-i", "--max-time", "10", "--cacert", directory / "ca.pem",
                  "--resolve", f"{host}:443:{address_of(host)}", *more, f"https://{host}/.well-known/mta-sts.txt")


def starttls(host, directory):
    return output("openssl", "s_client", "-starttls", "smtp", "-connect", f"{address_of(host)}:25", "-servername", host,
                  "-CAfile", directory / "ca.pem", "-verify_hostname", host, stdin="QUIT\n")


def address_of(host):
    return dig("+short", host, "A").split()[-1]


def resolves():
    return "v=STSv1" in output("dig", RESOLVER, "+short", "+time=1", "+tries=1", f"_mta-sts.{PROVIDER}", "TXT")


def run(directory):
    checks = {
        "unsigned record, not authenticated": lambda: " ad" not in flags(f"_mta-sts.{PROVIDER}", "TXT") and resolves(),
        "signed zone is authenticated": lambda: " ad" in flags("_mta-sts.signed.test", "TXT"),
        "TLSA matches the key in use": lambda: "matched EE certificate" in output(
            "openssl", "s_client", "-starttls", "smtp", "-connect", f"{address_of('mx1.dane.test')}:25", "-CAfile",
            directory / "ca.pem", "-dane_tlsa_domain", "mx1.dane.test", "-dane_tlsa_rrdata",
            dig("+short", "_25._tcp.mx1.dane.test", "TLSA").strip(), stdin="QUIT\n"),
        "bogus zone: SERVFAIL and a DNSSEC error": lambda: "SERVFAIL" in dig("bogus.test", "MX")
                                                           and "EDE: 6" in dig("bogus.test", "MX"),
        "bogus zone answers with checking disabled": lambda: "mx1.bogus.test" in dig("+cd", "bogus.test", "MX"),
        "expired signatures: SERVFAIL": lambda: "SERVFAIL" in dig("rrsig-expired.test", "MX"),
        "unknown name: NXDOMAIN with SOA": lambda: "NXDOMAIN" in dig("nobody.example")
                                                   and "SOA" in dig("nobody.example"),
        "dead zone: SERVFAIL": lambda: "SERVFAIL" in dig("servfail.test", "MX"),
        "big set comes over TCP": lambda: "(TCP)" in dig("_mta-sts.record-big-set.test", "TXT"),
        "policy is served": lambda: "mx: mx1.s01-base.test" in curl("mta-sts.s01-base.test", directory),
        "redirect is one": lambda: "301" in curl("mta-sts.s09-redirect.test", directory),
        "type is missing": lambda: "Content-Type" not in curl("mta-sts.http-no-type.test", directory),
        "expired policy host is refused": lambda: "certificate has expired" in curl(
            "mta-sts.s11-policy-host-expired.test", directory),
        "provider's name only is refused": lambda: "no alternative certificate subject name" in curl(
            "mta-sts.s13-provider-name-only.test", directory),
        "Postfix speaks TLS": lambda: "Verify return code: 0 (ok)" in starttls("mx1.s01-base.test", directory),
        "Postfix with an expired certificate": lambda: "certificate has expired" in starttls(
            "mx1.s20-mx1-expired.test", directory),
        "Postfix without STARTTLS": lambda: "didn't found STARTTLS" in starttls("mx2.s25-mx2-no-starttls.test", directory)
                                            .replace("Didn't find", "didn't found"),
        "Postfix greets with 451": lambda: "451 4.7.1" in output("curl", "-v", "--max-time", "5",
                                                                 f"smtp://{address_of('mx1.s26-mx1-451.test')}"),
        "misbehaving mail host with good TLS": lambda: "Verify return code: 0 (ok)" in starttls(
            "mx1.smtp-lower-case.test", directory),
    }
    failed = [name for name, check in checks.items() if not check()]
    for name in checks:
        print(f"{'FAILED' if name in failed else 'ok':<7}{name}")
    return 1 if failed else 0


def flags(*question):
    return next(line for line in dig(*question).splitlines() if "flags:" in line).partition(";; flags:")[2].partition(";")[0]

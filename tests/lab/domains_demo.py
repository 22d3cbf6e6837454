"""The domains of `contrib/run --demo`: sound, or broken in the ways that newcomers meet first."""
from dataclasses import replace

from domains_rules import NO_STARTTLS, aged, own_pair
from model import EXPIRED, Certificate, Mail, Web, days, policy

BREAKS, HEALS = "breaks.test", "heals.test"


def with_web(name, **parts):
    """Healthy but for the policy host."""
    return replace(own_pair(name), web=(Web(**parts),))


def serving(name, **parts):
    return with_web(name, body=policy(f"mx1.{name}", f"mx2.{name}", **parts))


def with_third_mx(name):
    sound, third = own_pair(name), f"mx3.{name}"
    return replace(sound, mx=((5, third), *sound.mx), hosts={**sound.hosts, third: (Mail(),)})


def half_a_chain(name):
    (web,) = own_pair(name).web
    return replace(own_pair(name), web=(replace(web, certificate=Certificate(leaf_only=True)),))


STORIES = (
    (own_pair("sound.test"), "nothing is wrong here"),
    (serving("testing.test", mode="testing"), "its policy is still in testing mode"),
    (replace(own_pair("nothing.test"), record=(), web=(), tlsrpt=()), "it has no MTA-STS at all"),
    (own_pair("expired-mx.test", mx1=(Mail(EXPIRED),)), "the certificate of mx1 has expired"),
    (own_pair("wrong-name.test", mx1=(Mail(Certificate(names=("mail.wrong-name.test",))),)),
     "mx1 shows a certificate made for another name"),
    (own_pair("no-starttls.test", mx2=(Mail(options=NO_STARTTLS),)), "mx2 does not offer STARTTLS"),
    (own_pair("late-renewal.test", mx1=aged(days(90), days(6)), mx2=aged(days(90), days(5))),
     "both mail hosts missed their renewal: when mail will stop is foreseen"),
    (with_third_mx("forgotten-mx.test"), "mx3 was added to DNS, the policy file was forgotten"),
    (serving("misspelt.test", mode="enforced"), "the policy file says `mode: enforced`"),
    (with_web("missing-file.test", serve="return 404;"), "the policy host answers 404"),
    (with_web("redirected.test", serve="return 301 https://www.redirected.test$request_uri;"),
     "the policy host redirects to www"),
    (half_a_chain("half-a-chain.test"), "the policy host does not send the intermediate certificate"),
    (replace(own_pair("dashed-id.test"), record=("v=STSv1; id=2026-11-01;",)), "the id in the record has dashes"),
    (own_pair(BREAKS), "sound, until its mail moves to a host that its policy file does not list"),
    (own_pair(HEALS, mx1=(Mail(EXPIRED),), mx2=(Mail(EXPIRED),)),
     "the certificates of both mail hosts have expired, until they are renewed"),
)

DOMAINS = [domain for domain, _ in STORIES]

"""Mail hosts that no Postfix would be. Most are one ordinary dialogue with one part replaced."""
import ssl

from hostile_certificates import BOMBS
from misbehave_tls import RECORDS, plain_records, renegotiating

GREETING = "220 mx.lab.test ESMTP\r\n"
EHLO = "250-mx.lab.test\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250 HELP\r\n"
NO_STARTTLS = EHLO.replace("250-STARTTLS\r\n", "")
UNKNOWN = "502 5.5.2 Command not recognized\r\n"
GO_AHEAD = "220 2.0.0 Ready to start TLS\r\n"


def dialogue(greeting=GREETING, ehlo=EHLO, helo="250 mx.lab.test\r\n", starttls=GO_AHEAD, handshake=None, stalls_at=None):
    """The ordinary server; `handshake` replaces the TLS handshake and ends the dialogue, as does the verb `stalls_at`."""
    def behave(peer):
        peer.send(greeting)
        replies = {"EHLO": ehlo, "HELO": helo, "STARTTLS": starttls, "QUIT": "221 2.0.0 Bye\r\n"}
        while True:
            verb = peer.read_line().partition(" ")[0].upper()
            if verb == stalls_at:
                return peer.hang()
            peer.send(replies.get(verb, UNKNOWN))
            if verb == "QUIT":
                return
            if verb == "STARTTLS" and starttls.startswith("220"):
                if handshake:
                    return handshake(peer)
                peer.start_tls()
                replies["EHLO"] = NO_STARTTLS
    return behave


def with_tls(**how):
    return dialogue(handshake=lambda peer: (peer.start_tls(**how), dialogue(greeting="", ehlo=NO_STARTTLS)(peer)))


def small_hello_only(otherwise):
    """A middlebox that wants the whole ClientHello in one segment (RFC 8446 4.1.2)."""
    def handshake(peer):
        if len(peer.peek()) > 1400:
            return otherwise(peer)
        peer.start_tls()
        return dialogue(greeting="", ehlo=NO_STARTTLS)(peer)
    return handshake


def close_after_ehlo(peer):
    peer.send(GREETING)
    peer.read_line()
    peer.send(EHLO)


def endless(first, then):
    return lambda peer: (peer.send(first), peer.send_for_ever(then))


def endless_ehlo(peer):
    peer.send(GREETING)
    peer.read_line()
    peer.send_for_ever("250-X-PADDING\r\n")


def at(verb, act):
    """Behaves until that command, and then so."""
    def behave(peer):
        peer.send(GREETING)
        while peer.read_line().partition(" ")[0].upper() != verb:
            peer.send(EHLO)
        act(peer)
    return behave


BEHAVIOURS = {
    "hang": lambda peer: peer.hang(),
    "tarpit": lambda peer: peer.drip(GREETING.encode(), pause=4),
    "endless-greeting": endless("220-hello\r\n", "220-and hello again\r\n"),
    "garbage": lambda peer: (peer.send(b"\x16\x03\x01\xff\xfe no mail here\r\n" * 10), peer.hang()),
    "greeting-421": dialogue(greeting="421 4.7.0 Too busy, try again later\r\n"),
    "greeting-451": dialogue(greeting="451 4.7.1 Try again later\r\n"),
    "greeting-554": dialogue(greeting="554 5.7.1 Your address is on a list\r\n"),
    "ehlo-421": dialogue(ehlo="421 4.3.2 Shutting down\r\n"),
    "ehlo-5xx-helo-250": dialogue(ehlo=UNKNOWN, starttls=UNKNOWN),
    "ehlo-helo-5xx": dialogue(ehlo="550 5.7.1 Go away\r\n", helo="550 5.7.1 Go away\r\n"),
    "endless-ehlo": endless_ehlo,
    "line-1m": lambda peer: (peer.send(b"220 " + b"x" * 1_000_000 + b"\r\n"), peer.hang()),
    "masked": dialogue(ehlo=EHLO.replace("STARTTLS", "XXXXXXXX"), starttls=UNKNOWN),
    "lower-case": dialogue(ehlo=EHLO.replace("STARTTLS", "starttls")),
    "multi-line-greeting": dialogue(greeting="220-mx.lab.test ESMTP\r\n220-No spam\r\n220 please\r\n"),
    "starttls-454": dialogue(starttls="454 4.7.0 TLS not available\r\n"),
    "starttls-554": dialogue(starttls="554 5.7.3 Unable to initialize security subsystem\r\n"),
    "starttls-close": dialogue(handshake=lambda peer: None),
    "starttls-garbage": dialogue(handshake=lambda peer: (peer.send(b"250 this is not TLS\r\n" * 20), peer.hang())),
    "starttls-hang": dialogue(handshake=lambda peer: peer.hang()),
    "starttls-drip": dialogue(handshake=lambda peer: peer.drip_handshake()),
    "injected": dialogue(starttls=GO_AHEAD + "250-injected\r\n250 in clear\r\n"),
    "tls10": with_tls(version=ssl.TLSVersion.TLSv1),
    "sni-only": with_tls(sni="needed"),
    "sni-other": with_tls(sni="other"),
    "large-hello-hang": dialogue(handshake=small_hello_only(lambda peer: peer.hang())),
    "large-hello-reset": dialogue(handshake=small_hello_only(lambda peer: peer.reset())),
    "nul": dialogue(greeting="220 mx.lab\0.test ESMTP\r\n", ehlo=EHLO.replace("SIZE", "SI\0ZE")),
    "quit-hang": dialogue(stalls_at="QUIT"),
    "plain-quit-hang": dialogue(ehlo=NO_STARTTLS, starttls=UNKNOWN, stalls_at="QUIT"),
    "close-after-ehlo": close_after_ehlo,
    "drip-greeting": lambda peer: peer.drip(GREETING.encode()),
    "drip-ehlo": at("EHLO", lambda peer: peer.drip(EHLO.encode())),
    "drip-starttls": at("STARTTLS", lambda peer: peer.drip(GO_AHEAD.encode())),
    "endless-greeting-line": endless("220 ", "x" * 4096),
    "endless-ehlo-line": at("EHLO", lambda peer: (peer.send("250-"), peer.send_for_ever("X" * 4096))),
    "endless-starttls": at("STARTTLS", lambda peer: peer.send_for_ever("220-not yet\r\n" * 100)),
    "endless-starttls-line": at("STARTTLS", lambda peer: (peer.send("220 "), peer.send_for_ever("x" * 4096))),
    "endless-injected": at("STARTTLS", lambda peer: (
        peer.send(GO_AHEAD + "250 in clear\r\n"), peer.send_for_ever("250-STARTTLS\r\n250 in clear\r\n" * 100))),   # with the 220 at once
    "renegotiating": dialogue(handshake=renegotiating),
    **{name: dialogue(handshake=plain_records(record)) for name, record in RECORDS.items()},
    **{f"certificate-{name}": with_tls(bomb=name) for name in BOMBS},
    "markup": dialogue(greeting="554 5.7.1 <script>alert(1)</script><img src=x onerror=alert(1)>\r\n"),
}

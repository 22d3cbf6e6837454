"""Receivers of notices on loopback: a mail submission server and an HTTP listener, both with TLS where wanted."""
import base64
import http.server
import socketserver
import ssl
import subprocess
import threading


def make_certificate(folder, name="localhost"):
    """(certificate file, key file): self-signed, so that the certificate is its own root."""
    cert, key = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


def server_context(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


class Threaded(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, handler, port=0):
        super().__init__(("127.0.0.1", port), handler)
        self.port = self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        self.thread.join()

    def handle_error(self, *_):     # a client that goes away is part of the tests
        pass


class SmtpSession(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def wrap(self):
        self.connection = server_context(self.server.pair).wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.secure = True

    def take_token(self, mechanism, initial=None):
        """RFC 7628 3.2.3, and the form that Google and Microsoft have documented: a refusal is a challenge that says why, which
        the client answers before it gets its 535."""
        if initial is None:                             # too long for the line
            self.say("334 ")
            initial = self.rfile.readline().decode().strip()
        given = base64.b64decode(initial)
        user, token = self.server.token
        right = {"XOAUTH2": f"user={user}\1auth=Bearer {token}\1\1",
                 "OAUTHBEARER": f"n,a={user},\1host=localhost\1port={self.server.port}\1auth=Bearer {token}\1\1"}[mechanism]
        if given == right.encode():
            self.say("235 2.7.0 Accepted")
            return [mechanism.encode(), token.encode()]
        self.say("334 " + base64.b64encode(b'{"status":"invalid_token"}').decode())
        answer = self.rfile.readline().strip()
        self.server.commands.append(answer.decode())
        self.say("535 5.7.3 Authentication unsuccessful")
        return None

    def finish(self):
        super().finish()
        if self.secure:
            self.connection.close()     # the socket that the server knows of is another object

    def handle(self):
        server = self.server
        self.secure, self.user, mail = False, None, None
        if server.implicit:
            self.wrap()
        self.say("220 localhost ESMTP")
        while line := self.rfile.readline():
            command = line.decode("ascii").rstrip("\r\n")
            server.commands.append(command)
            verb = command.split(" ")[0].upper()
            if verb == "EHLO":
                self.say("250-localhost")
                if server.pair and not self.secure and server.offers_starttls:
                    self.say("250-STARTTLS")
                self.say(f"250 AUTH {server.mechanisms}" if self.secure else "250 8BITMIME")
            elif verb == "STARTTLS":
                self.say("220 go ahead")
                self.wrap()
            elif verb == "AUTH" and command.split(" ")[1] in ("XOAUTH2", "OAUTHBEARER"):
                self.user = self.take_token(*command.split(" ")[1:])
            elif verb == "AUTH":
                _, _, initial = command.partition("AUTH PLAIN ")
                if not initial:
                    self.say("334 ")
                    initial = self.rfile.readline().decode().strip()
                self.user = base64.b64decode(initial).split(b"\0")[1:]
                self.say("235 ok" if self.user == [b"watch", b"pass word"] else "535 5.7.8 no")
            elif verb == "MAIL":
                mail = {"from": command, "to": [], "secure": self.secure, "user": self.user}
                self.say("250 ok")
            elif verb == "RCPT":
                mail["to"].append(command[len("RCPT TO:"):])
                self.say(server.rcpt_reply)
            elif verb == "DATA":
                self.say("354 go on")
                body = b""
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    body += line[1:] if line.startswith(b".") else line
                mail["body"] = body
                server.mails.append(mail)
                self.say(server.data_reply)
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("500 what?")


class SmtpServer(Threaded):
    def __init__(self, pair=None, implicit=False, offers_starttls=True):
        super().__init__(SmtpSession)
        self.pair, self.implicit, self.offers_starttls = pair, implicit, offers_starttls
        self.mails, self.commands = [], []
        self.mechanisms, self.token = "PLAIN", ("", "")
        self.rcpt_reply, self.data_reply = "250 ok", "250 2.0.0 queued"


class HttpSession(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, self.headers, body))
        status, headers = self.server.answer(body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class HttpListener(Threaded):
    def __init__(self, pair=None, port=0, session=HttpSession):
        super().__init__(session, port)
        self.requests = []
        self.answer = lambda body: (200, {})
        if pair:
            self.socket = server_context(pair).wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if pair else ''}://127.0.0.1:{self.port}"

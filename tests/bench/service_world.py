"""What service.py watches: any number of domains of the lab's, each with a zone and a certificate of its own; and hosts that
swallow packets or dawdle. Beside the lab's servers run a name server and a web server for them; Postfix and the resolver are
the lab's."""
import asyncio
import base64
import contextlib
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/lab"))
sys.dont_write_bytecode = True
import certificates  # noqa: E402
import domains_bench  # noqa: E402
import servers  # noqa: E402
from hostile_certificates import der, number as integer, sequence  # noqa: E402
from model import Certificate, policy  # noqa: E402

LAB = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab")).resolve()
FOLDER = LAB / "service"                             # all that is written here
NSD, DAWDLERS = "127.0.53.9", 250
SHARES, PAIRS = 20, 40                               # of twenty domains, and pairs of MX hosts, four are holes, one a tarpit
FIRST_SERIAL = 0x5000000000
ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
HEAD = "$TTL 3600\n@ SOA ns.svc. h.svc. 1 3600 900 1209600 300\n@ NS ns.svc.\n"
NGINX = """daemon off; user root; pid run/nginx-service.pid; worker_processes 1; worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  log_format moments "$msec"; access_log {folder}/fetches.log moments; types {{ }} default_type text/plain;
  client_body_temp_path run/s1; proxy_temp_path run/s2; fastcgi_temp_path run/s3; uwsgi_temp_path run/s4; scgi_temp_path run/s5;
  map_hash_max_size 4096; map_hash_bucket_size 128; map $server_addr $body {{ {bodies} }}
  server {{ {listens} server_name _; ssl_certificate {folder}/pem/$ssl_server_name; ssl_certificate_key {folder}/key.pem;
    location / {{ return 404; }} location = /.well-known/mta-sts.txt {{ return 200 $body; }} }}
}}
"""


def name(number):
    return f"d{number:06}.svc"


def is_well(number):
    return number % SHARES > 4


def is_hole(number):
    return number % SHARES < 4


def mx_of(pair, ill):
    return [f"mx{n}.h{pair:02}.svc" for n in (1, 2)] if ill and not is_well(pair) else domains_bench.pair(pair)


def private_and_x(path):
    """The number of an EC key, and the first coordinate of its point."""
    text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], check=True, capture_output=True, text=True).stdout
    private, public = (re.sub(r"[\s:]", "", part) for part in re.search(r"priv:([\s0-9a-f:]*)pub:([\s0-9a-f:]*)", text).groups())
    return int(private, 16), int(public[2:66], 16)


def make_certificates(count):
    """One for each policy host, all with one key: that of the first by the lab's CA, with another name and number in it and
    signed again. (One nonce for all of them gives the CA's key away; nobody wants it.)"""
    authority = certificates.Authority(LAB)
    (authority.issued / "serial").write_text(f"{FIRST_SERIAL:X}\n")
    first = Certificate().shown_by("mta-sts." + name(0))
    authority.issue_all({first})
    key, leaf, *chain = re.findall(r"-----BEGIN.*?-----END[^\n]*\n", certificates.pem_path(LAB, first).read_text(), re.S)
    (FOLDER / "key.pem").write_text(key)
    nonce = FOLDER / "nonce.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", nonce], check=True)
    (signer, _), (k, r) = private_and_x(authority.kept / "ca.key"), private_and_x(nonce)
    inverse = pow(k, -1, ORDER_P256)
    octets = base64.b64decode("".join(leaf.split("\n")[1:-2]))
    body = octets[4:8 + int.from_bytes(octets[6:8], "big")]            # behind the head of the whole: what is signed
    algorithm = sequence(bytes.fromhex("06082a8648ce3d040302"))        # ecdsa-with-SHA256
    (FOLDER / "pem").mkdir(exist_ok=True)
    for n in range(count):
        signed = body.replace(name(0).encode(), name(n).encode())
        signed = signed.replace(FIRST_SERIAL.to_bytes(5, "big"), (FIRST_SERIAL + n).to_bytes(5, "big"))
        s = inverse * (int.from_bytes(hashlib.sha256(signed).digest(), "big") + r * signer) % ORDER_P256
        whole = base64.encodebytes(sequence(signed, algorithm, der(3, b"\0", sequence(integer(r), integer(s))))).decode()
        (FOLDER / "pem" / f"mta-sts.{name(n)}").write_text(
            f"-----BEGIN CERTIFICATE-----\n{whole}-----END CERTIFICATE-----\n" + "".join(chain))


class World:
    """Whose policy hosts have so many addresses, but for those that are ill."""

    def __init__(self, addresses):
        self.addresses = addresses

    def web_address(self, number, ill):
        if not ill or is_well(number):
            return "127.1.{}.{}".format(*divmod(number % self.addresses, 250))
        # To the former there is a route and nobody who takes the packets.
        return f"10.9.{number >> 8 & 255}.{number & 255}" if is_hole(number) else f"127.0.11.{number // SHARES % DAWDLERS + 1}"

    def zone(self, number, ill):
        mx = "".join(f"@ MX 10 {host}.\n" for host in mx_of(number % PAIRS, ill))
        return (f'{HEAD}_mta-sts TXT "v=STSv1; id=1;"\n_smtp._tls TXT "v=TLSRPTv1; rua=mailto:t@reports.test"\n'
                f"mta-sts A {self.web_address(number, ill)}\n{mx}")

    def write_zones(self, count, ill):
        """A zone for each domain, and a file for all that have the same in it."""
        folder = FOLDER / "zones"
        folder.mkdir(exist_ok=True)
        hosts = [f"mx{n}.h{pair:02} A " + (f"10.9.255.{pair * 2 + n}\n" if is_hole(pair) else f"127.0.11.{pair * 2 + n}\n")
                 for pair in range(PAIRS) if not is_well(pair) for n in (1, 2)]
        (folder / "svc").write_text(f"{HEAD}ns A {NSD}\n" + "".join(hosts))
        zones = {"svc": "svc"}
        for number in range(count):
            shared = number if ill and not is_well(number) else number % self.addresses
            zones[name(number)] = str(shared)
            if shared == number:
                (folder / str(number)).write_text(self.zone(number, ill))
        text = servers.NSD.format(directory=LAB, name="service", zones=folder, addresses=f"  ip-address: {NSD}@53\n")
        (FOLDER / "nsd.conf").write_text(text + "".join(f"zone:\n name: {one}\n zonefile: {file}\n" for one, file in zones.items()))

    def write_nginx(self):
        bodies = {self.web_address(n, False): policy(*mx_of(n % PAIRS, False)).decode().replace("\r\n", "\\r\\n")
                  for n in range(self.addresses)}
        (FOLDER / "nginx.conf").write_text(NGINX.format(
            folder=FOLDER, listens="".join(f"listen {one}:443 ssl; " for one in bodies),
            bodies="".join(f'{one} "{body}"; ' for one, body in bodies.items())))

    def prepare(self, count):
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "roots.pem").write_text(Path("/etc/ssl/certs/ca-certificates.crt").read_text() + (LAB / "ca.pem").read_text())
        make_certificates(count)
        self.write_nginx()
        subprocess.run(["ip", "route", "add", "10.9.0.0/16", "dev", "lo", "src", "127.0.0.1"], check=True)
        control("forward_add", "+i", "svc.", NSD)

    @contextlib.contextmanager
    def served(self, count, ill):
        self.write_zones(count, ill)
        with running("nsd", "-d", "-c", FOLDER / "nsd.conf"), running(sys.executable, "-B", __file__), \
             running("nginx", "-p", f"{LAB}/", "-e", "logs/nginx-service.log", "-c", FOLDER / "nginx.conf"):
            control("flush_zone", "svc.")
            time.sleep(5 + count / 2000)             # until the zones are read
            yield


def control(*words):
    command = ["unbound-control", "-c", LAB / "unbound.conf", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextlib.contextmanager
def running(*command):
    with open(FOLDER / "log", "ab") as log:
        process = subprocess.Popen(list(map(str, command)), cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def pit(begin):
    async def serve(_, writer):
        with contextlib.suppress(OSError):
            for octet in begin + bytes(600):
                writer.write(bytes([octet or 97]))
                await writer.drain()
                await asyncio.sleep(1)
        writer.close()
    return serve


async def dawdle():
    """Tarpits: they begin well and go on by an octet a second."""
    for n in range(DAWDLERS):
        await asyncio.start_server(pit(b"\x16\x03\x03\x40\x00"), f"127.0.11.{n + 1}", 443)
        await asyncio.start_server(pit(b"220-"), f"127.0.11.{n + 1}", 25)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(dawdle())

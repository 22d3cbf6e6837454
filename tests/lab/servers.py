"""Configuration of the real servers, and the command that runs each in the foreground."""
import shutil
import sys
from pathlib import Path

import world
from certificates import pem_path
from files import replace_file
from model import BASE_POLICY

HERE = Path(__file__).resolve().parent
POSTFIX_PROGRAMS = Path("/usr/lib/postfix/sbin")

NSD = """server:
{addresses}  zonesdir: "{zones}"
  username: ""
  database: ""
  pidfile: "{directory}/run/{name}.pid"
  xfrdfile: "{directory}/run/{name}.state"
  zonelistfile: "{directory}/run/{name}.list"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: yes
  control-interface: "{directory}/run/{name}.socket"
"""

# Two labs on one address would each get half of the questions: hence no so-reuseport.
UNBOUND = """server:
  interface: {address}
  port: {port}
  access-control: 127.0.0.0/8 allow
  directory: "{directory}/run"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  so-reuseport: no
  num-threads: 1
  do-ip6: no
  module-config: "validator iterator"
  trust-anchor-file: "{trust_anchor}"
  ede: yes
  cache-max-ttl: 1000000
  qname-minimisation: no
  do-not-query-localhost: no
  local-zone: "test." nodefault
remote-control:
  control-enable: yes
  control-interface: "{directory}/run/unbound.socket"
  control-use-cert: no
forward-zone:
  name: "."
  forward-addr: {nsd_address}@{nsd_port}
"""
DEAD_ZONE = """forward-zone:
  name: "{name}."
  forward-addr: {servfail}
"""

NGINX = """{modules}daemon off;
pid run/nginx.pid;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log logs/policy-hosts.log;
  client_body_temp_path run/nginx-body; proxy_temp_path run/nginx-proxy; fastcgi_temp_path run/nginx-fastcgi;
  uwsgi_temp_path run/nginx-uwsgi; scgi_temp_path run/nginx-scgi;
  types {{ }}
  server_tokens off;
  server_names_hash_bucket_size 128;
  server_names_hash_max_size 2048;
  ssl_protocols TLSv1.2 TLSv1.3;
  server {{ listen 127.0.1.1:80; location = /ca.crl {{ alias {crl}; }} location / {{ return 404; }} }}
{servers}}}
{balancers}"""
# A site's own build of nginx may have the module inside.
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
BALANCER = """  upstream {name} {{ {members} }}
  server {{ listen {address}:25; proxy_pass {name}; }}
"""
NGINX_SERVER = """  server {{
    listen {address}:443 ssl;
    server_name {host};
    ssl_certificate {pem}; ssl_certificate_key {pem};
    {dated}location / {{ return 404; }}
    location = /.well-known/mta-sts.txt {{ alias {body}; {serve} }}
  }}
"""

MAIN_CF = """compatibility_level = 3.6
queue_directory = {directory}/postfix-queue
data_directory = {directory}/postfix-data
daemon_directory = {programs}
maillog_file = {directory}/logs/postfix.log
maillog_file_prefixes = {directory}
inet_interfaces = 127.0.0.1
inet_protocols = all
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = reject
smtpd_tls_security_level = may
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_loglevel = 1
smtpd_peername_lookup = no
postlogd_watchdog_timeout = 600s
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = 100
"""
MASTER_CF = """postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
"""


def nsd(directory, zones):
    address, port = world.NSD
    return _nsd(directory, "nsd", (f"{address}@{port}", f"{address}@53"), zones.folder, zones.served)


def second_nsd(directory, zones):
    return _nsd(directory, "nsd-second", (f"{world.SECOND_SERVER}@53",), zones.second, zones.served_by_second)


def _nsd(directory, name, addresses, folder, served):
    text = NSD.format(directory=directory, name=name, zones=folder, addresses="".join(f"  ip-address: {one}\n" for one in addresses))
    text += "".join(f'zone:\n  name: "{zone}"\n  zonefile: "{path.name}"\n' for zone, path in served.items())
    configuration = Path(directory, f"{name}.conf")
    configuration.write_text(text)
    return ["nsd", "-d", "-c", str(configuration)]


def unbound(directory, trust_anchor):
    servfail = next(address for address, behaviour in world.BAD_RESOLVERS.items() if behaviour == "servfail")
    text = UNBOUND.format(directory=directory, address=world.RESOLVER[0], port=world.RESOLVER[1],
                          trust_anchor=trust_anchor, nsd_address=world.NSD[0], nsd_port=world.NSD[1])
    text += "".join(DEAD_ZONE.format(name=domain.name, servfail=(domain.name_servers or (servfail,))[0])
                    for domain in world.DOMAINS if domain.dead_zone)
    configuration = Path(directory, "unbound.conf")
    configuration.write_text(text)
    return ["unbound", "-d", "-c", str(configuration)]


def nginx(directory):
    configure_nginx(directory)
    return ["nginx", "-p", f"{directory}/", "-e", "logs/nginx-error.log", "-c", f"{directory}/nginx.conf"]


def policy_file(directory, domain, web):
    return Path(directory, "www", f"{domain.name}-{web.address}.txt")


def configure_nginx(directory):
    """True when what nginx has read is no longer what it should know; policy files it reads at each request."""
    blocks = []
    dated = "" if world.CLOCK_IS_REAL else "add_header Age 0 always;\n    "
    for domain, web in world.webs():
        if not world.is_real(web):
            continue
        body = policy_file(directory, domain, web)
        replace_file(body, BASE_POLICY if web.body is None else web.body)
        blocks.append(NGINX_SERVER.format(address=web.address, host=domain.policy_host, body=body, serve=web.serve, dated=dated,
                                          pem=pem_path(directory, web.certificate)))
    balancers = _balancers()
    return replace_file(Path(directory, "nginx.conf"), NGINX.format(
        servers="".join(blocks), crl=Path(directory, "certificates", "ca.crl"), balancers=balancers,
        modules=f"load_module {STREAM_MODULE};\n" if balancers and STREAM_MODULE.exists() else ""))


def _balancers():
    pools = [(mail.address, mail.pool) for _, mail in world.mails() if mail.pool]
    blocks = "".join(BALANCER.format(address=address, name=f"pool{n}", members=" ".join(f"server {one.address}:25;" for one in pool))
                     for n, (address, pool) in enumerate(pools))
    return f"stream {{\n{blocks}}}\n" if pools else ""


def _master_entry(directory, host, mail):
    address = f"[{mail.address}]" if ":" in mail.address else mail.address
    options = (f"myhostname={host}", f"smtpd_tls_chain_files={pem_path(directory, mail.certificate)}", *mail.options)
    return f"{address}:25 inet n - n - - smtpd\n" + "".join(f"  -o {{{option}}}\n" for option in options)


def _make_queue(directory):
    queue = Path(directory, "postfix-queue")
    shutil.rmtree(queue, ignore_errors=True)
    (queue / "pid").mkdir(parents=True)
    owned = [queue / name for name in ("private", "public", "active", "incoming", "deferred", "defer", "bounce")]
    owned.append(Path(directory, "postfix-data"))
    for folder in owned:
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, "postfix")


def postfix(directory):
    configuration = Path(directory, "postfix")
    configuration.mkdir(exist_ok=True)
    _make_queue(directory)
    (configuration / "main.cf").write_text(MAIN_CF.format(directory=directory, programs=POSTFIX_PROGRAMS))
    configure_postfix(directory)
    return [str(POSTFIX_PROGRAMS / "master"), "-c", str(configuration), "-d"]


def configure_postfix(directory):
    """True when what Postfix has read is no longer what it should know."""
    return replace_file(Path(directory, "postfix", "master.cf"), MASTER_CF + "".join(
        _master_entry(directory, host, mail) for host, mail in world.mails() if world.is_real(mail)))


def misbehave(directory):
    return [sys.executable, "-B", str(HERE / "misbehave.py"), str(directory)]

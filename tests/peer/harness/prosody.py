"""Prosody of Debian as a partner: own configuration, addresses, certificates, DNS."""
import os
import subprocess

from .place import Program, need, wait_for, port_open

CONFIG = """
pidfile = "{dir}/prosody.pid"
data_path = "{dir}/data"
run_as_root = true
daemonize = false
network_backend = "epoll"
use_libevent = false
plugin_paths = {{ "{dir}/modules" }}
modules_enabled = {{ {modules} }}
modules_disabled = {{ {disabled} }}
authentication = "internal_hashed"
storage = "internal"
interfaces = {{ {interfaces} }}
c2s_ports = {{ 5222 }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ {s2s_ports} }}
s2s_direct_tls_ports = {{ {s2s_tls_ports} }}
http_ports = {{}} https_ports = {{}}
s2s_require_encryption = true
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
s2s_secure_auth = {secure_auth}
use_ipv6 = true
unbound = {{ resolvconf = false, hoststxt = false,
	forward = {{ "{dns}" }},
	options = {{ ["do-not-query-localhost:"] = "no", ["cache-max-ttl:"] = "1", ["cache-max-negative-ttl:"] = "1", ["infra-host-ttl:"] = "1" }} }}
certificates = "{dir}/certs"
ssl = {{ certificate = "{crt}", key = "{key}", cafile = "{ca}", protocol = "tlsv1_2+" }}
log = {{ {{ levels = {{ min = "{log}" }}, to = "console" }} }}
{extra}
VirtualHost "{domain}"
	ssl = {{ certificate = "{crt}", key = "{key}", cafile = "{ca}" }}
{host_extra}
{parts}
"""

MODULES = ("roster", "saslauth", "tls", "dialback", "disco", "carbons", "smacks", "csi", "ping", "presence",
           "message", "iq", "c2s", "s2s", "s2s_auth_certs", "s2s_bidi", "vcard_legacy", "pep", "offline",
           "blocklist", "time", "version", "posix")


class Prosody:
    def __init__(self, place, domain, cert, ca, dns, addr=None, name=None, dialback=True, external=True,
                 secure_auth=True, bidi=True, smacks=True, direct_tls_only=False, direct_tls=True,
                 addr6_port=None, extra="", host_extra="", log="debug", parts=""):
        self.place, self.domain, self.cert = place, domain, cert
        self.addr = addr or place.addr()
        self.name = name or "prosody-" + domain
        self.dir = place.path(self.name)
        self.users = {}
        self.port = 5269
        os.makedirs(os.path.join(self.dir, "data"), exist_ok=True)
        os.makedirs(os.path.join(self.dir, "modules"), exist_ok=True)
        modules = list(MODULES)
        if not dialback:
            modules.remove("dialback")
        if not external:
            modules.remove("s2s_auth_certs")
        if not bidi:
            modules.remove("s2s_bidi")
        if not smacks:
            modules.remove("smacks")
        interfaces = ['"%s"' % self.addr]
        if addr6_port:
            interfaces = ['"::1"']
            self.addr, self.port = "::1", addr6_port
        self.config = place.write(self.name + "/prosody.cfg.lua", CONFIG.format(
            dir=self.dir, domain=domain, crt=cert.crt, key=cert.key, ca=ca,
            dns="%s@%d" % (dns.addr, dns.port), secure_auth="true" if secure_auth else "false",
            modules=", ".join('"%s"' % m for m in modules),
            disabled=", ".join('"%s"' % m for m in
                               ([] if external else ["s2s_auth_certs"])),
            interfaces=", ".join(interfaces),
            s2s_ports="" if direct_tls_only else str(self.port),
            s2s_tls_ports="5270" if direct_tls or direct_tls_only else "",
            extra=extra, host_extra=host_extra, log=log, parts=parts))
        if addr6_port:
            text = open(self.config).read().replace("c2s_ports = { 5222 }", "c2s_ports = { }")
            place.write(self.name + "/prosody.cfg.lua", text)
        self.direct_tls_only = direct_tls_only
        self.c2s = not addr6_port
        self.program = None

    def user(self, name, password="secret"):
        """Made by Prosody's own tool, before it starts or while it runs."""
        subprocess.run([need("prosodyctl"), "--root", "--config", self.config, "register", name, self.domain,
                        password],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
        self.users[name] = password
        return "%s@%s" % (name, self.domain)

    def start(self):
        self.program = Program(self.place, self.name, [need("prosody"), "--root", "--config", self.config, "-F"],
                               cwd=self.dir)
        port = 5270 if self.direct_tls_only else self.port
        wait_for("%s listens" % self.name, lambda: port_open(self.addr, port), 20)
        if self.c2s and ":" not in self.addr:
            wait_for("%s takes clients" % self.name, lambda: port_open(self.addr, 5222), 20)
        return self

    def stop(self):
        self.program.stop()

"""DNS with signatures: zones signed by ldns-signzone, served and validated by unbound.

    dns = SignedDns(place, {"signed.example": ["host A 127.0.0.1", ...]}, unsigned={...}); dns.addr, dns.port
Records are lines of a zone file; `spoil` lines are changed after signing, so that they are bogus.
"""
import os
import subprocess

from .dns import PORT
from .place import Program, need, wait_for

CONFIG = """
server:
  interface: {addr}@{port}
  port: {port}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  use-syslog: no
  logfile: ""
  chroot: ""
  username: ""
  directory: "{dir}"
  pidfile: "{dir}/unbound.pid"
  do-ip6: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  cache-max-ttl: 1
  val-log-level: 2
{anchors}
remote-control:
  control-enable: no
{zones}
"""
ZONE = """$ORIGIN {name}.
$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
{records}
"""


class SignedDns:
    def __init__(self, place, signed, unsigned=None, spoil=()):
        self.place, self.addr, self.port = place, place.addr(), PORT
        self.dir = place.path("signed-dns")
        os.makedirs(self.dir, exist_ok=True)
        self.anchors, self.zones = [], []
        for name, records in signed.items():
            self._zone(name, self._sign(name, self._write(name, records), spoil))
        for name, records in (unsigned or {}).items():
            self._zone(name, self._write(name, records))

    def _write(self, name, records):
        return self.place.write("signed-dns/" + name, ZONE.format(name=name, records="\n".join(records)))

    def _zone(self, name, path):
        self.zones.append('auth-zone:\n  name: "%s"\n  zonefile: "%s"\n  for-downstream: no\n  for-upstream: yes\n'
                          "  fallback-enabled: no" % (name, path))

    def _sign(self, name, path, spoil):
        key = subprocess.run([need("ldns-keygen"), "-a", "ECDSAP256SHA256", "-k", name], cwd=self.dir, check=True,
                             stdout=subprocess.PIPE, text=True).stdout.strip()
        self.anchors.append('  trust-anchor-file: "%s/%s.key"' % (self.dir, key))
        subprocess.run([need("ldns-signzone"), "-f", path + ".signed", path, key], cwd=self.dir, check=True)
        with open(path + ".signed") as f:
            text = f.read()
        for was, now in spoil:
            assert was in text, was
            text = text.replace(was, now)
        with open(path + ".signed", "w") as f:
            f.write(text)
        return path + ".signed"

    def start(self):
        config = self.place.write("signed-dns/unbound.conf", CONFIG.format(
            addr=self.addr, port=self.port, dir=self.dir, anchors="\n".join(self.anchors),
            zones="\n".join(self.zones)))
        self.program = Program(self.place, "unbound", [need("unbound"), "-d", "-c", config], cwd=self.dir)
        wait_for("unbound answers", lambda: "start of service" in self.program.text(), 10)
        return self

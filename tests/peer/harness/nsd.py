"""Zones on an authoritative name server (nsd), which validates nothing: a root of our own, signed, below which zones are signed or not.

    dns = Nsd(place, {"signed.example": [...]}, unsigned={...}, spoil=[...]).start(); dns.anchors_ds: what a resolver is to believe
"""
import os
import subprocess

from .place import Program, need, wait_for
from .signed import SignedDns

CONFIG = """
server:
  ip-address: {addr}@{port}
  username: ""
  chroot: ""
  zonesdir: "{dir}"
  database: ""
  zonelistfile: "{dir}/zone.list"
  xfrdfile: "{dir}/xfrd.state"
  xfrdir: "{dir}"
  pidfile: "{dir}/nsd.pid"
  logfile: ""
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
{zones}
"""


class Nsd(SignedDns):
    def __init__(self, place, signed, unsigned=None, spoil=()):
        super().__init__(place, signed, unsigned, spoil)
        names = list(signed) + list(unsigned or {})
        lines = [". 60 IN SOA ns. hostmaster. 1 3600 600 86400 60", ". 60 IN NS ns.", "ns. 60 IN A " + self.addr]
        for name in names:  # without DS in the root: insecure, unless there is an anchor for it
            lines += ["%s. 60 IN NS ns.%s." % (name, name), "ns.%s. 60 IN A %s" % (name, self.addr)]
        path = self.place.write("signed-dns/root", "\n".join(lines) + "\n")
        self._zone(".", self._sign(".", path, ()))
        self.anchors_ds = [self._ds(a.split('"')[1]) for a in self.anchors]

    def _zone(self, name, path):
        self.zones.append('zone:\n  name: "%s"\n  zonefile: "%s"' % (name, path))

    @staticmethod
    def _ds(path):
        """DOMAIN TAG ALGORITHM TYPE DIGEST"""
        text = subprocess.run([need("ldns-key2ds"), "-n", "-2", path], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        at = text.index("DS")
        return " ".join([text[0].rstrip(".") or "."] + text[at + 1:at + 5])

    def start(self):
        self.config = self.place.write("signed-dns/nsd.conf", CONFIG.format(
            addr=self.addr, port=self.port, dir=self.dir, zones="\n".join(self.zones)))
        self.run()
        return self

    def run(self):
        self.program = Program(self.place, "nsd", [need("nsd"), "-d", "-c", self.config], cwd=self.dir)
        wait_for("nsd answers", lambda: "started" in self.program.text(), 10)

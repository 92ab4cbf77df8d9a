"""rsyslog of Debian as the server that our lines go to."""
import os
import re

from .place import Program, need, port_open, wait_for

CONFIG = """
global(workDirectory="{dir}" {tls})
module(load="{module}" {mode})
template(name="all" type="string" string="%rawmsg%\\n")
input(type="{module}" address="{addr}" port="{port}" ruleset="in"{input})
ruleset(name="in") {{ action(type="omfile" file="{file}" template="all") }}
"""


class Rsyslog:
    """transport: udp, tcp or tls (then cert is its own, ca whom it believes)."""

    def __init__(self, place, transport, port, addr=None, cert=None, ca=None, peer=None, name=None):
        self.place, self.transport, self.port = place, transport, port
        self.addr = addr or place.addr()
        self.name = name or "rsyslog-" + transport
        self.dir = place.path(self.name)
        os.makedirs(self.dir, exist_ok=True)
        self.file = os.path.join(self.dir, "messages")
        self.program = None
        tls = mode = extra = ""
        if transport == "tls":
            tls = ('defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="%s" defaultNetstreamDriverCertFile="%s" '
                   'defaultNetstreamDriverKeyFile="%s"' % (ca, cert.crt, cert.key))
            mode = 'streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="%s"' % (
                "x509/name" if peer else "anon")
            if peer:
                mode += ' permittedPeer=["%s"]' % peer
        self.config = place.write(self.name + "/rsyslog.conf", CONFIG.format(
            dir=self.dir, tls=tls, mode=mode, module="imudp" if transport == "udp" else "imtcp", addr=self.addr,
            port=port, input=extra, file=self.file))

    def start(self):
        self.program = Program(self.place, self.name, [need("rsyslogd"), "-n", "-f", self.config, "-i",
                                                       os.path.join(self.dir, "pid")])
        if self.transport == "udp":
            hexport = "%04X" % self.port
            wait_for("rsyslog listens", lambda: any(l.split()[1].endswith(":" + hexport)
                                                    for l in open("/proc/net/udp").readlines()[1:]), 10)
        else:
            wait_for("rsyslog listens", lambda: port_open(self.addr, self.port), 10)
        return self

    def kill(self):
        self.program.child.kill()
        self.program.child.wait(5)

    def stop(self):
        self.program.stop()

    def lines(self):
        if not os.path.exists(self.file):
            return []
        with open(self.file, encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()

    def has(self, pattern):
        return [l for l in self.lines() if re.search(pattern, l)]

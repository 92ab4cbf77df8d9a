"""SIP figures: stateful relay beside Kamailio's, translation to XMPP and back, presence subscriptions.

Kamailio of Debian with one worker a transport, no database, t_relay: what gh-sip does with a request from
one partner to another. All is loopback; a round goes around the servers in turn.
"""
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("GATEHOUSE_BIN", os.path.join(HERE, "..", "..", "build", "release", "bin"))

from servers import Site  # noqa: E402
from harness import raw  # noqa: E402
from harness.gatehouse import Gatehouse  # noqa: E402
from harness.kamailio import Kamailio  # noqa: E402

WINDOW, CALLER, CALLED = 100, "a.example", "b.example"
PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}


def load(mode, server, how, bundle, local, uas, **options):
    """One run of gh-sipload; what it printed."""
    argv = [os.path.join(BIN, "gh-sipload"), "--server", "%s:%s:%d" % (how, server.addr, PORTS[how]), "--local", local,
            "--uas", uas, "--pids", str(server.program.pid), "--certificate", bundle, "--server-name", server.domain,
            "--window", str(options.pop("window", WINDOW))]
    for k, v in options.items():
        argv += ["--" + k.replace("_", "-"), str(v)]
    got = subprocess.run(argv + [mode], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900)
    if got.returncode != 0:
        sys.exit("bench: %s by %s to %s failed: %s%s\n%s" % (mode, how, server.name, got.stdout, got.stderr,
                                                           server.program.text()[-2000:]))
    return json.loads(got.stdout)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Company:
    """A gateway whose two SIP partners, caller and called, are both gh-sipload."""

    def __init__(self, site):
        self.site, self.uas = site, site.place.addr()
        self.cert = site.pki.make("good", CALLER, extra=(CALLED,))
        site.dns.a(CALLER, self.uas)
        self.bundle = site.place.write("load.pem", self.cert.text() + self.cert.key_text())

    def gatehouse(self, how, users=()):
        s, domain = self.site, "near.example"
        peer = {"action": "allow", "tls": "optional", "addresses": self.uas, "subjects": CALLER}
        route = {"pattern": CALLED, "type": "domain", "next-hop": self.uas, "port": 7000, "protocol": how}
        gh = Gatehouse(s.place, domain, s.pki.make("good", domain), s.pki.ca, s.dns, name="gatehouse-" + how,
                       sip_peers={CALLER: peer, CALLED: peer}, sip_routes={
                           "1": route, "2": dict(route, pattern=CALLER)})
        for u in users:
            gh.user(u)
        return gh.start()

    def kamailio(self, how):
        s = self.site
        return Kamailio(s.place, "relay.example", s.pki.make("good", "relay.example"), s.pki.ca, name="kamailio-" + how,
                        relay_to="sip:%s:7000;transport=%s" % (self.uas, how), debug=0, fr_ms=30000, memory_mib=3072).start()

    def load(self, mode, server, how, **options):
        return load(mode, server, how, self.bundle, self.uas, "%s:%s:7000" % (how, self.uas), **{"from": CALLER}, **options)


def relay(plan, out):
    site = Site()
    try:
        company = Company(site)
        for how in PORTS:
            servers = {"gatehouse": company.gatehouse(how), "kamailio": company.kamailio(how)}
            for _ in range(plan["rounds"]):
                for name, s in servers.items():
                    say("sip: relay by %s, %s" % (how, name))
                    for r in company.load("relay", s, how, to=CALLED, seconds=plan["seconds"])["rounds"]:
                        key = ("sip", WINDOW, "relay, " + how.upper())
                        out.add(key + ("messages per CPU second",), name, r["per_cpu_s"])
                        out.add(key + ("messages/s by the clock",), name, r["per_s"])
                        out.add(key + ("failed",), name, r["failed"])
            for s in servers.values():
                s.stop()
    finally:
        site.close()


def held(plan, out):
    """Relays that wait for a silent party: memory of all our programs for each, once it waits."""
    site = Site()
    try:
        company = Company(site)
        for how in PORTS:
            gh = company.gatehouse(how)
            say("sip: %d held by %s" % (plan["held"], how))
            for r in company.load("held", gh, how, to=CALLED, seconds=12, window=plan["held"])["rounds"]:
                out.add(("held", plan["held"], "relay that waits, " + how.upper(), "bytes each"), "gatehouse", r["bytes_each"])
            gh.stop()
    finally:
        site.close()


class Answering(threading.Thread):
    """XMPP users that say yes to every subscription and send every message back."""

    def __init__(self, gh, users):
        super().__init__(daemon=True)
        self.streams = [raw.login(gh.addr, u, gh.domain, ca=gh.ca) for u in users]
        self.is_over = False

    def run(self):
        import selectors
        sel = selectors.DefaultSelector()
        for s in self.streams:
            sel.register(s.sock, selectors.EVENT_READ, s)
        while not self.is_over:
            for key, _ in sel.select(0.2):
                try:
                    self._answer(key.data)
                except raw.Closed:
                    sel.unregister(key.fileobj)

    @staticmethod
    def _answer(s):
        s._read(raw.time.monotonic() + 1)
        out = []
        for e in s.pending:
            if raw.local(e.tag) == "presence" and e.get("type") == "subscribe":
                out.append("<presence type='subscribed' to='%s'/>" % e.get("from"))
            elif raw.local(e.tag) == "message" and e.get("type") != "error" and e.find("{*}body") is not None:
                out.append("<message type='chat' to='%s'><body>%s</body></message>" % (
                    e.get("from").split("/")[0], e.findtext("{*}body")))
        s.pending = []
        if out:
            s.send("".join(out))


def translate(plan, out):
    """SIP to XMPP, and there and back; ten users, each answered by hand."""
    site = Site()
    try:
        company, users = Company(site), ["user%d" % i for i in range(10)]
        for how in ("udp", "tls"):
            gh = company.gatehouse(how, users)
            people = Answering(gh, users)
            people.start()
            for _ in range(plan["rounds"]):
                say("sip: translation by %s" % how)
                for r in company.load("echo", gh, how, to=gh.domain, users=len(users), seconds=plan["seconds"])["rounds"]:
                    key = ("sip", WINDOW, "SIP to XMPP and back, " + how.upper())
                    out.add(key + ("messages (two a round trip) per CPU second",), "gatehouse", 2 * r["per_cpu_s"])
                    out.add(key + ("messages/s by the clock",), "gatehouse", 2 * r["per_s"])
                    out.add(key + ("failed",), "gatehouse", r["failed"])
            people.is_over = True
            gh.stop()
    finally:
        site.close()


def subscriptions(plan, out):
    count, n_users = plan["subscriptions"]
    site = Site()
    try:
        company, users = Company(site), ["user%d" % i for i in range(n_users)]
        gh = company.gatehouse("tls", users)
        people = Answering(gh, users)
        people.start()
        say("sip: %d subscriptions" % count)
        for r in company.load("subscribe", gh, "tls", to=gh.domain, count=count, users=n_users, hold=10,
                              contact=CALLER + ":7000")["rounds"]:
            key = ("sip", count, "subscriptions, " + r["phase"])
            for what, k, scale in (("active", "active", 1), ("failed", "failed", 1), ("KiB each", "kib_each", 1),
                                   ("MiB of all programs", "pss_kib", 1 / 1024), ("CPU microseconds each", "us_each", 1)):
                out.add(key + (what,), "gatehouse", r[k] * scale)
        people.is_over = True
    finally:
        site.close()


def bench(plan, out):
    for part in (relay, translate, subscriptions):
        part(plan, out)

"""Settings with a name in their path (peers, listeners, certificates, trust, ...) made, changed and deleted on a running box, one commit each,
while a federated stream, a client's session, a SIP dialog over TLS, a registered phone and an allocation stay open."""
import datetime
import statistics
import time

from harness.fed import Fed
from harness.netns import own_network
from harness.people import DOMAIN
from harness.phone import Phone, status
from harness.place import wait_for
from harness.relay import CLIENT, PEER, SERVER, echo_peer
from harness.sipbox import PARTNER, SipBox
from harness.turnclient import TurnClient, keys
from test_live_settings import DEF, ROW, second

REALM, PASSWORD = "relay.example", "correct horse"
OTHER = "other.example"  # a partner who is not there: rules about who is believed are his
STRANGERS = ("action", "tls", "auth", "wildcard-certificate", "pin", "authority", "host", "host-direct-tls", "type", "subjects", "addresses",
             "common-name", "client-usage")
PIN = "%064x"
# What was believed before is not any more: partners prove themselves anew, in order and without a restart (docs/admin/live.md).
PROVEN_ANEW = ("trust anchor *", "trust revocation *")
ELSEWHERE = {
    "interface ": "test_network: the network of a machine that is no appliance is not ours",
    "time ": "test_time: nor is its clock",
}
SNMP_USER = (("snmp user u auth-secret", '"first secret"'), ("snmp user u privacy-secret", '"first privacy"'))
SNMP_RECEIVER = SNMP_USER + (("snmp trap-receiver t address", "127.0.0.1 9162"), ("snmp trap-receiver t user", "u"))
SNMP_COMMUNITY = (("snmp community c name", "words"), ("snmp community c source", "10.9.9.0/24"))
# What a row needs beside it, by its path or the words that it begins with.
NEEDED = {
    "log remote ": (("log remote watch server", "127.0.0.1 6514"),),
    "certificate * acme": (("acme directory", "https://ca.example/d"),),
    "dns forward-zone ": (("dns forward-zone zone.example server", "127.0.0.1:9"),),
    "client ban * reason": (("client ban b range", "10.9.9.0/24"),),
    "snmp user ": SNMP_USER,
    "snmp trap-receiver ": SNMP_RECEIVER,
    "snmp community ": SNMP_COMMUNITY,
}


def keyed_rows():
    """(path, type, range, default, effect) of each row with a name in its path."""
    with open(DEF, encoding="utf-8") as f:
        return [m.groups() for m in map(ROW.match, f) if m and "*" in m.group(1)]


class KeyedRows(SipBox, Fed):
    settings, options = (), {"line": True, "peers": {"far.example": {"action": "allow"}}}

    @classmethod
    def setUpClass(cls):
        own_network(*(a + "/24" for a in (SERVER, PEER, CLIENT)))  # the name server is in it, too
        super().setUpClass()

    @classmethod
    def build(cls):
        super().build()
        cls.gh.publish()
        cls.far = cls.prosody("far.example", dialback=False)
        cls.extra = cls.place.addr()
        cls.gh.commit("set turn realm " + REALM, "set turn listen-udp v4 %s 3478" % SERVER, "set turn relay-address v4 " + SERVER,
                      'set turn user u1 key "%s"' % keys("u1", PASSWORD, REALM), "set turn allow-peer echo %s/32" % PEER)
        wait_for("the relay listens", lambda: "turn.listening" in cls.gh.log(), 10)
        cls.echo = echo_peer(cls.place, PEER)
        for name, kind, domain in (("two", "good", "second.example"), ("three", "rsa", "second.example"), ("rsa", "rsa", DOMAIN), ("rsa2",
            "rsa-3072", DOMAIN)):
            made = cls.pki.make(kind, domain)
            cls.gh.ghsh("certificate import %s %s\ncommit\n" % (name, cls.place.write(name + ".pem", made.text() + made.key_text())))
        cls.gh.commit("set web certificate own")

    # ---- what is held
    def hold(self):
        self.j, self.f = self.juliet(), self.login(self.far, "romeo")
        self.r = self.romeo()
        self.d = self.watched(self.r, self.j)
        self.gh.user("phone")
        self.phone = Phone(self.gh.addr, 5071, "phone", DOMAIN, transport="tls", ca=self.pki.ca)
        self.streams.append(self.phone)
        self.turn = TurnClient(SERVER, CLIENT, "u1", PASSWORD)
        self.addCleanup(self.turn.close)
        self.port = self.turn.allocate()
        self.turn.bind_channel(0x4001, PEER, 3480)
        self.assertEqual(status(self.phone.register()), 200)
        self.rounds = 0
        self.use()

    def use(self):
        """Each of them serves, and is the one that it was."""
        self.rounds += 1
        text = "round %d" % self.rounds
        self.chat(self.j, self.f, text)
        self.chat(self.f, self.j, text)
        self.j.send("<presence><status>%s</status></presence>" % text)
        self.sip.wait_request("NOTIFY", 8, lambda m: m.get("call-id") == self.d.call_id and text in (m.body or ""))
        self.assertEqual(status(self.phone.register()), 200)
        self.turn.send(0x4001, text.encode())
        self.assertEqual(self.turn.receive(), (0x4001, text.encode()))

    def lasting(self):
        """What nothing may end."""
        log, phones = self.gh.log(), self.gh.records("show", "line", "phone@" + DOMAIN)
        return {"clients that signed in": log.count(" c2s.session.opened "), "SIP connections": len(self.sip.streams), "of them lost": self.sip.lost,
                "phone": [r["contact"] for r in phones], "allocations": [r["relayed"] for r in self.gh.records("show", "turn", "allocations")]}

    def federated(self):
        log = self.gh.log()
        return log.count(" s2s.connect "), log.count(" s2s.ready ")

    def programs(self):
        def steady():
            rows = [r for r in self.gh.records("show", "processes") if r["state"] != "none"]
            return all(r["state"] == "running" for r in rows) and rows
        return {(r["program"], r["instance"]): (r["pid"], r["restarts"]) for r in wait_for("all are running", steady, 20)}

    # ---- what is changed
    def values(self, path, kind, limits, default):
        """(name, lines that have to be there, first value, second value)."""
        a = self.gh.addr
        word = path.rpartition(" ")[2]
        if kind == "LISTEN":
            port = 40000 + sum(map(ord, path)) % 9000
            return "more", (), "%s %d" % (self.extra, port), "%s %d" % (self.extra, port + 1)
        texts = {
            "log remote * server": ("watch", "127.0.0.1 6514", "127.0.0.1 6515"), "log remote * name": ("watch", "logs.example", "log.example"),
            "log remote * authority": ("watch", "test", None), "log remote * certificate": ("watch", "own", "rsa"),
            "log remote * pin": ("watch", PIN % 1, PIN % 2),
            "domain * certificate": ("second.example", "two", "three"), "domain * second-certificate": (DOMAIN, "rsa", "rsa2"),
            "domain * federation-certificate": (DOMAIN, "rsa", "rsa2"), "domain * contact": (DOMAIN, "mailto:a@near.example",
            "mailto:b@near.example"),
            "certificate * chain": ("spare", self.pem("spare1", self.pki.make("self-signed", "one.example")), self.pem("spare2",
            self.pki.make("self-signed", "two.example"))),
            "link authority *": ("more", self.pem("ca4", self.pki.make("self-signed", "three.example")), self.pem("ca5", self.pki.make("self-signed", "four.example"))),
            "trust anchor *": ("more", self.pem("ca2", self.pki.make("self-signed", "one.example")), self.pem("ca3",
            self.pki.make("self-signed", "two.example"))),
            "trust revocation *": ("more", self.pki.revoke(days=7), self.pki.revoke(days=8)),
            "dns server *": ("9", "127.0.0.1 9", "127.0.0.1 10"), "federation source *": ("v6", "::1", None),
            "federation peer * pin": (OTHER, PIN % 1, PIN % 2), "federation peer * authority": (OTHER, "test", None),
            "federation peer * host": (OTHER, "127.0.0.1 9", "127.0.0.1 10"),
            "sip peer * subjects": (OTHER, "a.example", "a.example b.example"), "sip peer * addresses": (OTHER, "192.0.2.1", "192.0.2.0/28"),
            "sip peer * pin": (OTHER, PIN % 1, PIN % 2), "sip peer * authority": (OTHER, "test", None),
            "sip peer * user": (PARTNER, "us", "we"), "sip peer * password": (PARTNER, "one", "two"),
            "sip route * pattern": ("2", "one.example", "two.example"), "sip route * method": ("2", "MESSAGE", "INVITE"),
            "sip route * next-hop": ("2", "127.0.0.1", "127.0.0.2"), "sip route * description": ("2", "a way", "another"),
            "sip route-template *": ("1", "[0-9]+", "[1-9]+"),
            "turn relay-address *": ("v6", "::1", None), "turn public-address *": ("v4", "192.0.2.1", "192.0.2.2"),
            "turn user * key": ("u2", keys("u2", "one", REALM), keys("u2", "two", REALM)), "turn secret *": ("s", "first secret 1",
            "second secret 2"),
            "turn oauth-key *": ("k", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
            "turn allow-peer *": ("more", "10.9.9.0/24", "10.9.8.0/24"), "turn deny-peer *": ("more", "10.9.9.0/24", "10.9.8.0/24"),
            "turn discovery-address *": ("v4", "192.0.2.1", "192.0.2.2"),
            "certificate * acme": ("ordered", "on", "off"), "certificate * names": ("ordered", "a.example", "b.example"),
            "trust revocation-url *": ("more", "http://127.0.0.1:9/a.crl", "http://127.0.0.1:9/b.crl"),
            "dns forward-zone * server": ("zone.example", "127.0.0.1:9", "127.0.0.1:10"),
            "dns trust-anchor *": ("a", "a.example 1 13 2 " + "00" * 32, "a.example 2 13 2 " + "00" * 32),
            "dns forward-zone * validates": ("zone.example", "on", "off"),
            "fetch allow *": ("more", "10.9.9.0/24", "10.9.8.0/24"), "link edge * pin": ("e", "11" * 32, "22" * 32), "proxy origin *": ("p", "https://a.example", "https://b.example"),
            "snmp manager *": ("m", "10.9.9.0/24", "10.9.8.0/24"), "web metrics-source *": ("m", "10.9.9.0/24", "10.9.8.0/24"), "snmp user * auth-secret": ("u", "first secret", "other secret"),
            "snmp user * privacy-secret": ("u", "first privacy", "other privacy"), "snmp user * level": ("u", "auth", "auth-priv"),
            "snmp user * auth": ("u", "sha512", "sha256"), "snmp user * privacy": ("u", "aes256", "aes128"),
            "snmp community * name": ("c", "words", "others"), "snmp community * source": ("c", "10.9.9.0/24", "10.9.8.0/24"),
            "snmp trap-receiver * address": ("t", "127.0.0.1 9162", "127.0.0.1 9163"), "snmp trap-receiver * user": ("t", "u", None),
            "snmp trap-receiver * confirmed": ("t", "on", "off"),
        }
        texts.update({
            "publish target * url": ("w", "https://wiki.example", "https://wiki.example:8443"), "publish target * name": ("w", "wiki.example", "viki.example"),
            "publish target * certificate": ("w", "own", "rsa"), "publish target * deployment": ("w", "staff", "guests"),
            "publish target * authority": ("w", "test", None), "publish target * certificate-name": ("w", "a.example", "b.example"),
            "compliance hold *": ("a@" + DOMAIN, "case 7", "case 8"),
            "client ban * range": ("b", "10.9.9.0/24", "10.9.8.0/24"), "client ban * reason": ("b", "one", "another"),
            "im rooms * service": (DOMAIN, "rooms." + DOMAIN, "chat." + DOMAIN),
            "publish rule * url": ("r", "https://wiki.example/a", "https://wiki.example/b"), "publish rule * methods": ("r", "GET", "GET,POST"),
            "publish rule * deployment": ("r", "staff", "guests"), "publish rule * description": ("r", "a rule", "another"),
        })
        if path in texts:
            name, first, other = texts[path]
        else:
            other = default
            first = second(path, kind, limits, default)
            name = {"log remote *": "watch", "log debug domain *": "far.example", "operators code-required *": "crypto",
                    "gateway room-service *": "rooms.example", "sip route *": "2"}.get(path if path.endswith("*") else path.rpartition(" ")[0])
            name = name or (OTHER if word in STRANGERS else "far.example" if path.startswith("federation ") else PARTNER)
        base = next((rows for begin, rows in NEEDED.items() if path.startswith(begin)), ())
        if path.startswith("sip route "):
            base += (("sip route 2 pattern", "nobody.example"), ("sip route 2 type", "domain"), ("sip route 2 next-hop", a))
        base += {"sip peer * user": (("sip peer %s password" % PARTNER, "x"),), "sip peer * password": (("sip peer %s user" % PARTNER, "x"),),
                 "turn discovery-address *": (("turn public-address v4", "192.0.2.9"),),
                 "federation peer * host-direct-tls": (("federation peer %s host" % OTHER, "127.0.0.1 9"),)}.get(path, ())
        return name, base, first, other

    def pem(self, name, cert):
        return self.place.write(name + ".pem", cert.text())

    def commit(self, *lines):
        """What went wrong."""
        began = time.monotonic()
        got = self.gh.operator(text="\n".join(lines) + "\ncommit\n")
        self.took.append(time.monotonic() - began)
        return [] if got.returncode == 0 else [(lines, got.stdout + got.stderr)]

    def one_row(self, path, kind, limits, default):
        """What was wrong while it was made, changed and deleted."""
        name, base, first, other = self.values(path, kind, limits, default)
        place, is_plain = path.replace("*", name), kind in ("LISTEN", "HOST", "ADDRESS", "PEM")
        others = [(p, v) for p, v in base if p != place]
        before, streams, wrong = self.programs(), self.federated(), []
        for i, value in enumerate([first] + [other] * (other is not None)):
            needed = [] if i else ["set %s %s" % pair for pair in others]  # what makes no sense alone
            wrong += self.commit(*needed, "set %s %s" % (place, value if is_plain else '"%s"' % value))
        # a path that others need goes with them
        wrong += self.commit("delete " + place, *["delete " + p for p, _ in others])
        after = self.programs()
        wrong += [(path, k, v, after.get(k)) for k, v in before.items() if after.get(k) != v]
        if path not in PROVEN_ANEW and self.federated() != streams:
            wrong.append((path, "federated streams began anew", streams, self.federated()))
        return wrong

    def own_doors_and_certificates(self):
        """The rows that what is open came by: moved, and put back."""
        a = self.gh.addr
        return [("domain %s certificate" % DOMAIN, "rsa", "own")] + [
            ("%s v4" % row, "%s %d" % (a, port + 10000), "%s %d" % (a, port)) for row, port in (
                ("federation listen", 5269), ("federation listen-tls", 5270), ("access listen", 5222), ("access listen-tls", 5223),
                ("sip listen-tls", 5061), ("sip listen-mutual", 5062), ("line listen-tls", 5071))]

    def test_no_row_restarts_a_program_or_ends_a_session(self):
        self.took = []
        self.hold()
        before, streams, began = self.lasting(), self.federated(), self.programs()
        rows = [r for r in keyed_rows() if not r[0].startswith(tuple(ELSEWHERE))]
        self.assertGreater(len(rows), 70)
        problems = [(r[0], "restarts its readers") for r in rows if r[4] != "LIVE"]
        for path, kind, limits, default, _ in sorted(rows, key=lambda r: r[0] in PROVEN_ANEW):
            if path in PROVEN_ANEW and not problems:
                self.use()
            problems += self.one_row(path, kind, limits, default)
        self.use()
        streams = self.federated()
        for path, value, back in self.own_doors_and_certificates():
            problems += self.commit("set %s %s" % (path, value)) + self.commit("set %s %s" % (path, back))
        self.assertEqual(problems, [])
        self.use()
        self.assertEqual(self.federated(), streams)
        self.assertEqual(self.lasting(), before)
        self.assertEqual(self.programs(), began)
        took = self.commits()
        print("%d rows, %d commits: median %.0f ms, slowest %.0f ms; %.0f ms by ghsh" % (
            len(rows), len(took), 1000 * statistics.median(took), 1000 * max(took), 1000 * statistics.median(self.took)))
        # others use the machine too: what a quarter of the commits does not take longer than
        self.assertLess(statistics.quantiles(took, n=4)[0], 0.1, "a commit of one row takes too long")

    def commits(self):
        """Seconds from each commit to its settings in force, by the log."""
        out, began = [], None
        for line in self.gh.log().splitlines():
            at = datetime.datetime.fromisoformat(line[:23]) if line[:2] == "20" and " gh-conf[0] audit." in line else None
            if at and "audit.command " in line and " command=commit " in line:
                began = at
            elif at and began and "audit.setting " in line:
                out.append((at - began).total_seconds())
                began = None
        return out

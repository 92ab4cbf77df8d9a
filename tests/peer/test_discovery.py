"""`discovery check`: what it says the DNS should have makes it content, and what is wrong outside it finds (mra.md M-01, test 1)."""
import re
import socket
import ssl
import subprocess
import threading

from harness.dns import Dns
from harness.people import DOMAIN, Box
from harness.place import need, port_open, wait_for

FRONT = 443
LINE = re.compile(r"^(_\S+)\.(_\S+?)\.(.+)\. 3600 IN SRV 0 0 (\d+) (\S+)\.$")


class Discovery(Box):
    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set proxy listen v4 %s %d" % (cls.gh.addr, FRONT), "set turn listen-udp v4 %s 3478" % cls.gh.addr,
                      "set turn listen-tcp v4 %s 3478" % cls.gh.addr, "set turn listen-tls v4 %s 5349" % cls.gh.addr,
                      "set turn listen-dtls v4 %s 5349" % cls.gh.addr, "set line listen-tls v4 %s 5071" % cls.gh.addr, "set turn relay-address v4 " + cls.gh.addr, "set turn realm " + DOMAIN,
                      "set turn fast-path off", "set fetch allow own 127.0.0.0/8")
        wait_for("the front listens", lambda: port_open(cls.gh.addr, FRONT), 10)

    def setUp(self):
        super().setUp()
        self.dns.clear()

    def check(self):
        """The records, and whether all is well."""
        got = self.gh.operator("discovery", "check", DOMAIN, timeout=60)
        return self.gh.records("discovery", "check", DOMAIN, check=False), got.returncode == 0

    @staticmethod
    def of(rows, step):
        return [r for r in rows if r["step"] == step]

    def publish(self, leave_out=()):
        """Puts into the zone what the check says is missing."""
        rows, is_well = self.check()
        self.assertFalse(is_well)
        lines = [r["detail"] for r in self.of(rows, "record") if r["result"] == "missing"]
        for service, proto, domain, port, host in (LINE.match(l).groups() for l in lines):
            if "%s.%s" % (service, proto) not in leave_out:
                self.dns.srv(domain, host, int(port), service=service, proto=proto)
        self.dns.a(DOMAIN, self.gh.addr)
        return lines

    def test_what_it_says_is_enough(self):
        lines = self.publish()
        self.assertEqual({(l.split(".")[0], l.split(".")[1], l.split()[6]) for l in lines}, {
            ("_xmpps-client", "_tcp", "443"), ("_xmpps-client", "_tcp", "5223"), ("_xmpp-client", "_tcp", "5222"), ("_xmpp-server", "_tcp", "5269"),
            ("_xmpps-server", "_tcp", "5270"), ("_stun", "_udp", "3478"), ("_turn", "_udp", "3478"), ("_stun", "_tcp", "3478"), ("_turn", "_tcp", "3478"),
            ("_stuns", "_tcp", "5349"), ("_turns", "_tcp", "5349"), ("_stuns", "_udp", "5349"), ("_turns", "_udp", "5349"), ("_sips", "_tcp", "5071")})
        self.is_a_zone(lines)
        rows, is_well = self.check()
        self.assertTrue(is_well, rows)
        self.assertEqual({r["result"] for r in rows if r["step"] != "outside"}, {"ok"})
        doors = {r["detail"].split(" at ")[0] + r["detail"].split(":")[-1]: r["found"] for r in self.of(rows, "door")}
        for door in ("port 443 TLS, then XMPP, ALPN xmpp-client", "port 5223 TLS, then XMPP, ALPN xmpp-client", "port 5222 XMPP with STARTTLS"):
            self.assertRegex(doors["%s %s" % (DOMAIN, door)], "^TLSv1.3, .* until .*SCRAM-SHA-256")
        for door in ("port 5269 XMPP with STARTTLS", "port 5270 TLS, then XMPP, ALPN xmpp-server"):
            self.assertRegex(doors["%s %s" % (DOMAIN, door)], "^TLSv1.3, ")
        for door in ("port 5349 TLS", "port 5071 TLS"):
            self.assertRegex(doors["%s %s" % (DOMAIN, door)], "^TLSv1.3, .* until ")
        self.assertRegex(doors[DOMAIN + " port 3478 STUN over UDP"], "^it sees this box as 127[.]")
        self.assertEqual([r["found"] for r in self.of(rows, "host-meta")], ["wss://%s/xmpp-websocket" % DOMAIN] * 2)
        self.assertEqual([r["result"] for r in self.of(rows, "websocket")], ["ok"])
        self.gh.commit("set proxy bosh on")
        self.addCleanup(self.gh.commit, "delete proxy bosh")
        self.assertEqual([(r["result"], r["found"]) for r in self.of(self.check()[0], "host-meta")], [
            ("ok", "wss://%s/xmpp-websocket" % DOMAIN), ("ok", "https://%s/http-bind" % DOMAIN)] * 2)
        self.commands_work([r["detail"] for r in self.of(rows, "outside")])

    def test_partners_at_the_front(self):
        """With `proxy federation` the front's port wants a record for partners, and its door is gh-s2s."""
        self.gh.commit("set proxy federation on")
        self.addCleanup(self.gh.commit, "delete proxy federation")
        lines = self.publish()
        self.assertIn("_xmpps-server._tcp.%s. 3600 IN SRV 0 0 %d %s." % (DOMAIN, FRONT, DOMAIN), lines)
        rows, is_well = self.check()
        self.assertTrue(is_well, rows)
        self.assertIn("%s port %d TLS, then XMPP, ALPN xmpp-server" % (DOMAIN, FRONT), [r["detail"].split(" at ")[0] + r["detail"].split(":")[-1] for r in self.of(rows, "door")])

    def is_a_zone(self, lines):
        path = self.place.write("zone", "$ORIGIN %s.\n@ 3600 IN SOA ns admin 1 3600 600 86400 60\n%s\n" % (DOMAIN, "\n".join(lines)))
        got = subprocess.run([need("ldns-read-zone"), path], capture_output=True, text=True)
        self.assertEqual((got.returncode, got.stdout.count("SRV")), (0, len(lines)), got.stderr)

    def commands_work(self, commands):
        """What it tells somebody outside to type does what it should."""
        self.assertEqual(len([c for c in commands if c.startswith("openssl")]), 7)
        for c in commands:
            words = c.replace("%s:" % DOMAIN, "%s:" % self.gh.addr).split()
            if words[0] == "turnutils_stunclient":
                got = subprocess.run(words[:-1] + [self.gh.addr], capture_output=True, text=True, timeout=30)
                self.assertIn("reflexive addr", got.stdout + got.stderr)
            if words[0] != "openssl":
                continue
            got = subprocess.run(words + ["-CAfile", self.pki.ca], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
            self.assertIn("Verification: OK", got.stdout, c)

    def test_wrong_records(self):
        self.publish(leave_out=("_xmpp-client._tcp", "_xmpp-server._tcp", "_xmpps-server._tcp"))
        self.dns.srv(DOMAIN, DOMAIN, 5299, service="_xmpp-client")
        self.dns.srv(DOMAIN, ".", 0, service="_xmpp-server")
        self.dns.srv(DOMAIN, "nowhere." + DOMAIN, 5270, service="_xmpps-server")
        self.dns.fault("_turn._udp." + DOMAIN, "SRV", "servfail")
        rows, is_well = self.check()
        self.assertFalse(is_well)
        said = {(r["detail"].split()[0], r["result"]): r for r in rows}
        for owner, result, advice in (("_xmpp-client._tcp.%s.", "missing", "add this line"), ("_xmpp-client._tcp.%s.", "wrong", "does not listen"),
                                      ("_xmpp-server._tcp.%s.", "wrong", "no such service"), ("_xmpps-server._tcp.%s.", "ok", ""),
                                      ("nowhere.%s.", "missing", "needs an address"), ("_turn._udp.%s.", "failed", "name servers")):
            self.assertIn(advice, said[owner % DOMAIN, result]["advice"])

    def test_other_servers_behind_the_names(self):
        """A certificate of somebody else, a TLS without XMPP, a closed port, and a web server that knows nothing of us."""
        self.publish()
        self.dns.clear(DOMAIN)
        other, shut = self.place.addr(), self.place.addr()
        stranger = self.pki.make("good", "stranger.example")
        self.serve(other, FRONT, stranger, ["xmpp-client", "http/1.1"])
        self.serve(other, 5223, self.gh.cert, None)
        self.dns.a(DOMAIN, other)
        self.dns.a("shut." + DOMAIN, shut)
        self.dns.srv(DOMAIN, DOMAIN, FRONT, service="_xmpps-client")
        self.dns.srv(DOMAIN, DOMAIN, 5223, service="_xmpps-client")
        self.dns.srv(DOMAIN, "shut." + DOMAIN, 5222, service="_xmpp-client")
        self.dns.srv(DOMAIN, "shut." + DOMAIN, 3478, service="_stun", proto="_udp")
        rows, is_well = self.check()
        self.assertFalse(is_well)
        doors = {re.search(r"port (\d+)", r["detail"]).group(1): (r["found"], r["advice"]) for r in self.of(rows, "door")}
        self.assertRegex(doors["443"][0], "^certificate: ")
        self.assertIn("does not name the domain", doors["443"][1])
        self.assertRegex(doors["5223"][0], "^tls: ")
        self.assertIn("ALPN", doors["5223"][1])
        self.assertRegex(doors["5222"][0], "^tcp: ")
        self.assertEqual(doors["3478"][0], "connection refused")
        self.assertEqual([r["result"] for r in self.of(rows, "host-meta")], ["failed"] * 2)

    def serve(self, addr, port, cert, alpn):
        """TLS with that certificate, and silence."""
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(cert.crt, cert.key)
        if alpn:
            ctx.set_alpn_protocols(alpn)
        listener = socket.create_server((addr, port))
        self.addCleanup(listener.close)

        def run():
            while True:
                try:
                    s, _ = listener.accept()
                except OSError:
                    return
                try:
                    with ctx.wrap_socket(s, server_side=True) as t:
                        t.recv(1)
                except (OSError, ssl.SSLError):
                    pass
        threading.Thread(target=run, daemon=True).start()

    def test_as_another_name_server_sees_it(self):
        """Split DNS: inside all is well, outside there is nothing."""
        self.publish()
        self.assertTrue(self.check()[1])
        outside = Dns(self.place)
        got = self.gh.records("discovery", "check", DOMAIN, "%s:%d" % (outside.addr, outside.port), check=False)
        self.assertEqual({r["result"] for r in self.of(got, "record")}, {"missing"})
        self.assertGreater(outside.count("_xmpps-client._tcp." + DOMAIN), 0)
        self.assertTrue(self.check()[1])
        got = self.gh.operator("discovery", "check", DOMAIN, "dns.example")
        self.assertIn("not an address", got.stdout + got.stderr)

    def test_public_name(self):
        """With a name of its own the records lead to it, and the documents must."""
        self.gh.commit("set proxy host chat." + DOMAIN)
        self.addCleanup(self.gh.commit, "delete proxy host")
        rows, _ = self.check()
        self.assertIn("_xmpps-client._tcp.%s. 3600 IN SRV 0 0 443 chat.%s." % (DOMAIN, DOMAIN), [r["detail"] for r in self.of(rows, "record")])

    def test_what_it_does_not_do(self):
        """It looks at domains of this box alone, and nowhere where fetching is not allowed."""
        got = self.gh.operator("discovery", "check", "partner.example")
        self.assertIn("not a domain of this box", got.stdout + got.stderr)
        self.publish()
        self.gh.commit("delete fetch allow own")
        self.addCleanup(self.gh.commit, "set fetch allow own 127.0.0.0/8")
        rows, _ = self.check()
        self.assertEqual({r["result"] for r in rows if r["step"] in ("door", "host-meta", "websocket")}, {"not tested"})

"""Federation with Prosody: proofs, refusals with their reasons, ways to find a partner."""
import socket
import time

from harness import raw
from harness.fed import Fed
from harness.place import free_port6, port_open, wait_for
from harness.prosody import Prosody

REFUSED = (  # kind of the partner's certificate, reason code of ours
    ("expired", "cert-expired"),
    ("not-yet", "cert-not-yet"),
    ("wrong-name", "cert-name"),
    ("self-signed", "cert-self-signed"),
    ("unknown-ca", "cert-unknown-ca"),
)
ACCEPTED = ("rsa", "server-only", "no-eku", "wildcard", "srv-id", "xmpp-addr", "intermediate", "p384")


class External(Fed):
    """Certificates in both directions."""
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)

    def test_out_first_then_back(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "out first")
        self.chat(r, j, "and back")
        self.assertIn("pkix", self.gh.federation("far.example"))

    def test_in_first(self):
        self.gh.ghsh("federation close far.example\n")
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(r, j, "in first")
        self.chat(j, r, "and out")

    def test_subscription_and_presence_across(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        j.send("<presence to='%s' type='subscribe'/>" % r.bare)
        r.wait(lambda e: e.get("type") == "subscribe" and e.get("from") == j.bare, 10, "subscribe")
        r.send("<presence to='%s' type='subscribed'/>" % j.bare)
        j.wait(lambda e: e.get("type") == "subscribed", 10, "subscribed")
        j.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == r.jid and not e.get("type"), 10,
               "romeo's presence")
        r.close()
        j.wait(lambda e: e.get("type") == "unavailable" and e.get("from") == r.jid, 10, "unavailable")

    def test_unknown_user_at_the_partner(self):
        j = self.login(self.gh, "juliet")
        got = j.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "nobody@far.example")
        self.assertEqual(got.get("type"), "error")

    def test_ping_across(self):
        j = self.login(self.gh, "juliet")
        self.assertEqual(j.iq("get", "<ping xmlns='urn:xmpp:ping'/>", "far.example").get("type"), "result")

    def test_idle_close_then_next_message_works(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "before")
        before = len(self.gh.log())

        def lines(event):
            return [l for l in self.gh.log()[before:].splitlines() if event in l and "domain=far.example" in l]
        self.gh.commit("set federation idle 1")
        try:
            wait_for("the stream is retired", lambda: lines("s2s.closed"), 5)
            self.chat(j, r, "after the stream was retired")
            self.assertTrue(lines("s2s.ready"), "no new stream")
            wait_for("and the next one", lambda: len(lines("s2s.closed")) > 1, 5)
        finally:
            self.gh.commit("delete federation idle")

    def test_partner_restarts(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "one")
        self.far.stop()
        self.far.start()
        self.gh.ghsh("federation retry far.example\n")
        r = self.login(self.far, "romeo")
        self.chat(j, r, "two", 20)

    def test_debug_lines_of_one_domain(self):
        self.gh.commit("set log debug domain far.example on")
        try:
            j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
            self.chat(j, r, "watched")
            j.message("romeo@elsewhere.example", "not watched", id_="w1")
            j.wait_error("w1", 10)
        finally:
            self.gh.commit("delete log debug domain far.example")
        lines = [l for l in self.gh.log().splitlines() if l.split()[1:2] == ["debug"]]
        for event in ("switch.route", "s2s.step"):
            self.assertTrue([l for l in lines if event in l], event)
        self.assertFalse([l for l in lines if "domain=far.example" not in l])

    def test_check_walks_to_the_partner(self):
        text = self.gh.ghsh("federation check far.example\n", timeout=40).lower()
        for rung in ("policy", "dns", "tcp", "tls", "certificate", "auth"):
            self.assertIn(rung, text)


class Dialback(Fed):
    peers = {"db.example": {"action": "allow", "auth": "dialback-allowed"},
             "nodb.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        # Neither trusts the other's certificate, so only dialback is left.
        cls.db = cls.prosody("db.example", kind="self-signed", external=False, secure_auth=False)
        cls.nodb = cls.prosody("nodb.example", kind="self-signed", external=False, secure_auth=False)

    def test_both_directions_where_the_row_allows_it(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.db, "romeo")
        self.chat(j, r, "by dialback")
        self.chat(r, j, "and back by dialback")
        self.assertIn("dialback", self.gh.federation("db.example"))

    def test_refused_where_it_does_not(self):
        cond, _ = self.bounce("nodb.example")
        self.assertIn(cond, ("remote-server-timeout", "not-authorized", "remote-server-not-found"))
        r = self.login(self.nodb, "romeo")
        r.message("juliet@near.example", "let me in", id_="x")
        self.assertEqual(r.wait_error("x", 30).get("from"), "juliet@near.example")


class Refusals(Fed):
    """A bad certificate of a partner: refused both ways, one distinct reason each."""
    peers = {k + ".example": {"action": "allow"} for k, _ in REFUSED}

    @classmethod
    def partners(cls):
        cls.bad = {k: cls.prosody(k + ".example", kind=k, dialback=False, secure_auth=False) for k, _ in REFUSED}

    def refuse(self, kind, reason):
        domain = kind + ".example"
        cond, text = self.bounce(domain)
        self.assertEqual(cond, "remote-server-timeout", text)
        self.gh.wait_reason(domain, reason)

    def refuse_in(self, kind, reason):
        domain = kind + ".example"
        before = len(self.gh.log())
        # Nothing is left that it could prove itself by: EXTERNAL is not offered, the stream ends.
        with self.assertRaises(raw.Closed) as closed:
            raw.s2s_out(self.gh.addr, 5269, raw.client_context(cert=self.pki.make(kind, domain)), domain,
                        "near.example")
        self.assertIn("not-authorized", str(closed.exception))
        wait_for("log says " + reason, lambda: any(
            reason in l and domain in l for l in self.gh.log()[before:].splitlines()), 10)


def _add(kind, reason):
    name = kind.replace("-", "_")
    setattr(Refusals, "test_out_" + name, lambda self: self.refuse(kind, reason))
    setattr(Refusals, "test_in_" + name, lambda self: self.refuse_in(kind, reason))


for _k, _r in REFUSED:
    _add(_k, _r)


class Accepted(Fed):
    """Kinds of certificates that must do, as the connecting side and as the one that is called."""
    peers = {k + ".partner.example": {"action": "allow"} for k in ACCEPTED}

    def come_in(self, kind):
        domain = kind + ".partner.example"
        for direct in (False, True):
            s = raw.s2s_out(self.gh.addr, 5270 if direct else 5269,
                            raw.client_context(cert=self.pki.make(kind, domain), ca=self.pki.ca,
                                               alpn="xmpp-server" if direct else None),
                            domain, "near.example", direct=direct)
            self.assertIn("EXTERNAL", s.mechanisms(s.auth_features), "direct" if direct else "starttls")
            s.sasl_external(domain)
            s.open("near.example", domain, "server")
            s.features()
            j = self.login(self.gh, "juliet")
            s.send("<message from='a@%s' to='%s' type='chat'><body>%s %s</body></message>" % (
                domain, j.jid, kind, direct))
            j.wait_body("%s %s" % (kind, direct))
            s.close()
            j.close()


for _k in ACCEPTED:
    setattr(Accepted, "test_" + _k.replace("-", "_"), lambda self, k=_k: self.come_in(k))


class WaysThere(Fed):
    """How a partner is found: DNS and its faults (spec xmpp.md section 3)."""
    peers = {"*.ways.example": {"action": "allow"}, "ways.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.d = "p.ways.example"
        cls.gh.commit("set federation queue age 5")  # how long a message waits for a way
        cls.far = cls.prosody(cls.d, publish=False, dialback=False)

    def setUp(self):
        super().setUp()
        self.dns.clear(self.d)
        self.gh.ghsh("federation close %s\n" % self.d, check=False)

    def reach(self, seconds=8):
        self.gh.ghsh("federation retry %s\n" % self.d, check=False)
        time.sleep(1.2)  # records live one second
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        began = time.monotonic()
        self.chat(j, r, "by " + self.id(), seconds)
        return time.monotonic() - began

    def test_address_only(self):
        self.dns.a(self.d, self.far.addr)
        self.reach()

    def test_dead_first_target(self):
        self.dns.a("dead." + self.d, self.place.addr())
        self.dns.a("live." + self.d, self.far.addr)
        self.dns.srv(self.d, "dead." + self.d, 5269, priority=1)
        self.dns.srv(self.d, "live." + self.d, 5269, priority=2)
        self.assertLess(self.reach(), 3)

    def test_target_is_a_cname(self):
        self.dns.srv(self.d, "alias." + self.d, 5269)
        self.dns.cname("alias." + self.d, "real." + self.d)
        self.dns.a("real." + self.d, self.far.addr)
        self.reach()

    def test_direct_tls_only(self):
        self.dns.a("x." + self.d, self.far.addr)
        self.dns.srv(self.d, "x." + self.d, 5270, service="_xmpps-server")
        self.dns.srv(self.d, ".", 0)
        self.reach()

    def test_direct_tls_port_closed(self):
        self.dns.a("x." + self.d, self.far.addr)
        self.dns.srv(self.d, "x." + self.d, 5299, service="_xmpps-server", priority=0)
        self.dns.srv(self.d, "x." + self.d, 5269, priority=1)
        self.reach()

    def test_srv_servfail_then_address(self):
        self.dns.a(self.d, self.far.addr)
        for s in ("_xmpp-server", "_xmpps-server"):
            self.dns.fault("%s._tcp.%s" % (s, self.d), "SRV", "servfail")
        self.reach(12)

    def test_srv_silence_then_address(self):
        self.dns.a(self.d, self.far.addr)
        for s in ("_xmpp-server", "_xmpps-server"):
            self.dns.fault("%s._tcp.%s" % (s, self.d), "SRV", "silence")
        self.assertLess(self.reach(14), 12)

    def test_srv_late(self):
        self.dns.a("x." + self.d, self.far.addr)
        self.dns.srv(self.d, "x." + self.d, 5269)
        self.dns.fault("_xmpp-server._tcp." + self.d, "SRV", "late:2")
        self.assertLess(self.reach(10), 6)

    def test_aaaa_failure_does_not_block_a(self):
        self.dns.a("x." + self.d, self.far.addr)
        self.dns.srv(self.d, "x." + self.d, 5269)
        self.dns.fault("x." + self.d, "AAAA", "servfail")
        self.reach()

    def test_aaaa_silence_does_not_block_a(self):
        self.dns.a("x." + self.d, self.far.addr)
        self.dns.srv(self.d, "x." + self.d, 5269)
        self.dns.fault("x." + self.d, "AAAA", "silence")
        self.assertLess(self.reach(10), 6)

    def test_a_dead_ipv6_address_comes_first(self):
        """A-13.06: one after another in the order of the answer."""
        for address in ("2001:db8::1", "::1", self.far.addr):
            self.dns.a("x." + self.d, address)
        self.dns.srv(self.d, "x." + self.d, 5269)
        self.assertLess(self.reach(), 5)

    def test_a_domain_that_appears_is_found_after_retry_or_commit(self):
        """Lesson 10: what DNS denied a moment ago is not held against anybody."""
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        for i, again in enumerate((lambda: self.gh.ghsh("federation retry %s\n" % self.d),
                                   lambda: self.gh.commit("set federation idle 901"))):
            self.dns.clear(self.d)
            self.gh.ghsh("federation close %s\n" % self.d, check=False)
            self.gh.ghsh("federation retry %s\n" % self.d)
            self.assertEqual(self.bounce(self.d)[0], "remote-server-not-found")
            self.dns.a(self.d, self.far.addr)
            again()
            self.chat(j, r, "found %d" % i, 5)
        self.gh.commit("delete federation idle")

    def test_truncated_answers_come_by_tcp(self):
        self.dns.a("x." + self.d, self.far.addr)
        self.dns.srv(self.d, "x." + self.d, 5269)
        self.dns.fault("_xmpp-server._tcp." + self.d, "SRV", "truncate")
        self.reach()

    def test_source_address(self):
        """`federation source` is what partners see."""
        with socket.create_server((self.place.addr(), 5269)) as door:
            self.dns.a(self.d, door.getsockname()[0])
            time.sleep(1.2)  # as in reach()
            self.gh.ghsh("federation retry %s\n" % self.d)
            j = self.login(self.gh, "juliet")
            j.message("romeo@" + self.d, "from where?")
            door.settimeout(5)
            conn, peer = door.accept()
            conn.close()
            self.assertEqual(peer[0], self.gh.addr)

    def test_static_route_instead_of_dns(self):
        self.gh.commit("set federation peer %s host %s 5269" % (self.d, self.far.addr))
        try:
            self.reach()
        finally:
            self.gh.commit("delete federation peer %s host" % self.d)

    # ---- and what cannot be reached comes back as it should, in time
    def lost(self, condition, seconds=12):
        self.gh.ghsh("federation retry %s\n" % self.d, check=False)
        time.sleep(1.2)
        began = time.monotonic()
        cond, text = self.bounce(self.d, seconds)
        self.assertEqual(cond, condition, text)
        self.assertTrue(text, "the error names no cause")
        return time.monotonic() - began

    def test_unknown_domain(self):
        self.assertLess(self.lost("remote-server-not-found"), 5)

    def test_service_not_offered(self):
        self.dns.a(self.d, self.far.addr)
        self.dns.srv(self.d, ".", 0)
        self.dns.srv(self.d, ".", 0, service="_xmpps-server")
        self.assertLess(self.lost("remote-server-not-found"), 5)

    def test_nobody_listens(self):
        self.dns.a("x." + self.d, self.place.addr())
        self.dns.srv(self.d, "x." + self.d, 5269)
        self.assertLess(self.lost("remote-server-timeout"), 12)

    def test_all_dns_silent(self):
        for name in ("_xmpp-server._tcp." + self.d, "_xmpps-server._tcp." + self.d, self.d):
            self.dns.fault(name, "*", "silence")
        self.assertLess(self.lost("remote-server-timeout", 20), 16)

    def test_garbage_from_dns(self):
        for name in ("_xmpp-server._tcp." + self.d, "_xmpps-server._tcp." + self.d, self.d):
            self.dns.fault(name, "*", "garbage")
        self.lost("remote-server-timeout", 20)

    def test_single_label_is_refused_before_dns(self):
        cond, _ = self.bounce("system")
        self.assertIn(cond, ("remote-server-not-found", "not-allowed", "forbidden", "not-acceptable"))
        self.assertEqual(self.dns.count("system"), 0)
        self.assertEqual(self.dns.count("_xmpp-server._tcp.system"), 0)


class Six(Fed):
    peers = {"six.example": {"action": "allow"}}

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example", peers=cls.peers, port6=free_port6()).publish()
        cls.gh.user("juliet")
        cls.gh.start()
        # Its clients come by IPv4, its partners by IPv6 only.
        port = free_port6()
        cls.six = Prosody(cls.place, "six.example", cls.pki.make("good", "six.example"), cls.pki.ca, cls.dns,
                          dialback=False)
        text = open(cls.six.config).read()
        text = text.replace("s2s_ports = { 5269 }", "s2s_ports = { %d }\ns2s_interfaces = { \"::1\" }" % port)
        text = text.replace("s2s_direct_tls_ports = { 5270 }", "s2s_direct_tls_ports = { }")
        cls.place.write(cls.six.name + "/prosody.cfg.lua", text)
        cls.six.user("romeo")
        c4, cls.six.addr, cls.six.port = cls.six.addr, "::1", port
        cls.six.start()
        cls.six.addr = c4
        wait_for("clients can come", lambda: port_open(c4, 5222), 20)
        cls.dns.a("xmpp.six.example", "::1")
        cls.dns.srv("six.example", "xmpp.six.example", port)

    def test_both_ways(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.six, "romeo")
        self.chat(j, r, "over six")
        self.chat(r, j, "and back over six")


class Policy(Fed):
    """Who may federate, switched while running."""
    peers = {"ok.example": {"action": "allow"}, "no.example": {"action": "deny"}}

    @classmethod
    def partners(cls):
        cls.ok = cls.prosody("ok.example", dialback=False)
        cls.no = cls.prosody("no.example", dialback=False)
        cls.sub = cls.prosody("a.sub.example", dialback=False)

    def refused_both_ways(self, server):
        cond, _ = self.bounce(server.domain)
        self.assertIn(cond, ("not-allowed", "forbidden", "policy-violation", "not-acceptable"))
        r = self.login(server, "romeo")
        r.message("juliet@near.example", "let me in", id_="x")
        r.wait_error("x", 30)

    def test_denied(self):
        self.refused_both_ways(self.no)

    def test_not_on_the_list(self):
        self.refused_both_ways(self.sub)

    def test_wildcard_row(self):
        self.gh.commit("set federation peer *.sub.example action allow")
        j, r = self.login(self.gh, "juliet"), self.login(self.sub, "romeo")
        self.chat(j, r, "wildcard")
        self.gh.commit("delete federation peer *.sub.example")

    def test_mode_switched_live(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.ok, "romeo")
        self.chat(j, r, "allowed")
        self.gh.commit("set federation mode off")
        try:
            wait_for("the port is closed", lambda: not port_open(self.gh.addr, 5269), 5)
            j.message(r.jid, "closed now", id_="m1")
            j.wait_error("m1", 10)
            r.message(j.jid, "closed for me too", id_="m2")
            self.assertTrue(j.quiet(2, lambda e: e.find("{*}body") is not None and
                                    e.find("{*}body").text == "closed for me too"))
            self.gh.commit("set federation mode open")
            wait_for("the port is open", lambda: port_open(self.gh.addr, 5269), 5)
            s = self.login(self.sub, "romeo")
            self.chat(j, s, "open", 15)
        finally:
            self.gh.commit("set federation mode allow-list")
        j.message("romeo@a.sub.example", "closed again", id_="m3")
        j.wait_error("m3", 10)

    def test_deny_closes_what_is_open(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.ok, "romeo")
        self.chat(r, j, "in")
        self.gh.commit("set federation peer ok.example action deny")
        try:
            r.message(j.jid, "still?", id_="m4")
            self.assertTrue(j.quiet(3, lambda e: e.find("{*}body") is not None and
                                    e.find("{*}body").text == "still?"))
        finally:
            self.gh.commit("set federation peer ok.example action allow")

    def test_pin(self):
        self.gh.commit("set federation peer ok.example pin " + "00" * 32)
        self.gh.ghsh("federation close ok.example\n", check=False)
        try:
            self.bounce("ok.example")
            self.gh.wait_reason("ok.example", "cert-pin")
        finally:
            self.gh.commit("set federation peer ok.example pin " + self.ok.cert.pin)
        self.gh.ghsh("federation retry ok.example\n", check=False)
        j, r = self.login(self.gh, "juliet"), self.login(self.ok, "romeo")
        self.chat(j, r, "pinned", 15)
        self.gh.commit("delete federation peer ok.example pin")


class HostUnknown(Fed):
    def test_stream_error(self):
        s = raw.Stream(self.gh.addr, 5269)
        self.streams.append(s)
        s.open("elsewhere.example", "far.example", "server")
        self.assertEqual(s.until_closed(), "host-unknown")

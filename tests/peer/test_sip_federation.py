"""SIP federation with Kamailio as the partner; certificates that are not right; ways around a dead hop."""
import socket
import time

from harness import raw
from harness.kampartner import KamailioPartner
from harness.people import DOMAIN
from harness.place import wait_for
from harness.sipbox import PARTNER, SipBox
from harness.sipclient import Dialog, Party


class Messages(KamailioPartner):
    """MESSAGE both ways over TLS (RFC 3428, 7572)."""

    def test_both_ways(self):
        j, p = self.juliet(), self.romeo()
        self.to_romeo(j, p, "out first")
        self.to_juliet(p, j, "and back")

    def test_in_first(self):
        j, p = self.juliet(), self.romeo()
        self.to_juliet(p, j, "in first")
        self.to_romeo(j, p, "and out")

    def test_many_in_order(self):
        j, p = self.juliet(), self.romeo()
        p.auto["MESSAGE"] = 200
        texts = ["line %d" % i for i in range(30)]
        for t in texts:
            j.message("%s@%s" % (p.user, PARTNER), t)
        self.assertEqual([p.wait_request("MESSAGE").body for _ in texts], texts)
        for t in texts:
            self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, user=p.user, body=t).status, 200)
        got = [j.wait(lambda e: raw.local(e.tag) == "message").findtext("{*}body") for _ in texts]
        self.assertEqual(got, texts)

    def test_unknown_user_at_the_partner(self):
        j = self.juliet()
        j.message("nobody@" + PARTNER, "hi", id_="m1")
        self.assertEqual(raw.stanza_error(j.wait_error("m1")), "item-not-found")

    def test_partner_user_refuses(self):
        j, p = self.juliet(), self.romeo()
        j.message("%s@%s" % (p.user, PARTNER), "hi", id_="m1")
        p.answer(p.wait_request("MESSAGE"), 486)
        self.assertEqual(raw.stanza_error(j.wait_error("m1")), "recipient-unavailable")

    def test_domain_without_a_row(self):
        """Neither ours to serve nor to relay: closed until opened."""
        p = Party(self.place, PARTNER, "tls", cert=self.pki.make("good", PARTNER), ca=self.pki.ca,
                  server=(self.gh.addr, 5061))
        got = p.ask("MESSAGE", "sip:x@elsewhere.example", body="relay me")
        self.assertIn(got.status, (403, 404))

    def test_long_text_and_utf8(self):
        j, p = self.juliet(), self.romeo()
        self.to_romeo(j, p, "žluťoučký kůň 🐎 " * 20)
        self.to_juliet(p, j, "žluťoučký kůň 🐎 " * 20)


class UnknownHere(KamailioPartner):
    peer = {"hold-answer": "on"}

    def test_unknown_user_here(self):
        """ERR-01, ERR-04: with hold-answer the sender hears what XMPP says of nobody."""
        p = self.romeo()
        got = p.ask("MESSAGE", "sip:nobody@" + DOMAIN, user=p.user, body="hi")
        self.assertIn(got.status, (403, 404, 604))

    def test_known_user_is_not_made_to_wait_for_nothing(self):
        j, p = self.juliet(), self.romeo()
        began = time.monotonic()
        self.to_juliet(p, j, "hold on")
        self.assertLess(time.monotonic() - began, 4)


class Restarts(KamailioPartner):
    """Each side's restart in the middle of a conversation."""

    def test_gh_sip(self):
        j, p = self.juliet(), self.romeo()
        self.to_romeo(j, p, "before")
        self.gh.kill("gh-sip")
        self.to_romeo(j, p, "after", 15)
        self.to_juliet(p, j, "back", 15)

    def test_gh_xlate(self):
        j, p = self.juliet(), self.romeo()
        self.to_juliet(p, j, "before")
        self.gh.kill("gh-xlate")
        self.to_juliet(p, j, "after", 15)
        self.to_romeo(j, p, "out", 15)

    def test_gh_switch(self):
        j, p = self.juliet(), self.romeo()
        self.to_juliet(p, j, "before")
        self.gh.kill("gh-switch")
        wait_for("a message comes in again", lambda: p.ask("MESSAGE", "sip:" + j.bare, user=p.user,
                                                           body="again").status == 200, 15, 0.5)
        self.to_romeo(j, p, "out", 15)

    def test_partner(self):
        j, p = self.juliet(), self.romeo()
        self.to_romeo(j, p, "before")
        self.far.stop()
        j.message("%s@%s" % (p.user, PARTNER), "while it is down", id_="down")
        self.assertIn(raw.stanza_error(j.wait_error("down", 15)), ("remote-server-timeout", "remote-server-not-found",
                                                                   "internal-server-error"))
        self.far.start()
        self.register(p)

        def again():
            j.message("%s@%s" % (p.user, PARTNER), "after")
            return not p.quiet(1, lambda m: m.method == "MESSAGE" and m.body == "after" and (p.answer(m, 200) or True))
        wait_for("a message reaches the partner again", again, 20, 0.5)
        self.to_juliet(p, j, "back")


class Certificates(SipBox):
    """Who may speak for partner.example (FED-01 to FED-09)."""

    def _log(self, *words):
        wait_for("a log line with " + " ".join(words),
                 lambda: any(all(w in l for w in words) for l in self.gh.log().splitlines()), 5)

    def _client(self, cert, port=5061):
        return Party(self.place, PARTNER, "tls", cert=cert, ca=self.pki.ca, listen=False, server=(self.gh.addr, port))

    def _refused(self, kind, domain=PARTNER, port=5061):
        j = self.juliet()
        p = self._client(self.pki.make(kind, domain), port)
        try:
            got = p.ask("MESSAGE", "sip:" + j.bare, 4, body="let me in")
        except Exception as e:  # the handshake or the connection ends: refused as well
            return type(e).__name__
        self.assertTrue(self.nothing_comes(j))
        return got.status

    def test_good(self):
        j = self.juliet()
        for port in (5061, 5062):
            p = self._client(self.pki.make("good", PARTNER), port)
            self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, body="by port %d" % port).status, 200)
            j.wait_body("by port %d" % port)

    def test_FED_05_sender_not_covered(self):
        self.assertEqual(self._refused("good", "evil.example"), 403)
        self._log(PARTNER, "evil.example")

    def test_FED_05_each_request(self):
        j = self.juliet()
        p = self._client(self.pki.make("good", PARTNER))
        self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, body="mine").status, 200)
        got = p.ask("MESSAGE", "sip:" + j.bare, from_="<sip:boss@near.example>", body="not mine")
        self.assertEqual(got.status, 403)
        got = p.ask("MESSAGE", "sip:" + j.bare, from_="<sip:x@other.example>", body="not mine")
        self.assertEqual(got.status, 403)
        self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, body="mine again").status, 200)

    def test_FED_02_wildcard(self):
        self.assertEqual(self._refused("wildcard"), 403)

    def test_FED_09_unknown_authority(self):
        self.assertIn(self._refused("unknown-ca"), (403, "Failed", "SSLError", "ConnectionResetError", "BrokenPipeError"))
        self._log(PARTNER)

    def test_FED_09_expired(self):
        self.assertIn(self._refused("expired"), (403, "Failed", "SSLError", "ConnectionResetError", "BrokenPipeError"))

    def test_FED_08_server_only(self):
        self.assertIn(self._refused("server-only"), (403, "Failed", "SSLError", "ConnectionResetError", "BrokenPipeError"))

    def test_no_certificate(self):
        j = self.juliet()
        p = self._client(None)
        self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, body="who am I").status, 403)

    def test_FED_06_in_clear(self):
        j = self.juliet()
        for how in ("tcp", "udp"):
            p = Party(self.place, PARTNER, how, server=(self.gh.addr, 5060), port=5070)
            self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, body="in clear").status, 403, how)
        self.assertTrue(self.nothing_comes(j))

    def test_bad_handshakes_harm_nobody(self):
        """Trap 1 of Sofia-SIP: another peer's failure must not end a healthy connection."""
        j = self.juliet()
        p = self._client(self.pki.make("good", PARTNER))
        self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, body="before").status, 200)
        way = p.out
        text = p.compose("MESSAGE", "sip:" + j.bare, body="in two records")
        p.send(text[:50])
        for kind in ("unknown-ca", "expired", "self-signed"):
            self._refused(kind)
        p.send(text[50:])
        self.assertEqual(p.final(text).status, 200)
        self.assertTrue(way.is_open and p.out is way)


class CertificateNames(SipBox):
    """What counts in a certificate, and a new one of ours (FED-01, FED-03, FED-10)."""
    _client, _refused = Certificates._client, Certificates._refused

    def test_FED_01_uri(self):
        j = self.juliet()
        p = self._client(self.pki.make("sip-uri", PARTNER))
        self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, body="by URI").status, 200)
        j.wait_body("by URI")

    def test_FED_01_uri_goes_before_dns_name(self):
        self.assertEqual(self._refused("sip-other"), 403)

    def test_FED_03_no_identity(self):
        self.assertEqual(self._refused("sip-user"), 403)

    def test_FED_10_new_certificate(self):
        """A new certificate is shown at once; who is connected stays."""
        def shown():
            p = self._client(self.pki.make("good", PARTNER))
            return p, p.connect().sock.getpeercert(True)
        j = self.juliet()
        p, old = shown()
        self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, body="before").status, 200)
        way = p.out
        new = self.pki.make("rsa", self.gh.domain)
        pem = self.place.write("new.pem", new.text() + new.key_text(), 0o600)
        self.gh.commit("certificate import new " + pem, "set domain near.example certificate new")
        wait_for("the new certificate", lambda: shown()[1] != old, 8)
        self.assertEqual(p.ask("MESSAGE", "sip:" + j.bare, body="after").status, 200)
        self.assertTrue(way.is_open and p.out is way)


class WrongServer(SipBox):
    """We connect and the other side shows a wrong certificate (FED-04, ERR-11)."""

    def _to(self, kind, domain=PARTNER):
        j, r = self.juliet(), self.romeo()
        bad = self.party(PARTNER, contact_host=PARTNER, port=7061)
        bad.cert = self.pki.make(kind, domain)
        self.gh.commit("set sip route 1 next-hop " + bad.addr, "set sip route 1 port 7061")
        try:
            j.message("%s@%s" % (r, PARTNER), "who are you", id_="m1")
            e = j.wait_error("m1", 15)
            self.assertEqual(bad.got, [])
            return raw.stanza_error(e), raw.stanza_error_text(e)
        finally:
            bad.close()
            self.gh.commit("set sip route 1 next-hop " + self.sip.addr, "set sip route 1 port 5061")

    def test_FED_04_wrong_name(self):
        condition, text = self._to("good", "evil.example")
        self.assertEqual(condition, "remote-server-not-found")
        self.assertTrue(text, "ERR-11: the text names the check that failed")

    def test_FED_09_unknown_authority(self):
        self.assertEqual(self._to("unknown-ca")[0], "remote-server-not-found")

    def test_FED_09_expired(self):
        self.assertEqual(self._to("expired")[0], "remote-server-not-found")

    def test_pinned_elsewhere(self):
        self.gh.commit("set sip peer %s pin %s" % (PARTNER, "ab" * 32))
        try:
            j, r = self.juliet(), self.romeo()
            j.message("%s@%s" % (r, PARTNER), "not the pinned one", id_="m1")
            self.assertEqual(raw.stanza_error(j.wait_error("m1", 15)), "remote-server-not-found")
        finally:
            self.gh.commit("delete sip peer %s pin" % PARTNER)


class Failover(SipBox):
    """To the second next hop: static routes by priority (B-STR-09), SRV targets (RFC 3263 4.3)."""

    def setUp(self):
        super().setUp()
        self.second = self.party(PARTNER, port=7062)
        self.second.auto = {"MESSAGE": 200, "OPTIONS": 200}

    def tearDown(self):
        self.second.close()
        super().tearDown()

    def _arrives_at_second(self, text, seconds=15):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), text)
        self.second.wait_request("MESSAGE", seconds, lambda m: m.body == text)
        self.assertTrue(self.nothing_comes(j))

    def _routes(self, first, first_port):
        self.gh.commit("set sip route 1 next-hop " + first, "set sip route 1 port %d" % first_port,
                       "set sip route 1 priority 1",
                       "set sip route 2 pattern " + PARTNER, "set sip route 2 type domain",
                       "set sip route 2 next-hop " + self.second.addr, "set sip route 2 port 7062",
                       "set sip route 2 protocol tls", "set sip route 2 priority 2")

    def test_static_first_is_dead(self):
        self._routes(self.place.addr(), 7999)
        self._arrives_at_second("around the dead hop")

    def test_ERR_15_first_says_503(self):
        self._routes(self.sip.addr, 5061)
        self.sip.auto = {"MESSAGE": lambda p, m: p.answer(m, 503, headers=["Retry-After: 2"]), "OPTIONS": 200}
        self._arrives_at_second("around the busy hop")
        self.sip.got.clear()
        self._arrives_at_second("and it is left alone meanwhile")
        self.assertEqual([m for m in self.sip.got if m.method == "MESSAGE"], [])
        time.sleep(2.2)  # for the next test the hop is well again

    def test_first_dies_with_its_connection(self):
        self.gh.records("sip", "retry")  # ERR_15's pause is over
        self._routes(self.sip.addr, 5061)
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "first")
        self.sip.answer(self.reaches(r), 200)
        for s in self.sip.streams:
            s.close()
        self.sip.listener.shutdown(socket.SHUT_RDWR)  # close() alone leaves the accept that waits
        self.sip.listener.close()
        try:
            self._arrives_at_second("around the hop that died")
        finally:
            type(self).sip = self.party(PARTNER, addr=self.sip.addr, server=self.sip.server)

    def test_srv(self):
        dead = self.place.addr()
        self.dns.a("one." + PARTNER, dead)
        self.dns.a("two." + PARTNER, self.second.addr)
        self.dns.naptr(PARTNER, "SIPS+D2T", "_sips._tcp." + PARTNER)
        self.dns.srv(PARTNER, "one." + PARTNER, 7061, service="_sips", priority=1)
        self.dns.srv(PARTNER, "two." + PARTNER, 7062, service="_sips", priority=2)
        self.gh.commit("delete sip route 1", "delete sip route 2") if "route 2" in self.gh.ghsh("show settings sip\n",
                                                                                         check=False) else \
            self.gh.commit("delete sip route 1")
        try:
            self._arrives_at_second("by the second SRV target")
        finally:
            self.gh.commit("set sip route 1 pattern " + PARTNER, "set sip route 1 type domain",
                           "set sip route 1 next-hop " + self.sip.addr, "set sip route 1 port 5061",
                           "set sip route 1 protocol tls")


class LyncRecords(SipBox):
    """FED-07: an SRV record of their own comes before NAPTR, and their certificate has the name of its target."""
    peer = {"type": "lync"}

    def test_FED_07_found(self):
        pool = self.party("pool." + PARTNER, contact_host="pool." + PARTNER, port=7061, auto={"INVITE": 480})
        self.dns.a("pool." + PARTNER, pool.addr)
        self.dns.naptr(PARTNER, "SIPS+D2T", "_sips._tcp." + PARTNER)
        self.dns.srv(PARTNER, PARTNER, 5061, service="_sips")
        self.dns.srv(PARTNER, "pool." + PARTNER, 7061, service="_sipfederationtls")
        self.gh.commit("delete sip route 1")
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "by their record", id_="m1")
        self.assertTrue(pool.wait_request("INVITE", 15).uri.startswith("sip:" + r))
        self.assertEqual(raw.stanza_error(j.wait_error("m1")), "recipient-unavailable")
        pool.close()


class LyncEdge(SipBox):
    """The edge of a Lync-like peer: found by its own SRV record, mutual TLS both ways by its own name, IM as a session."""
    peer = {"type": "lync"}
    LYNC = "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=session\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" \
           "m=message 5060 sip null\r\na=accept-types:text/plain\r\n"

    @classmethod
    def build(cls):
        super().build()
        name = "edge." + PARTNER
        cls.edge = cls.party(name, contact_host=name, port=7061)
        cls.edge.server = (cls.gh.addr, 5062)
        cls.dns.a(name, cls.edge.addr)
        cls.dns.srv(PARTNER, name, 7061, service="_sipfederationtls")
        cls.gh.commit("delete sip route 1")

    def invited(self, id_):
        """juliet writes to somebody there; who writes, to whom, and the INVITE at the edge."""
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "first", id_=id_)
        return j, r, self.edge.wait_request("INVITE", 15, lambda m: m.uri.startswith("sip:" + r))

    def test_FED_07_session_and_certificates(self):
        j, r, m = self.invited("m1")
        self.assertIn("m=message 5060 sip null", m.body)
        shown = m.way.sock.getpeercert()["subjectAltName"]
        self.assertIn(("DNS", "near.example"), shown)
        self.edge.answer(m, 200, headers=[self.edge.contact(r)], body=self.LYNC, content_type="application/sdp")
        d = Dialog.taken(self.edge, r, m)
        self.edge.wait_request("ACK")
        text = self.edge.wait_request("MESSAGE", 15, lambda q: q.get("call-id") == d.call_id)
        self.assertEqual(text.body, "first")
        self.edge.answer(text, 200)
        self.edge.auto = {"BYE": 200}
        # A connection of its own, to the mutual port; who speaks for the domain there, the row says (RFC 5922).
        self.assertEqual(d.ask("MESSAGE", body="too soon").status, 403)
        self.gh.commit("set sip peer %s subjects %s" % (PARTNER, self.edge.domain))
        self.assertEqual(d.ask("MESSAGE", body="and back").status, 200)
        j.wait_body("and back")
        self.assertEqual(d.ask("BYE").status, 200)

    def test_diagnostics_are_logged(self):
        j, r, m = self.invited("m2")
        self.edge.answer(m, 403, headers=['ms-diagnostics: 1034;reason="Previous hop federated peer did not report diagnostic"'])
        self.assertEqual(raw.stanza_error(j.wait_error("m2")), "forbidden")
        line = [l for l in self.gh.log().splitlines() if "sip.out.diagnostics" in l][-1]
        self.assertIn("domain=" + PARTNER, line)
        self.assertIn("status=403", line)
        self.assertIn("1034;reason=", line)


class Operators(SipBox):
    """What an operator sees and asks of the SIP door."""

    def test_check_walks_to_the_end(self):
        self.sip.auto = {"OPTIONS": 200}
        got = self.gh.records("sip", "check", PARTNER)
        self.assertEqual([(r["step"], r["result"]) for r in got],
                         [("policy", "ok"), ("route", "ok"), ("dns", "ok"), ("tls", "ok"), ("certificate", "ok"),
                          ("options", "ok")])
        self.assertIn(PARTNER, got[4]["detail"])

    def test_check_says_where_it_ends(self):
        self.gh.commit("set sip route 1 port 7999")
        try:
            got = self.gh.operator("sip", "check", PARTNER)
            self.assertNotEqual(got.returncode, 0)
            self.assertIn("nothing listens at the partner's address and port", got.stdout + got.stderr)
        finally:
            self.gh.commit("set sip route 1 port 5061")
        got = self.gh.operator("sip", "check", "elsewhere.example")
        self.assertIn("set sip peer DOMAIN action allow", got.stdout + got.stderr)

    def test_show(self):
        j, r = self.juliet(), self.romeo()
        self.sip.auto = {"MESSAGE": 200}
        j.message("%s@%s" % (r, PARTNER), "count me")
        self.reaches(r)
        self.assertEqual(self.ask(r, body="me too", to=j).status, 200)
        def peer():
            return [x for x in self.gh.records("show", "sip") if x.get("domain") == PARTNER and x["type"] == "peer"][0]

        wait_for("the partner's 200 is counted", lambda: int(peer()["out"]) >= 1, 5)
        self.assertEqual((peer()["state"], peer()["tls"]), ("allowed", "required"))
        self.assertGreaterEqual(int(peer()["in"]), 1)
        door = [x for x in self.gh.records("show", "sip") if x["type"] == "door"][0]
        self.assertEqual(door["gateway"], "up")
        self.assertGreaterEqual(int(door["connections"]), 1)
        self.assertEqual((door["msrp-sessions"], door["msrp-frames-in"]), ("0", "0"))
        route = self.gh.records("show", "sip", "routes")[0]
        self.assertEqual((route["pattern"], route["state"]), (PARTNER, "in service"))

    def test_bad_rows_do_not_come_in(self):
        """B-STR-03, B-STR-13: at the commit, with the row's name."""
        for lines, what in ((["set sip route 9 pattern 1*2", "set sip route 9 next-hop h"], "at the end only"),
                            (["set sip peer x.example addresses 192.0.2.1/24"], "prefixes"),
                            (["set sip route 9 pattern 12"], "no next-hop")):
            got = self.gh.ghsh("\n".join(lines) + "\ncommit\n", check=False)
            self.assertIn(what, got)
            self.gh.ghsh("discard\n", check=False)

"""SIP clients outside, over edges to gh-line of the core (M-09, M-24): the edge ends TLS and knows nobody, the core asks for digests."""
import os
import signal
import time
import uuid

from harness.baresip import Baresip
from harness.linked import EDGE_INNER, EDGE_OUTSIDE, FRONT, LINK, LinkedCase, SecondEdge
from harness.people import DOMAIN
from harness.phone import Phone, body, header, headers, status
from harness.place import wait_for
from test_line import SDP


class SipLinked(LinkedCase):
    core_settings = ("set line flow-timer 20",)

    def phone(self, user, reg_id=None, edge=EDGE_OUTSIDE, alpn="sip/2", **options):
        p = Phone(edge, FRONT, user, DOMAIN, transport="tls", ca=self.pki.ca, alpn=alpn, reg_id=reg_id, **options)
        p.answers["INVITE"] = None
        self.streams.append(p)
        return p

    def flow(self, user, reg_id, instance, edge=EDGE_OUTSIDE, **options):
        p = self.phone(user, reg_id, edge, instance=instance, **options)
        got = p.register()
        self.assertEqual(status(got), 200, got)
        return p

    def bindings(self, user):
        return self.core.records("show", "line", "%s@%s" % (user, DOMAIN))

    def sip_rows(self, gh, *what):
        return [r for r in gh.records("show", "clients", *what) if r["transport"] == "sip"]

    def invite(self, a, to):
        sent = a.build("INVITE", to, extra=["Contact: <%s>" % a.contact, "Content-Type: application/sdp"], text=SDP,
                       call_id=os.urandom(6).hex())
        a.send(sent)
        return sent


class OneEdge(SipLinked):
    def test_registered_and_called(self):
        u, v = self.people("u", "v")
        a = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()))
        b = self.flow(v, 1, "urn:uuid:" + str(uuid.uuid4()), alpn=None)  # the first bytes tell, too
        row = self.sip_rows(self.core, "%s@%s" % (u, DOMAIN))[0]
        self.assertEqual((row["edge"], row["tls"], row["address"], row["reg-id"]), ("one", "TLSv1.3", a.local[0], "1"))
        self.assertEqual({r["user"] for r in self.sip_rows(self.edge)}, {"-"})
        sent = self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        call = b.wait_method("INVITE")
        self.assertRegex(header(call, "Via"), "^SIP/2.0/TLS ")  # as it came; Linphone takes another way back by any other (RFC 3261 18.2.2)
        b.send(b.response(call, 200, ["Contact: <%s>" % b.contact, "Content-Type: application/sdp"], SDP))
        got = a.answer_of(sent)
        self.assertEqual((status(got), body(got)), (200, SDP))
        self.assertLess(a.ping(), 1)

    def test_wrong_password(self):
        u = self.people("u")
        self.assertEqual(status(self.phone(u, password="guess").register()), 401)
        self.assertEqual(self.bindings(u), [])

    def test_application_passwords_only(self):
        """M-07: `im login-outside` holds for SIP."""
        u = self.people("u")
        made = self.core.records("user", "app-password", "add", "%s@%s" % (u, DOMAIN), "phone")[0]["password"]
        self.core.commit("set im login-outside app-password")
        self.addCleanup(self.core.commit, "delete im login-outside")
        self.assertEqual(status(self.phone(u).register()), 401)
        self.assertEqual(status(self.phone(u, password=made).register()), 200)

    def test_refused_at_the_edge(self):
        """What is not for a domain of ours, or no SIP, does not reach the core."""
        before = self.counter(self.core, "gh-line:line.requests")
        p = self.phone("u")
        sent = p.build("OPTIONS", "sip:elsewhere.example")
        p.send(sent)
        self.assertEqual(status(p.answer_of(sent)), 404)
        p = self.phone("u")
        p.send("NONSENSE\r\n\r\n")
        self.assertLess(p.closed_after(5), 5)
        p = self.phone("u")
        p.send("REGISTER sip:%s SIP/2.0\r\nX: %s" % (DOMAIN, "x" * 9000))
        self.assertLess(p.closed_after(5), 5)
        self.assertEqual(self.counter(self.core, "gh-line:line.requests"), before)

    def test_drained(self):
        """M-21: at the edge and at the core."""
        u, v = self.people("u", "v")
        a = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()))
        for gh in (self.edge, self.core):
            with self.subTest(gh.name):
                self.addCleanup(gh.operator, "client", "drain", "off")
                self.assertEqual(gh.operator("client", "drain").returncode, 0)
                got = self.phone(v, 1).register(authenticate=False)
                self.assertEqual(status(got), 503)
                self.assertGreaterEqual(int(header(got, "Retry-After")), 30)
                self.assertEqual(status(a.register()), 200)  # who is in stays
                self.assertEqual(gh.operator("client", "drain", "off").returncode, 0)

    def test_kicked_at_the_edge(self):
        u = self.people("u")
        a = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()))
        row = next(r for r in self.sip_rows(self.edge) if r["state"] == "stream")
        for r in self.sip_rows(self.edge):
            self.edge.operator("client", "kick", r["client"])
        self.assertLess(a.closed_after(5), 5)
        self.assertTrue(row["client"])
        wait_for("the core knows", lambda: not self.bindings(u), 5)

    def test_no_core(self):
        self.core.commit("delete link edge one address")
        self.addCleanup(self.wait_links)
        self.addCleanup(self.core.commit, "set link edge one address %s %d" % (EDGE_INNER, LINK))
        wait_for("no links", lambda: not self.links(self.edge), 10)
        got = self.phone("u", 1).register(authenticate=False)
        self.assertEqual((status(got), int(header(got, "Retry-After")) >= 30), (503, True))


class BothEdges(SecondEdge, SipLinked):
    """Mra test 12: one instance by two edges, of which one dies."""

    def test_a_dialog_stays_with_its_edge(self):
        """RFC 5626 5.3.2: what follows in a call comes by the edge that it began on, newer flows or not."""
        u, v = self.people("u", "v")
        a = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()))
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(v, 1, instance), self.flow(v, 2, instance, self.OTHER)
        sent = self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        call = q.wait_method("INVITE")
        q.send(q.response(call, 200, ["Contact: <%s;ob>" % q.contact, "Content-Type: application/sdp"], SDP))
        ok = a.answer_of(sent)
        self.assertEqual(status(p.register()), 200)  # by the other edge, and the newest now
        bye = a.build("BYE", q.contact + ";ob", to=header(ok, "To"), call_id=header(sent, "Call-ID"),
                      extra=["Route: " + r for r in reversed(headers(ok, "Record-Route"))])
        a.send(bye)
        q.wait_method("BYE")
        self.assertEqual(status(a.answer_of(bye)), 200)

    def test_call_arrives_over_the_other(self):
        u, v = self.people("u", "v")
        a = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()), self.OTHER)
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(v, 2, instance, self.OTHER), self.flow(v, 1, instance)
        self.assertEqual([(r["edge"], r["reg-id"]) for r in self.sip_rows(self.core, "%s@%s" % (v, DOMAIN))], [("one", "1"), ("two", "2")])
        sent = self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        q.wait_method("INVITE")  # the newest
        self.edge.stop()         # while it rings
        begin = time.monotonic()
        call = p.wait_method("INVITE")
        self.assertLess(time.monotonic() - begin, 5)
        p.send(p.response(call, 200, ["Contact: <%s>" % p.contact, "Content-Type: application/sdp"], SDP))
        self.assertEqual(status(a.answer_of(sent)), 200)
        self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        p.wait_method("INVITE")
        self.assertEqual([r["reg_id"] for r in self.bindings(v)], ["2"])


class OtherPeoplesClient(SipLinked):
    """baresip in the network outside, with sipnat=outbound (mra tests 10, 11)."""
    core_settings = ("set line digest md5",)

    def test_baresip(self):
        u, v = self.people("u", "v")
        other = Baresip(self.place, v, DOMAIN, "%s:%d" % (EDGE_OUTSIDE, FRONT), "tls", outbound=True, addr="10.79.1.1")
        self.addCleanup(other.stop)
        other.start()
        other.registered()
        row = self.sip_rows(self.core, "%s@%s" % (v, DOMAIN))[0]
        self.assertEqual((row["edge"], row["reg-id"], row["address"]), ("one", "1", "10.79.1.1"))
        a = self.phone(u, algorithm="MD5")
        self.assertEqual(status(a.register()), 200)
        sent = self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        other.wait_event(lambda e: e.get("type") == "CALL_INCOMING", what="the call")
        other.do("accept")
        self.assertEqual(status(a.answer_of(sent)), 200)
        os.kill(other.program.pid, signal.SIGKILL)
        wait_for("its registration is gone", lambda: not self.bindings(v), 5, 0.02)
        begin = time.monotonic()
        self.assertIn(status(a.answer_of(self.invite(a, "sip:%s@%s" % (v, DOMAIN)))), (430, 480))
        self.assertLess(time.monotonic() - begin, 1)

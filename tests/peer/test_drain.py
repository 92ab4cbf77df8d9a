"""Clients leave an edge or a core over a time that is set (M-21, mra test 29): XMPP streams with system-shutdown, SIP clients by the end
of their flows; nobody new, nobody all at once, and who talks may go on until the time is over."""
import select
import time
import uuid

from harness import raw
from harness.people import DOMAIN
from harness.phone import header, status
from harness.place import wait_for
from test_line import SDP, Line
from test_link_line import SipLinked

SECONDS, EACH = 4, 8


class Drained(SipLinked):
    core_settings = ("set line flow-timer 60",)

    def ends(self, streams, phones, drain):
        """When each of them has ended, in seconds from the command; the streams' errors."""
        socks = {s.sock: ("stream", s) for s in streams} | {p.sock: ("phone", p) for p in phones}
        began, ended, errors = time.monotonic(), [], []
        drain()
        while socks and time.monotonic() - began < SECONDS + 6:
            for sock in select.select(list(socks), [], [], 0.1)[0]:
                kind, who = socks.pop(sock)
                if kind == "stream":
                    with self.assertRaises(raw.Closed) as e:
                        while True:
                            who.next(1)
                    errors.append(e.exception.error)
                else:
                    who.closed_after(2)
                ended.append(time.monotonic() - began)
        self.assertEqual(len(socks), 0, "some are still in")
        return ended, errors

    def crowd(self):
        streams, phones = [], []
        for _ in range(EACH):
            u, v = self.people("u", "v")
            s = self.outside(u)
            s.send("<presence/>")
            s.wait(lambda e: raw.local(e.tag) == "presence", what="its own presence")
            streams.append(s)
            phones.append(self.flow(v, 1, "urn:uuid:" + str(uuid.uuid4())))
        return streams, phones

    def look(self, gh):
        streams, phones = self.crowd()
        one = streams[0]
        id_ = one.sm_enable().get("id")
        time.sleep(0.6)  # between two stanzas
        self.addCleanup(gh.operator, "client", "drain", "off")
        ended, errors = self.ends(streams, phones, lambda: self.assertEqual(gh.operator("client", "drain", str(SECONDS)).returncode, 0))
        self.assertEqual(errors, ["system-shutdown"] * EACH)
        self.assertLess(max(ended), SECONDS + 2)
        for second in range(SECONDS):  # evenly: a quarter in each, and the load of this machine
            self.assertLessEqual(len([e for e in ended if second <= e < second + 1]), EACH, ended)
        with self.assertRaises(raw.Closed) as e:
            self.outside()
        self.assertEqual(e.exception.error, "remote-connection-failed")
        self.assertEqual(status(self.phone(self.people("w"), 1).register(authenticate=False)), 503)
        self.assertEqual(gh.operator("client", "drain", "off").returncode, 0)
        r = self.outside()  # what it had is there
        r.sasl_plain(one.jid.split("@")[0], "secret")
        r.open(DOMAIN)
        r.features()
        r.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % id_)
        self.assertEqual(r.wait(lambda e: raw.local(e.tag) in ("resumed", "failed"), what="resumed").get("previd"), id_)

    def test_an_edge(self):
        self.look(self.edge)

    def test_a_core(self):
        self.look(self.core)

    def test_off_in_between(self):
        streams, phones = self.crowd()
        gh = self.edge
        self.addCleanup(gh.operator, "client", "drain", "off")
        rows = gh.records("client", "drain", "60")
        row = next(r for r in rows if r["program"] == "gh-proxy")
        self.assertEqual((row["new-logins"], row["clients"], row["over-in-s"]), ("no", str(2 * EACH), "60"))
        wait_for("somebody has left", lambda: len(self.sip_rows(gh)) + len([r for r in gh.records("show", "clients") if r["transport"] == "tls"]) < 2 * EACH, 15)
        self.assertEqual(gh.operator("client", "drain", "off").returncode, 0)
        left = len(gh.records("show", "clients"))
        self.assertGreater(left, EACH)
        time.sleep(2)  # of sixty seconds for sixteen: nobody leaves any more
        self.assertEqual(len(gh.records("show", "clients")), left)
        for bad in ("-1", "86401", "soon"):
            self.assertNotEqual(gh.operator("client", "drain", bad).returncode, 0, bad)
        self.assertEqual(next(r for r in gh.records("client", "drain", "off") if r["program"] == "gh-proxy")["new-logins"], "yes")


class AtTheDoor(Line):
    """Clients of a combined box."""
    more = ("set line flow-timer 60",)

    def test_who_talks_is_the_last(self):
        people = self.people("a", "b", "c", "d")
        a, b, c, d = [self.registered(u, "tls", instance="urn:uuid:" + str(uuid.uuid4()), reg_id=1) for u in people]
        b.answers["INVITE"] = None
        sent = a.build("INVITE", "sip:%s@%s" % (people[1], DOMAIN), extra=["Contact: <%s>" % a.contact, "Content-Type: application/sdp"], text=SDP, call_id="x" + people[0])
        a.send(sent)
        b.send(b.response(b.wait_method("INVITE"), 200, ["Contact: <%s>" % b.contact, "Content-Type: application/sdp"], SDP))
        self.assertEqual(status(a.answer_of(sent)), 200)
        self.addCleanup(self.gh.operator, "client", "drain", "off")
        began = time.monotonic()
        self.assertEqual(self.gh.operator("client", "drain", str(SECONDS)).returncode, 0)
        for p in (c, d):
            p.closed_after(SECONDS + 2)
            self.assertLess(time.monotonic() - began, SECONDS)
        for p in (a, b):
            p.closed_after(SECONDS + 2)
        self.assertGreater(time.monotonic() - began, SECONDS - 0.1)
        self.assertLess(time.monotonic() - began, SECONDS + 2)

    def test_by_udp(self):
        """There is nothing to close: the registration goes on, and the next one is told to go elsewhere."""
        u, v = self.people("u", "v")
        p, a = self.registered(u, "udp"), self.registered(v, "udp")
        self.addCleanup(self.gh.operator, "client", "drain", "off")
        self.assertEqual(self.gh.operator("client", "drain", "1").returncode, 0)
        wait_for("its turn has come", lambda: "line.drained" in self.gh.log(), 10)
        got = p.register()
        self.assertEqual(status(got), 503)
        self.assertTrue(30 <= int(header(got, "Retry-After")) < 60)
        self.assertEqual(status(a.request("MESSAGE", "sip:%s@%s" % (u, DOMAIN), extra=["Content-Type: text/plain"], text="still there?")), 200)
        p.wait_method("MESSAGE")
        self.assertEqual(self.gh.operator("client", "drain", "off").returncode, 0)
        self.assertEqual(status(p.register()), 200)

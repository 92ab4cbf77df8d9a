"""Federation through an edge: a partner outside, the edge in the DMZ, accounts on the core inside. The DMZ opens no connection to the
inside."""
import time

from harness import raw
from harness.baresip import Baresip
from harness.dns import Dns
from harness.linked import CORE, EDGE_INNER, EDGE_OUTSIDE, LINK, LinkedCase
from harness.netns import here
from harness.people import DOMAIN, INFO
from harness.place import Failed, wait_for
from harness.prosody import Prosody
from harness.rogue_edge import PRESENCE, Ferry, TakenOver, frame, hello, route
from harness.sipbox import SipBox
from harness.sipclient import Party, subscribe

NAMES, PARTNER, PHONES = "10.79.1.20", "10.79.1.21", "10.79.1.22"
FAR, SIP_PARTNER = "far.example", "partner.example"


class PartnerCase(LinkedCase):
    """Prosody at far.example outside; people by streams to the core, from inside."""
    core_options = {"role": "core", "mode": None}

    @classmethod
    def outside_world(cls):
        for a in (NAMES, PARTNER):
            here("addr", "add", a + "/24", "dev", "front0")
        cls.dns = Dns(cls.place, addr=NAMES)
        cls.edge_options = dict({"role": "edge", "dns": cls.dns, "peers": {FAR: {"action": "allow"}}}, **cls.edge_more())
        cls.dns.a("xmpp." + DOMAIN, EDGE_OUTSIDE)
        cls.dns.srv(DOMAIN, "xmpp." + DOMAIN, 5269)
        cls.dns.a("xmpp." + FAR, PARTNER)
        cls.dns.srv(FAR, "xmpp." + FAR, 5269)

    @classmethod
    def edge_more(cls):
        return {}

    @classmethod
    def build(cls):
        super().build()
        cls.partners()
        cls.wait_partners()

    @classmethod
    def partners(cls):
        cls.far = Prosody(cls.place, FAR, cls.pki.make("good", FAR), cls.pki.ca, cls.dns, addr=PARTNER, dialback=False)
        cls.far.user("romeo")
        cls.far.start()

    @classmethod
    def wait_partners(cls, n=2):
        """Ferries that stand, on both boxes."""
        for gh in (cls.edge, cls.core):
            wait_for("%d ferries at %s" % (n, gh.name), lambda g=gh: len(cls.ferries(g)) == n, 20, 0.2)

    @staticmethod
    def ferries(gh):
        return [r for r in gh.records("show", "links") if r["partners"] in ("carries", "ready")]

    def inside_login(self, user):
        with self.inside:
            s = raw.login(CORE, user, DOMAIN, "secret", ca=self.pki.ca)
        self.streams.append(s)
        return s

    def inside_stream(self, user):
        return self.present(self.inside_login(user))

    def romeo(self):
        return self.login(self.far, "romeo")


class Partners(PartnerCase):
    def test_messages(self):
        j, r = self.inside_stream(self.people("j")), self.romeo()
        self.chat(j, r, "from inside")
        self.chat(r, j, "from outside \u96ea")

    def test_client_of_the_front(self):
        """Both through the same edge: a person outside, and the partner."""
        j, r = self.outside(self.people("j")), self.romeo()
        self.chat(r, j, "to the café")
        self.chat(j, r, "from the café")

    def test_presence_and_iq(self):
        j, r = self.inside_stream(self.people("j")), self.romeo()
        for a, b in ((j, r), (r, j)):
            a.send("<presence to='%s' type='subscribe'/>" % b.bare)
            if b is r:  # of whom she has in her list she is not asked
                r.wait(lambda e: e.get("type") == "subscribe", what="subscribe")
                r.send("<presence to='%s' type='subscribed'/>" % j.bare)
            a.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == b.jid, what="presence of the other")
        r.send("<presence><show>away</show></presence>")
        j.wait(lambda e: e.get("from") == r.jid and e.findtext("{*}show") == "away", what="away")
        self.assertEqual(j.iq("get", "<query xmlns='%s'/>" % INFO, FAR).get("type"), "result")
        self.assertEqual(r.iq("get", "<query xmlns='%s'/>" % INFO, DOMAIN).get("type"), "result")
        self.assertEqual(r.iq("get", "<ping xmlns='urn:xmpp:ping'/>", DOMAIN).get("type"), "result")

    def test_large_and_many(self):
        """More than all windows and queues hold, both ways at once: all of it arrives, in order."""
        j, r = self.inside_stream(self.people("j")), self.romeo()
        texts = ["%d " % i + "x" * 60000 for i in range(20)]
        for text in texts:
            j.message(r.jid, text)
            r.message(j.jid, text)
        for s in (r, j):
            got = [s.wait(lambda e: e.find("{*}body") is not None, 30).findtext("{*}body") for _ in texts]
            self.assertEqual([g[:8] for g in got], [t[:8] for t in texts])
            self.assertEqual(got, texts)

    def test_edge_judges(self):
        """A partner without a row at the edge is refused there, both ways; the core's rows count besides."""
        j, r = self.inside_stream(self.people("j")), self.romeo()
        j.message("x@unknown.example", "hello", id_="unknown")
        self.assertEqual(raw.stanza_error(j.wait_error("unknown", 15)), "not-allowed")
        self.core.commit("set federation peer %s action deny" % FAR)
        try:
            for s, to in ((j, r.jid), (r, j.jid)):
                wait_for("it is refused", lambda a=s, b=to: self.is_refused(a, b), 15)
        finally:
            self.core.commit("delete federation peer %s action" % FAR)
        wait_for("it is allowed again", lambda: not self.is_refused(j, r.jid), 15)
        self.chat(j, r, "again")

    @staticmethod
    def is_refused(s, to):
        """A message's answer, before that to a ping that was sent behind it: commits take their time, and one in between may be
        followed by none."""
        n = time.monotonic_ns()
        s.message(to, "hello", id_="m%d" % n)
        s.send("<iq type='get' id='q%d' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>" % (n, to.split("/")[0].split("@")[1]))
        try:
            return s.wait(lambda e: (e.get("id") or "")[1:] == str(n), 2, "an answer").get("id")[0] == "m"
        except Failed:
            return False

    def test_commands(self):
        """What asks about partners is answered at the edge, what asks about people at the core."""
        j, r = self.inside_stream(self.people("j")), self.romeo()
        self.chat(j, r, "so that there is a stream")
        self.assertIn("allow", self.edge.federation(FAR))
        self.assertEqual(self.edge.operator("federation", "check", FAR).returncode, 0)
        self.assertIn("is not for a box of this role", self.core.operator("show", "federation").stderr)
        routes = {r["domains"]: (r["to"], r["state"]) for r in self.edge.records("show", "routes")}
        self.assertEqual(routes[DOMAIN], ("gh-link", "up"))
        routes = {r["domains"]: (r["to"], r["state"]) for r in self.core.records("show", "routes")}
        self.assertEqual((routes[DOMAIN], routes["all others that policy allows"]), (("gh-im", "up"), ("gh-link", "up")))
        self.assertEqual(sorted(r["partners"] for r in self.links(self.core, "signal")), ["carries", "ready"])


class PartnersKilled(PartnerCase):
    """kill -9 of a program between, under traffic: nothing is lost. A stanza may come twice, as on one box (stanza.md), but not
    because of gh-link: who knows what came before lives on."""

    def talk(self, word, from_, to, strike):
        """All bodies that came."""
        self.chat(from_, to, "before " + word, 30)
        missing = {"%s %d" % (word, i) for i in range(40)}
        for i in range(40):
            from_.message(to.jid, "%s %d" % (word, i))
            if i == 20:
                strike()
        end, came = time.monotonic() + 40, []
        while missing - set(came) and time.monotonic() < end:
            e = to.wait(lambda e: e.find("{*}body") is not None and e.get("type") != "error",
                        max(0.1, end - time.monotonic()), "one of the messages")
            came.append(e.findtext("{*}body"))
        self.assertFalse(missing - set(came))
        self.chat(from_, to, "after " + word, 30)
        return came + [e.findtext("{*}body") for e in to.got if (e.findtext("{*}body") or "").startswith(word)]

    def test_killed(self):
        j, r = self.inside_stream(self.people("j")), self.romeo()
        for gh in (self.edge, self.core):
            for victim in ("gh-link", "gh-switch"):
                for name, a, b in (("out", j, r), ("in", r, j)):
                    with self.subTest("%s %s %s" % (gh.name, victim, name)):
                        came = self.talk("%s-%s-%s" % (gh.name, victim, name), a, b, lambda g=gh, v=victim: g.kill(v))
                        if victim == "gh-link":
                            self.assertEqual(len(came), len(set(came)), "some came twice: %s" % came)
                        self.wait_partners()

    def test_core_away(self):
        """What a partner sends while there is no core waits at the edge; when that takes too long, its sender is told."""
        u = self.people("j")
        j, r = self.inside_stream(u), self.romeo()
        self.chat(r, j, "before")
        self.core.commit("delete link edge one address")
        wait_for("no links", lambda: not self.links(self.edge), 10, 0.2)
        r.message(j.jid, "while it is away", id_="m1")
        wait_for("it is given back", lambda: int(self.counter(self.edge, "gh-link:link.partners.back")) > 1, 10, 0.2)
        self.core.commit("set link edge one address %s %d" % (EDGE_INNER, LINK))
        j.wait_body("while it is away", 30)
        self.wait_partners()
        self.core.commit("delete link edge one address")
        wait_for("no links", lambda: not self.links(self.edge), 10, 0.2)
        r.message(j.jid, "for nobody", id_="m2")
        e = r.wait_error("m2", 60)
        self.assertEqual((raw.stanza_error(e), e.get("from")), ("recipient-unavailable", j.jid))
        self.core.commit("set link edge one address %s %d" % (EDGE_INNER, LINK))
        self.wait_partners()
        self.chat(r, j, "afterwards", 30)
        self.assertNotIn("for nobody", [e.findtext("{*}body") for e in j.got])


class PartnersByTwoEdges(PartnerCase):
    """A core with two edges reaches a partner by the one that it came by, and by the other when that is gone."""
    OTHER, OTHER_INNER = "10.79.1.3", "10.79.2.3"

    @classmethod
    def partners(cls):
        super().partners()
        cls.dmz.ip("addr", "add", cls.OTHER + "/24", "dev", "outer")
        cls.dmz.ip("addr", "add", cls.OTHER_INNER + "/24", "dev", "inner")
        cls.dns.a("xmpp2." + DOMAIN, cls.OTHER)
        cls.dns.srv(DOMAIN, "xmpp2." + DOMAIN, 5269, priority=20)
        cls.second = cls.box(cls.dmz, "edge2", cls.OTHER, cls.certificate(
            "edge2", cls.link_pki.make("good", "two.edge.link.invalid", ("edge.link.invalid",))) + [
            "set link listen v4 %s %d" % (cls.OTHER_INNER, LINK), "set link authority own " + cls.link_pki.ca], **cls.edge_options)
        cls.core.commit("set link edge two address %s %d" % (cls.OTHER_INNER, LINK))

    @classmethod
    def wait_partners(cls, n=4):
        wait_for("%d ferries at the core" % n, lambda: len(cls.ferries(cls.core)) == n, 20, 0.2)

    def carried(self, edge, field):
        """Stanzas that the core has had with an edge."""
        return sum(int(r[field]) for r in self.core.records("show", "links") if r["with"] == edge)

    def test_one_goes(self):
        j, r = self.inside_stream(self.people("j")), self.romeo()
        self.chat(r, j, "by the first")
        for i in range(10):
            self.chat(j, r, "back %d" % i)
        self.assertEqual((self.carried("two", "stanzas-in"), self.carried("two", "stanzas-out")), (0, 0))
        self.edge.stop()
        wait_for("the core knows", lambda: not any(f["with"] == "one" for f in self.ferries(self.core)), 20, 0.2)
        self.chat(j, r, "by the second", 30)
        self.chat(r, j, "and from there", 60)
        self.assertGreater(self.carried("two", "stanzas-in"), 0)


class PartnersBySip(PartnerCase):
    """A SIP partner outside: gh-sip and gh-xlate run on the edge, which keeps nothing of people; accounts are on the core."""
    ask, reaches, watches, sees, watched, presence = (getattr(SipBox, name) for name in (
        "ask", "reaches", "watches", "sees", "watched", "presence"))

    @classmethod
    def edge_more(cls):
        here("addr", "add", PHONES + "/24", "dev", "front0")
        cls.dns.a(SIP_PARTNER, PHONES)
        return {"sip_peers": {SIP_PARTNER: {"action": "allow"}}, "sip_routes": {"1": {
            "pattern": SIP_PARTNER, "type": "domain", "next-hop": PHONES, "port": 5061, "protocol": "tls"}}}

    @classmethod
    def partners(cls):
        cls.sip = Party(cls.place, SIP_PARTNER, "tls", addr=PHONES, cert=cls.pki.make("good", SIP_PARTNER), ca=cls.pki.ca,
                        contact_host=SIP_PARTNER, server=(EDGE_OUTSIDE, 5061), auto={"NOTIFY": 200})

    def test_messages(self):
        j = self.inside_stream(self.people("j"))
        j.send("<message type='chat' id='m1' to='romeo@%s'><body>Art thou not Romeo?</body></message>" % SIP_PARTNER)
        m = self.reaches("romeo", "MESSAGE", 15)
        self.assertIn(b"Art thou not Romeo?", m.body if isinstance(m.body, bytes) else m.body.encode())
        self.sip.answer(m, 200)
        self.assertEqual(self.ask("romeo", "MESSAGE", "Neither, fair saint", to=j).status, 200)
        e = j.wait(lambda e: raw.local(e.tag) == "message", 10, "message from SIP")
        self.assertEqual((e.get("from").split("/")[0], e.findtext("{*}body")), ("romeo@" + SIP_PARTNER, "Neither, fair saint"))
        self.assertEqual(self.ask("romeo", "MESSAGE", "?", to="nobody@elsewhere.example").status // 100, 4)

    def test_presence(self):
        """Subscriptions live as long as gh-xlate; after it the partner subscribes again."""
        j = self.inside_stream(self.people("j"))
        self.sees(j, "benvolio")
        d = self.watched("mercutio", j)
        self.sip.wait_notify("active", call_id=d.call_id)
        self.assertIn("xmpp-to-sip", str(self.edge.records("show", "gateway", "subscriptions")))
        self.edge.kill("gh-xlate")
        wait_for("it has begun anew", lambda: self.edge.records("show", "gateway", "subscriptions") == [], 10, 0.2)
        wait_for("it is told that there is none", lambda: d.subscribe(3600).status == 481, 15, 0.3)
        got, again = subscribe(self.sip, "sip:" + j.bare, user="mercutio")
        self.assertEqual(got.status, 200)
        self.sip.wait_notify("active", call_id=again.call_id)


class PartnersOfAPhone(PartnerCase):
    """A SIP client inside, at the core's gh-line: it is one of our people as any other."""
    # COMPAT: baresip 1.0 knows no digest but MD5.
    core_options = {"role": "core", "mode": None, "line": True}
    core_settings = ("set line digest md5",)

    def phone(self, user, contact):
        with self.inside:
            b = Baresip(self.place, user, DOMAIN, "%s:5070" % CORE, "tcp", contacts=["sip:" + contact], ca=self.pki.ca).start()
        self.addCleanup(b.stop)
        b.registered()
        return b

    def test_messages(self):
        u, v = self.people("u", "v")
        j, r = self.inside_stream(v), self.romeo()
        b = self.phone(u, r.bare)
        b.message("from a phone to a partner")
        got = r.wait_body("from a phone to a partner", 15)
        self.assertTrue(got.get("from").startswith("%s@%s" % (u, DOMAIN)))
        r.message("%s@%s" % (u, DOMAIN), "from a partner to a phone")
        b.wait_message("from a partner to a phone")
        j.message("%s@%s" % (u, DOMAIN), "from inside")
        b.wait_message("from inside")


class PartnersHostile(TakenOver, PartnerCase):
    """An edge that is wholly taken over can say things in partners' names. In ours it can say nothing."""

    @classmethod
    def build(cls):
        super().build()
        cls.take_over()

    def setUp(self):
        super().setUp()
        self.j = self.inside_stream(self.people("j"))
        self.ferry = Ferry(self.dialled())
        self.assertEqual(self.ferry.status, "200")
        self.n = 0

    def says(self, from_, stanza, to=None, **words):
        """One envelope; the core has dealt with it when this returns: its answer, and what came with it."""
        self.n += 1
        id_ = 4 << 56 | time.monotonic_ns() & 0xffffffffff | self.n
        self.ferry.send(route(from_, to or self.j.jid, stanza, id_, **words))
        return self.ferry.done(id_)

    def message(self, from_, body, to=None, more=""):
        return "<message type='chat' from='%s' to='%s'><body>%s</body>%s</message>" % (from_, to or self.j.jid, body, more)

    def expect_only(self, text):
        """A partner's message arrives, and nothing was heard before it."""
        self.assertEqual(self.says("romeo@far.example/x", self.message("romeo@far.example/x", text))[0], 0)
        got = self.j.wait(lambda e: raw.local(e.tag) == "message", 10, "a message")
        self.assertEqual((got.findtext("{*}body"), got.get("from")), (text, "romeo@far.example/x"))

    def test_no_names_of_ours(self):
        boss = "boss@" + DOMAIN
        twice = self.message("romeo@far.example/x", "1") + self.message(boss, "2")
        inside = self.message("romeo@far.example/x", "1</body></message>%s<message><body>" % self.message(boss, "2"))
        for what, from_, stanza, words in (
                ("a hosted sender", boss, self.message(boss, "pay"), {}),
                ("a hosted domain", DOMAIN, self.message(DOMAIN, "pay"), {}),
                ("a sender of ours in the stanza", "romeo@far.example/x", self.message(boss, "pay"), {}),
                ("none in the stanza", "romeo@far.example/x", "<message to='%s'><body>pay</body></message>" % self.j.jid, {}),
                ("another addressee", "romeo@far.example/x", self.message("romeo@far.example/x", "pay", to="k@" + DOMAIN), {}),
                ("two stanzas", "romeo@far.example/x", twice, {}),
                ("one that ends early", "romeo@far.example/x", inside, {}),
                ("the end of the stream", "romeo@far.example/x", self.message("romeo@far.example/x", "1") + "</stream:stream>", {}),
                ("no stanza", "romeo@far.example/x", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", {}),
                ("a case of letters", "romeo@NEAR.example", self.message("romeo@NEAR.example", "pay"), {}),
                ("a document type", "romeo@far.example/x", "<!DOCTYPE x [<!ENTITY a 'b'>]>" + self.message("romeo@far.example/x", "&a;"), {}),
                ("a door of ours", boss, self.message(boss, "pay"), {"door": 1})):
            with self.subTest(what):
                self.assertEqual(self.says(from_, stanza, **words)[0], 0)
        rc, back = self.says("romeo@far.example", self.message("romeo@far.example", "1", to="x@elsewhere.example"), to="x@elsewhere.example")
        self.assertEqual(rc, 0)
        self.assertIn(b"item-not-found", b"".join(back))
        self.expect_only("all that it can do")
        self.assertIn("link.stanza.refused", self.core.log())
        self.assertIn("reason=forged", self.core.log())

    def test_it_is_what_the_stanza_says(self):
        """What the envelope says of kind and contents is not believed: this is a message with a body, and is stored."""
        u = self.people("k")
        to = "%s@%s" % (u, DOMAIN)
        self.assertEqual(self.says("romeo@far.example/x", self.message("romeo@far.example/x", "kept", to=to), to=to, kind=PRESENCE, type_=4,
                                   facts=0)[0], 0)
        self.inside_login(u).wait_body("kept")

    def test_other_frames_end_it(self):
        good = route("romeo@far.example/x", self.j.jid, self.message("romeo@far.example/x", "late"))
        for what, greets, data in (
                ("too long", True, b"\xff\xff\xff\xff"), ("empty", True, frame(0, b"")[:3] + b"\0"), ("of no kind", True, frame(9, b"x")),
                ("half an envelope", True, frame(1, good[5:40])), ("more than an envelope", True, frame(1, good[5:] + b"x")),
                ("no sender", True, route("", self.j.jid, self.message("", "x"))), ("a greeting twice", True, hello()),
                ("another version", False, hello(2)), ("no greeting", False, good), ("no such kind", True, route("a@far.example", self.j.jid, "<x/>", kind=7)),
                ("half an answer", True, frame(2, b"1234"))):
            with self.subTest(what):
                ferry = Ferry(self.ferry.edge, greets)
                ferry.send(data + good)
                self.assertTrue(ferry.ended())
        self.expect_only("and the others go on")

    def test_only_so_many(self):
        e = self.dialled()
        got = [e.ask({"x-gh-service": "partners"}) for _ in range(8)]
        self.assertLessEqual(got.count("200"), 4)
        self.assertEqual(got[-1], "503")

"""gh-sip as a stateful proxy between two partners (RFC 3261 16): SIPp on both sides, and two Kamailios through us."""
import threading

from harness.case import PeerCase
from harness.kamailio import Kamailio
from harness.place import wait_for
from harness.sipclient import Msg, Party
from harness.sipp import Sipp, send

A, B = "a.example", "b.example"
LINES = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:caller@a.example>;tag=[call_number]
To: <sip:called@b.example>[peer_tag_param]
Call-ID: [call_id]
Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>
"""
ANSWER = """[last_Via:]
[last_From:]
[last_To:];tag=uas[call_number]
[last_Call-ID:]
[last_CSeq:]
[last_Record-Route:]
Contact: <sip:called@[local_ip]:[local_port];transport=[transport]>
"""
SDP = """v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 20000 RTP/AVP 0
"""


def answer(line, more="", body="", retrans=False):
    return send("SIP/2.0 %s\n%s%sContent-Length: [len]\n\n%s" % (line, ANSWER, more, body), retrans)


def plain_answer(line, more=""):
    """In a dialog: To has its tag."""
    return send("SIP/2.0 %s\n%s%sContent-Length: 0\n\n" % (line, ANSWER.replace(";tag=uas[call_number]", ""), more), False)


def request(method, cseq, more="", body="", retrans=True, uri="sip:called@b.example"):
    return send("%s %s SIP/2.0\n%sCSeq: %d %s\n%sContent-Length: [len]\n\n%s" % (method, uri, LINES, cseq, method, more, body),
                retrans)


def expect(status, optional=False, more=""):
    return '<recv response="%d"%s%s></recv>' % (status, ' optional="true"' if optional else "", more)


def receive(method):
    return '<recv request="%s"></recv>' % method


class Two(PeerCase):
    """Partners a.example and b.example by address, over UDP or TCP."""

    @classmethod
    def build(cls):
        cls.a, cls.b = cls.place.addr(), cls.place.addr()
        cls.gh = cls.gatehouse("near.example", sip_peers={
            A: {"action": "allow", "tls": "optional", "addresses": cls.a},
            B: {"action": "allow", "tls": "optional", "addresses": cls.b}}, sip_routes={
            "udp": {"pattern": B, "type": "domain", "next-hop": cls.b, "port": 7000, "protocol": "udp"},
            "back": {"pattern": A, "type": "domain", "next-hop": cls.a, "port": 7001, "protocol": "udp"}})
        cls.gh.start()
        cls.number = 0

    def through(self, uac, uas, how="udp", calls=3):
        """uac at a.example calls, uas at b.example answers."""
        type(self).number += 1
        self.gh.commit("set sip route udp protocol " + how)
        two = Sipp(self.place, "uas%d" % self.number, uas, self.b, 7000, how=how).start(calls)
        wait_for("SIPp listens", lambda: self._listens(self.b, 7000, how), 5)
        one = Sipp(self.place, "uac%d" % self.number, uac, self.a, 7001, "%s:5060" % self.gh.addr, how)
        try:
            one.run(calls=calls)
            two.wait()
        finally:
            one.program.stop()
            two.program.stop()

    @staticmethod
    def _listens(addr, port, how):
        hexed = "".join("%02X" % int(x) for x in reversed(addr.split("."))) + ":%04X" % port
        with open("/proc/net/" + how) as f:
            return hexed in f.read()

    def _message(self, how):
        self.through([request("MESSAGE", 1, "Content-Type: text/plain\n", "hi"), expect(200)],
                     [receive("MESSAGE"), answer("200 OK")], how)

    def test_message_udp(self):
        self._message("udp")

    def test_message_tcp(self):
        self._message("tcp")

    def test_refusal_is_passed_on(self):
        self.through([request("MESSAGE", 1, "Content-Type: text/plain\n", "hi"), expect(486)],
                     [receive("MESSAGE"), answer("486 Busy Here")])

    def test_subscribe_and_notify(self):
        events = "Event: presence\nExpires: 600\n"
        self.through(
            [request("SUBSCRIBE", 1, events), expect(200), receive("NOTIFY"),
             send("SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n", False)],
            [receive("SUBSCRIBE").replace("></recv>", ' rrs="true"></recv>'),
             answer("200 OK", "Expires: 600\n"),
             send("NOTIFY sip:caller@%s:7001 SIP/2.0\n[routes]\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
                  "Max-Forwards: 70\nFrom: <sip:called@b.example>;tag=uas[call_number]\n"
                  "To: <sip:caller@a.example>;tag=[call_number]\nCall-ID: [call_id]\nCSeq: 1 NOTIFY\n"
                  "Contact: <sip:called@[local_ip]:[local_port]>\nEvent: presence\nSubscription-State: active;expires=600\n"
                  "Content-Length: 0\n\n" % self.a), expect(200)])

    def _call(self, how):
        ack = send("ACK [next_url] SIP/2.0\n[routes]\n%sCSeq: 1 ACK\nContent-Length: 0\n\n" % LINES, False)
        bye = send("BYE [next_url] SIP/2.0\n[routes]\n%sCSeq: 2 BYE\nContent-Length: 0\n\n" % LINES)
        self.through(
            [request("INVITE", 1, "Content-Type: application/sdp\n", SDP), expect(100, True), expect(180, True),
             expect(200, more=' rrs="true"'), ack, bye, expect(200)],
            [receive("INVITE"), answer("180 Ringing"), answer("200 OK", "Content-Type: application/sdp\n", SDP, True),
             receive("ACK"), receive("BYE"), plain_answer("200 OK")], how)

    def test_invite_ack_bye_udp(self):
        self._call("udp")

    def test_invite_ack_bye_tcp(self):
        self._call("tcp")

    def test_cancel(self):
        cancel = send("CANCEL sip:called@b.example SIP/2.0\n[last_Via:]\nMax-Forwards: 70\n"
                      "From: <sip:caller@a.example>;tag=[call_number]\nTo: <sip:called@b.example>\nCall-ID: [call_id]\n"
                      "CSeq: 1 CANCEL\nContent-Length: 0\n\n")
        ack = send("ACK sip:called@b.example SIP/2.0\n[last_Via:]\nMax-Forwards: 70\n"
                   "From: <sip:caller@a.example>;tag=[call_number]\nTo: <sip:called@b.example>[peer_tag_param]\n"
                   "Call-ID: [call_id]\nCSeq: 1 ACK\nContent-Length: 0\n\n", False)
        self.through(
            [request("INVITE", 1, "Content-Type: application/sdp\n", SDP), expect(100, True), expect(180), cancel,
             expect(200), expect(487), ack],
            [receive("INVITE"), answer("180 Ringing"), receive("CANCEL"),
             send("SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:];tag=uas[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n"
                  "Content-Length: 0\n\n", False),
             send("SIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n[last_To:];tag=uas[call_number]\n"
                  "[last_Call-ID:]\nCSeq: 1 INVITE\nContent-Length: 0\n\n", False), receive("ACK")])


class Loops(PeerCase):
    """Loops and hop counts, played by hand."""

    @classmethod
    def build(cls):
        cls.a = Party(cls.place, A, "udp", auto={"NOTIFY": 200})
        cls.b = Party(cls.place, B, "udp")
        cls.gh = cls.gatehouse("near.example", sip_peers={
            # b.example sends back what a.example sent: for that it must be allowed to speak for it
            A: {"action": "allow", "tls": "optional", "addresses": '"%s %s"' % (cls.a.addr, cls.b.addr)},
            B: {"action": "allow", "tls": "optional", "addresses": cls.b.addr}}, sip_routes={
            "b": {"pattern": B, "type": "domain", "next-hop": cls.b.addr, "port": 5060, "protocol": "udp"},
            "a": {"pattern": A, "type": "domain", "next-hop": cls.a.addr, "port": 5060, "protocol": "udp"}})
        cls.gh.start()
        cls.a.server = cls.b.server = (cls.gh.addr, 5060)

    def setUp(self):
        super().setUp()
        self.a.got.clear()
        self.b.got.clear()

    def test_483_max_forwards(self):
        got = self.a.ask("MESSAGE", "sip:x@" + B, body="far", max_forwards=0)
        self.assertEqual(got.status, 483)

    def test_max_forwards_is_counted_and_via_added(self):
        text = self.a.compose("MESSAGE", "sip:x@" + B, body="on its way", max_forwards=5)
        self.a.send(text)
        m = self.b.wait_request("MESSAGE")
        self.assertEqual(m.get("max-forwards"), "4")
        self.assertEqual(len(m.all("via")), 2)
        self.assertIn("z9hG4bK", m.branch)
        self.b.answer(m, 200)
        got = self.a.final(text)
        self.assertEqual((got.status, len(got.all("via"))), (200, 1))

    def test_482_loop(self):
        """The partner sends what it got straight back to us."""
        text = self.a.compose("MESSAGE", "sip:loop@" + B, body="round and round")
        self.a.send(text)
        m = self.b.wait_request("MESSAGE")
        own = "SIP/2.0/UDP %s:5060;branch=z9hG4bKloop" % self.b.addr
        back = m.data.replace(b"\r\nVia:", b"\r\nVia: " + own.encode() + b"\r\nVia:", 1)
        self.b.send(back)
        got = self.b.final(back)
        self.assertEqual(got.status, 482)
        self.b.answer(m, 200)
        self.assertEqual(self.a.final(text).status, 200)

    def test_spiral_is_no_loop(self):
        """With another Request-URI it is a spiral (RFC 3261 16.3)."""
        text = self.a.compose("MESSAGE", "sip:spiral@" + B, body="on and on")
        self.a.send(text)
        m = self.b.wait_request("MESSAGE")
        own = "SIP/2.0/UDP %s:5060;branch=z9hG4bKspiral" % self.b.addr
        back = m.data.replace(b"\r\nVia:", b"\r\nVia: " + own.encode() + b"\r\nVia:", 1).replace(
            b"MESSAGE sip:spiral@", b"MESSAGE sip:elsewhere@", 1)
        self.b.send(back)
        n = self.b.wait_request("MESSAGE", want=lambda m: "elsewhere" in m.uri)
        self.b.answer(n, 200)
        self.assertEqual(self.b.final(back).status, 200)
        self.b.answer(m, 200)
        self.assertEqual(self.a.final(text).status, 200)

    def test_retransmissions_are_absorbed(self):
        text = self.a.compose("MESSAGE", "sip:x@" + B, body="again and again")
        for _ in range(5):
            self.a.send(text)
        m = self.b.wait_request("MESSAGE")
        self.assertTrue(self.b.quiet(0.4, lambda m: m.is_request), "only the first goes on")
        self.b.answer(m, 200)
        self.assertEqual(self.a.final(text).status, 200)
        self.a.send(text)
        self.assertEqual(self.a.final(text, 2).status, 200)
        self.assertTrue(self.b.quiet(0.5, lambda m: m.is_request))

    def test_we_send_again_on_udp(self):
        text = self.a.compose("MESSAGE", "sip:x@" + B, body="lost once")
        self.a.send(text)
        first = self.b.wait_request("MESSAGE")
        second = self.b.wait_request("MESSAGE", 2)
        self.assertEqual(first.branch, second.branch)
        self.assertTrue(0.3 < second.at - first.at < 1.2)
        self.b.answer(second, 200)
        self.assertEqual(self.a.final(text).status, 200)

    def test_proxy_require(self):
        got = self.a.ask("MESSAGE", "sip:x@" + B, body="x", headers=["Proxy-Require: foo"])
        self.assertEqual((got.status, got.get("unsupported")), (420, "foo"))

    def test_unknown_method_is_passed_on(self):
        text = self.a.compose("DANCE", "sip:x@" + B)
        self.a.send(text)
        m = self.b.wait_request("DANCE")
        self.b.answer(m, 200)
        self.assertEqual(self.a.final(text).status, 200)

    def test_nobody_else_relays(self):
        c = Party(self.place, "c.example", "udp", server=(self.gh.addr, 5060))
        self.assertEqual(c.ask("MESSAGE", "sip:x@" + B, body="x").status, 403)

    def test_too_large_for_udp_goes_by_tcp(self):
        """RFC 3261 18.1.1: over 1,300 bytes, and the switch can be seen."""
        text = self.a.compose("MESSAGE", "sip:x@" + B, body="x" * 1400)
        tcp = Party(self.place, B, "tcp", addr=self.b.addr, port=5060)
        try:
            self.a.send(text)
            m = tcp.wait_request("MESSAGE")
            self.assertIn("SIP/2.0/TCP", m.all("via")[0])
            tcp.answer(m, 200)
            self.assertEqual(self.a.final(text).status, 200)
        finally:
            tcp.close()


class TwoKamailios(PeerCase):
    """Two companies on Kamailio that reach each other through us, TLS on both legs."""

    @classmethod
    def build(cls):
        near = cls.place.addr()
        cls.k = {}
        for domain in (A, B):
            cls.k[domain] = Kamailio(cls.place, domain, cls.pki.make("good", domain), cls.pki.ca, fr_ms=8000,
                                     hub="near.example")
            cls.dns.a(domain, cls.k[domain].addr)
        cls.gh = cls.gatehouse("near.example", addr=near,
                               sip_peers={d: {"action": "allow"} for d in (A, B)},
                               sip_routes={d: {"pattern": d, "type": "domain", "next-hop": cls.k[d].addr, "port": 5061,
                                               "protocol": "tls"} for d in (A, B)})
        cls.gh.start()
        for domain, other in ((A, B), (B, A)):
            cls.k[domain].peers = {other: "tls:%s:5061" % near}
            cls.k[domain].start()
        cls.people = {}
        for domain in (A, B):
            p = cls.people[domain] = Party(cls.place, domain, "tcp", server=(cls.k[domain].addr, 5060),
                                           auto={"MESSAGE": 200, "NOTIFY": 200})
            got = p.ask("REGISTER", "sip:" + domain, user="u", to="<sip:u@%s>" % domain,
                        headers=[p.contact("u"), "Expires: 600"])
            assert got.status == 200, got

    def _one_way(self, a, b):
        one, two = self.people[a], self.people[b]
        got = one.ask("MESSAGE", "sip:u@" + b, user="u", body="from %s" % a)
        self.assertEqual(got.status, 200, got.data)
        m = two.wait_request("MESSAGE", want=lambda m: m.body == "from " + a)
        self.assertEqual(m.uri_of("from"), "sip:u@" + a)

    def test_message_there_and_back(self):
        self._one_way(A, B)
        self._one_way(B, A)

    def test_unknown_user(self):
        self.assertEqual(self.people[A].ask("MESSAGE", "sip:nobody@" + B, user="u", body="x").status, 404)

    def test_many_at_once(self):
        one, two = self.people[A], self.people[B]
        texts = [one.compose("MESSAGE", "sip:u@" + B, user="u", body="n%d" % i) for i in range(100)]
        threading.Thread(target=lambda: [one.send(t) for t in texts]).start()
        self.assertEqual({one.final(t, 20).status for t in texts}, {200})
        self.assertEqual(len([m for m in two.got if m.is_request and m.method == "MESSAGE"]), 100)

"""SIPp (Debian's sip-tester) against the door of SIP clients, in a network of its own: people, guessers, scanners and garbage."""
import re

from harness.netns import own_network
from harness.people import DOMAIN
from harness.phone import header, status
from harness.place import port_open, wait_for
from harness.sipp import Sipp, send
from test_line import PORT, SDP, Line

HEAD = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:%(user)s@near.example>;tag=[pid]x[call_number]
To: <sip:%(to)s>
Call-ID: [call_id]
CSeq: [cseq] %(method)s
"""
CONTACT = "Contact: <sip:%s@[local_ip]:[local_port];transport=[transport]>\n"
EMPTY = "Content-Length: 0\n\n"


def request(method, user, to, more="", uri=None, text="", retrans=True):
    head = HEAD % {"user": user, "to": to, "method": method}
    return send("%s %s SIP/2.0\n%s%sContent-Length: [len]\n\n%s" % (method, uri or "sip:" + to, head, more, text), retrans)


def register(user, more=""):
    return request("REGISTER", user, "%s@%s" % (user, DOMAIN), CONTACT % user + "Expires: 600\n" + more, uri="sip:" + DOMAIN)


def proof(user, password="secret"):
    return "[authentication username=%s password=%s]\n" % (user, password)


def expect(code, more=""):
    return '<recv response="%d"%s></recv>' % (code, more)


def challenged(code):
    return expect(code, ' auth="true"')


def ack(user, to, more=""):
    return request("ACK", user, to, more, retrans=False)


def answer(line, more="", text=""):
    return send("SIP/2.0 %s\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]%s\n[last_Call-ID:]\n[last_CSeq:]\n%sContent-Length: [len]\n\n%s" % (
        line, ";tag=uas" if "INVITE" in more else "", more.replace("INVITE", ""), text), False)


class ByUdp(Line):
    how = "udp"
    more = ("set line digest md5", "set line auth-tries 3", "set line auth-penalty 60", "set line unauthenticated-rate 1000")

    @classmethod
    def build(cls):
        own_network()
        cls.n = 0
        super().build()

    def sipp(self, steps, addr="127.0.0.1", port=None, calls=1, is_judged=True):
        """One SIPp has done these steps so many times, or has got an answer of any kind; its port is fresh where none is named."""
        type(self).n += 1
        s = Sipp(self.place, "%s%d" % (self.how, self.n), steps, addr, port or 7000 + self.n, "%s:%d" % (self.gh.addr, PORT), self.how)
        try:
            if is_judged:
                s.run(calls=calls, rate=100, seconds=10)
            else:
                s.start()
                wait_for("an answer", s.heard, 10, 0.02)
        finally:
            s.program.stop()
        return s

    def test_right_digest(self):
        u = self.people("u")
        self.sipp([register(u), challenged(401), register(u, proof(u)), expect(200)], calls=20 if self.how == "udp" else 1)  # a connection is asked once
        if self.how == "udp":
            self.assertEqual([r["transport"] for r in self.bindings(u)], ["UDP"])

    def test_wrong_digest(self):
        """Each is answered, until the address is shut out; another address is not."""
        u = self.people("u")
        guesser = "127.0.0.99"
        guess = [register(u), challenged(401), register(u, proof(u, "guess")), expect(401)]
        self.sipp(guess, guesser, calls=3)
        self.sipp([register(u), expect(403)], guesser)
        self.assertEqual(self.bindings(u), [])
        rows = [(r["range"], r["by"]) for r in self.gh.records("show", "bans") if r["program"] == "gh-line"]
        self.assertEqual(rows, [(guesser, "penalty")])
        self.sipp([register(u), challenged(401), register(u, proof(u)), expect(200)])
        self.assertEqual(self.gh.operator("client", "unban", guesser).returncode, 0)
        self.sipp([register(u), challenged(401), register(u, proof(u)), expect(200)], guesser)
        self.assertIn("line.auth.penalty", self.gh.log())

    def said(self, steps, addr, name):
        """What came, without what differs from one question to the next."""
        out = []
        for m in self.sipp(steps, addr).heard():
            m = re.sub(r'nonce="[^"]*"|;branch=[^;\s]*|;tag=[^;\s]*|:7\d\d\d\b', "", m.replace(name, "NAME"))
            out.append(re.sub(r"^Call-ID:.*$", "", m, flags=re.M | re.I))
        self.assertTrue(out)
        return out

    def test_scanner(self):
        """What scanners ask sounds alike for people who are there, registered or not, and for those who are not (RFC 3261 22.1)."""
        u, v, w = self.people("u", "v", "w")
        self.registered(v, algorithm="MD5")
        self.addCleanup(self.gh.operator, "client", "unban", "127.0.0.98")  # the guesses are its last
        scan = {
            "OPTIONS": lambda x: [request("OPTIONS", "scanner", "%s@%s" % (x, DOMAIN), "User-Agent: friendly-scanner\n"), expect(407)],
            "REGISTER": lambda x: [register(x, "User-Agent: friendly-scanner\n"), expect(401)],
            "INVITE": lambda x: [request("INVITE", "scanner", "%s@%s" % (x, DOMAIN), CONTACT % "scanner"), expect(407),
                                 ack("scanner", "%s@%s" % (x, DOMAIN))],
            "INVITE as": lambda x: [request("INVITE", x, "%s@%s" % (w, DOMAIN), CONTACT % x), expect(407), ack(x, "%s@%s" % (w, DOMAIN))],
            "SUBSCRIBE": lambda x: [request("SUBSCRIBE", "scanner", "%s@%s" % (x, DOMAIN), CONTACT % "scanner" + "Event: presence\n"), expect(407)],
            "guess": lambda x: [register(x), challenged(401), register(x, proof(x, "1234")), expect(401)],
        }
        for name, steps in scan.items():
            with self.subTest(name):
                there, called, nobody = (self.said(steps(x), "127.0.0.98", x) for x in (u, v, "nobody"))
                self.assertEqual(there, nobody)
                self.assertEqual(called, nobody)

    def test_bad_requests(self):
        """Of RFC 4475: each answer is an error that says what is wrong, and the next good request is answered."""
        good = HEAD % {"user": "x", "to": DOMAIN, "method": "OPTIONS"}
        line = "OPTIONS sip:%s SIP/2.0\n" % DOMAIN
        bad = (
            ("a version that is not ours (3.1.2.16)", 505, line.replace("SIP/2.0", "SIP/7.0") + good + EMPTY),
            ("a negative length (3.1.2.3)", 400, line + good + "Content-Length: -999\n\n"),
            ("numbers that are too large (3.1.2.4)", 400, line + good.replace("[cseq]", "36893488147419103232") + EMPTY),
            ("CSeq of another method (3.1.2.17)", 400, line + good.replace("[cseq] OPTIONS", "[cseq] INVITE") + EMPTY),
            ("fields that may be there once, twice (3.3.8)", 400, line + good + "From: <sip:y@near.example>;tag=2\n" + EMPTY),
            ("a field without which it is no request (3.3.1)", 400, line + re.sub("To:.*\n", "", good) + EMPTY),
            ("a Request-URI in angle brackets (3.1.2.7)", 400, line.replace("sip:near.example", "<sip:near.example>") + good + EMPTY),
            ("a Request-URI with a space (3.1.2.8)", 400, line.replace("near.example", "near.example; lr") + good + EMPTY),
            ("an unknown scheme (3.3.2)", 416, line.replace("sip:near.example", "nobodyKnowsThisScheme:totallyopaquecontent") + good + EMPTY),
        )
        for what, code, text in bad:
            with self.subTest(what):
                # SIPp itself finds no call for some of these answers
                self.assertEqual(status(self.sipp([send(text, False), expect(code)], is_judged=False).heard()[0]), code)
        self.sipp([send(line + good + EMPTY, False), expect(200)])

    def test_bad_requests_of_people(self):
        """What is looked at behind the digest: an option that is not known (RFC 4475 3.3.6), no hops left (3.3.13), a REGISTER for another."""
        u, v = self.people("u", "v")
        in_, again = [register(u), challenged(401), register(u, proof(u)), expect(200)], self.how == "udp"
        for code, steps in (
                (420, lambda p: register(u, "Require: nothingSupportsThis, nothingSupportsThisEither\n" + p)),
                (483, lambda p: request("OPTIONS", u, "%s@%s" % (v, DOMAIN), p).replace("Max-Forwards: 70", "Max-Forwards: 0")),
                (403, lambda p: request("REGISTER", u, "%s@%s" % (v, DOMAIN), CONTACT % u + p, uri="sip:" + DOMAIN))):
            with self.subTest(code):
                asked = 407 if code == 483 else 401
                self.sipp(in_ + ([steps(""), challenged(asked), steps(proof(u))] if again and code != 403 else [steps("")]) + [expect(code)])
        self.assertEqual(self.bindings(v), [])

    def test_call(self):
        """INVITE with a digest, through, and back: each of the two by the address that it has registered from."""
        u, v = self.people("u", "v")
        to = "%s@%s" % (v, DOMAIN)
        ports = 6901, 6902
        for who, port in zip((u, v), ports):
            self.sipp([register(who), challenged(401), register(who, proof(who)), expect(200)], port=port)
        called = Sipp(self.place, "uas", ['<recv request="INVITE" rrs="true"></recv>', answer("180 Ringing", "INVITE"),
                                          answer("200 OK", "INVITE" + CONTACT % v + "Content-Type: application/sdp\n", SDP),
                                          '<recv request="ACK"></recv>', '<recv request="BYE"></recv>', answer("200 OK")], "127.0.0.1", ports[1])
        called.start()
        self.addCleanup(called.program.stop)
        wait_for("it listens", lambda: ":%04X" % ports[1] in open("/proc/net/udp").read(), 5)
        offer = CONTACT % u + "Content-Type: application/sdp\n"
        in_dialog = "[routes]\n"
        self.sipp([request("INVITE", u, to, offer, text=SDP), challenged(407), ack(u, to), request("INVITE", u, to, offer + proof(u), text=SDP),
                   '<recv response="100" optional="true"></recv>', '<recv response="180" optional="true"></recv>', expect(200, ' rrs="true"'),
                   request("ACK", u, to, in_dialog, "[next_url]", retrans=False).replace("To: <sip:%s>" % to, "[last_To:]"),
                   request("BYE", u, to, in_dialog, "[next_url]").replace("To: <sip:%s>" % to, "[last_To:]"), challenged(407),
                   request("BYE", u, to, in_dialog + proof(u), "[next_url]").replace("To: <sip:%s>" % to, "[last_To:]"), expect(200)], port=ports[0])
        called.wait()


class ByTcp(ByUdp):
    how = "tcp"
    test_call = None  # a client is reached by the connection that it has registered by, and each SIPp has one of its own

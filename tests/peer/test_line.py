"""SIP clients of our own people: registrar, digest, limits, calls between two of them."""
import os
import re
import socket
import ssl
import time

from harness import phone
from harness.baresip import Baresip
from harness.people import DOMAIN, Box
from harness.place import wait_for
from harness.phone import Phone, body, header, headers, status, tag

PORT, TLS_PORT = 5070, 5071
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Line(Box):
    """One gateway with the door of SIP clients open."""
    more = ()

    @classmethod
    def build(cls):
        cls.count = 0
        cls.gh = cls.gatehouse(DOMAIN)
        a = cls.gh.addr
        cls.gh.settings = ["set line listen-udp v4 %s %d" % (a, PORT), "set line listen-tcp v4 %s %d" % (a, PORT),
                           "set line listen-tls v4 %s %d" % (a, TLS_PORT)] + list(cls.more)
        cls.gh.start()

    def phone(self, user, transport="tcp", **options):
        p = Phone(self.gh.addr, TLS_PORT if transport == "tls" else PORT, user, DOMAIN, transport=transport,
                  ca=self.pki.ca, **options)
        self.streams.append(p)
        return p

    def registered(self, user, transport="tcp", **options):
        p = self.phone(user, transport, **options)
        got = p.register()
        self.assertEqual(status(got), 200, got)
        return p

    def bindings(self, user):
        return self.gh.records("show", "line", "%s@%s" % (user, DOMAIN))


class Registrar(Line):
    def test_by_each_transport(self):
        for transport in ("udp", "tcp", "tls"):
            with self.subTest(transport):
                u = self.people("u")
                p = self.registered(u, transport)
                rows = self.bindings(u)
                self.assertEqual([(r["transport"], r["contact"]) for r in rows], [(transport.upper(), p.contact)])
                self.assertEqual(status(p.register(expires=0)), 200)
                self.assertEqual(self.bindings(u), [])

    def test_wrong_password_and_nobody_look_alike(self):
        u = self.people("u")
        answers = []
        for user, password in ((u, "wrong"), ("nobody", "secret")):
            p = self.phone(user, password=password)
            got = p.register()
            answers.append((status(got), re.sub(r'nonce="[^"]*"|realm="[^"]*"', "", header(got, "WWW-Authenticate"))))
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0][0], 401)
        self.assertEqual(self.bindings(u), [])

    def test_another_ones_address(self):
        u, v = self.people("u", "v")
        p = self.phone(u)
        got = p.request("REGISTER", "sip:" + DOMAIN, to="<sip:%s@%s>" % (v, DOMAIN), extra=["Contact: <%s>" % p.contact])
        self.assertEqual(status(got), 403)
        self.assertEqual(status(p.request("REGISTER", "sip:elsewhere.example", to="<%s>" % p.aor)), 404)

    def test_a_nonce_serves_each_count_once(self):
        u = self.people("u")
        p = self.phone(u, "udp")
        p.register()
        sent = p.build("MESSAGE", "sip:%s@%s" % (u, DOMAIN), text="x")
        p.send(sent)
        challenge = header(p.answer_of(sent), "Proxy-Authenticate")
        mine = "Proxy-Authorization: " + p.credentials(challenge, "MESSAGE", "sip:%s@%s" % (u, DOMAIN))
        again = [p.build("MESSAGE", "sip:%s@%s" % (u, DOMAIN), extra=[mine], text="x") for _ in range(2)]
        p.send(again[0])
        self.assertNotEqual(status(p.answer_of(again[0])), 407)
        p.send(again[1])  # overheard and sent again
        got = p.answer_of(again[1])
        self.assertEqual(status(got), 407)
        self.assertIn("stale=true", header(got, "Proxy-Authenticate"))

    def test_bindings(self):
        u = self.people("u")
        p = self.phone(u)
        two = "<sip:%s@127.0.0.1:1>;q=0.5, <sip:%s@127.0.0.1:2>;expires=300" % (u, u)
        got = p.register(contact=two)
        self.assertEqual(status(got), 200)
        contacts = ",".join(headers(got, "Contact"))
        self.assertIn("q=0.500", contacts)
        self.assertRegex(contacts, r"127.0.0.1:2>;expires=(300|299)")
        got = p.request("REGISTER", "sip:" + DOMAIN, to="<%s>" % p.aor)  # a question
        self.assertEqual(len(re.findall("<sip:", ",".join(headers(got, "Contact")))), 2)
        self.assertEqual(status(p.register(contact="*", expires=600)), 400)
        self.assertEqual(len(self.bindings(u)), 2)
        self.assertEqual(status(p.register(contact="*", expires=0)), 200)
        self.assertEqual(self.bindings(u), [])

    def test_too_brief_too_many_and_unknown_options(self):
        u = self.people("u")
        p = self.phone(u)
        got = p.register(expires=5)
        self.assertEqual((status(got), header(got, "Min-Expires")), (423, "60"))
        many = ", ".join("<sip:%s@127.0.0.1:%d>" % (u, n) for n in range(1, 7))
        self.assertEqual(status(p.register(contact=many)), 403)
        self.assertEqual(self.bindings(u), [])
        got = p.register(extra=["Require: path, magic"])
        self.assertEqual(status(got), 420)
        self.assertEqual(",".join(headers(got, "Unsupported")), "path, magic")
        got = p.register(contact="<http://example.com>")
        self.assertEqual(status(got), 400)

    def test_old_cseq(self):
        u = self.people("u")
        p = self.phone(u)
        self.assertEqual(status(p.register(cseq=50)), 200)
        self.assertEqual(status(p.register(cseq=50)), 500)
        self.assertEqual(status(p.register(cseq=60)), 200)

    def test_outbound_and_gruu(self):
        u = self.people("u")
        p = self.phone(u, "tls", instance="urn:uuid:00000000-0000-1000-8000-00000000000%d" % 1)
        contact = '<%s>;reg-id=1;+sip.instance="<%s>"' % (p.contact, p.instance)
        got = p.register(contact=contact, extra=["Supported: outbound, gruu, path"])
        self.assertEqual(status(got), 200)
        self.assertEqual(header(got, "Require"), "outbound")
        self.assertIn('pub-gruu="sip:%s@%s;gr=%s"' % (u, DOMAIN, p.instance), header(got, "Contact"))
        q = self.phone(u, "tls", instance=p.instance)  # the same client by a new connection
        self.assertEqual(status(q.register()), 200)
        self.assertEqual([r["contact"] for r in self.bindings(u)], [q.contact])
        p.close()
        q.close()
        for _ in range(50):
            if not self.bindings(u):
                break
            time.sleep(0.1)
        self.assertEqual(self.bindings(u), [])

    def test_without_registration(self):
        u, v = self.people("u", "v")
        p = self.phone(u)
        got = p.request("MESSAGE", "sip:%s@%s" % (v, DOMAIN), text="x")
        self.assertEqual(status(got), 403)
        sent = p.build("OPTIONS", "sip:" + DOMAIN)
        p.send(sent)
        self.assertEqual(status(p.answer_of(sent)), 200)

    def test_strangers_domain(self):
        p = Phone(self.gh.addr, PORT, "romeo", "partner.example")
        self.streams.append(p)
        self.assertEqual(status(p.request("MESSAGE", "sip:x@" + DOMAIN, text="x")), 403)

    def test_deleted_account(self):
        u = self.people("u")
        p = self.registered(u)
        self.gh.ghsh("user delete %s@%s\n" % (u, DOMAIN))
        for _ in range(50):
            if not self.bindings(u):
                break
            time.sleep(0.1)
        self.assertEqual(self.bindings(u), [])
        self.assertEqual(status(p.register(authenticate=False)), 401)


class Guesser(Line):
    more = ("set line auth-tries 4", "set line auth-penalty 2", "set line unauthenticated-rate 1000")

    def test_penalty(self):
        u = self.people("u")
        p = self.phone(u, password="guess")
        for _ in range(2):
            self.assertEqual(status(p.register()), 401)
        q = self.phone(u)
        self.assertEqual(status(q.register()), 403)  # right, but from the same address
        time.sleep(2.2)
        self.assertEqual(status(q.register()), 200)
        self.assertIn("line.auth.penalty", self.gh.log())


class Fast(Line):
    more = ("set line unauthenticated-rate 5",)

    def test_rate(self):
        p = self.phone(self.people("u"))
        got = []
        for _ in range(30):
            sent = p.build("REGISTER", "sip:" + DOMAIN, to="<%s>" % p.aor)
            p.send(sent)
            got.append(status(p.answer_of(sent)))
        self.assertEqual(set(got), {401, 503})
        self.assertLess(got.count(401), 20)


class Old(Line):
    more = ("set line digest both",)

    def test_md5(self):
        u = self.people("u")
        p = self.phone(u, algorithm="MD5")
        got = p.register()
        self.assertEqual(status(got), 200, got)


class SeveralDomains(Line):
    """A phone that names no server in its TLS handshake sees the first domain."""

    @classmethod
    def build(cls):
        cls.count = 0
        cls.gh = cls.gatehouse(DOMAIN, domains=[("aaa.example", cls.pki.make("good", "aaa.example"))])
        cls.gh.settings = ["set line listen-tls v4 %s %d" % (cls.gh.addr, TLS_PORT)]
        cls.gh.start()

    def names(self, sni):
        context = ssl.create_default_context(cafile=self.pki.ca)
        context.check_hostname = False
        with socket.create_connection((self.gh.addr, TLS_PORT)) as plain:
            with context.wrap_socket(plain, server_hostname=sni) as s:
                return [v for k, v in s.getpeercert()["subjectAltName"] if k == "DNS"]

    def test_without_sni(self):
        self.assertEqual(self.names(None), self.names("aaa.example"))
        self.assertIn(DOMAIN, self.names(DOMAIN))


class Calls(Line):
    def invite(self, a, to, call_id=None):
        call_id = call_id or os.urandom(6).hex()
        sent = a.build("INVITE", to, extra=["Contact: <%s>" % a.contact, "Content-Type: application/sdp"], text=SDP,
                       call_id=call_id)
        a.send(sent)
        return sent, call_id

    def in_dialog(self, a, method, answer, request, cseq, extra=()):
        """A request of the caller behind the 2xx."""
        routes = ["Route: " + r for r in reversed(headers(answer, "Record-Route"))]
        target = re.search(r"<([^>]+)>", header(answer, "Contact"))[1]
        return a.build(method, target, to=header(answer, "To"), call_id=header(request, "Call-ID"), cseq=cseq,
                       extra=routes + list(extra))

    def test_call(self):
        for ta, tb in (("tcp", "tls"), ("tls", "udp"), ("udp", "tcp")):
            with self.subTest("%s to %s" % (ta, tb)):
                u, v = self.people("u", "v")
                a, b = self.registered(u, ta), self.registered(v, tb)
                b.answers["INVITE"] = None
                uri = "sip:%s@%s" % (v, DOMAIN)
                if ta == "udp":
                    got = a.request("INVITE", uri, authenticate=False, text=SDP,
                                    extra=["Contact: <%s>" % a.contact, "Content-Type: application/sdp"])
                    self.assertEqual(status(got), 407)
                    a.send(a.build("ACK", uri, to=header(got, "To"), cseq=a.cseq))
                    call_id = os.urandom(6).hex()
                    sent = a.build("INVITE", uri, text=SDP, call_id=call_id,
                                   extra=["Contact: <%s>" % a.contact, "Content-Type: application/sdp",
                                          "Proxy-Authorization: " + a.credentials(header(got, "Proxy-Authenticate"), "INVITE", uri)])
                    a.send(sent)
                else:
                    sent, call_id = self.invite(a, uri)
                cseq = int(header(sent, "CSeq").split()[0])
                invite = b.wait_method("INVITE")
                self.assertEqual(body(invite), SDP)
                self.assertNotIn("Authorization", invite)
                self.assertEqual(header(invite, "Max-Forwards"), "69")
                b.send(b.response(invite, 180))
                a.wait(lambda m: status(m) == 180, what="180")
                b.send(b.response(invite, 200, ["Contact: <%s>" % b.contact, "Content-Type: application/sdp"], SDP))
                ok = a.answer_of(sent)
                self.assertEqual((status(ok), body(ok)), (200, SDP))
                a.send(self.in_dialog(a, "ACK", ok, sent, cseq))
                b.wait_method("ACK")
                bye = self.in_dialog(a, "BYE", ok, sent, cseq + 1)
                a.send(bye)
                if ta == "udp":
                    challenge = header(a.answer_of(bye), "Proxy-Authenticate")
                    proof = a.credentials(challenge, "BYE", bye.split(" ")[1])
                    bye = self.in_dialog(a, "BYE", ok, sent, cseq + 2, ["Proxy-Authorization: " + proof])
                    a.send(bye)
                b.wait_method("BYE")
                self.assertEqual(status(a.answer_of(bye)), 200)

    def test_busy_cancel_and_absent(self):
        u, v = self.people("u", "v")
        a, b = self.registered(u), self.registered(v)
        b.answers["INVITE"] = 486
        sent, _ = self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        got = self.final(a, b, sent)
        self.assertEqual(status(got), 486)
        a.send(a.build("ACK", "sip:%s@%s" % (v, DOMAIN), to=header(got, "To"), call_id=header(sent, "Call-ID"),
                       cseq=int(header(sent, "CSeq").split()[0]), branch=re.search("z9hG4bK(\\w+)", sent)[1]))
        b.answers["INVITE"] = None
        sent, call_id = self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        invite = b.wait_method("INVITE")
        b.send(b.response(invite, 180))
        a.wait(lambda m: status(m) == 180, what="180")
        cseq = int(header(sent, "CSeq").split()[0])
        cancel = a.build("CANCEL", "sip:%s@%s" % (v, DOMAIN), call_id=call_id, cseq=cseq,
                         branch=re.search("z9hG4bK(\\w+)", sent)[1])
        a.send(cancel)
        self.assertEqual(status(a.answer_of(cancel)), 200)
        b.wait_method("CANCEL")
        b.send(b.response(invite, 487))
        self.assertEqual(status(a.wait(lambda m: status(m) == 487, what="487")), 487)
        w = self.people("w")
        sent, _ = self.invite(a, "sip:%s@%s" % (w, DOMAIN))
        self.assertEqual(status(a.answer_of(sent)), 480)
        sent, _ = self.invite(a, "sip:x@elsewhere.example")
        self.assertEqual(status(a.answer_of(sent)), 404)

    def final(self, a, b, sent):
        """The caller's final answer, while the other phone answers for itself."""
        b.wait_method("INVITE")
        return a.answer_of(sent)

    def test_fork(self):
        u, v = self.people("u", "v")
        a = self.registered(u)
        b, c = self.registered(v, instance="urn:uuid:b"), self.registered(v, "tls", instance="urn:uuid:c")
        for p in (b, c):
            p.answers["INVITE"] = None
        sent, _ = self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        ib, ic = b.wait_method("INVITE"), c.wait_method("INVITE")
        b.send(b.response(ib, 180))
        c.send(c.response(ic, 180))
        a.wait(lambda m: status(m) == 180, what="180")
        c.send(c.response(ic, 200, ["Contact: <%s>" % c.contact]))
        ok = a.answer_of(sent)
        self.assertEqual(status(ok), 200)
        b.wait_method("CANCEL")
        b.send(b.response(ib, 487))
        b.wait_method("ACK")
        cseq = int(header(sent, "CSeq").split()[0])
        a.send(self.in_dialog(a, "ACK", ok, sent, cseq))
        c.wait_method("ACK")
        hangup = c.build("BYE", re.search("<([^>]+)>", header(ic, "Contact"))[1], to=header(ic, "From"), call_id=header(ic, "Call-ID"),
                         extra=["Route: " + r for r in headers(ic, "Record-Route")], cseq=1)
        hangup = hangup.replace("From: <%s>" % c.aor, "From: <sip:%s@%s>" % (v, DOMAIN))
        c.send(hangup)
        a.wait_method("BYE")
        self.assertEqual(status(c.answer_of(hangup)), 200)
        gruu = "sip:%s@%s;gr=urn:uuid:b" % (v, DOMAIN)
        self.invite(a, gruu)
        b.wait_method("INVITE")
        self.assertIsNone(c.receive(0.5))


PIDF = ("<?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:"
        "data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='pres:%s'><tuple id='t'><status><basic>open</basic>"
        "</status><note>%s</note></tuple><dm:person id='p'><rpid:activities><rpid:%s/></rpid:activities></dm:person></presence>")


class Sessions(Line):
    """Helpers where a SIP client meets XMPP users."""

    def xmpp(self, user, priority=0):
        s = self.client(user)
        s.send("<presence><priority>%d</priority></presence>" % priority)
        return s

    def phone_of(self, user, transport="tcp", **options):
        p = self.registered(user, transport, **options)
        self.wait_session(user)
        return p

    def wait_session(self, user, word="available", resource=""):
        for _ in range(100):
            rows = [r for r in self.gh.records("show", "sessions", "%s@%s" % (user, DOMAIN))
                    if r["door"] == "gh-xlate" and r["presence"] == word and resource in r["session"]]
            if rows:
                return rows[0]
            time.sleep(0.05)
        self.fail("no session of the SIP client: %r" % self.gh.records("show", "sessions"))


class Translated(Sessions):
    """A SIP client is a session of its user: what it does XMPP users see, and the other way round."""

    def test_messages(self):
        for transport in ("tcp", "udp", "tls"):
            with self.subTest(transport):
                u, v = self.people("u", "v")
                a, p = self.xmpp(u), self.phone_of(v, transport)
                a.message("%s@%s" % (v, DOMAIN), "to the phone é")
                got = p.wait_method("MESSAGE", part="to the phone é")
                self.assertIn("%s@%s" % (u, DOMAIN), header(got, "From"))
                ok = p.request("MESSAGE", "sip:%s@%s" % (u, DOMAIN), extra=["Content-Type: text/plain"], text="from the phone")
                self.assertEqual(status(ok), 200, ok)
                got = a.wait_body("from the phone")
                self.assertTrue(got.get("from").startswith("%s@%s/" % (v, DOMAIN)), got.get("from"))
                a.message(got.get("from"), "to this client of yours")
                p.wait_method("MESSAGE", part="to this client of yours")
                ok = p.request("MESSAGE", "sip:nobody-here@%s" % DOMAIN, extra=["Content-Type: text/plain"], text="x")
                self.assertGreaterEqual(status(ok), 400, ok)

    def test_two_phones_talk(self):
        u, v = self.people("u", "v")
        p, q = self.phone_of(u), self.phone_of(v, "tls")
        ok = p.request("MESSAGE", "sip:%s@%s" % (v, DOMAIN), extra=["Content-Type: text/plain"], text="hello phone")
        self.assertEqual(status(ok), 200, ok)
        got = q.wait_method("MESSAGE", part="hello phone")
        self.assertIn("sip:%s@%s" % (u, DOMAIN), header(got, "From"))

    def test_lost_phone_loses_nothing(self):
        u, v = self.people("u", "v")
        a, p = self.xmpp(u), self.phone_of(v)
        p.answers["MESSAGE"] = None  # it is there and says nothing
        a.message("%s@%s" % (v, DOMAIN), "held")
        p.wait_method("MESSAGE", part="held")
        p.close()
        q = self.phone_of(v)
        q.wait_method("MESSAGE", part="held")
        self.gh.kill("gh-xlate")
        self.wait_session(v)
        a.message("%s@%s" % (v, DOMAIN), "after a restart")
        q.wait_method("MESSAGE", part="after a restart")

    def test_presence_of_a_phone(self):
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        a.send("<presence/>")
        b.send("<presence/>")
        self.befriend(a, b)
        b.close()
        p = self.phone_of(v, instance="urn:uuid:v")
        full = "%s@%s/urn:uuid:v" % (v, DOMAIN)
        a.wait(lambda e: e.get("from") == full and e.get("type") is None, what="available by registration")
        got = p.request("PUBLISH", p.aor, extra=["Event: presence", "Expires: 120", "Content-Type: application/pidf+xml"],
                        text=PIDF % (v, "lunch", "meal"))
        self.assertEqual(status(got), 200, got)
        etag = header(got, "SIP-ETag")
        a.wait(lambda e: e.get("from") == full and e.findtext("{*}status") == "lunch", what="the published note")
        got = p.request("PUBLISH", p.aor, extra=["Event: presence", "SIP-If-Match: " + etag, "Expires: 120"])
        self.assertEqual(status(got), 200, got)
        self.assertNotEqual(header(got, "SIP-ETag"), etag)
        stale = p.request("PUBLISH", p.aor, extra=["Event: presence", "SIP-If-Match: " + etag, "Expires: 120"])
        self.assertEqual(status(stale), 412)
        brief = p.request("PUBLISH", p.aor, extra=["Event: presence", "Expires: 1", "Content-Type: application/pidf+xml"],
                          text=PIDF % (v, "x", "away"))
        self.assertEqual((status(brief), header(brief, "Min-Expires")), (423, "60"))
        for type_, text, code in (("text/plain", "x", 415), ("application/pidf+xml", "<x", 400)):
            bad = p.request("PUBLISH", p.aor, extra=["Event: presence", "Expires: 120", "Content-Type: " + type_], text=text)
            self.assertEqual(status(bad), code)
        other = p.request("PUBLISH", "sip:%s@%s" % (u, DOMAIN), extra=["Event: presence", "Content-Type: application/pidf+xml"],
                          text=PIDF % (u, "x", "away"))
        self.assertEqual(status(other), 403)
        end = p.request("PUBLISH", p.aor, extra=["Event: presence", "SIP-If-Match: " + header(got, "SIP-ETag"), "Expires: 0"])
        self.assertEqual(status(end), 200, end)
        a.wait(lambda e: e.get("from") == full and e.get("type") is None and e.find("{*}status") is None, what="as registered")
        p.register(expires=0)
        a.wait(lambda e: e.get("from") == full and e.get("type") == "unavailable", what="gone")

    def test_a_phone_watches(self):
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        a.send("<presence/>")
        b.send("<presence/>")
        self.befriend(a, b)
        b.close()
        p = self.phone_of(v)
        for transport in ("tcp",):
            got = p.request("SUBSCRIBE", "sip:%s@%s" % (u, DOMAIN),
                            extra=["Event: presence", "Accept: application/pidf+xml", "Expires: 600", "Contact: <%s>" % p.contact],
                            call_id=os.urandom(6).hex())
            self.assertIn(status(got), (200, 202), got)
            p.wait(lambda m: phone.method(m) == "NOTIFY" and "<basic>open</basic>" in m, what="a NOTIFY with her state")
            a.send("<presence><show>dnd</show><status>busy now</status></presence>")
            p.wait(lambda m: phone.method(m) == "NOTIFY" and "busy now" in m, 15, what="a NOTIFY of the change")
            a.send("<presence type='unavailable'/>")
            p.wait(lambda m: phone.method(m) == "NOTIFY" and "closed" in m, 15, what="a NOTIFY of her going")


class Asking(Sessions):
    more = ("set im approve-local off",)

    def test_a_phone_asks_to_watch(self):
        u, v = self.people("u", "v")
        a, p = self.xmpp(u), self.phone_of(v)
        got = p.request("SUBSCRIBE", "sip:%s@%s" % (u, DOMAIN), call_id=os.urandom(6).hex(),
                        extra=["Event: presence", "Accept: application/pidf+xml", "Expires: 600", "Contact: <%s>" % p.contact])
        self.assertIn(status(got), (200, 202), got)
        ask = a.wait(lambda e: e.get("type") == "subscribe", what="a subscription request")
        self.assertEqual(ask.get("from"), "%s@%s" % (v, DOMAIN))
        p.wait(lambda m: phone.method(m) == "NOTIFY" and "pending" in header(m, "Subscription-State"), what="pending")
        a.send("<presence to='%s' type='subscribed'/>" % ask.get("from"))
        p.wait(lambda m: phone.method(m) == "NOTIFY" and "<basic>open</basic>" in m, what="a NOTIFY with her state")


class Approving(Sessions):
    more = ("set gateway clients-approve on", "set im approve-local off")

    def test_who_asks_is_let(self):
        u, v = self.people("u", "v")
        a, p = self.xmpp(u), self.phone_of(v)
        a.send("<presence to='%s@%s' type='subscribe'/>" % (v, DOMAIN))
        a.wait(lambda e: e.get("type") == "subscribed", what="subscribed")
        a.wait(lambda e: (e.get("from") or "").startswith("%s@%s/" % (v, DOMAIN)) and e.get("type") is None, what="the phone's presence")


class OtherPeoplesClient(Sessions):
    """baresip: registers, is written to, writes, watches, is called, and leaves. It speaks MD5 only."""
    more = ("set line digest md5",)

    def test_baresip(self):
        for how in ("tcp", "udp"):
            with self.subTest(how):
                self.talk(how)

    def talk(self, how):
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        a.send("<presence/>")
        b.send("<presence/>")
        self.befriend(a, b)
        b.close()
        other = Baresip(self.place, v, DOMAIN, "%s:%d" % (self.gh.addr, PORT), how, contacts=["sip:%s@%s" % (u, DOMAIN)], presence=True)
        self.addCleanup(other.stop)
        other.start()
        self.wait_session(v)
        self.assertEqual(self.bindings(v)[0]["transport"], how.upper())
        a.message("%s@%s" % (v, DOMAIN), "are you a baresip")
        other.wait_message("are you a baresip")
        other.message("I am a baresip")
        got = a.wait_body("I am a baresip")
        self.assertTrue(got.get("from").startswith("%s@%s/" % (v, DOMAIN)), got.get("from"))
        wait_for("baresip sees her", lambda: "Online" in other.do("contacts"), 15)
        a.send("<presence type='unavailable'/>")
        wait_for("baresip sees her go", lambda: "Offline" in other.do("contacts"), 15)
        p = self.registered(self.people("w"), algorithm="MD5")
        sent = p.build("INVITE", "sip:%s@%s" % (v, DOMAIN), call_id=os.urandom(6).hex(), text=SDP,
                       extra=["Contact: <%s>" % p.contact, "Content-Type: application/sdp"])
        p.send(sent)
        other.wait_event(lambda e: e.get("type") == "CALL_INCOMING", what="the call")
        other.do("accept")
        ok = p.answer_of(sent)
        self.assertEqual(status(ok), 200, ok)
        self.assertIn("m=audio", body(ok))
        other.stop()


class PhonePresence(Line):
    """The call manager publishes the state of people's lines (A-01.01, B-PUB-01)."""

    @classmethod
    def build(cls):
        cls.count = 0
        cls.gh = cls.gatehouse(DOMAIN)
        cls.manager = cls.place.addr()
        cls.gh.settings = ["set sip listen-tcp v4 %s 5060" % cls.gh.addr, "set sip peer %s tls optional" % DOMAIN,
                           "set sip peer %s addresses %s" % (DOMAIN, cls.manager)]
        cls.gh.start()

    def manage(self, user, source=None):
        p = Phone(self.gh.addr, 5060, user, DOMAIN, source=source or self.manager)
        self.streams.append(p)
        return p

    def publish(self, p, activity, note="", more=(), expires=120):
        extra = ["Event: presence", "Expires: %d" % expires] + list(more)
        text = ""
        if activity:
            extra.append("Content-Type: application/pidf+xml")
            text = (PIDF % (p.user, note, activity)).replace("<note></note>", "")
        return p.request("PUBLISH", p.aor, extra=extra, text=text)

    def test_on_the_phone(self):
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        a.send("<presence/>")
        b.send("<presence/>")
        self.befriend(a, b)
        p = self.manage(v)
        phone_jid = "%s@%s/phone" % (v, DOMAIN)
        got = self.publish(p, "on-the-phone")
        self.assertEqual(status(got), 200, got)
        seen = a.wait(lambda e: e.get("from") == phone_jid, what="the phone's presence")
        self.assertEqual((seen.findtext("{*}show"), seen.findtext("{*}status"), seen.findtext("{*}priority")),
                         ("dnd", "On the phone", "-1"))
        a.message("%s@%s" % (v, DOMAIN), "to a person, not to a phone")
        b.wait_body("to a person, not to a phone")
        second = self.publish(p, "away", "a second line")  # an idle line does not hide the busy one
        self.assertEqual(status(second), 200, second)
        end = self.publish(p, "", more=["SIP-If-Match: " + header(got, "SIP-ETag")], expires=0)
        self.assertEqual(status(end), 200, end)
        a.wait(lambda e: e.get("from") == phone_jid and e.findtext("{*}status") == "a second line", what="the other line")
        end = self.publish(p, "", more=["SIP-If-Match: " + header(second, "SIP-ETag")], expires=0)
        self.assertEqual(status(end), 200, end)
        a.wait(lambda e: e.get("from") == phone_jid and e.get("type") == "unavailable", what="the phone's end")
        self.assertEqual(status(self.publish(p, "", more=["SIP-If-Match: gone"])), 412)

    def test_nobody_else_publishes(self):
        u = self.people("u")
        stranger = self.manage(u, source=self.place.addr())
        self.assertEqual(status(self.publish(stranger, "on-the-phone")), 403)
        manager = self.manage(u)
        got = manager.request("MESSAGE", manager.aor, extra=["Content-Type: text/plain"], text="x")
        self.assertEqual(status(got), 403, got)
        got = self.publish(self.manage("nobody-here"), "on-the-phone")
        self.assertLess(status(got), 500, got)
        self.assertEqual([r for r in self.gh.records("show", "sessions") if "/phone" in r["session"]], [])

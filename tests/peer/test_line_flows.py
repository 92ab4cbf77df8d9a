"""SIP clients that keep their connections open (RFC 5626), names of one client (RFC 5627), and what an operator sees of them."""
import os
import re
import signal
import socket
import time
import uuid

from harness.baresip import Baresip
from harness.people import DOMAIN
from harness.phone import Phone, body, header, headers, status
from harness.place import wait_for
from test_line import PORT, SDP, TLS_PORT, Line


class Flows(Line):
    more = ("set line flow-timer 5", "set line unauthenticated-rate 1000")

    def flow(self, user, reg_id, instance, transport="tls", **options):
        p = self.registered(user, transport, instance=instance, reg_id=reg_id, **options)
        p.answers["INVITE"] = None
        return p

    def invite(self, a, to):
        sent = a.build("INVITE", to, extra=["Contact: <%s>" % a.contact, "Content-Type: application/sdp"], text=SDP,
                       call_id=os.urandom(6).hex())
        a.send(sent)
        return sent

    def gone(self, user):
        wait_for("%s has no registration" % user, lambda: not self.bindings(user), 5, 0.02)


class Outbound(Flows):
    def test_what_the_registrar_says(self):
        u = self.people("u")
        p = self.phone(u, "tls", instance="urn:uuid:" + str(uuid.uuid4()), reg_id=1)
        got = p.register()
        self.assertEqual((status(got), header(got, "Require"), header(got, "Flow-Timer")), (200, "outbound", "5"))
        self.assertIn("reg-id=1", header(got, "Contact"))
        self.assertRegex(header(got, "Path"), r"^<sip:[0-9a-f]{88}@[^;>]+;transport=tls;lr;ob>$")
        plain = self.registered(self.people("v"), "tls", instance="urn:uuid:" + str(uuid.uuid4()))
        got = plain.register()
        self.assertEqual((header(got, "Require"), header(got, "Path"), header(got, "Flow-Timer")), ("", "", ""))

    def test_one_flow_with_each_request(self):
        p = self.phone(self.people("u"), "tls")
        two = ",".join('<%s>;+sip.instance="<urn:uuid:%d>";reg-id=1' % (p.contact, n) for n in (1, 2))
        self.assertEqual(status(p.register(contact=two, extra=["Supported: outbound"])), 400)
        one = '<%s>;+sip.instance="<urn:uuid:1>";reg-id=1' % p.contact
        via = "Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKother"
        got = p.register(contact=one, extra=["Supported: outbound", via])
        self.assertEqual(status(got), 439, got)
        got = p.register(contact=one, extra=["Supported: outbound", via, "Path: <sip:x@192.0.2.9;lr;ob>"])
        self.assertEqual(status(got), 200, got)

    def test_token(self):
        """A Route with the token of one's own connection is right, a changed one forged, one of a connection that has ended failed."""
        u, v = self.people("u", "v")
        self.registered(v)
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(u, 1, instance), self.flow(u, 2, instance)
        mine, other = (header(x.register(), "Path") for x in (p, q))

        def say(route):
            return status(p.request("MESSAGE", "sip:%s@%s" % (v, DOMAIN), extra=["Route: " + route, "Content-Type: text/plain"], text="x"))
        self.assertEqual(say(mine), 200)
        for at in (5, 40, 92):
            changed = mine[:at] + ("1" if mine[at] == "0" else "0") + mine[at + 1:]
            self.assertEqual(say(changed), 403, changed)
        self.assertEqual(say(mine.replace("<sip:", "<sip:x")), 403)
        q.close()
        wait_for("the other flow is gone", lambda: len(self.bindings(u)) == 1, 5)
        self.assertEqual(say(other), 430)
        self.assertEqual(say(mine), 200)

    def test_keep_alive_and_silence(self):
        """Mra test 13."""
        u = self.people("u")
        p = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()))
        begin = time.monotonic()
        while time.monotonic() - begin < 9:
            self.assertLess(p.ping(), 1)
            time.sleep(2)
        self.assertEqual(len(self.bindings(u)), 1)
        took = p.closed_after(12)
        self.assertGreater(took, 5 - 2.1)
        self.assertLess(took, 5 + 2 + 1)
        self.gone(u)

    def test_newest_first_then_the_other(self):
        u, v = self.people("u", "v")
        a = self.registered(u)
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(v, 1, instance), self.flow(v, 2, instance)
        self.assertEqual([r["reg_id"] for r in self.bindings(v)], ["2", "1"])
        self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        q.wait_method("INVITE")
        self.assertIsNone(p.receive(0.5))  # one client rings once
        p.register()
        self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        p.wait_method("INVITE")
        p.close()
        wait_for("one flow is left", lambda: [r["reg_id"] for r in self.bindings(v)] == ["2"], 5)
        self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        q.wait_method("INVITE")

    def test_flow_fails_under_a_request(self):
        """What the one had not answered comes by the other: a message and a call."""
        u, v = self.people("u", "v")
        a = self.registered(u)
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(v, 1, instance), self.flow(v, 2, instance)
        q.answers["MESSAGE"] = None
        sent = self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        q.wait_method("INVITE")
        text = a.build("MESSAGE", "sip:%s@%s" % (v, DOMAIN), extra=["Content-Type: text/plain"], text="by the other", call_id="m" + u)
        a.send(text)
        q.wait_method("MESSAGE", part="by the other")
        q.close()
        call = p.wait_method("INVITE")
        self.assertEqual(body(call), SDP)
        p.wait_method("MESSAGE", part="by the other")
        p.send(p.response(call, 486))
        self.assertEqual(status(a.answer_of(sent)), 486)

    def test_430_is_a_failed_flow(self):
        u, v = self.people("u", "v")
        a = self.registered(u)
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(v, 1, instance), self.flow(v, 2, instance)
        q.answers["INVITE"] = 430
        sent = self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        q.wait_method("INVITE")
        call = p.wait_method("INVITE")
        self.assertEqual([r["reg_id"] for r in self.bindings(v)], ["1"])
        p.send(p.response(call, 430))
        self.assertEqual(status(a.answer_of(sent)), 480)
        self.gone(v)

    def test_unregister_one_flow(self):
        u = self.people("u")
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(u, 1, instance), self.flow(u, 2, instance)
        self.assertEqual(status(q.register(expires=0)), 200)
        self.assertEqual([r["reg_id"] for r in self.bindings(u)], ["1"])
        self.assertEqual(status(p.register(expires=0)), 200)
        self.assertEqual(self.bindings(u), [])


class Dialogs(Flows):
    def talk(self, a, first, other):
        """a has called the client of two flows, who answered on `first`; `other` registers again and is the newest."""
        sent = self.invite(a, "sip:%s@%s" % (first.user, DOMAIN))
        call = first.wait_method("INVITE")
        first.send(first.response(call, 200, ["Contact: <%s;ob>" % first.contact, "Content-Type: application/sdp"], SDP))
        ok = a.answer_of(sent)
        self.assertEqual(status(ok), 200)
        self.assertEqual(status(other.register()), 200)
        return call, sent, ok

    def say(self, a, method_, ok, sent, n, route=None):
        routes = ["Route: " + r for r in reversed(headers(ok, "Record-Route"))] if route is None else ["Route: " + route] if route else []
        text = a.build(method_, re.search("<([^>]+)>", header(ok, "Contact"))[1], to=header(ok, "To"), extra=routes,
                       call_id=header(sent, "Call-ID"), cseq=n)
        a.send(text)
        return text

    def test_a_dialog_stays_on_its_flow(self):
        """RFC 5626 4.3 and 5.3.2: a Record-Route with the flow's token; without the flow the client's other one does."""
        u, v = self.people("u", "v")
        instance = "urn:uuid:" + str(uuid.uuid4())
        a = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()))
        p, q = self.flow(v, 1, instance), self.flow(v, 2, instance)
        for x in (p, q):
            x.answers.update({"INFO": 200, "BYE": 200})
        call, sent, ok = self.talk(a, q, p)
        for entry in headers(call, "Record-Route"):
            self.assertRegex(entry, r"^<sip:[0-9a-f]{88}@[^;>]+;transport=tls;lr;ob>$")
        n = int(header(sent, "CSeq").split()[0])
        self.say(a, "ACK", ok, sent, n)
        q.wait_method("ACK")
        info = self.say(a, "INFO", ok, sent, n + 1)
        q.wait_method("INFO")
        self.assertEqual(status(a.answer_of(info)), 200)
        info = self.say(a, "INFO", ok, sent, n + 2, route="")  # nothing is said: the newest
        p.wait_method("INFO")
        self.assertEqual(status(a.answer_of(info)), 200)
        route = headers(ok, "Record-Route")[0]
        changed = route[:30] + ("1" if route[30] == "0" else "0") + route[31:]
        self.assertEqual(status(a.answer_of(self.say(a, "INFO", ok, sent, n + 3, route=changed))), 403)
        q.close()
        wait_for("the flow is gone", lambda: len(self.bindings(v)) == 1, 5)
        bye = self.say(a, "BYE", ok, sent, n + 4)
        p.wait_method("BYE")
        self.assertEqual(status(a.answer_of(bye)), 200)

    def test_the_caller_likewise(self):
        u, v = self.people("u", "v")
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(u, 1, instance), self.flow(u, 2, instance)
        b = self.flow(v, 1, "urn:uuid:" + str(uuid.uuid4()))
        sent = self.invite(p, "sip:%s@%s" % (v, DOMAIN))
        call = b.wait_method("INVITE")
        b.send(b.response(call, 200, ["Contact: <%s>" % b.contact, "Content-Type: application/sdp"], SDP))
        self.assertEqual(status(p.answer_of(sent)), 200)  # by the flow that asked, which is not the newest
        self.assertEqual(status(q.register()), 200)
        bye = b.build("BYE", re.search("<([^>]+)>", header(call, "Contact"))[1], to=header(call, "From"), call_id=header(call, "Call-ID"),
                      extra=["Route: " + r for r in headers(call, "Record-Route")], cseq=1)
        b.send(bye)
        p.wait_method("BYE")
        self.assertEqual(status(b.answer_of(bye)), 200)


class Datagrams(Flows):
    """Flows by UDP, kept by STUN (RFC 5626 4.4.2)."""

    def test_registered(self):
        u, v = self.people("u", "v")
        p = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()), "udp")
        got = p.register()
        self.assertEqual((header(got, "Require"), header(got, "Flow-Timer")), ("outbound", "5"))
        path = header(got, "Path")
        self.assertRegex(path, r"^<sip:[0-9a-f]{88}@[^;>]+;transport=udp;lr;ob>$")
        self.registered(v)

        def say(route):
            return status(p.request("MESSAGE", "sip:%s@%s" % (v, DOMAIN), extra=["Route: " + route, "Content-Type: text/plain"], text="x"))
        self.assertEqual(say(path), 200)
        self.assertEqual(say(path[:30] + ("1" if path[30] == "0" else "0") + path[31:]), 403)
        self.assertEqual(status(p.register(expires=0)), 200)
        self.assertEqual(say(path), 430)

    def test_kept_and_lost(self):
        u = self.people("u")
        p = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()), "udp")
        plain = self.people("v")
        self.registered(plain, "udp")  # promised nothing
        begin = time.monotonic()
        while time.monotonic() - begin < 8.5:  # longer than the timer and its grace
            self.assertEqual(p.stun(), p.local)
            time.sleep(1.5)
        self.assertEqual(len(self.bindings(u)), 1)
        begin = time.monotonic()
        wait_for("it is lost", lambda: not self.bindings(u), 12, 0.05)
        self.assertGreater(time.monotonic() - begin, 5 - 1.6)
        self.assertEqual(len(self.bindings(plain)), 1)

    def test_call_takes_the_other_flow(self):
        """One instance by TLS and by UDP: when it is lost there, it is called here."""
        u, v = self.people("u", "v")
        a = self.registered(u)
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(v, 1, instance), self.flow(v, 2, instance, "udp")
        self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        q.wait_method("INVITE")
        while len(self.bindings(v)) == 2:
            p.ping()
            time.sleep(0.3)
        self.assertEqual([r["reg_id"] for r in self.bindings(v)], ["1"])
        self.invite(a, "sip:%s@%s" % (v, DOMAIN))
        p.wait_method("INVITE")

    def test_few_answers(self):
        """Nobody is flooded with answers to questions that he did not ask, nor does anything but a Binding request get one."""
        u = self.people("u")
        registered, stranger = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()), "udp"), self.phone("nobody", "udp")
        for p in (registered, stranger):
            with self.subTest(p.user):
                sent, answers = 0, 0
                begin = time.monotonic()
                for _ in range(200):
                    p.sock.send(p.stun_request())
                    sent += 20
                p.sock.settimeout(0.5)
                try:
                    while p.sock.recv(2048):
                        answers += 1
                except TimeoutError:
                    pass
                self.assertGreaterEqual(answers, 1)
                self.assertLessEqual(answers, 1 + int(time.monotonic() - begin))
                time.sleep(1.1)
        for bad in (b"\x00", b"\x00\x01\x00\x08" + p.stun_request()[4:], b"\x00\x03\x00\x00" + p.stun_request()[4:],
                    b"\x01\x01\x00\x00" + p.stun_request()[4:], p.stun_request() + b"\x00" * 8, b"\x00\x01\x02\x40" + p.stun_request()[4:] + b"\x80" * 576):
            registered.sock.send(bad)
            registered.sock.settimeout(0.3)
            self.assertRaises(TimeoutError, registered.sock.recv, 2048)
        self.assertEqual(registered.stun(), registered.local)
        demand = registered.stun_request(b"\x70\x01\x00\x00")
        time.sleep(1.1)
        registered.sock.send(demand)
        self.assertEqual(registered.sock.recv(2048)[:2], b"\x01\x11")  # RFC 8489 6.3.1: 420


class Names(Flows):
    def gruu(self, got, kind):
        return re.search(kind + r'="([^"]+)"', header(got, "Contact"))[1]

    def test_temporary_gruu(self):
        u, v = self.people("u", "v")
        a = self.registered(u)
        p, q = self.flow(v, 1, "urn:uuid:" + str(uuid.uuid4())), self.flow(v, 1, "urn:uuid:" + str(uuid.uuid4()))
        first, second = (self.gruu(p.register(), "temp-gruu") for _ in range(2))
        self.assertNotEqual(first, second)
        self.assertNotIn(v, first)
        for name in (first, second):  # both hold, and only this client rings
            self.invite(a, name)
            p.wait_method("INVITE")
        self.assertIsNone(q.receive(0.5))
        at = first.index("tgruu.") + 20
        changed = first[:at] + ("1" if first[at] == "0" else "0") + first[at + 1:]
        self.assertEqual(status(a.answer_of(self.invite(a, changed))), 404)
        p.call_id = os.urandom(8).hex()  # RFC 5627 5.4: it has begun anew
        self.assertEqual(status(p.register()), 200)
        self.assertEqual(status(a.answer_of(self.invite(a, first))), 404)


class Operator(Flows):
    def rows(self, *what):
        return [r for r in self.gh.records("show", "clients", *what) if r["transport"].startswith("sip")]

    def test_shown_and_kicked(self):
        u = self.people("u")
        jid = "%s@%s" % (u, DOMAIN)
        instance = "urn:uuid:" + str(uuid.uuid4())
        p, q = self.flow(u, 1, instance), self.flow(u, 2, instance, "tcp")
        d = self.registered(u, "udp")
        rows = self.rows(jid)
        self.assertEqual(sorted((r["transport"], r["tls"], r["reg-id"], r["instance"]) for r in rows),
                         [("sip", "TLSv1.3", "1", instance), ("sip-tcp", "none", "2", instance), ("sip-udp", "none", "0", "")])
        row = next(r for r in rows if r["reg-id"] == "2")
        self.assertEqual((row["user"], row["address"], row["agent"]), (jid, q.local[0], "phone by hand"))
        self.assertEqual(self.gh.operator("client", "kick", row["client"]).returncode, 0)
        self.assertLess(q.closed_after(5), 5)
        self.assertEqual(sorted(r["reg-id"] for r in self.rows(jid)), ["0", "1"])
        self.assertEqual(self.gh.operator("client", "kick", jid).returncode, 0)
        self.assertLess(p.closed_after(5), 5)
        self.assertEqual(self.bindings(u), [])
        self.assertEqual(status(d.register()), 200)  # it may come again, with its password

    def test_drained(self):
        """M-21: who is in stays, who comes is told to go elsewhere, and when to come again."""
        u, v = self.people("u", "v")
        p = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()))
        self.addCleanup(self.gh.operator, "client", "drain", "off")
        left = next(r for r in self.gh.records("client", "drain") if r["program"] == "gh-line")
        self.assertEqual((left["new-logins"], left["clients"]), ("no", "1"))
        self.assertEqual(status(p.register()), 200)
        got = self.phone(v, "tls").register()
        self.assertEqual(status(got), 503)
        self.assertTrue(30 <= int(header(got, "Retry-After")) < 60, got)
        got = self.phone(u, "tls", instance=p.instance, reg_id=2).register()  # the other flow goes to another door
        self.assertEqual(status(got), 503)
        self.assertEqual(self.gh.operator("client", "drain", "off").returncode, 0)
        self.registered(v, "tls")


class AppPasswords(Flows):
    """One password for each device (F-029), by SIP as by XMPP."""

    def make(self, user, label):
        return self.gh.records("user", "app-password", "add", "%s@%s" % (user, DOMAIN), label)[0]["password"]

    def test_used_and_revoked(self):
        u = self.people("u")
        jid = "%s@%s" % (u, DOMAIN)
        desk, kitchen = self.make(u, "desk"), self.make(u, "kitchen")
        p = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()), password=desk)
        d = self.registered(u, "udp", password=desk)
        q = self.flow(u, 1, "urn:uuid:" + str(uuid.uuid4()), password=kitchen)
        self.registered(u, "tcp")  # the account's own
        used = {r["label"]: r for r in self.gh.records("user", "app-password", "list", jid)}
        self.assertEqual(used["desk"]["address"], p.local[0])
        self.assertEqual(self.gh.operator("user", "app-password", "delete", jid, "desk").returncode, 0)
        self.assertLess(p.closed_after(5), 5)
        wait_for("both of the desk are gone", lambda: sorted(r["transport"] for r in self.bindings(u)) == ["TCP", "TLS"], 5)
        self.assertEqual(status(d.register()), 401)
        self.assertEqual(status(q.register()), 200)
        self.gh.ghsh("user passwd %s another\n" % jid)  # takes them along
        self.assertLess(q.closed_after(5), 5)


class Scanner(Line):
    more = ("set line unauthenticated-rate 5",)

    def test_flood_by_udp_gets_few_answers(self):
        """By UDP the address may be another's, who must not hear more of us than the scanner sends."""
        u = self.people("u")
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(s.close)
        s.connect((self.gh.addr, PORT))
        sent, p = 0, Phone(self.gh.addr, PORT, u, DOMAIN, transport="udp")
        self.streams.append(p)
        for n in range(300):
            method, to = (("REGISTER", "sip:" + DOMAIN), ("INVITE", "sip:100@" + DOMAIN), ("OPTIONS", "sip:" + self.gh.addr))[n % 3]
            text = p.build(method, to, to="<%s>" % (p.aor if n % 3 == 0 else to), extra=["User-Agent: friendly-scanner"],
                           call_id=os.urandom(6).hex())
            s.send(text.encode())
            sent += len(text)
        s.settimeout(1.5)
        heard, answers = 0, 0
        try:
            while True:
                heard += len(s.recv(65536))
                answers += 1
        except socket.timeout:
            pass
        self.assertGreater(answers, 0)
        self.assertLess(answers, 40)
        self.assertLess(heard, sent / 3)
        time.sleep(1)
        self.assertEqual(status(p.register()), 200)


class OtherPeoplesClient(Flows):
    """baresip with sipnat=outbound (mra tests 10 and 11)."""
    more = ("set line digest md5",)

    def test_baresip(self):
        u, v = self.people("u", "v")
        other = Baresip(self.place, v, DOMAIN, "%s:%d" % (self.gh.addr, TLS_PORT), "tls", outbound=True)
        self.addCleanup(other.stop)
        other.start()
        other.registered()
        row = self.bindings(v)[0]
        self.assertEqual((row["transport"], row["reg_id"]), ("TLS", "1"))
        self.assertTrue(row["instance"].startswith("urn:uuid:"), row)
        p = self.registered(u, algorithm="MD5")
        sent = self.invite(p, "sip:%s@%s" % (v, DOMAIN))
        other.wait_event(lambda e: e.get("type") == "CALL_INCOMING", what="the call")
        self.assertEqual(self.bindings(v)[0]["flow"], row["flow"])  # by the connection that it had
        other.do("accept")
        self.assertEqual(status(p.answer_of(sent)), 200)
        os.kill(other.program.pid, signal.SIGKILL)
        self.gone(v)
        begin = time.monotonic()
        self.assertIn(status(p.answer_of(self.invite(p, "sip:%s@%s" % (v, DOMAIN)))), (430, 480))
        self.assertLess(time.monotonic() - begin, 1)

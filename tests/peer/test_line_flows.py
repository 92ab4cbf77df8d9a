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

"""Clients at our door: slixmpp for what people use, streams by hand for the exact answers."""
import hashlib
import os
import ssl
import subprocess
import time

from harness import raw
from harness.case import PeerCase
from harness.client import SlixClient
from harness.place import need, wait_for


class Box(PeerCase):
    settings = ()

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example", settings=cls.settings)
        for u in ("juliet", "romeo", "nurse", "tybalt", "paris"):
            cls.gh.user(u)
        cls.gh.start()

    def slix(self, user, resource="slix", **options):
        c = SlixClient(self.gh, user, resource, ca=self.pki.ca, **options)
        self.addCleanup(c.close)
        return c


class Slix(Box):
    """What slixmpp users see."""

    def test_subscription_both_ways_presence_and_roster(self):
        j, r = self.slix("juliet"), self.slix("romeo")
        j.call(j.x.send_presence, pto=r.bare, ptype="subscribe")
        j.wait_presence(r.bare, "subscribed")
        j.wait_presence(r.jid, "available")
        r.call(r.x.send_presence, pto=j.bare, ptype="subscribe")
        r.wait_presence(j.jid, "available")
        # With versions (RFC 6121 2.6) an answer may be "nothing new": what counts is the client's own list.
        j.do(lambda: j.x.get_roster())
        self.assertEqual(j.x.client_roster[r.bare]["subscription"], "both")
        j.do(lambda: j.x.update_roster(r.bare, name="Romeo", groups=["Verona"]))
        j.do(lambda: j.x.get_roster())
        self.assertEqual(j.x.client_roster[r.bare]["name"], "Romeo")
        r.close()
        j.wait_presence(r.jid, "unavailable")
        j.do(lambda: j.x.del_roster_item(slixmpp_jid(r.bare)))
        j.do(lambda: j.x.get_roster())
        self.assertEqual(j.x.client_roster[r.bare]["subscription"], "none")

    def test_offline_messages(self):
        j = self.slix("juliet")
        for i in range(5):
            j.say("nurse@near.example", "while you were out %d" % i)
        time.sleep(0.5)
        n = self.slix("nurse")
        for i in range(5):
            got = n.wait_body("while you were out %d" % i)
            self.assertIsNotNone(got.xml.find("{urn:xmpp:delay}delay"))
        n.close()
        again = self.slix("nurse")
        self.assertTrue(again.messages.empty(), "came twice")

    def test_carbons(self):
        a, b, r = self.slix("juliet", "a"), self.slix("juliet", "b"), self.slix("romeo")
        b.do(lambda: b.x.plugin["xep_0280"].enable())
        r.say(a.jid, "to a only")
        a.wait_body("to a only")
        c = b.wait(b.carbons, lambda m: True, what="carbon")
        self.assertEqual(c["carbon_received"]["body"], "to a only")
        a.say(r.jid, "from a")
        r.wait_body("from a")
        c = b.wait(b.carbons, lambda m: True, what="carbon")
        self.assertEqual(c["carbon_sent"]["body"], "from a")

    def test_blocking(self):
        p, t = self.slix("paris"), self.slix("tybalt")
        p.do(lambda: p.x.plugin["xep_0191"].block(t.bare))
        t.say(p.jid, "blocked")
        t.wait(t.errors, lambda m: m["type"] == "error", what="error for a blocked sender")
        self.assertTrue(p.messages.empty())
        p.do(lambda: p.x.plugin["xep_0191"].unblock(t.bare))
        t.say(p.jid, "again")
        p.wait_body("again")

    def test_vcard(self):
        j, r = self.slix("juliet"), self.slix("romeo")
        v = j.x.plugin["xep_0054"].make_vcard()
        v["FN"] = "Juliet Capulet"
        j.do(lambda: j.x.plugin["xep_0054"].publish_vcard(v))
        got = r.do(lambda: r.x.plugin["xep_0054"].get_vcard(j.bare, cached=False))
        self.assertEqual(got["vcard_temp"]["FN"], "Juliet Capulet")

    def test_disco_ping_version_time(self):
        j = self.slix("juliet")
        info = j.do(lambda: j.x.plugin["xep_0030"].get_info("near.example", cached=False))
        features = info["disco_info"]["features"]
        for wanted in ("urn:xmpp:ping", "urn:xmpp:blocking", "urn:xmpp:carbons:2", "vcard-temp", "urn:xmpp:time",
                       "jabber:iq:version", "http://jabber.org/protocol/disco#info"):
            self.assertIn(wanted, features)
        j.do(lambda: j.x.plugin["xep_0199"].ping("near.example"))
        self.assertTrue(j.do(lambda: j.x.plugin["xep_0092"].get_version("near.example"))["software_version"]["name"])
        got = j.do(lambda: j.x.plugin["xep_0202"].get_entity_time("near.example"))
        # slixmpp 1.8.3 cannot read the stamp it is given (it puts a second Z behind it): as text.
        self.assertRegex(got.xml.findtext("{urn:xmpp:time}time/{urn:xmpp:time}utc"), r"^\d{4}-\d\d-\d\dT[\d:.]+Z$")


def slixmpp_jid(text):
    import slixmpp
    return slixmpp.JID(text)


class Sasl(Box):
    """Mechanisms, wrong passwords, channel binding."""

    def open(self, tls=True, direct=False):
        s = raw.Stream(self.gh.addr, 5223 if direct else 5222)
        self.streams.append(s)
        ctx = raw.client_context(self.pki.ca, alpn="xmpp-client" if direct else None)
        if direct:
            s.wrap(ctx, "near.example")
        s.open("near.example")
        f = s.features()
        if tls and not direct:
            s.starttls(ctx, "near.example")
            s.open("near.example")
            f = s.features()
        return s, s.mechanisms(f), f

    def bound(self, s):
        s.open("near.example")
        s.features()
        self.assertTrue(s.bind().startswith("juliet@near.example/"))

    def test_nothing_before_tls(self):
        s, mechanisms, f = self.open(tls=False)
        self.assertEqual(mechanisms, [])
        starttls = f.find("{%s}starttls" % raw.NS["tls"])
        self.assertIsNotNone(starttls)
        self.assertIsNotNone(starttls.find("{%s}required" % raw.NS["tls"]))
        s.send("<auth xmlns='%s' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>" % raw.NS["sasl"])
        with self.assertRaises((raw.SaslFailed, raw.Closed)):
            s.sasl_done(s.next())

    def test_mechanisms_offered(self):
        for direct in (False, True):
            _, mechanisms, _ = self.open(direct=direct)
            for m in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"):
                self.assertIn(m, mechanisms)

    def test_plain(self):
        s, _, _ = self.open()
        s.sasl_plain("juliet", "secret")
        self.bound(s)

    def test_scram(self):
        for m in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
            for direct in (False, True):
                s, _, _ = self.open(direct=direct)
                s.sasl_scram(m, "juliet", "secret")
                self.bound(s)

    def test_scram_plus(self):
        for m in ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"):
            s, _, _ = self.open()
            s.sasl_scram(m, "juliet", "secret", binding=("tls-server-end-point", s.end_point()))
            self.bound(s)

    def test_scram_plus_with_somebody_elses_certificate(self):
        s, _, _ = self.open()
        with self.assertRaises(raw.SaslFailed):
            s.sasl_scram("SCRAM-SHA-256-PLUS", "juliet", "secret",
                         binding=("tls-server-end-point", hashlib.sha256(b"in the middle").digest()))

    def test_downgrade_is_seen(self):
        # "y": the client could bind and saw no -PLUS, which we did offer (RFC 5802 6).
        s, _, _ = self.open()
        with self.assertRaises(raw.SaslFailed):
            s.sasl_scram("SCRAM-SHA-256", "juliet", "secret", gs2="y,,")

    def test_wrong_password(self):
        for m in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
            s, _, _ = self.open()
            with self.assertRaises(raw.SaslFailed) as e:
                s.sasl_plain("juliet", "wrong") if m == "PLAIN" else s.sasl_scram(m, "juliet", "wrong")
            self.assertEqual(e.exception.condition, "not-authorized")

    def test_unknown_user_looks_like_a_wrong_password(self):
        for m in ("PLAIN", "SCRAM-SHA-256"):
            s, _, _ = self.open()
            with self.assertRaises(raw.SaslFailed) as e:
                s.sasl_plain("nobody", "x") if m == "PLAIN" else s.sasl_scram(m, "nobody", "x")
            self.assertEqual(e.exception.condition, "not-authorized")

    def test_the_administrator_sees_whose_account_is_tried(self):
        def lines(*words):
            return [x for x in self.gh.log().splitlines() if all(w in x for w in words)]
        for name, account in (("tybalt", "known"), ("mercutio", "unknown")):
            for m in ("PLAIN", "SCRAM-SHA-256"):
                before = len(lines("im.login.failed", "user=%s@near.example" % name, "account=" + account))
                s, _, _ = self.open()
                with self.assertRaises(raw.SaslFailed):
                    s.sasl_plain(name, "guess") if m == "PLAIN" else s.sasl_scram(m, name, "guess")
                found = wait_for("the line", lambda: lines("im.login.failed", "user=%s@near.example" % name,
                                                           "account=" + account)[before:], 5)
                number = [w for w in found[0].split() if w.startswith("id=")][0]
                wait_for("the line with the address", lambda: lines("c2s.auth.failed", number + " "), 5)

    def test_stream_ends_after_too_many_tries(self):
        s, _, _ = self.open()
        with self.assertRaises(raw.Closed):
            for _ in range(10):
                try:
                    s.sasl_plain("juliet", "wrong")
                except raw.SaslFailed:
                    continue

    def test_unknown_mechanism(self):
        s, _, _ = self.open()
        s.send("<auth xmlns='%s' mechanism='ROT13'>eA==</auth>" % raw.NS["sasl"])
        with self.assertRaises(raw.SaslFailed) as e:
            s.sasl_done(s.next())
        self.assertEqual(e.exception.condition, "invalid-mechanism")

    def test_password_change_counts_at_once(self):
        self.gh.ghsh("user passwd paris@near.example another\n")
        s, _, _ = self.open()
        with self.assertRaises(raw.SaslFailed):
            s.sasl_plain("paris", "secret")
        s, _, _ = self.open()
        s.sasl_plain("paris", "another")

    def test_application_password(self):
        """One for a device: by every mechanism, beside the account's own, and away alone (docs/admin/users.md)."""
        made = self.gh.records("user", "app-password", "add", "tybalt@near.example", "phone")[0]["password"]
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
            s, _, _ = self.open()
            s.sasl_scram(mechanism, "tybalt", made, binding=("tls-server-end-point", s.end_point())
                         if mechanism.endswith("-PLUS") else None)
        self.slix("tybalt", "phone", password=made)
        own = self.slix("tybalt", "own")
        row = self.gh.records("user", "app-password", "list", "tybalt@near.example")[0]
        self.assertEqual(row["label"], "phone")
        self.assertRegex(row["used"], "^2")
        self.assertTrue(row["address"])

        def by():
            return sorted(r["app-password"] for r in self.gh.records("show", "sessions", "tybalt@near.example"))
        self.assertEqual(by(), ["", "phone"])
        self.gh.ghsh("user app-password delete tybalt@near.example phone\n")
        self.assertEqual(by(), [""])
        own.say("juliet@near.example", "still here")
        s, _, _ = self.open()
        with self.assertRaises(raw.SaslFailed):
            s.sasl_scram("SCRAM-SHA-256", "tybalt", made)
        s, _, _ = self.open()
        s.sasl_scram("SCRAM-SHA-256", "tybalt", "secret")

    def test_sasl2_and_bind2_in_one_step(self):
        s, _, f = self.open()
        self.assertIsNotNone(f.find("{urn:xmpp:sasl:2}authentication"))
        s.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGp1bGlldABzZWNyZXQ="
               "</initial-response><bind xmlns='urn:xmpp:bind:0'><tag>test</tag></bind></authenticate>")
        got = s.next()
        self.assertEqual(raw.local(got.tag), "success")
        self.assertIn("juliet@near.example", got.findtext("{*}authorization-identifier"))
        self.assertIsNotNone(got.find("{urn:xmpp:bind:0}bound"))


class Tls(Box):
    def test_sslscan_sees_no_old_tls(self):
        # Not the STARTTLS ports: sslscan opens its stream to the address, which is no domain of ours.
        for port in (5223, 5270):
            out = subprocess.run([need("sslscan"), "--no-colour", "--sni-name=near.example",
                                  "%s:%d" % (self.gh.addr, port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120).stdout
            for old in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
                self.assertRegex(out, r"%s\s+disabled" % old, out)
            self.assertRegex(out, r"TLSv1.3\s+enabled", out)
            for weak in (" RC4", "3DES", " NULL", "EXPORT", "-CBC-"):
                self.assertNotIn(weak, out)

    def test_versions(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            s = raw.Stream(self.gh.addr, 5223)
            s.wrap(raw.client_context(self.pki.ca, version=version), "near.example")
            s.open("near.example")
            s.features()
            s.close()


class TlsResumption(Box):
    """Tickets (RFC 8446 4.6.1, RFC 5077) make the next handshake cheap; none lets data in early."""

    def connect(self, ctx, port, session=None):
        s = raw.Stream(self.gh.addr, port)
        self.streams.append(s)
        if port == 5223:
            s.wrap(ctx, "near.example", session)
        else:
            s.open("near.example")
            s.features()
            s.starttls(ctx, "near.example", session)
        s.open("near.example")
        s.features()
        return s

    def test_both_ports_and_versions(self):
        for port in (5222, 5223):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(port=port, version=version.name):
                    ctx = raw.client_context(self.pki.ca, version=version)
                    first = self.connect(ctx, port)
                    self.assertFalse(first.sock.session_reused)
                    again = self.connect(ctx, port, first.sock.session)
                    self.assertTrue(again.sock.session_reused)
                    again.sasl_scram("SCRAM-SHA-256-PLUS", "juliet", "secret",
                                     binding=("tls-server-end-point", first.end_point()))

    def test_after_a_commit(self):
        """New settings do not make every client do a full handshake at once."""
        ctx = raw.client_context(self.pki.ca)
        first = self.connect(ctx, 5223)
        self.gh.commit("set access auth-tries 4")
        self.assertTrue(self.connect(ctx, 5223, first.sock.session).sock.session_reused)

    def test_no_early_data(self):
        ticket = self.place.path("ticket.pem")
        args = [need("openssl"), "s_client", "-connect", "%s:5223" % self.gh.addr, "-servername", "near.example",
                "-alpn", "xmpp-client"]
        # Its input stays open: s_client ends with it, maybe before the ticket has come.
        with subprocess.Popen(args + ["-sess_out", ticket], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as p:
            try:
                wait_for("a ticket", lambda: os.path.exists(ticket) and os.path.getsize(ticket), 10)
            finally:
                p.kill()
        early = self.place.write("early", "<stream:stream to='near.example'>")
        with subprocess.Popen(args + ["-sess_in", ticket, "-early_data", early], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
            time.sleep(1)
            p.kill()
            out = p.stdout.read()
        self.assertIn("Reused, TLSv1.3", out)
        self.assertRegex(out, "Early data was (not sent|rejected)")
        self.assertNotIn("Early data was accepted", out)

    def test_partners_prove_themselves_each_time(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            ctx = raw.client_context(self.pki.ca, self.pki.make("good", "far.example"), version=version)
            session = None
            for _ in range(3):
                s = raw.Stream(self.gh.addr, 5270)
                self.streams.append(s)
                s.wrap(ctx, "near.example", session)
                self.assertFalse(s.sock.session_reused)
                s.open("near.example", "far.example", "server")
                s.until_closed(2)
                session = s.sock.session or session


class Sm(Box):
    """Stream management (XEP-0198)."""

    def test_resumption_brings_what_was_missed(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.gh, "romeo")
        id_ = r.sm_enable().get("id")
        self.assertTrue(id_)
        self.chat(j, r, "before")
        r.kill()
        for i in range(3):
            j.message(r.jid, "missed %d" % i)
        again = self._authenticated("romeo")
        again.send("<resume xmlns='%s' h='1' previd='%s'/>" % (raw.NS["sm"], id_))
        again.wait(lambda e: e.tag == "{%s}resumed" % raw.NS["sm"], 10, "resumed")
        for i in range(3):
            again.wait_body("missed %d" % i)

    def _authenticated(self, user):
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open("near.example")
        s.features()
        s.starttls(raw.client_context(self.pki.ca), "near.example")
        s.open("near.example")
        s.features()
        s.sasl_plain(user, "secret")
        s.open("near.example")
        s.features()
        return s

    def test_unknown_previd(self):
        s = self._authenticated("romeo")
        s.send("<resume xmlns='%s' h='0' previd='nothing-of-the-kind'/>" % raw.NS["sm"])
        got = s.wait(lambda e: e.tag == "{%s}failed" % raw.NS["sm"], 10, "failed")
        self.assertEqual(raw.condition(got), "item-not-found")
        self.assertTrue(s.bind().startswith("romeo@"))

    def test_somebody_elses_session_cannot_be_resumed(self):
        j = self.login(self.gh, "juliet")
        id_ = j.sm_enable().get("id")
        s = self._authenticated("tybalt")
        s.send("<resume xmlns='%s' h='0' previd='%s'/>" % (raw.NS["sm"], id_))
        s.wait(lambda e: e.tag == "{%s}failed" % raw.NS["sm"], 10, "failed")

    def test_acks_count(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.gh, "romeo")
        j.sm_enable()
        for i in range(10):
            j.message(r.jid, "n%d" % i)
        for i in range(10):
            r.wait_body("n%d" % i)
        self.assertEqual(j.sm_request(), 10)

    def test_new_ping_interval_reaches_open_streams(self):
        j = self.login(self.gh, "juliet")
        j.sm_enable()
        self.gh.commit("set access ping 1")
        try:
            j.wait(lambda e: e.tag == "{%s}r" % raw.NS["sm"], 4, "a question whether it is alive")
        finally:
            self.gh.commit("delete access ping")

    def test_unacknowledged_goes_offline_when_the_session_ends(self):
        self.gh.commit("set im resume 1")
        j, n = self.login(self.gh, "juliet"), self.login(self.gh, "nurse")
        n.sm_enable()
        n.kill()
        time.sleep(0.2)
        j.message("nurse@near.example", "do not lose me")
        time.sleep(3)
        self.login(self.gh, "nurse").wait_body("do not lose me")
        self.gh.commit("delete im resume")


class Routing(Box):
    """RFC 6121 8.5 seen from outside."""

    def test_unknown_local_user(self):
        j = self.login(self.gh, "juliet")
        j.message("ghost@near.example", "boo", id_="g")
        self.assertEqual(raw.stanza_error(j.wait_error("g")), "service-unavailable")

    def test_iq_to_absent_resource(self):
        j = self.login(self.gh, "juliet")
        got = j.iq("get", "<ping xmlns='urn:xmpp:ping'/>", "romeo@near.example/nowhere")
        self.assertEqual(raw.stanza_error(got), "service-unavailable")

    def test_priority_decides(self):
        j = self.login(self.gh, "juliet")
        low, high = self.login(self.gh, "romeo", resource="low"), self.login(self.gh, "romeo", resource="high")
        low.send("<presence><priority>1</priority></presence>")
        high.send("<presence><priority>9</priority></presence>")
        time.sleep(0.3)
        j.message("romeo@near.example", "to the best", id_="p")
        high.wait_body("to the best")

    def test_negative_priority_gets_nothing(self):
        j, t = self.login(self.gh, "juliet"), self.login(self.gh, "tybalt", presence=False)
        t.send("<presence><priority>-1</priority></presence>")
        time.sleep(0.3)
        j.message("tybalt@near.example", "for later")
        self.assertTrue(t.quiet(1, lambda e: e.find("{*}body") is not None))
        t.send("<presence/>")
        t.wait_body("for later")

    def test_unknown_iq(self):
        j = self.login(self.gh, "juliet")
        for to in ("near.example", None):
            self.assertEqual(raw.stanza_error(j.iq("get", "<x xmlns='urn:nothing'/>", to)), "service-unavailable")

    def test_same_resource_again(self):
        # RFC 6120 7.7.2.2: the old one ends with conflict, or the new one gets another name.
        x, y = self.login(self.gh, "juliet", resource="home"), self.login(self.gh, "juliet", resource="home")
        if y.jid == x.jid:
            self.assertEqual(x.until_closed(), "conflict")
        else:
            self.assertEqual(x.iq("get", "<ping xmlns='urn:xmpp:ping'/>", "near.example").get("type"), "result")

    def test_operator_closes_a_session(self):
        j = self.login(self.gh, "juliet", resource="bye")
        self.assertIn(j.jid, self.gh.ghsh("show sessions\n"))
        self.gh.ghsh("session close %s\n" % j.jid)
        j.until_closed()
        self.assertNotIn(j.jid, self.gh.ghsh("show sessions\n"))

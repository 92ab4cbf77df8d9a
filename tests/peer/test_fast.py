"""Logging in again by token (FAST, XEP-0484) in one step with SASL2 and Bind 2: by hand, over every way in, and with @xmpp/client."""
import json
import os
import random
import ssl
import subprocess
import threading
import time

from harness import fast, raw
from harness.linked import EDGE_OUTSIDE, FRONT, LinkedCase
from harness.people import DOMAIN, Box
from harness.place import Failed, need, wait_for
from test_bosh import BoshCase
from test_c2s import OpenSslSocket
from test_front import FrontCase

AGENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "agents")
NONE = "HT-SHA-256-NONE"


class Tokens(Box):
    def say(self, element):
        """Over a new stream; the stream and the answer."""
        s = self.secured()
        s.send(element)
        return s, s.next()

    def token(self, user, password="secret", **options):
        got = self.say(fast.by_password(user, password, wanted=options.pop("wanted", NONE), **options))[1]
        token = fast.token_of(got)
        self.assertTrue(token.startswith("secret-token:fast-"))
        return token

    def refused(self, element, condition="not-authorized"):
        with self.assertRaises(raw.SaslFailed) as e:
            fast.token_of(self.say(element)[1])
        self.assertEqual(e.exception.condition, condition)

    def test_one_step_to_a_session(self):
        u = self.people("u")
        token = self.token(u)
        s, got = self.say(fast.by_token(u, token, inside=fast.BIND2.replace("</bind>", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"
                                                                            "<enable xmlns='urn:xmpp:carbons:2'/></bind>")))
        self.assertIsNone(fast.token_of(got))
        self.assertTrue(fast.answer(got, token))
        self.assertRegex(got.findtext("{*}authorization-identifier"), "^%s@%s/fast" % (u, DOMAIN))
        self.assertIsNotNone(got.find("{*}bound/{urn:xmpp:sm:3}enabled"))
        previd = got.find("{*}bound/{urn:xmpp:sm:3}enabled").get("id")
        s.kill()
        _, got = self.say(fast.by_token(u, token, inside="<resume xmlns='urn:xmpp:sm:3' previd='%s' h='0'/>" % previd))
        self.assertIsNotNone(got.find("{urn:xmpp:sm:3}resumed"))

    def test_refused(self):
        u, v = self.people("u", "v")
        token = self.token(u)
        self.refused(fast.by_token(u, token, agent="another"))
        self.refused(fast.by_token(v, token))
        self.refused(fast.by_token("nobody", token))
        self.refused(fast.by_token(u, token[:-1]))
        self.refused(fast.by_token(u, token, mechanism="HT-SHA-512-NONE"), "invalid-mechanism")
        self.refused(fast.by_token(u, token, attributes="count='x'"), "malformed-request")
        self.refused(fast.by_token(u, token, agent=None), "invalid-mechanism")
        self.assertIsNone(fast.token_of(self.say(fast.by_password(u, "secret", wanted=NONE, agent=None))[1]))
        fast.token_of(self.say(fast.by_token(u, token))[1])
        self.assertNotIn(token, self.gh.log())

    def test_channel_binding(self):
        """A token for a binding is good with it alone, and on its own connection."""
        u = self.people("u")
        s = self.secured()
        end_point = s.end_point()
        s.send(fast.by_password(u, "secret", wanted="HT-SHA-256-ENDP"))
        token = fast.token_of(s.next())
        self.refused(fast.by_token(u, token))
        self.refused(fast.by_token(u, token, "HT-SHA-256-ENDP", b"another"))
        got = self.say(fast.by_token(u, token, "HT-SHA-256-ENDP", end_point))[1]
        fast.token_of(got)
        self.assertTrue(fast.answer(got, token, end_point))

    def test_tls_unique(self):
        """TLS 1.2 has no exporter of its own kind, but this."""
        u = self.people("u")

        def by_tls12():
            s = raw.Stream(self.gh.addr, 5223)
            self.streams.append(s)
            s.wrap(raw.client_context(self.pki.ca, version=ssl.TLSVersion.TLSv1_2), DOMAIN)
            s.open(DOMAIN)
            return s, s.features()
        s, f = by_tls12()
        self.assertIn("HT-SHA-256-UNIQ", fast.offered(f))
        s.send(fast.by_password(u, "secret", wanted="HT-SHA-256-UNIQ"))
        token = fast.token_of(s.next())
        other, (s, _) = s, by_tls12()
        s.send(fast.by_token(u, token, "HT-SHA-256-UNIQ", other.sock.get_channel_binding("tls-unique")))
        with self.assertRaises(raw.SaslFailed):
            fast.token_of(s.next())
        s.send(fast.by_token(u, token, "HT-SHA-256-UNIQ", s.sock.get_channel_binding("tls-unique")))
        fast.token_of(s.next())
        s = self.secured()
        s.send(fast.by_token(u, token, "HT-SHA-256-UNIQ", b"x"))
        with self.assertRaises(raw.SaslFailed) as e:
            fast.token_of(s.next())
        self.assertEqual(e.exception.condition, "invalid-mechanism")

    def test_rotation_and_count(self):
        u = self.people("u")
        old = self.token(u)
        ask = "<request-token xmlns='%s' mechanism='%s'/>" % (fast.FAST, NONE)
        new = fast.token_of(self.say(fast.by_token(u, old, inside=ask))[1])
        self.assertNotEqual(new, old)
        fast.token_of(self.say(fast.by_token(u, old))[1])
        fast.token_of(self.say(fast.by_token(u, new, attributes="count='5'"))[1])
        self.refused(fast.by_token(u, old))
        self.refused(fast.by_token(u, new, attributes="count='5'"))
        fast.token_of(self.say(fast.by_token(u, new, attributes="count='6' invalidate='true'"))[1])
        self.refused(fast.by_token(u, new, attributes="count='7'"))

    def test_ends_with_what_it_stems_from(self):
        u = self.people("u")
        jid = "%s@%s" % (u, DOMAIN)
        phone = self.gh.records("user", "app-password", "add", jid, "phone")[0]["password"]
        by_phone, by_own = self.token(u, phone, agent="phone"), self.token(u)
        rows = {r["device"]: r for r in self.gh.records("user", "device", "list", jid)}
        self.assertEqual((rows["phone"]["app-password"], rows[fast.AGENT]["app-password"]), ("phone", ""))
        self.assertEqual(rows["phone"]["name"], "peer test")
        self.gh.ghsh("user app-password delete %s phone\n" % jid)
        self.refused(fast.by_token(u, by_phone, agent="phone"))
        s, got = self.say(fast.by_token(u, by_own, inside=fast.BIND2))
        fast.token_of(got)
        self.gh.ghsh("user device revoke %s %s\n" % (jid, fast.AGENT))
        self.assertEqual(s.until_closed(), "not-authorized")
        self.refused(fast.by_token(u, by_own))
        by_own = self.token(u)
        self.gh.ghsh("user passwd %s changed\n" % jid)
        self.refused(fast.by_token(u, by_own))
        self.assertEqual(self.gh.records("user", "device", "list", jid), [])

    def test_setting(self):
        u = self.people("u")
        token = self.token(u)
        self.gh.commit("set im fast-token-life 0")
        self.addCleanup(self.gh.commit, "delete im fast-token-life")
        self.assertEqual(fast.offered(self.features()), [])
        self.refused(fast.by_token(u, token), "invalid-mechanism")
        self.gh.commit("set im fast-token-life 1")
        self.assertEqual(fast.offered(self.features())[-1], NONE)
        fast.token_of(self.say(fast.by_token(u, token))[1])

    def features(self):
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN)
        s.features()
        s.starttls(raw.client_context(self.pki.ca), DOMAIN)
        s.open(DOMAIN)
        return s.features()

    def test_too_many_tries(self):
        u = self.people("u")
        s = self.secured()
        for _ in range(2):
            s.send(fast.by_token(u, "wrong"))
            self.assertEqual(raw.local(s.next().tag), "failure")
        s.send(fast.by_token(u, "wrong"))
        self.assertEqual(s.until_closed(), "policy-violation")


class Deaths(Box):
    """kill -9 of gh-im and of gh-store at any step of a rotation: what the client holds gets it in."""

    def attempt(self, user, token):
        """One login that asks for the next token: that, or None when the box was not there to answer."""
        ask = "<request-token xmlns='%s' mechanism='%s'/>" % (fast.FAST, NONE)
        try:
            s = self.secured()
            s.send(fast.by_token(user, token, inside=ask))
            got = s.next()
            s.close()
        except (OSError, raw.StreamError, ValueError):
            return None
        if raw.local(got.tag) == "failure":
            self.assertEqual(raw.local(got[0].tag), "temporary-auth-failure")
            return None
        return fast.token_of(got)

    def test_rotation(self):
        u = self.people("u")
        s = self.secured()
        s.send(fast.by_password(u, "secret", wanted=NONE))
        token = fast.token_of(s.next())
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        stop = threading.Event()
        self.addCleanup(stop.set)

        def killer():
            while not stop.wait(dice.uniform(0.05, 0.4)):
                self.gh.kill(dice.choice(("gh-im", "gh-store")))
        t = threading.Thread(target=killer, daemon=True)
        t.start()
        rotations, until = 0, time.monotonic() + 12
        while time.monotonic() < until:
            token_now = self.attempt(u, token)
            if token_now:
                rotations += 1
                token = token_now
        stop.set()
        t.join(20)
        self.assertTrue(wait_for("the token is good (seed %d)" % seed, lambda: self.attempt(u, token), 20))
        self.assertGreater(rotations, 3, "seed %d" % seed)


class OverTheFront(FrontCase):
    """TLS ends at gh-proxy; WebSocket and BOSH carry the same elements."""

    def bound(self):
        s = raw.Stream(self.gh.addr, 443)
        self.streams.append(s)
        s.sock = OpenSslSocket(s.sock, DOMAIN)
        s._restart()
        s.open(DOMAIN)
        return s, s.features()

    def test_exporter(self):
        u = self.people("u")
        s, f = self.bound()
        self.assertEqual(fast.offered(f)[0], "HT-SHA-256-EXPR")
        s.send(fast.by_password(u, "secret", wanted="HT-SHA-256-EXPR"))
        token = fast.token_of(s.next())
        other, _ = self.bound()
        s, _ = self.bound()
        other.send(fast.by_token(u, token, "HT-SHA-256-EXPR", s.sock.exporter()))
        with self.assertRaises(raw.SaslFailed):
            fast.token_of(other.next())
        s.send(fast.by_token(u, token, "HT-SHA-256-EXPR", s.sock.exporter(), inside=fast.BIND2))
        fast.token_of(s.next())

    def test_policy_outside(self):
        """docs/admin/users.md: a token is as good as the password that it stems from."""
        u = self.people("u")
        phone = self.gh.records("user", "app-password", "add", "%s@%s" % (u, DOMAIN), "phone")[0]["password"]
        tokens = []
        for password, agent in (("secret", "pc"), (phone, "phone")):
            s, _ = self.bound()
            s.send(fast.by_password(u, password, wanted=NONE, agent=agent))
            tokens.append(fast.token_of(s.next()))
        self.gh.commit("set im login-outside app-password")
        self.addCleanup(self.gh.commit, "delete im login-outside")
        s, _ = self.bound()
        s.send(fast.by_token(u, tokens[0], agent="pc"))
        with self.assertRaises(raw.SaslFailed):
            fast.token_of(s.next())
        s, _ = self.bound()
        s.send(fast.by_token(u, tokens[1], agent="phone"))
        fast.token_of(s.next())

    def test_websocket(self):
        u = self.people("u")
        c = self.ws()
        c.open()
        c.send(fast.by_password(u, "secret", wanted=NONE))
        token = fast.token_of(c.next())
        c = self.ws()
        c.open()
        c.send(fast.by_token(u, token, inside=fast.BIND2))
        got = c.next()
        fast.token_of(got)
        self.assertIn("/fast", got.findtext("{*}authorization-identifier"))


class OverBosh(BoshCase):
    def test_token(self):
        u = self.people("u")
        c = self.opened()
        token = fast.token_of(c.say(fast.by_password(u, "secret", wanted=NONE))[0])
        c = self.opened()
        got = c.say(fast.by_token(u, token, inside=fast.BIND2))[0]
        fast.token_of(got)
        self.assertIn("/fast", got.findtext("{*}authorization-identifier"))


class OverTheLink(LinkedCase):
    def bound(self):
        s = raw.Stream(EDGE_OUTSIDE, FRONT)
        self.streams.append(s)
        s.sock = OpenSslSocket(s.sock, DOMAIN)
        s._restart()
        s.open(DOMAIN)
        s.features()
        return s

    def test_token_at_an_edge(self):
        u = self.people("u")
        s = self.bound()
        s.send(fast.by_password(u, "secret", wanted="HT-SHA-256-EXPR"))
        token = fast.token_of(s.next())
        s = self.bound()
        s.send(fast.by_token(u, token, "HT-SHA-256-EXPR", s.sock.exporter(), inside=fast.BIND2))
        fast.token_of(s.next())


class XmppJs(Box):
    """@xmpp/client 0.14 logs in by SASL2 and asks for a token, then comes again with it."""

    def run_agent(self, user, password, token):
        if not os.path.isdir(os.path.join(AGENTS, "node_modules")):
            raise Failed("@xmpp/client is missing: make peer-deps")
        env = dict(os.environ, NODE_EXTRA_CA_CERTS=self.pki.ca)
        p = subprocess.run([need("node"), os.path.join(AGENTS, "fast_client.mjs"), self.gh.addr, DOMAIN, user, password,
                            json.dumps(token)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
        return json.loads(p.stdout)

    def test_fast(self):
        u = self.people("u")
        first = self.run_agent(u, "secret", None)
        self.assertTrue(first["jid"].startswith(u + "@"))
        self.assertEqual(first["token"]["mechanism"], NONE)
        again = self.run_agent(u, "not the password", first["token"])
        self.assertEqual(again["token"], first["token"])
        row = self.gh.records("user", "device", "list", "%s@%s" % (u, DOMAIN))[0]
        self.assertRegex(row["used"], "^2")

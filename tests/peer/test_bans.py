"""Who is kept out by address (M-20): by an operator's hand, by settings, and for wrong passwords (mra test 8); before TLS, live, and not
those beside them."""
import socket
import ssl

from harness import raw
from harness.linked import LinkedCase
from harness.people import DOMAIN
from harness.phone import status
from harness.place import wait_for
from test_line import TLS_PORT, Line

HERE, BESIDE = "127.0.0.1", "127.0.0.77"


class Bans(Line):
    more = ("set access penalty-tries 4", "set access penalty 2", "set line auth-tries 3", "set line auth-penalty 2", "set access auth-tries 10")

    def bans(self, gh=None, **fits):
        rows = (gh or self.gh).records("show", "bans")
        return [r for r in rows if all(r[k] == v for k, v in fits.items())]

    def reaches(self, port, source):
        """Is a TLS handshake begun with somebody from there? False: the connection ends without a byte."""
        with socket.create_connection((self.gh.addr, port), 5, (source, 0)) as s:
            s.settimeout(5)
            try:
                context = ssl.create_default_context(cafile=self.pki.ca)
                with context.wrap_socket(s, server_hostname=DOMAIN):
                    return True
            except (ConnectionError, ssl.SSLError):
                return False

    def test_by_hand(self):
        u, v = self.people("u", "v")
        s = raw.login(self.gh.addr, u, DOMAIN)
        self.streams.append(s)
        p, udp = self.registered(v, "tls"), self.registered(u, "udp")
        beside = self.registered(v, "tls", source=BESIDE)
        self.addCleanup(self.gh.operator, "client", "unban", HERE)
        rows = self.gh.records("client", "ban", HERE, "3600", "he", "guesses")
        self.assertEqual({r["program"]: r["put-out"] for r in rows if r["program"] in ("gh-access", "gh-line")}, {"gh-access": "1", "gh-line": "2"})
        with self.assertRaises(raw.Closed):
            while True:
                s.next(5)
        self.assertLess(p.closed_after(5), 5)
        for port in (5223, TLS_PORT):
            with self.subTest(port):
                self.assertFalse(self.reaches(port, HERE))
                self.assertTrue(self.reaches(port, BESIDE))
        udp.send(udp.build("OPTIONS", "sip:" + self.gh.addr))
        self.assertIsNone(udp.receive(0.5))
        self.assertEqual(status(beside.register()), 200)
        row = self.bans(program="gh-line")[0]
        self.assertEqual((row["range"], row["by"], row["reason"]), (HERE, "operator", "he guesses"))
        self.assertTrue(3500 < int(row["left-s"]) <= 3600, row)
        self.assertGreaterEqual(int(row["refused"]), 1)
        self.assertEqual(self.gh.operator("client", "unban", "127.0.0.0/30").returncode, 0)  # whoever is in that range
        self.assertEqual(self.bans(), [])
        self.registered(v, "tls")
        self.assertNotEqual(self.gh.operator("client", "unban", HERE).returncode, 0)
        for bad in ("0.0.0.0/0", "::/0", "10.0.0.1/8", "nonsense", "10.0.0.0/33"):
            self.assertNotEqual(self.gh.operator("client", "ban", bad).returncode, 0, bad)

    def test_ends_by_itself(self):
        self.assertEqual(self.gh.operator("client", "ban", BESIDE, "2").returncode, 0)
        self.assertFalse(self.reaches(5223, BESIDE))
        wait_for("it is over", lambda: self.reaches(5223, BESIDE), 10, 0.2)
        self.assertEqual(self.bans(), [])

    def test_by_settings(self):
        v = self.people("v")
        p = self.registered(v, "tls", source=BESIDE)
        self.addCleanup(self.gh.commit, "delete client ban scanners")
        self.gh.commit("set client ban scanners range 127.0.0.64/26", "set client ban scanners reason \"they scan\"")
        self.assertLess(p.closed_after(5), 5)
        self.assertFalse(self.reaches(TLS_PORT, BESIDE))
        self.assertTrue(self.reaches(TLS_PORT, HERE))
        self.gh.kill("gh-line")
        wait_for("it is back, and knows", lambda: self.bans(program="gh-line", by="setting", reason="they scan"), 15, 0.2)
        wait_for("the door is open for others", lambda: self.reaches(TLS_PORT, HERE), 10, 0.2)
        self.assertFalse(self.reaches(TLS_PORT, BESIDE))
        self.assertNotEqual(self.gh.operator("client", "unban", BESIDE).returncode, 0)
        self.assertIn("keep everybody out", self.gh.ghsh("set client ban all range 0.0.0.0/0\ncheck\ndiscard\n", check=False))

    def guess(self, source):
        """A login with a wrong password from there: the failure's condition, or the stream's error."""
        s = raw.Stream(self.gh.addr, 5223, source=source)
        self.streams.append(s)
        s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), DOMAIN)
        s.open(DOMAIN)
        try:
            s.features()
            s.sasl_plain("u1", "wrong")
        except raw.SaslFailed as e:
            return e.condition
        except raw.Closed as e:
            return e.error
        finally:
            s.close()
        return "in"

    def test_wrong_passwords(self):
        """Mra test 8. Who is in stays, others are unaffected, and the guesser is told."""
        u = self.people("u")
        s = raw.Stream(self.gh.addr, 5223, source=BESIDE)
        self.streams.append(s)
        s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), DOMAIN)
        s.open(DOMAIN)
        s.features()
        s.sasl_plain(u, "secret")
        s.open(DOMAIN)
        s.features()
        s.bind("stays")
        self.assertEqual([self.guess(BESIDE) for _ in range(4)], ["not-authorized"] * 4)
        self.assertEqual(self.guess(BESIDE), "policy-violation")
        self.assertEqual(self.guess(HERE), "not-authorized")
        s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", DOMAIN)
        row = self.bans(by="penalty", program="gh-access")[0]
        self.assertEqual((row["range"], row["reason"]), (BESIDE, "wrong passwords"))
        self.assertLessEqual(int(row["left-s"]), 2)
        wait_for("it is over", lambda: self.guess(BESIDE) == "not-authorized", 10, 0.2)
        while self.guess(BESIDE) != "policy-violation":
            pass
        self.assertEqual(self.gh.operator("client", "unban", BESIDE).returncode, 0)
        self.assertEqual(self.guess(BESIDE), "not-authorized")

    def test_wrong_digests(self):
        u = self.people("u")
        got = [status(self.phone(u, "tcp", source="127.0.0.78", password="wrong").register()) for _ in range(3)]  # each tries twice
        self.assertEqual(got, [401, 403, 403])
        self.assertEqual(self.bans(program="gh-line", by="penalty")[0]["range"], "127.0.0.78")
        self.assertEqual(self.gh.operator("client", "unban", "127.0.0.78").returncode, 0)
        self.assertEqual(status(self.phone(u, "tcp", source="127.0.0.78").register()), 200)


class AtTheFront(LinkedCase):
    """At an edge: before TLS; what the core bans is banned whichever edge it comes by."""

    def test_edge_and_core(self):
        u = self.people("u")
        for gh, program in ((self.edge, "gh-proxy"), (self.core, "gh-access")):
            with self.subTest(gh.name):
                s = self.outside(u)
                self.addCleanup(gh.operator, "client", "unban", "10.79.1.1")
                rows = gh.records("client", "ban", "10.79.1.0/24")
                self.assertIn(("1", program), [(r["put-out"], r["program"]) for r in rows])
                s.until_closed(5)
                if gh is self.edge:
                    before = self.counter(gh, "gh-proxy:proxy.tls")
                with self.assertRaises((raw.Closed, ConnectionError, ssl.SSLError)):
                    self.outside(u)
                if gh is self.edge:
                    self.assertEqual(self.counter(gh, "gh-proxy:proxy.tls"), before)
                self.assertEqual(gh.operator("client", "unban", "10.79.1.0/24").returncode, 0)
                self.outside(u)

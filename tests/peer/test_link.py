"""An edge in the DMZ and a core inside: people outside reach the core, and the DMZ opens no connection to the inside."""
import base64
import os
import re
import socket
import ssl
import struct
import time

from harness import fast, raw
from harness.boshclient import BoshClient
from harness.client import SlixClient
from harness.linked import CORE, EDGE_INNER, EDGE_OUTSIDE, FRONT, LINK, LinkedCase, SecondEdge
from harness.people import DOMAIN
from harness.place import TOP, wait_for
from harness.rogue_edge import TakenOver
from harness.uploads import MB, Uploads
from harness.wsclient import WsClient
from test_c2s import OpenSslSocket


class Through(LinkedCase):
    def test_firewall_is_one(self):
        """Mra test 20: without the link nothing of the core can be reached from the DMZ."""
        for port in (5222, 5223, 5269):
            self.assertFalse(self.reached_from_dmz(port))

    def test_chat(self):
        u, v = self.people("u", "v")
        s, t = self.outside(u), self.outside(v)
        self.chat(s, t, "from outside")
        self.chat(t, s, "and back \u96ea")

    def test_channel_binding(self):
        """M-06: SCRAM-PLUS holds end to end, although TLS ends at the edge."""
        self.binds_to_its_own_tls(self.people("u"))

    def bound(self):
        s = raw.Stream(EDGE_OUTSIDE, FRONT)
        self.streams.append(s)
        s.sock = OpenSslSocket(s.sock, DOMAIN)
        s._restart()
        s.open(DOMAIN)
        s.features()
        return s

    def test_slixmpp(self):
        """It binds to tls-unique, and to nothing else."""
        u, v = self.people("u", "v")
        self.core.users.setdefault(u, "secret")
        s = self.outside(v)
        server = type("Front", (), {"addr": EDGE_OUTSIDE, "domain": DOMAIN, "users": self.core.users})
        c = SlixClient(server, u, ca=self.pki.ca, port=FRONT, direct=True)
        self.addCleanup(c.close)
        s.message(c.jid, "to slixmpp")
        self.assertEqual(c.messages.get(timeout=10)["body"], "to slixmpp")

    def test_websocket(self):
        u = self.people("u")
        c = WsClient(EDGE_OUTSIDE, FRONT, raw.client_context(self.pki.ca), DOMAIN)
        self.addCleanup(c.close)
        c.login(u, "secret")
        self.assertTrue(c.bind("web").startswith(u))
        self.assertEqual(self.row(u)["transport"], "websocket")

    def row(self, user):
        return next(r for r in self.core.records("show", "clients") if r["user"].startswith(user))

    def test_what_the_core_knows(self):
        u = self.people("u")
        s = self.outside(u)
        row = self.row(u)
        self.assertEqual((row["address"], row["tls"], row["transport"], row["edge"]),
                         (s.sock.getsockname()[0], "TLSv1.3", "tls", "one"))

    def test_nothing_about_people_on_the_edge(self):
        u = self.people("u")
        self.outside(u)
        self.assertEqual([r["user"] for r in self.edge.records("show", "clients")], ["-"])
        self.assertEqual(self.edge.records("show", "sessions"), [])

    def test_clients_shown_and_kicked(self):
        """M-23: the edge knows connections, the core people; what the edge ends can be resumed, what the core ends is over."""
        u = self.people("u")
        s = self.outside(u)
        id_ = s.sm_enable().get("id")
        shown = [r for r in self.edge.records("show", "clients", EDGE_OUTSIDE.rsplit(".", 1)[0] + ".0/24") if r["state"] == "stream"]
        self.assertEqual([(r["user"], r["address"], r["transport"], r["tls"]) for r in shown], [("-", s.sock.getsockname()[0], "tls", "TLSv1.3")])
        self.assertGreater(int(shown[0]["bytes-in"]), 100)
        self.assertEqual(self.edge.records("show", "clients", "192.0.2.9"), [])
        self.assertEqual(self.edge.operator("client", "kick", shown[0]["client"]).returncode, 0)
        s.until_closed()
        r = self.outside()
        r.sasl_plain(u, "secret")
        r.open(DOMAIN)
        r.features()
        r.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % id_)
        self.assertEqual(r.wait(lambda e: raw.local(e.tag) in ("resumed", "failed"), what="resumed").get("previd"), id_)
        row = self.row(u)
        self.assertEqual(self.core.records("show", "clients", row["client"])[0]["user"], row["user"])
        self.assertEqual(self.core.operator("client", "kick", "%s@%s" % (u, DOMAIN)).returncode, 0)
        self.assertEqual(r.until_closed(), "policy-violation")
        wait_for("the session is over", lambda: not self.core.records("show", "sessions", "%s@%s" % (u, DOMAIN)), 10)
        self.assertNotEqual(self.core.operator("client", "kick", row["client"]).returncode, 0)

    def test_drained(self):
        """M-21: at the edge or at the core, new ones are told, old ones go on."""
        u, v = self.people("u", "v")
        s, t = self.outside(u), self.outside(v)
        for gh, program in ((self.edge, "gh-proxy"), (self.core, "gh-access")):
            with self.subTest(gh.name):
                self.addCleanup(gh.operator, "client", "drain", "off")
                left = next(r for r in gh.records("client", "drain") if r["program"] == program)
                self.assertEqual((left["new-logins"], left["clients"]), ("no", "2"))
                with self.assertRaises(raw.Closed) as e:
                    self.outside()
                self.assertEqual(e.exception.error, "remote-connection-failed")
                self.chat(s, t, "still here")
                self.assertEqual(gh.operator("client", "drain", "off").returncode, 0)
                self.outside(self.people("w")).close()
                wait_for("it has left", lambda: len(gh.records("show", "clients")) == 2, 10)

    def test_slow_reader(self):
        """Four times what all windows and queues hold: the sender is held up, and every stanza arrives, in order."""
        u, v = self.people("u", "v")
        s, t = self.outside(u), self.outside(v)
        texts = ["%d " % i + "x" * 60000 for i in range(60)]
        for text in texts:
            s.message(t.jid, text)
        for text in texts:
            t.wait_body(text, 20)


class Bosh(LinkedCase):
    """XEP-0124 at the edge: requests end there, the stream goes over the link to the core."""
    edge_settings = ("set proxy bosh on",)

    def bosh(self):
        def dial():
            t = raw.client_context(self.pki.ca, alpn="http/1.1").wrap_socket(
                socket.create_connection((EDGE_OUTSIDE, FRONT), 60), server_hostname=DOMAIN)
            self.addCleanup(t.close)
            return t
        return BoshClient(dial, DOMAIN)

    def test_chat_and_kick(self):
        u, v = self.people("u", "v")
        w, b = self.outside(v), self.bosh()
        b.login(u, "secret")
        b.say("<message xmlns='jabber:client' to='%s' type='chat'><body>over the edge</body></message>" % w.jid)
        w.wait_body("over the edge")
        for gh in (self.edge, self.core):
            ours = [r for r in gh.records("show", "clients") if r["transport"] == "bosh"]
            self.assertEqual(len(ours), 1)
        self.edge.records("client", "kick", next(r["client"] for r in self.edge.records("show", "clients") if r["transport"] == "bosh"))
        got = b.say()
        self.assertEqual((got.get("type"), got.get("condition")), ("terminate", "system-shutdown"))


class Files(Uploads, LinkedCase):
    """XEP-0363 from outside: the bytes lie on the core, and the edge knows nothing of them."""
    edge_settings = ("set upload enabled on",)
    core_settings = ("set upload enabled on", "set upload free 1", "set upload slots-minute 1000")
    front = (EDGE_OUTSIDE, FRONT)

    def test_there_and_back(self):
        u = self.people("u")
        s = self.outside(u)
        content = os.urandom(20 * MB + 1)
        get = self.put(s, content, "a.bin", "application/octet-stream")
        status, fields, body = self.http("GET", get)
        self.assertEqual((status, fields["content-length"], body == content), (200, str(len(content)), True))
        status, fields, body = self.http("GET", get, headers=("Range: bytes=5-9",))
        self.assertEqual((status, fields["content-range"], body), (206, "bytes 5-9/%d" % len(content), content[5:10]))
        self.assertEqual(self.edge.records("show", "uploads")[0]["files"], "0")
        self.assertIn(str(len(content)), [r["bytes"] for r in self.core.records("show", "uploads") if r["user"].startswith(u)])

    def test_refused_by_the_core(self):
        """The edge judges no slot; early refusals come back whole although the file is still being sent."""
        s = self.outside(self.people("u"))
        put, get = self.slot(s, "a.bin", MB, "")
        self.assertEqual(self.http("PUT", put[:-1] + "x", b"x" * MB)[0], 403)
        self.assertEqual(self.http("PUT", put, b"x" * (MB - 1))[0], 400)
        self.assertEqual(self.http("GET", get)[0], 404)
        self.assertEqual(self.http("PUT", put, b"x" * MB)[0], 201)
        self.assertEqual(self.http("PUT", put, b"x" * MB)[0], 409)

    def test_who_does_not_fetch_holds_up_nobody(self):
        """Forty downloads that nobody reads: chats and other files go on."""
        u, v = self.people("u", "v")
        s, t = self.outside(u), self.outside(v)
        content = os.urandom(8 * MB)
        get = self.put(s, content, "a.bin", "")
        lazy = [self.tls() for _ in range(40)]
        for x in lazy:
            x.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (get, DOMAIN)).encode())
        wait_for("they wait", lambda: sum(int(r["sessions"]) for r in self.links(self.edge, "bulk")) == 40, 10)
        self.chat(s, t, "meanwhile")
        self.assertEqual(self.http("GET", get)[2], content)
        self.assertEqual(self.answer(lazy[7])[2], content)
        for x in lazy:
            x.close()
        wait_for("they are gone", lambda: sum(int(r["sessions"]) for r in self.links(self.core, "bulk")) == 0, 20)

    def test_broken_off(self):
        """The client goes in the middle: so does what it sent, at the core."""
        s = self.outside(self.people("u"))
        put, _ = self.slot(s, "a.bin", MB, "")
        t = self.tls()
        t.sendall(("PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (put, DOMAIN, MB)).encode() + b"x" * 100000)
        new = os.path.join(self.core.state, "files", "new")
        wait_for("it comes", lambda: os.listdir(new), 10)
        t.close()
        wait_for("nothing is left", lambda: not os.listdir(new), 20)

    def test_no_core(self):
        s = self.outside(self.people("u"))
        get = self.put(s, b"hello")
        self.core.commit("delete link edge one address")
        self.addCleanup(self.wait_links)
        self.addCleanup(self.core.commit, "set link edge one address %s %d" % (EDGE_INNER, LINK))
        wait_for("no links", lambda: not self.links(self.edge), 5)
        self.assertEqual(self.http("GET", get)[0], 503)


class Killed(LinkedCase):
    def test_either_side_killed(self):
        """Mra test 21: links are back within 5 s, and clients come back to what they had (XEP-0198)."""
        u, v = self.people("u", "v")
        for gh in (self.edge, self.core):
            with self.subTest(gh.name):
                s, t = self.outside(u), self.outside(v)
                id_ = s.sm_enable().get("id")
                gh.kill("gh-link")
                began = time.monotonic()
                s.until_closed()
                self.wait_links()
                self.assertLess(time.monotonic() - began, 6)
                w = self.outside(v)
                w.message(s.jid, "while it was away")
                r = self.outside()
                r.sasl_plain(u, "secret")
                r.open(DOMAIN)
                r.features()
                r.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % id_)
                self.assertEqual(r.wait(lambda e: raw.local(e.tag) in ("resumed", "failed"), what="resumed").get("previd"), id_)
                r.wait_body("while it was away")
                t.close()

    def test_no_core(self):
        """A client that comes while no core is there is told so (RFC 6120 4.9.3.15)."""
        self.core.commit("delete link edge one address")
        self.addCleanup(self.wait_links)
        self.addCleanup(self.core.commit, "set link edge one address %s %d" % (EDGE_INNER, LINK))
        wait_for("no links", lambda: not self.links(self.edge), 5)
        with self.assertRaises(raw.Closed) as e:
            self.outside()
        self.assertEqual(e.exception.error, "remote-connection-failed")


    def test_drain(self):
        """Mra test 29: old sessions go on, new ones are told; the link is whole again when the last old one has ended."""
        u, v = self.people("u", "v")
        s, t = self.outside(u), self.outside(v)
        self.core.operator("link", "drain")
        wait_for("the edge knows", lambda: self.links(self.edge, state="draining"), 5)
        self.chat(s, t, "still here")
        with self.assertRaises(raw.Closed) as e:
            self.outside()
        self.assertEqual(e.exception.error, "remote-connection-failed")
        s.close()
        t.close()
        self.wait_links()
        self.outside(u)

    def test_one_connection_cut(self):
        """A line that is dead without a word is found by PING within 15 s; sessions of the other connections do not notice."""
        streams = [self.outside(self.people("u")) for _ in range(4)]
        rows = self.links(self.edge, "signal")
        self.assertEqual([r["sessions"] for r in rows], ["2", "2"])
        self.dmz.nft("table inet cut { chain out { type filter hook output priority 0\ntcp dport %s drop\n}\n}\n" % rows[0]["address"].split()[-1])
        self.addCleanup(self.dmz.nft, "delete table inet cut\n")
        wait_for("it is found dead", lambda: all(rows[0]["address"] != r["address"] for r in self.links(self.edge)), 25, 0.5)
        self.assertEqual(len([s for s in streams if self.lives(s)]), 2)
        self.wait_links()

    @staticmethod
    def lives(s):
        try:
            s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", DOMAIN)
            return True
        except raw.Closed:
            return False


    def test_alarms(self):
        """An edge that cannot be reached has an alarm at the core until it is there, or not wanted; others are not its matter."""
        self.core.commit("set link edge two address %s 9" % EDGE_INNER)
        wait_for("the alarm", lambda: self.alarms(self.core) == ["two"], 20, 0.5)
        self.assertEqual([r["reason"] for r in self.core.records("show", "links") if r["with"] == "two"], ["conn-refused"] * 4)
        self.core.commit("delete link edge two address")
        wait_for("no alarm", lambda: self.alarms(self.core) == [], 5)
        self.assertEqual(len(self.links()), 4)

    @staticmethod
    def alarms(gh):
        return [a["key"] for a in gh.records("show", "alarms") if a["alarm"] == "LinkDown"]


class TwoEdges(SecondEdge, LinkedCase):
    """M-24: the core dials both; the loss of one loses only its own connections."""

    def test_client_comes_back_over_the_other(self):
        u, v = self.people("u", "v")
        s, t = self.outside(u), self.outside(v, self.OTHER)
        id_ = s.sm_enable().get("id")
        self.edge.stop()
        s.until_closed()
        t.message(s.jid, "while it went")  # who came over the other edge does not notice
        r = self.outside(None, self.OTHER)
        r.sasl_plain(u, "secret")
        r.open(DOMAIN)
        r.features()
        r.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % id_)
        self.assertEqual(r.wait(lambda e: raw.local(e.tag) in ("resumed", "failed"), what="resumed").get("previd"), id_)
        r.wait_body("while it went")
        self.assertEqual({x["with"] for x in self.links()}, {"two"})


class Strangers(LinkedCase):
    def test_certificates(self):
        """Mra tests 24, 25: another authority's certificate, though the name is right, is refused, and an alarm says so."""
        for kind, domain in (("good", "core.link.invalid"), ("unknown-ca", "core.link.invalid"), ("self-signed", "core.link.invalid")):
            with self.subTest(kind):
                self.assertTrue(self.refused(self.pki.make(kind, domain)))
        self.assertTrue(self.refused(self.link_pki.make("good", "one.edge.link.invalid", ("edge.link.invalid",))))  # an edge is no core
        self.assertTrue(self.refused(self.link_pki.make("expired", "core.link.invalid")))
        self.assertTrue(self.refused(None))
        wait_for("the alarm", lambda: any(a["alarm"] == "LinkRefused" for a in self.edge.records("show", "alarms")), 5)
        self.assertFalse(self.refused(self.link_pki.make("good", "core.link.invalid")))
        self.assertEqual(len(self.links()), 4)

    def refused(self, cert, version=None):
        """Does the edge end a connection with this certificate before it says a word of HTTP/2?"""
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        ctx.set_alpn_protocols(["gh-link/1"])
        if version:
            ctx.maximum_version = version
        if cert:
            ctx.load_cert_chain(cert.crt, cert.key)
        with self.dmz:
            s = socket.create_connection((EDGE_INNER, LINK), 5)
        try:
            with ctx.wrap_socket(s, server_hostname="edge.link.invalid") as t:
                t.settimeout(5)
                return t.recv(100) == b""
        except (ssl.SSLError, ConnectionResetError):
            return True

    def test_only_tls_13(self):
        self.assertTrue(self.refused(self.link_pki.make("good", "core.link.invalid"), ssl.TLSVersion.TLSv1_2))


class Enrolment(LinkedCase):
    """From two boxes that know nothing of each other to a chat: one command at each."""

    @classmethod
    def edge_lines(cls):
        return ["set link listen v4 %s %d" % (EDGE_INNER, LINK), "set proxy listen v4 %s %d" % (EDGE_OUTSIDE, FRONT)]

    @classmethod
    def core_lines(cls):
        return []

    @classmethod
    def wait_links(cls, n=4, seconds=15):
        if cls.core.records("show", "links", check=False):
            super().wait_links(n, seconds)

    def code(self):
        return self.edge.records("link", "enrol")[0]["code"]

    def join(self, code, name="one"):
        return self.core.operator("link", "join", name, EDGE_INNER, str(LINK), code)

    def test_enrolment(self):
        for code in ("2222-2222-2222-2222-2222", "nonsense"):
            self.assertNotEqual(self.join(code).returncode, 0)
        code = self.code()
        self.assertRegex(code, "^([2-9A-HJ-NP-Z]{4}-){4}[2-9A-HJ-NP-Z]{4}$")
        wrong = code[:-1] + ("2" if code[-1] != "2" else "3")
        got = self.join(wrong)
        self.assertNotEqual(got.returncode, 0)
        self.assertIn("code is wrong", got.stdout + got.stderr)
        self.assertEqual(self.links(), [])
        got = self.join(code.lower().replace("-", ""))
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)
        self.wait_links()
        u, v = self.people("u", "v")
        self.chat(self.outside(u), self.outside(v), "enrolled")
        self.renewal()
        self.other_pin()
        self.again(code)

    def renewal(self):
        """New certificates on both boxes, without a break; what is dialled next shows them."""
        s = self.outside(self.people("u"))
        for gh in (self.edge, self.core):
            before = self.chain(gh)
            got = gh.operator("link", "renew")
            self.assertEqual(got.returncode, 0, got.stdout + got.stderr)
            self.assertNotEqual(self.chain(gh), before)
        s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", DOMAIN)
        self.edge.kill("gh-link")
        self.wait_links()

    def other_pin(self):
        """The right certificate with another key than the one that was enrolled is not this edge."""
        pin = next(r["value"] for r in self.core.records("show", "settings", "link") if r["setting"] == "link edge one pin")
        self.core.commit("set link edge one pin " + "11" * 32)
        wait_for("it is refused", lambda: any(a["alarm"] == "LinkRefused" for a in self.core.records("show", "alarms")), 10)
        self.assertEqual(self.links(), [])
        self.core.commit("set link edge one pin " + pin)
        self.wait_links()
        self.assertFalse(any(a["alarm"] == "LinkRefused" for a in self.core.records("show", "alarms")))

    @staticmethod
    def chain(gh):
        return gh.records("certificate", "show", "link")[0]["sha256"]

    def again(self, code):
        """The code is used up. A second enrolment, of the same box by another name, makes another edge of it: no key is made anew."""
        self.assertNotEqual(self.join(code, "two").returncode, 0)
        got = self.join(self.code(), "two")
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)
        wait_for("eight links", lambda: len(self.links()) == 8, 15)
        pins = [r["value"] for r in self.core.records("show", "settings", "link") if r["setting"].endswith("pin")]
        self.assertEqual((len(pins), len(set(pins))), (2, 1))

    def test_five_wrong_codes(self):
        code = self.code()
        wrong = code[:-1] + ("2" if code[-1] != "2" else "3")
        for _ in range(5):
            self.assertNotEqual(self.join(wrong).returncode, 0)
        self.assertNotEqual(self.join(code).returncode, 0)


class Hostile(TakenOver, LinkedCase):
    """An edge that is wholly taken over: it has the edge's key, and says over HTTP/2 what it likes."""

    @classmethod
    def build(cls):
        super().build()
        cls.take_over()
        cls.trap = cls.inside_trap()

    @classmethod
    def inside_trap(cls):
        """What a connection inside would reach: on the core and on all addresses that the core has."""
        with cls.inside:
            trap = socket.create_server(("0.0.0.0", 2222))
        trap.setblocking(False)
        cls.place.on_close(trap.close)
        return trap

    def test_it_opens_no_connection_of_its_choice(self):
        e = self.dialled()
        target = "%s:2222" % CORE
        for change in ({":authority": target}, {"x-gh-service": target}, {"x-gh-service": "ssh"}, {"x-gh-service": "s2s"}, {"x-gh-service": "http-upload"},
                       {":method": "GET", ":scheme": "https", ":path": "/"}, {"x-gh-address": target}, {"x-gh-service": "xmpp-client\t"},
                       {"x-gh-service": None}, {":authority": None, ":path": "http://%s/" % target, ":scheme": "http"}):
            with self.subTest(str(change)):
                self.assertNotEqual(e.ask(change), "200")
        with self.assertRaises(BlockingIOError):
            self.trap.accept()
        self.assertEqual(e.ask({}), "200")  # what is left to it: a client's stream, which has still to log in

    def test_it_logs_in_as_nobody(self):
        u = self.people("u")
        e = self.dialled()
        self.assertEqual(e.ask({}), "200")
        e.send("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='%s' version='1.0'>" % DOMAIN)
        self.assertIn("SCRAM-SHA-256-PLUS", e.heard("</stream:features>"))
        e.send("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%s</resource></bind></iq>" % u)
        self.assertIn("not-authorized", e.heard("</stream:stream>"))

    def test_services_are_those_of_a_table(self):
        """No program of the core can be named, by its name, its messages or its sockets: what answers is what is for people outside."""
        with open(os.path.join(TOP, "lib", "run", "prog.def")) as f:
            programs = re.findall(r'"(gh-\w+)"', f.read())
        with open(os.path.join(TOP, "lib", "run", "msg.def")) as f:
            messages = re.findall(r"^MSG\((\w+)", f.read(), re.M)
        self.assertGreater(len(programs), 20)
        self.assertGreater(len(messages), 20)
        names = set(programs) | {p[3:] for p in programs} | {m[:15].lower() for m in messages} | {"xmpp-server", "sip", "sip-server", "xmpp-c2s", "upload",
                 "operator", "bus", "control", "socket", "/run/gh", "127.0.0.1", "localhost", "*", ""}
        names |= {"xmpp-client", "sip-client", "link-renew", "partners", "http-upload", "http"}
        for kind, some, all_ in (("gh-link/1", {"xmpp-client", "sip-client"}, {"xmpp-client", "sip-client", "link-renew", "partners"}),
                                 ("gh-link-bulk/1", set(), {"http-upload", "http"})):
            e, heard = self.dialled(kind), set()
            for name in sorted(names):
                if e.ask({"x-gh-service": name}) == "200":
                    heard.add(name)
                    e.http.reset_stream(e.stream)
                    e.flush()
            self.assertLessEqual(some, heard)
            self.assertLessEqual(heard, all_)

    def test_frames_that_nobody_asked_for(self):
        """It is the client of HTTP/2 here: what a server sends, and what belongs to no stream, ends the connection (RFC 9113 5.1, 8.4)."""
        for what, data in (("a body without a request", struct.pack(">IBI", 5 << 8, 0, 1001) + b"hello"),
                           ("a promise", struct.pack(">IBI", 5 << 8 | 5, 4, 1) + struct.pack(">I", 2) + b"\x82"),
                           ("a stream of the core's own", struct.pack(">IBI", 1 << 8 | 1, 5, 2) + b"\x82")):
            with self.subTest(what):
                e = self.dialled()
                self.assertEqual(e.ask({}), "200")
                e.sock.sendall(data)
                self.assertTrue(e.ended())

    def xmpp(self, e, then, until="</stream:features>"):
        """A new stream of a client that is nobody: what the core says to these bytes behind its features."""
        self.assertEqual(e.ask({}), "200")
        e.send(self.HEADER)
        e.heard("</stream:features>")
        e.send(then)
        return e.heard(until)

    HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='%s' version='1.0'>" % DOMAIN

    def test_forged_proofs(self):
        """Tokens and proofs that the core has not given out, for a person who is there and has real ones: each is not-authorized."""
        v = self.people("v")
        with self.inside:
            s = raw.Stream(CORE, 5222)
            self.streams.append(s)
            s.open(DOMAIN)
            s.features()
            s.starttls(raw.client_context(self.pki.ca), DOMAIN)
            s.open(DOMAIN)
            s.features()
            s.send(fast.by_password(v, "secret", "HT-SHA-256-NONE"))
            token = fast.token_of(s.next())
        self.assertTrue(token)
        e = self.dialled()
        jwt = ".".join(base64.urlsafe_b64encode(x).rstrip(b"=").decode() for x in (b'{"alg":"none"}', b'{"sub":"%s"}' % v.encode(), b""))
        auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>%s</auth>"
        for what, text in (
                ("no token", fast.by_token(v, "")), ("a changed one", fast.by_token(v, token[:-1] + ("A" if token[-1] != "A" else "B"))),
                ("another device's", fast.by_token(v, token, agent="00000000-0000-4000-8000-000000000000")),
                ("of another person", fast.by_token(self.people("w"), token)), ("another mechanism", fast.by_token(v, token, "HT-SHA-256-EXPR", b"\0" * 32)),
                ("EXTERNAL", auth % ("EXTERNAL", base64.b64encode(v.encode()).decode())), ("ANONYMOUS", auth % ("ANONYMOUS", "")),
                ("an unsigned JWT", auth % ("OAUTHBEARER", base64.b64encode(b"n,a=%s,\1auth=Bearer %s\1\1" % (v.encode(), jwt.encode())).decode())),
                ("PLAIN for another", auth % ("PLAIN", base64.b64encode(("%s@%s\0x\0secret" % (v, DOMAIN)).encode()).decode()))):
            with self.subTest(what):
                self.assertIn("<failure", self.xmpp(e, text, "</failure>"))
        self.assertIn("<success", self.xmpp(e, fast.by_token(v, token), "</success>"))  # the token itself was good, and is all that would have done it

    def test_no_stored_chats(self):
        """The archive and what waits for somebody, by streams that have not logged in, and by one of a person of its own."""
        u, v = self.people("u", "v")
        with self.inside:
            s = raw.login(CORE, u, DOMAIN, "secret", ca=self.pki.ca)
        self.streams.append(s)
        s.message("%s@%s" % (v, DOMAIN), "for v alone")
        s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", DOMAIN)
        e = self.dialled()
        mam = "<iq type='set' id='m'%s><query xmlns='urn:xmpp:mam:2'/></iq>"
        for text in (mam % "", mam % (" to='%s@%s'" % (v, DOMAIN)), mam % (" from='%s@%s'" % (v, DOMAIN)), "<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % v,
                     "<presence from='%s@%s/x'/>" % (v, DOMAIN)):
            with self.subTest(text):
                got = self.xmpp(e, text, "</stream:stream>")
                self.assertIn("not-authorized", got)
                self.assertNotIn("for v alone", got)
        w = self.people("w")
        self.xmpp(e, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>" % base64.b64encode(
            ("\0%s\0secret" % w).encode()).decode(), "<success")
        e.send(self.HEADER)
        e.heard("</stream:features>")
        e.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % v)
        self.assertIn("item-not-found", e.heard("</failed>"))
        e.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        e.heard("</iq>")
        e.send(mam % (" to='%s@%s'" % (v, DOMAIN)))
        got = e.heard("</iq>")
        self.assertIn("type='error'", got.replace('"', "'"))
        e.send((mam % (" from='%s@%s'" % (v, DOMAIN))).replace("'m'", "'n'"))
        got += e.heard("</stream:stream>")
        self.assertIn("invalid-from", got)
        self.assertNotIn("for v alone", got)
        with self.inside:
            t = raw.login(CORE, v, DOMAIN, "secret", ca=self.pki.ca)
        self.streams.append(t)
        t.send("<presence/>")
        t.wait_body("for v alone")

    def test_sip_proves_each_request(self):
        """By a SIP stream: nobody is registered, called or watched on the edge's word, and a made-up flow token leads nowhere."""
        v = self.people("v")
        e = self.dialled()
        tail = ("Via: SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:%s@%s>;tag=1\r\nTo: <sip:%s@%s>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n"
                "Contact: <sip:%s@192.0.2.7:5061;transport=tls>\r\n%sContent-Length: 0\r\n\r\n")
        proof = ('Authorization: Digest username="%s", realm="%s", nonce="%s", uri="sip:%s", response="%s", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="x"\r\n'
                 % (v, DOMAIN, "0" * 64, DOMAIN, "0" * 64))
        for n, (method, more, wanted) in enumerate((("REGISTER", "", 401), ("REGISTER", proof, 401), ("INVITE", "", 407), ("MESSAGE", "", 407), ("SUBSCRIBE", "Event: presence\r\n", 407),
                                                    ("MESSAGE", "P-Asserted-Identity: <sip:%s@%s>\r\n" % (v, DOMAIN), 407),
                                                    ("MESSAGE", "Route: <sip:%s@%s;lr;ob>\r\n" % ("0" * 88, DOMAIN), 407))):
            with self.subTest(method + more[:10]):
                self.assertEqual(e.ask({"x-gh-service": "sip-client", "x-gh-transport": "sip"}), "200")
                e.send("%s sip:%s%s SIP/2.0\r\n" % (method, "" if method == "REGISTER" else v + "@", DOMAIN) +
                       tail % (n, v, DOMAIN, v, DOMAIN, "c%d" % n, method, v, more))
                self.assertIn("SIP/2.0 %d " % wanted, e.heard("\r\n\r\n"))
        self.assertEqual(self.core.records("show", "line", "%s@%s" % (v, DOMAIN)), [])

    def test_files_that_it_has_no_link_to(self):
        """On a connection for files it gets gh-files, and of that nothing: forged paths and garbage."""
        self.core.commit("set upload enabled on")
        self.addCleanup(self.core.commit, "delete upload enabled")
        wait_for("gh-files", lambda: self.core.records("show", "uploads", check=False), 15)
        e = self.dialled("gh-link-bulk/1")
        self.assertNotEqual(e.ask({}), "200")  # a client's stream is for the others
        files = {"x-gh-service": "http-upload", "x-gh-transport": "https"}
        for op in (0, 2):  # GET, PUT
            for path in (b"/upload/%s/a.txt" % (b"A" * 86), b"/upload/../../conf/current", b"/etc/passwd", b""):
                self.assertEqual(e.ask(files), "200")
                e.send(self.file_ask(op, path))
                status = struct.unpack(">IH", e.heard_bytes(6)[:6])[1]
                self.assertEqual(status, 403 if op else 404, path)
        self.assertEqual(e.ask(files), "200")
        e.send(b"\xff" * 100)
        self.assertTrue(e.stream_ended())
        self.assertEqual(os.listdir(os.path.join(self.core.state, "files", "new")), [])

    @staticmethod
    def file_ask(op, path):
        body = struct.pack(">BH", op, len(path)) + path + bytes(4 * 2) + struct.pack(">Q", 5)
        return struct.pack(">I", len(body)) + body

    def test_floods_end_its_link(self):
        for name, flood in (("settings", lambda c: c.update_settings({4: 65535})), ("ping", lambda c: c.ping(b"12345678"))):
            with self.subTest(name):
                e = self.dialled()
                for _ in range(100):
                    flood(e.http)
                e.flush()
                self.assertTrue(e.ended())
        self.assertIn("link.protocol.errors", str(self.core.records("show", "counters", "gh-link")))
        wait_for("the core says so", lambda: "too many pings" in self.core.log(), 5)

    def test_core_outlives_it(self):
        """A hundred streams that are opened and broken off at once cost the core a hundred streams, no more."""
        e = self.dialled()
        for _ in range(100):
            e.ask({}, wait=False)
            e.http.reset_stream(e.stream)
        e.flush()
        u, v = self.people("u", "v")
        with self.inside:
            s, t = (raw.login(CORE, x, DOMAIN, "secret", ca=self.pki.ca) for x in (u, v))
        self.streams += [s, t]
        self.chat(s, t, "all is well")

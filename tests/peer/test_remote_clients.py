"""Other people's clients outside, who know their domain and find the rest: an edge by its front on 443 alone, a core behind its firewall
(mra.md 1.4; tests 2, 4, 14, 19)."""
import base64
import hmac
import json
import os
import re
import subprocess
import threading
import time

from harness.gatehouse import Gatehouse
from harness.linked import EDGE_OUTSIDE, FRONT, LinkedCase
from harness.outsider import Middlebox, Outside
from harness.people import DOMAIN
from harness.place import Failed, Program, need, port_open, wait_for
from harness.turnclient import Refused, TurnClient
from harness.uploads import MB, Uploads

OUTSIDE = "10.79.1.1"
AGENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "agents")


class Remote(LinkedCase):
    edge_options, core_options = {"role": "edge"}, {"role": "core"}

    @classmethod
    def outside_world(cls):
        cls.world = Outside(cls.place, OUTSIDE, cls.pki.ca)

    def setUp(self):
        super().setUp()
        self.world.dns.clear()
        self.world.dns.a(DOMAIN, EDGE_OUTSIDE)
        self.assertFalse(port_open(EDGE_OUTSIDE, 5222))

    def direct(self):
        """The record of XEP-0368."""
        self.world.dns.srv(DOMAIN, DOMAIN, FRONT, service="_xmpps-client")

    def agent(self, *argv):
        """A client that is started; when it has ended, what it printed."""
        env = dict(NODE_EXTRA_CA_CERTS=self.pki.ca, HOME=self.place.path("home"), LANG="C.UTF-8")
        p = Program(self.place, "client-" + self.id().rsplit(".", 1)[1], self.world.words(*argv), env=env, cwd=AGENTS)
        self.addCleanup(p.stop)

        def result():
            self.assertEqual(p.child.wait(60), 0)
            return json.loads([line for line in p.text().splitlines() if line.startswith("{")][-1])
        return result

    def node(self, *argv):
        if not os.path.isdir(os.path.join(AGENTS, "node_modules", "converse.js")):
            raise Failed("clients of npm are missing: make peer-deps")
        return self.agent(need("node"), *argv)

    def answer(self, t, user, text, back="and back"):
        """The person at stream t hears that, and answers; the address of who said it, and by what the user came."""
        t.seconds = 40
        who = t.wait_body(text, 40).get("from")
        transports = [r["transport"] for r in self.core.records("show", "clients") if r["user"].startswith(user + "@")]
        t.message(who, back)
        return who, transports


class XmppJs(Remote):
    """@xmpp/client of npm. By a record it dials an address, says no name and wants a certificate of that address."""

    @classmethod
    def gatehouse(cls, domain, kind="good", **options):
        return Gatehouse(cls.place, domain, cls.pki.make(kind, domain, address=EDGE_OUTSIDE), cls.pki.ca, cls.dns, **options)

    def chats(self):
        u, v = self.people("u", "v")
        t = self.outside(v)
        end = self.node("--experimental-websocket", "remote_client.mjs", DOMAIN, u, "secret", t.jid)
        transports = [self.answer(t, u, *said)[1] for said in (("hello", "one"), ("again", "two"))]
        self.assertEqual(end()["heard"], ["one", "two"])
        row = self.core.records("user", "device", "list", "%s@%s" % (u, DOMAIN))[0]
        self.assertEqual((row["name"], bool(row["used"])), ("xmpp.js, outside", True))  # it came back by its token
        return transports

    def test_direct_tls(self):
        self.direct()
        self.assertEqual(self.chats(), [["tls"]] * 2)
        self.assertGreater(self.world.dns.count("_xmpps-client._tcp." + DOMAIN, "SRV"), 0)

    def test_websocket_by_host_meta(self):
        self.assertEqual(self.chats(), [["websocket"]] * 2)


class Nbxmpp(Remote):
    def test_direct_tls(self):
        self.direct()
        u, v = self.people("u", "v")
        t = self.outside(v)
        end = self.agent("/usr/bin/python3", "-B", os.path.join(AGENTS, "nbxmpp_client.py"), DOMAIN, u, "secret", t.jid)
        who, transport = self.answer(t, u, "hello")
        got = end()
        self.assertEqual((got["jid"], got["heard"], transport), (who, "and back", ["tls"]))
        self.assertNotIn("certificate", got)
        self.assertIn("DIRECT_TLS", got["way"].upper().replace(" ", "_"))


class Converse(Remote):
    """Converse.js in Chromium, on a page of elsewhere."""
    edge_settings = ("set proxy bosh on", "set upload enabled on")
    core_settings = ("set upload enabled on", "set upload free 1")

    def chats(self, text=""):
        u, v = self.people("u", "v")
        t = self.outside(v)
        t.send("<presence/>")
        need("chromium")
        end = self.node("converse.mjs", DOMAIN, u, "secret", t.jid.partition("/")[0], self.place.path("chromium-" + u),
                        ",".join("%s:%d=public" % (a, FRONT) for a in (OUTSIDE, EDGE_OUTSIDE)), text)
        who, transport = self.answer(t, u, "hello")
        if text:
            self.fetches(t, text)
            t.message(who, "got it")
        return end()["asked"], transport

    def fetches(self, t, text):
        """Another client gets the link, and by it the file: curl, and it knows a name alone, too."""
        link = t.wait(lambda e: e.find("{jabber:x:oob}x") is not None, 40, "a link").findtext("{*}body")
        got = subprocess.run(self.world.words(need("curl"), "-sSfi", link), capture_output=True, text=True, timeout=60, check=True).stdout
        head, _, body = got.partition("\n\n")
        self.assertEqual(body, text)
        self.assertIn("note.txt", head)

    def test_websocket_by_host_meta(self):
        asked, transport = self.chats("what the file says")
        self.assertEqual(transport, ["websocket"])
        self.assertTrue(any("/upload/" in x for x in asked), asked)
        self.assertIn("wss://%s/xmpp-websocket" % DOMAIN, asked)
        self.assertTrue(any("/.well-known/host-meta" in x for x in asked), asked)

    def test_bosh_where_websockets_are_refused(self):
        """By the network: the page goes over to the other way that host-meta told."""
        box = Middlebox(self.place, OUTSIDE, FRONT, self.pki.make("good", DOMAIN), EDGE_OUTSIDE).start()
        self.addCleanup(box.stop)
        self.world.dns.clear()
        self.world.dns.a(DOMAIN, OUTSIDE)
        asked, transport = self.chats()
        self.assertEqual(transport, ["bosh"])
        self.assertIn("wss://%s/xmpp-websocket" % DOMAIN, asked)
        self.assertIn("https://%s/http-bind" % DOMAIN, asked)


class Relay(Remote):
    """Mra test 14: who is logged in gets credentials of the relay on the edge, which end."""
    SECRET = "a shared secret of both"
    DOOR = "set turn listen-udp v4 %s 3478" % EDGE_OUTSIDE
    edge_settings = (DOOR, "set turn realm " + DOMAIN, "set turn relay-address v4 " + EDGE_OUTSIDE, 'set turn secret one "%s"' % SECRET,
                     "set turn fast-path off", "set turn allow-peer outside %s/32" % OUTSIDE)
    core_settings = (DOOR, "set turn service-host " + DOMAIN, 'set turn secret one "%s"' % SECRET)

    def credentials(self):
        s = self.outside(self.people("u"))
        got = s.iq("get", "<services xmlns='urn:xmpp:extdisco:2' type='turn'/>", DOMAIN)
        told = next(got.iter("{urn:xmpp:extdisco:2}service"))
        self.assertEqual((told.get("host"), told.get("port"), told.get("transport")), (DOMAIN, "3478", "udp"))
        return told.get("username"), told.get("password")

    def relays(self, user, password):
        """What coturn's client says of twenty packets to a peer and back."""
        return subprocess.run([need("turnutils_uclient"), "-u", user, "-w", password, "-L", OUTSIDE, "-e", OUTSIDE, "-n", "20", "-m", "1", "-c",
                               EDGE_OUTSIDE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)

    def refused(self, user, password):
        """coturn's client gives up; what it was told."""
        got = self.relays(user, password)
        self.assertNotEqual(got.returncode, 0)
        self.assertIn("Cannot complete Allocation", got.stdout)
        c = TurnClient(EDGE_OUTSIDE, OUTSIDE, user, password)
        self.addCleanup(c.close)
        with self.assertRaises(Refused) as e:
            c.allocate()
        self.assertEqual(e.exception.code, 401)

    def test_credentials(self):
        Program(self.place, "peer", [need("turnutils_peer"), "-L", OUTSIDE, "-p", "3480"])
        user, password = self.credentials()
        got = self.relays(user, password)
        self.assertEqual(re.findall(r"tot_recv_msgs=(\d+)", got.stdout)[-1:], ["20"], got.stdout[-2000:])
        until, _, tag = user.partition(":")
        self.refused("%d:%s" % (int(until) + 3600, tag), password)
        self.refused("%s:%s" % (until, "0" * len(tag)), password)
        over = "%d:%s" % (time.time() - 1, tag)  # as those that were given so long ago are by now
        self.refused(over, base64.b64encode(hmac.new(self.SECRET.encode(), over.encode(), "sha1").digest()).decode())


class Meanwhile(Uploads, Remote):
    """Mra test 19, without figures: fifty chats go on while a file comes up, none is held until it is there."""
    front = (EDGE_OUTSIDE, FRONT)
    edge_settings = ("set upload enabled on", "set proxy strangers-address 1000")
    core_settings = ("set upload enabled on", "set upload free 1", "set upload file-max 300")
    BIG = 256 * MB

    def test_chats_while_a_file_comes(self):
        pairs = [[self.outside(x) for x in self.people("u", "v")] for _ in range(25)]
        s = pairs[0][0]
        put, get = self.slot(s, "big.bin", self.BIG, "")
        done = threading.Event()
        status = []

        def upload():
            t = self.tls()
            t.sendall(("PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (put, DOMAIN, self.BIG)).encode())
            for _ in range(self.BIG // MB):
                t.sendall(b"x" * MB)
            status.append(self.answer(t)[0])
            done.set()
        new = os.path.join(self.core.state, "files", "new")
        threading.Thread(target=upload, daemon=True).start()
        wait_for("it comes", lambda: os.listdir(new), 20)
        rounds = 0
        while not done.is_set():
            for a, b in pairs:
                self.chat(a, b, "while it comes %d" % rounds, 5)
                self.chat(b, a, "and back %d" % rounds, 5)
            rounds += not done.is_set()
        self.assertGreater(rounds, 2)
        self.assertEqual(status, [201])
        self.assertEqual(self.http("HEAD", get)[1]["content-length"], str(self.BIG))

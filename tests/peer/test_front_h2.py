"""HTTP/2 at the front: curl, nghttp and h2load as clients, and python3-h2 for what no client does."""
import base64
import hashlib
import os
import socket
import ssl
import subprocess
import struct
import time
import xml.etree.ElementTree as ET

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from harness import raw
from harness.boshclient import BoshClient
from harness.people import DOMAIN, Box
from harness.place import need, port_open, wait_for
from harness.uploads import MB, Uploads
from harness.wsclient import FRAMING

PORT = 443
CALM, PROTOCOL = 11, 1
FRAMES = {"DATA": 0, "HEADERS": 1, "PRIORITY": 2, "RST_STREAM": 3, "SETTINGS": 4, "PUSH_PROMISE": 5, "PING": 6, "WINDOW_UPDATE": 8,
          "CONTINUATION": 9}
META = "/.well-known/host-meta"


def frame(kind, flags=0, stream=0, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes((FRAMES[kind], flags)) + struct.pack(">I", stream) + body


class H2Client:
    """One connection, without the checks of a good client."""

    def __init__(self, case, start=True):
        s = socket.create_connection((case.gh.addr, PORT), 20)
        self.tls = raw.client_context(case.pki.ca, alpn="h2").wrap_socket(s, server_hostname=DOMAIN)
        case.addCleanup(self.tls.close)
        case.assertEqual(self.tls.selected_alpn_protocol(), "h2")
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"))
        self.h2.DEFAULT_MAX_INBOUND_FRAME_SIZE = 16384
        self.events, self.bodies = [], {}
        self.takes = True  # gives windows back
        if start:
            self.h2.initiate_connection()
            self.flush()
            self.until(lambda e: isinstance(e, h2.events.SettingsAcknowledged))

    def flush(self):
        self.tls.sendall(self.h2.data_to_send())

    def raw(self, data):
        self.tls.sendall(data)

    def read(self):
        """False: it is closed."""
        try:
            data = self.tls.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return False
        if not data:
            return False
        for e in self.h2.receive_data(data):
            self.events.append(e)
            if isinstance(e, h2.events.DataReceived):
                self.bodies[e.stream_id] = self.bodies.get(e.stream_id, b"") + e.data
                if self.takes and e.flow_controlled_length:
                    self.h2.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
        try:
            self.flush()
        except (ConnectionError, ssl.SSLError):
            pass
        return True

    def until(self, wanted, seconds=20):
        """The first event that is wanted, of those that came or come."""
        self.tls.settimeout(seconds)
        while True:
            for e in self.events:
                if wanted(e):
                    return e
            if not self.read():
                raise AssertionError("closed; %r" % self.events)

    def ask(self, fields=(), path=META, method="GET", end=True, **pseudo):
        """Sends a request's head; its stream."""
        stream = self.h2.get_next_available_stream_id()
        head = {":method": method, ":scheme": "https", ":authority": DOMAIN, ":path": path}
        head.update({":" + k: v for k, v in pseudo.items()})
        self.h2.send_headers(stream, [(k, v) for k, v in head.items() if v is not None] + list(fields), end_stream=end)
        self.flush()
        return stream

    def answer(self, stream):
        """Status, fields and body; ("reset", code) when it was broken off."""
        head = self.until(lambda e: isinstance(e, (h2.events.ResponseReceived, h2.events.StreamReset)) and e.stream_id == stream)
        if isinstance(head, h2.events.StreamReset):
            return "reset", int(head.error_code), b""
        self.until(lambda e: isinstance(e, (h2.events.StreamEnded, h2.events.StreamReset)) and e.stream_id == stream)
        fields = dict(head.headers)
        return int(fields[":status"]), fields, self.bodies.get(stream, b"")

    def goodbye(self):
        """The error of the last GOAWAY, once the connection is closed."""
        while self.read():
            pass
        last = [e for e in self.events if isinstance(e, h2.events.ConnectionTerminated)]
        return int(last[-1].error_code) if last else None


class H2Case(Box):
    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set proxy listen all %s %d" % (cls.gh.addr, PORT), "set proxy message-size 16384")
        wait_for("the front listens", lambda: port_open(cls.gh.addr, PORT), 10)

    def curl(self, *words, check=True):
        got = subprocess.run([need("curl"), "-sS", "--http2", "--cacert", self.pki.ca, "--resolve", "%s:%d:%s" % (DOMAIN, PORT, self.gh.addr)]
                             + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        if check:
            self.assertEqual(got.returncode, 0, got.stderr)
        return got.stdout

    def counter(self, name):
        return next(int(r["value"]) for r in self.gh.records("show", "counters", "gh-proxy") if r["counter"] == name)


class ForeignClients(H2Case):
    def test_curl(self):
        out = self.curl("-D", "-", "https://" + DOMAIN + META)
        self.assertTrue(out.startswith("HTTP/2 200"), out)
        self.assertIn("wss://%s/xmpp-websocket" % DOMAIN, out)
        self.assertIn("access-control-allow-origin: *", out)
        self.assertEqual(self.curl("-o", "/dev/null", "-w", "%{http_version} %{http_code}", "-I", "https://%s%s.json" % (DOMAIN, META)),
                         "2 200")
        for words, status in ((("/nothing",), 404), (("-X", "DELETE", META), 405), (("-H", "Host: inside.example", META), 421)):
            with self.subTest(words):
                self.assertEqual(self.curl(*words[:-1], "-o", "/dev/null", "-w", "%{http_code}", "https://" + DOMAIN + words[-1]), str(status))

    def test_off(self):
        self.gh.commit("set proxy http2 off")
        self.addCleanup(self.gh.commit, "delete proxy http2")
        self.assertEqual(self.curl("-o", "/dev/null", "-w", "%{http_version} %{http_code}", "https://" + DOMAIN + META), "1.1 200")

    def test_load(self):
        """nghttp2's own client, many streams at once on few connections: all are answered."""
        got = subprocess.run([need("h2load"), "-n", "3000", "-c", "4", "-m", "50", "--connect-to=%s:%d" % (self.gh.addr, PORT),
                              "https://%s%s" % (DOMAIN, META)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        self.assertIn("3000 succeeded, 0 failed, 0 errored", got.stdout)
        self.assertIn("status codes: 3000 2xx", got.stdout)


class WebSocket:
    """A stream of messages on a stream of H2Client (RFC 8441)."""

    def __init__(self, c, fields=(("sec-websocket-protocol", "xmpp"), ("sec-websocket-version", "13")), path="/xmpp-websocket"):
        self.c = c
        self.stream = c.ask(fields, method="CONNECT", path=path, protocol="websocket", end=False)
        head = c.until(lambda e: isinstance(e, h2.events.ResponseReceived) and e.stream_id == self.stream)
        self.status = int(dict(head.headers)[":status"])

    def send(self, text):
        body, mask = text.encode(), b"\1\2\3\4"
        size = struct.pack(">B", 0x80 | len(body)) if len(body) < 126 else struct.pack(">BH", 0x80 | 126, len(body))
        data = b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(body))
        self.c.h2.send_data(self.stream, data)
        self.c.flush()

    def next(self):
        """The next frame: its first byte, and its payload."""
        while True:
            data = self.c.bodies.get(self.stream, b"")
            head = 4 if len(data) > 1 and data[1] == 126 else 2
            if len(data) >= head:
                n = struct.unpack(">H", data[2:4])[0] if head == 4 else data[1]
                if len(data) >= head + n:
                    self.c.bodies[self.stream] = data[head + n:]
                    return data[0], data[head:head + n].decode(errors="replace")
            if not self.c.read():
                raise AssertionError("closed")

    def login(self, user, password):
        self.open()
        self.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>" % base64.b64encode(
            ("\0%s\0%s" % (user, password)).encode()).decode())
        got = self.next()[1]
        if "success" not in got:
            raise AssertionError(got)

    def open(self):
        self.send("<open xmlns='%s' to='%s' version='1.0'/>" % (FRAMING, DOMAIN))
        return self.next()[1], self.next()[1]


class WebSockets(H2Case):
    def test_streams(self):
        """Two streams of messages, and requests beside them, on one connection."""
        u, v = self.people("u", "v")
        c = H2Client(self)
        one, two = WebSocket(c), WebSocket(c)
        self.assertEqual((one.status, two.status), (200, 200))
        one.login(u, "secret")
        two.login(v, "secret")
        self.assertIn("bind", one.open()[1])
        self.assertEqual(c.answer(c.ask())[0], 200)
        one.send("<close xmlns='%s'/>" % FRAMING)
        self.assertIn("close", one.next()[1])
        self.assertEqual(one.next()[0], 0x88)
        c.until(lambda e: isinstance(e, h2.events.StreamEnded) and e.stream_id == one.stream)
        self.assertIn("bind", two.open()[1])
        c.h2.end_stream(two.stream)  # without a word: as a connection that is closed
        c.flush()
        self.assertEqual(c.goodbye(), 0)  # the connection was theirs

    def test_broken_off(self):
        """RST_STREAM closes that stream's session, no other."""
        c = H2Client(self)
        one, two = WebSocket(c), WebSocket(c)
        one.open(), two.open()
        c.h2.reset_stream(one.stream)
        c.flush()
        two.send("<close xmlns='%s'/>" % FRAMING)
        self.assertIn("close", two.next()[1])

    def test_bad_frame(self):
        c = H2Client(self)
        one, two = WebSocket(c), WebSocket(c)
        two.open()
        c.h2.send_data(one.stream, b"\x81\x05hello")  # not masked
        c.flush()
        self.assertEqual(one.next()[0], 0x88)
        two.send("<close xmlns='%s'/>" % FRAMING)
        self.assertIn("close", two.next()[1])

    def test_origins(self):
        self.gh.commit("set proxy origin chat https://chat.example")
        self.addCleanup(self.gh.commit, "delete proxy origin chat")
        c = H2Client(self)
        fields = (("sec-websocket-protocol", "xmpp"), ("sec-websocket-version", "13"))
        self.assertEqual(WebSocket(c, fields + (("origin", "https://evil.example"),)).status, 403)
        self.assertEqual(WebSocket(c, fields + (("origin", "https://chat.example"),)).status, 200)
        self.assertEqual(WebSocket(c, fields[:1] + (("sec-websocket-version", "8"),)).status, 426)


class BoshByHttp2(BoshClient):
    """XEP-0124's two requests at a time, as streams of one connection."""

    def __init__(self, c):
        super().__init__(None, DOMAIN)
        self.c = c

    def begin(self, body):
        data = body.encode()
        stream = self.c.ask((("content-type", "text/xml; charset=utf-8"), ("content-length", str(len(data)))), method="POST", path="/http-bind", end=False)
        self.c.h2.send_data(stream, data, end_stream=True)
        self.c.flush()
        return stream

    def end(self, stream):
        status, _, body = self.c.answer(stream)
        if status != 200:
            raise ValueError(status)
        return ET.fromstring(body)

    def post(self, body, t=None):
        return self.end(self.begin(body))


class Bosh(H2Case):
    settings = ("set proxy bosh on",)

    def test_session(self):
        """A request that waits does not hold up the next (XEP-0124 11); another session is on the same connection."""
        u, v, w = self.people("u", "v", "w")
        far = self.client(w)
        c = H2Client(self)
        a, b = BoshByHttp2(c), BoshByHttp2(c)
        a.login(u, "secret")
        b.login(v, "secret")
        waits = a.begin(a.text())
        a.begin(a.text("<message xmlns='jabber:client' to='%s' type='chat'><body>up</body></message>" % far.jid))
        far.wait_body("up")
        a.end(waits)
        waits = b.begin(b.text())
        far.message(b.jid, "down")
        self.assertIn("down", "".join(b.end(waits).itertext()))
        self.assertEqual([r["transport"] for r in self.gh.records("show", "clients") if r["user"].startswith((u + "@", v + "@"))], ["bosh"] * 2)

    def test_broken_off(self):
        """A waiting request whose stream is broken off is asked again, with its number, and loses nothing (XEP-0124 14.3)."""
        u, w = self.people("u", "w")
        far = self.client(w)
        c = H2Client(self)
        a = BoshByHttp2(c)
        a.login(u, "secret")
        request = a.text()
        c.h2.reset_stream(a.begin(request))
        c.flush()
        far.message(a.jid, "once more")
        self.assertIn("once more", "".join(a.post(request).itertext()))


class Files(Uploads, H2Case):
    settings = ("set upload enabled on", "set upload slots-minute 1000", "set upload free 1")

    @classmethod
    def build(cls):
        super().build()
        wait_for("the files are counted", lambda: cls.gh.records("show", "uploads", check=False)
                 and cls.gh.records("show", "uploads")[0]["state"] == "ready", 15, 0.2)

    @property
    def front(self):
        return self.gh.addr, PORT

    def test_large(self):
        """100 MiB there, whole and in part back, by curl and by nghttp."""
        s = self.client(self.people("u"))
        content = os.urandom(MB) * 100
        whole, back = self.place.path("whole"), self.place.path("back")
        with open(whole, "wb") as f:
            f.write(content)
        put, get = self.slot(s, "data.bin", len(content), "application/octet-stream")
        base, told = "https://" + DOMAIN, ("-w", "%{http_version} %{http_code}")
        self.assertEqual(self.curl("-T", whole, "-H", "Content-Type: application/octet-stream", *told, base + put), "2 201")
        self.assertEqual(self.curl("-o", back, *told, base + get), "2 200")
        with open(back, "rb") as f:
            self.assertEqual(hashlib.sha256(f.read()).digest(), hashlib.sha256(content).digest())
        self.assertEqual(self.curl("-o", back, "-r", "1000-20000999", *told, base + get), "2 206")
        with open(back, "rb") as f:
            self.assertTrue(f.read() == content[1000:20001000])
        with open(back, "wb") as f:
            subprocess.run([need("nghttp"), "-H", ":authority: " + DOMAIN, "https://%s:%d%s" % (self.gh.addr, PORT, get)], stdout=f,
                           stderr=subprocess.DEVNULL, timeout=120, check=True)
        self.assertEqual(os.path.getsize(back), len(content))

    def test_length_that_lies(self):
        """More or less than Content-Length: broken off, and nothing is kept (RFC 9113 8.1.1)."""
        s = self.client(self.people("u"))
        for sent in (b"x" * 2000, b"x" * 500):
            put, get = self.slot(s, "b.bin", 1000, "")
            c = H2Client(self)
            stream = c.ask((("content-length", "1000"),), method="PUT", path=put, end=False)
            c.raw(frame("DATA", 1, stream, sent))
            self.assertEqual(c.answer(stream)[:2], ("reset", PROTOCOL))
            self.assertEqual(c.answer(c.ask(path=get))[0], 404)

    def test_refused(self):
        c = H2Client(self)
        self.assertEqual(c.answer(c.ask(method="PUT", path="/upload/x", end=False))[0], 411)
        self.assertIn(c.answer(c.ask(path="/upload/x"))[0], (403, 404))

    def test_reader_that_stands_still(self):
        """A window that stays shut: the stream ends after 30 s and as long again at most; another on the same connection goes on."""
        s = self.client(self.people("u"))
        get = self.put(s, os.urandom(8 * MB), "a.bin", "")
        c = H2Client(self)
        c.takes = False
        stalled = c.ask(path=get)
        c.until(lambda e: isinstance(e, h2.events.DataReceived))
        c.h2.increment_flow_control_window(1 << 20)  # the connection's, for the other
        c.flush()
        self.assertEqual(c.answer(c.ask())[0], 200)
        got = c.until(lambda e: isinstance(e, h2.events.StreamReset) and e.stream_id == stalled, 70)
        self.assertEqual(int(got.error_code), 8)
        self.assertEqual(c.answer(c.ask())[0], 200)


class Browser(H2Case):
    PAGE = """<body><script>
      const said = [], meta = "https://%(domain)s/.well-known/host-meta.json";
      let is_over = false;
      const show = () => { is_over = true; document.body.textContent = "said " + said.join(" "); };
      const stay = async () => { while (!is_over) await fetch(meta); }; // the browser's time stands still while something is fetched
      fetch(meta).then(a => a.json()).then(async found => {
        stay();
        await fetch(meta, {mode: "no-cors", credentials: "include"}); // WebSockets share connections only with those that may have cookies
        const ws = new WebSocket(found.links[0].href, "xmpp");
        ws.onopen = () => ws.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='%(domain)s' version='1.0'/>");
        ws.onmessage = e => {
          said.push(e.data.includes("mechanism") ? "features" : "message");
          if (e.data.includes("mechanism")) ws.close(1000);
        };
        ws.onclose = e => { said.push("closed", e.code); show(); };
      }).catch(e => { said.push(e); show(); });
    </script></body>"""

    def test_chromium(self):
        """Its WebSocket is a stream of the connection by which it has fetched the document: no TLS of its own."""
        page = self.place.write("page.html", self.PAGE % {"domain": DOMAIN})
        before = [self.counter(x) for x in ("proxy.tls", "proxy.http2", "proxy.websockets")]
        got = subprocess.run([need("chromium"), "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--ignore-certificate-errors",
                              "--user-data-dir=" + self.place.path("chromium"), "--host-resolver-rules=MAP %s %s" % (DOMAIN, self.gh.addr),
                              "--virtual-time-budget=30000", "--dump-dom", "file://" + page], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, timeout=90, env=dict(os.environ, HOME=self.place.path("home")))
        self.assertRegex(got.stdout, "said message features closed 1000", got.stderr[-2000:])
        tls, http2, websockets = (self.counter(x) - b for x, b in zip(("proxy.tls", "proxy.http2", "proxy.websockets"), before))
        self.assertEqual((tls, http2, websockets), (2, 2, 1))


class Requests(H2Case):
    def test_malformed(self):
        """RFC 9113 8.2, 8.3: what HTTP/1.1 refuses too. The connection stays."""
        c = H2Client(self)
        broken = ("reset", PROTOCOL)
        for fields, words, wanted in (
                ((("connection", "close"),), {}, broken), ((("transfer-encoding", "chunked"),), {}, broken),
                ((("Origin", "x"),), {}, broken), ((("te", "gzip"),), {}, broken), ((), {"path": "nothing"}, broken),
                ((), {"scheme": "http"}, 400), ((), {"authority": "a@" + DOMAIN}, 400), ((), {"path": "/a\\b"}, 400),
                ((("host", "inside.example"),), {}, 400), ((), {"authority": "inside.example"}, 421),
                ((), {"protocol": "websocket"}, broken), ((("content-length", "5"),), {}, broken),
                ((("x", "y" * 5000),), {}, 431), (tuple(("x%d" % i, "y") for i in range(60)), {}, 431),
                ((("expect", "miracle"),), {}, 417), ((), {"method": "BREW"}, 405), ((), {"method": "PUT", "path": "/"}, 404)):
            with self.subTest(str((fields, words))[:60]):
                got = c.answer(c.ask(fields, **words))
                self.assertEqual(got[:2] if got[0] == "reset" else got[0], wanted)
        self.assertEqual(c.answer(c.ask())[0], 200)
        self.gh.program.wait_log("proxy.http2.refused")

    def test_connect(self):
        """Nothing is connected to from here, and a tunnel is for WebSockets at their place (RFC 8441)."""
        c = H2Client(self)
        for words, status in (({"protocol": "websocket", "path": "/"}, 404), ({"protocol": "connect-udp", "path": "/"}, 501),
                              ({"protocol": "websocket", "path": "/xmpp-websocket"}, 400)):
            with self.subTest(words):
                self.assertEqual(c.answer(c.ask(method="CONNECT", end=False, **words))[0], status)
        self.assertEqual(c.answer(c.ask(method="CONNECT", end=False, path=None, scheme=None))[0], 501)

    def test_body_that_nobody_wants(self):
        """The answer comes before the body's end, and then its stream ends without an error (8.1)."""
        c = H2Client(self)
        s = c.ask((("content-length", "100000"),), method="PUT", path="/", end=False)
        self.assertEqual(c.answer(s)[0], 413)
        for _ in range(3):
            c.h2.send_data(s, b"x" * 8192)
        c.flush()
        self.assertEqual(int(c.until(lambda e: isinstance(e, h2.events.StreamReset)).error_code), 0)

    def test_too_many_streams(self):
        self.gh.commit("set proxy http2-streams 5")
        self.addCleanup(self.gh.commit, "delete proxy http2-streams")
        c = H2Client(self)
        self.assertEqual(c.h2.remote_settings.max_concurrent_streams, 5)
        five = [WebSocket(c) for _ in range(5)]
        self.assertEqual([w.status for w in five], [200] * 5)
        c.h2.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = 100  # who does not heed it
        c.h2.remote_settings.acknowledge()
        c.ask()
        self.assertEqual(c.goodbye(), PROTOCOL)  # RFC 9113 5.1.2; to who does not heed it the whole connection is over (5.4.1)
        self.assertEqual([e for e in c.events if isinstance(e, h2.events.ResponseReceived) and e.stream_id > five[4].stream], [])
        self.gh.program.wait_log("proxy.http2.refused address=127.0.0.1 why=PROTOCOL_ERROR")

    def test_settings_change(self):
        """GOAWAY when HTTP/2 is switched off; what is under way goes on."""
        c = H2Client(self)
        self.assertEqual(c.answer(c.ask())[0], 200)
        self.gh.commit("set proxy http2 off")
        self.addCleanup(self.gh.commit, "delete proxy http2")
        self.assertEqual(c.goodbye(), 0)

    def test_drain(self):
        c = H2Client(self)
        self.assertEqual(c.answer(c.ask())[0], 200)
        self.gh.records("client", "drain")
        self.addCleanup(self.gh.records, "client", "drain", "off")
        self.assertEqual(c.goodbye(), 0)


class Kicked(H2Case):
    def test_kick(self):
        """A connection with streams under way is ended by its number, or its address: all of it, with a good-bye."""
        c = H2Client(self)
        one = WebSocket(c)
        one.open()
        busy = c.ask((("content-length", "5"),), method="PUT", path="/upload/x", end=False)
        self.assertGreater(busy, one.stream)
        shown = [r for r in self.gh.records("show", "clients") if r["transport"] == "https"]
        self.assertEqual([r["state"] for r in shown], ["http"])
        self.gh.records("client", "kick", shown[0]["client"])
        data, kinds = b"", []
        while True:
            try:
                more = c.tls.recv(65536)
            except (ConnectionError, ssl.SSLError):
                more = b""
            if not more:
                break
            data += more
        while data:
            size = int.from_bytes(data[:3], "big")
            kinds.append((data[3], data[9:9 + size]))
            data = data[9 + size:]
        self.assertIn(struct.pack(">I", 0), [b[4:8] for k, b in kinds if k == 7])  # GOAWAY, NO_ERROR
        self.assertTrue([b for k, b in kinds if k == FRAMES["DATA"] and b[:1] == b"\x88"])  # the WebSocket's close
        wait_for("it is gone", lambda: not [r for r in self.gh.records("show", "clients") if r["transport"] == "https"], 10)


class Attacks(H2Case):
    """Each ends its own connection with one line, and another client on another sees nothing of it."""

    def ended(self, c, code, why):
        other = H2Client(self)
        self.assertEqual(other.answer(other.ask())[0], 200)
        self.assertEqual(c.goodbye(), code)
        self.gh.program.wait_log(why)
        self.assertEqual(other.answer(other.ask())[0], 200)

    def flood(self, data, c=None):
        c = c or H2Client(self)
        try:
            for _ in range(50):
                c.raw(data)
        except OSError:
            pass
        return c

    def test_pings(self):
        self.ended(self.flood(frame("PING", 0, 0, b"12345678") * 40), CALM, "too many pings")

    def test_settings(self):
        self.ended(self.flood(frame("SETTINGS") * 40), CALM, "too many settings")

    def test_window_updates(self):
        self.ended(self.flood(frame("WINDOW_UPDATE", 0, 0, struct.pack(">I", 1)) * 40), CALM, "too many window updates")

    def test_priorities(self):
        self.ended(self.flood(frame("PRIORITY", 0, 1, struct.pack(">IB", 3, 16)) * 40), CALM, "a frame of a kind that is not used")

    def test_continuations(self):
        """CVE-2024-28182."""
        c = H2Client(self)
        c.raw(frame("HEADERS", 0x1, 1, b"\x82"))
        self.ended(self.flood(frame("CONTINUATION", 0, 1, b""), c), CALM, "CONTINUATION")

    def test_bomb(self):
        """RFC 7541 7.3: a large field in the table, and then a byte for each."""
        c = H2Client(self)
        head = c.h2.encoder.encode([(":method", "GET"), (":scheme", "https"), (":authority", DOMAIN), (":path", "/"), ("x", "y" * 3900)])
        self.ended(self.flood(frame("HEADERS", 0x5, 1, head + b"\xbe" * 4000), c), CALM, "too many fields")

    def asks(self, then, path=META):
        """A thousand requests, each with something behind."""
        c = H2Client(self)
        head = c.h2.encoder.encode([(":method", "GET"), (":scheme", "https"), (":authority", DOMAIN), (":path", path)])
        # The same bytes are the same fields from the second request on.
        again = c.h2.encoder.encode([(":method", "GET"), (":scheme", "https"), (":authority", DOMAIN), (":path", path)])
        c.h2.state_machine.process_input(h2.connection.ConnectionInputs.SEND_HEADERS)  # it is not asked to send them, but may hear of them
        c.tls.settimeout(20)
        try:
            c.raw(frame("HEADERS", 0x5, 1, head) + then(1))
            for i in range(1, 1000):
                c.raw(frame("HEADERS", 0x5, 2 * i + 1, again) + then(2 * i + 1))
        except OSError:
            pass
        return c

    def test_rapid_reset(self):
        """CVE-2023-44487."""
        self.ended(self.asks(lambda s: frame("RST_STREAM", 0, s, struct.pack(">I", 8))), CALM, "too many resets")

    def test_made_resets(self):
        """CVE-2025-8671: the front is made to break streams off."""
        self.ended(self.asks(lambda s: b"", "nothing"), CALM, "too many malformed frames")

    def test_empty_data(self):
        """CVE-2019-9518."""
        c = H2Client(self)
        s = c.ask((("content-length", "5"),), method="PUT", path="/upload/x", end=False)
        self.ended(self.flood(frame("DATA", 0, s) * 40, c), CALM, "empty data")

    def test_no_http2(self):
        c = H2Client(self, start=False)
        c.raw(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % DOMAIN.encode())
        self.assertEqual(c.goodbye(), PROTOCOL)

    def test_slow_fields(self):
        c = H2Client(self)
        c.raw(frame("HEADERS", 0x1, 1, b"\x82"))
        begun = time.monotonic()
        self.ended(c, CALM, "the fields did not come in time")
        self.assertLess(time.monotonic() - begun, 20)

    def test_silent(self):
        """Pings are no reason to stay."""
        c = H2Client(self)
        begun = time.monotonic()
        c.raw(frame("PING", 0, 0, b"12345678"))
        self.assertEqual(c.goodbye(), 0)
        self.assertLess(time.monotonic() - begun, 20)

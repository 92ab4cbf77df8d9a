"""Web services inside over HTTP/2 (RFC 9113): curl, and python3-h2 for what curl does not do; the same answers as over HTTP/1.1."""
import hashlib
import os
import subprocess

import h2.events

from harness.place import need, wait_for
from test_front_h2 import H2Client
from test_publish import FILES, MB, PORT, WIKI, PublishCase


class Http2(PublishCase):
    def curl(self, path, *words, name=WIKI, version="--http2"):
        """Exit status, then status, fields and body; the version is the one that was asked for."""
        head, body = self.place.path("curl.head"), self.place.path("curl.body")
        for path_ in (head, body):
            with open(path_, "wb"):
                pass
        url = "https://%s:%d%s" % (name, PORT, path)
        got = subprocess.run([need("curl"), "-sS", version, "--path-as-is", "--cacert", self.pki.ca, "--resolve", "%s:%d:%s" % (name, PORT, self.gh.addr),
                              "-D", head, "-o", body, "-w", "%{http_version} %{http_code}"] + list(words) + [url],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
        said, status = got.stdout.split()
        self.assertEqual(said, "2" if version == "--http2" else "1.1", got.stderr)
        with open(head, encoding="latin-1") as f:
            lines = f.read().strip().split("\n\n")[-1].splitlines()
        with open(body, "rb") as f:
            return got.returncode, int(status), {k.lower(): v.strip() for k, _, v in (l.partition(":") for l in lines[1:])}, f.read()

    def write(self, name, content):
        path = self.place.path(name)
        with open(path, "wb") as f:
            f.write(content)
        return path

    def test_up_and_down(self):
        """20 MiB each way, with a length and without one, whole; neither program holds them."""
        content = os.urandom(MB) * 20
        digest = hashlib.sha256(content).hexdigest()
        self.nginx.file("large", content)
        self.gh.commit("set publish target wiki body-max 21")
        self.addCleanup(self.gh.commit, "delete publish target wiki body-max")
        path, before = self.write("content", content), self.memory_kib()
        rc, status, fields, body = self.curl("/large", name=FILES)
        self.assertEqual((rc, status, fields["content-length"], hashlib.sha256(body).hexdigest()), (0, 200, str(20 * MB), digest))
        expected = "/wiki/large %d %s" % (20 * MB, digest)
        for words, kind in ((("-T", path), "content-length"), (("-X", "PUT", "-T", path, "-H", "Content-Length:"), "transfer-encoding")):
            with self.subTest(kind):
                rc, status, _, body = self.curl("/wiki/large", *words)
                self.assertEqual((rc, status, body.decode()), (0, 200, expected))
                self.assertIn(kind, dict(self.service.seen[-1][2]))
        grown = self.memory_kib() - before
        print("publish: 20 MiB down and twice up over HTTP/2, memory grew %d KiB" % grown)
        self.assertLess(grown, 16 << 10)

    def test_rules(self):
        """The allow list is the same; the service sees nothing of what it refuses."""
        before = self.seen()
        for path, words, name, status in (("/admin", (), WIKI, 403), ("/wikileaks", (), WIKI, 403), ("/wiki/..%2fadmin", (), WIKI, 400), ("/wiki/../admin", (), WIKI, 403),
                                          ("/wiki;x", (), WIKI, 400), ("/wiki", ("-H", "Host: inside.example"), WIKI, 421), ("/nothing", (), FILES, 404)):
            with self.subTest(path=path, words=words):
                rc, got, fields, _ = self.curl(path, *words, name=name)
                self.assertEqual((rc, got), (0, status))
                self.assertIn("strict-transport-security", fields)
        _, status, fields, _ = self.curl("/wiki/readonly/x", "-X", "POST", "-d", "x")
        self.assertEqual((status, fields["allow"]), (405, "GET"))
        self.assertEqual(self.seen(), before)
        self.assertEqual(self.curl("/wiki")[1], 200)
        self.assertEqual(self.seen(), before + 1)

    def test_body_limit(self):
        self.gh.commit("set publish target wiki body-max 1")
        self.addCleanup(self.gh.commit, "delete publish target wiki body-max")
        path, before = self.write("long", os.urandom(2 * MB)), self.seen()
        self.assertEqual(self.curl("/wiki/x", "-T", path)[1], 413)
        self.assertEqual(self.seen(), before)
        self.assertEqual(self.curl("/wiki/x", "-T", path, "-H", "Content-Length:")[1], 413)
        self.assertEqual(self.curl("/wiki/early", "-T", self.write("short", b"x" * 1000))[1], 403)

    def test_same_as_http1(self):
        """Answers of all kinds of bodies, and of none."""
        self.nginx.file("page", b"hello")
        etag = self.curl("/page", name=FILES)[2]["etag"]
        for path, words, name, status, body in (
                ("/page", (), FILES, 200, b"hello"), ("/page", ("-I",), FILES, 200, None), ("/wiki", ("-I",), WIKI, 200, None),
                ("/page", ("-H", "If-None-Match: " + etag), FILES, 304, b""), ("/page", ("-H", "Range: bytes=1-2"), FILES, 206, b"el"),
                ("/wiki/chunks", (), WIKI, 200, b"chunk" * 3), ("/wiki/until-close", (), WIKI, 200, b"to the end"), ("/wiki/mad", (), WIKI, 502, None),
                ("/wiki/hopped", (), WIKI, 200, b"x")):
            with self.subTest(path=path, words=words):
                two, one = self.curl(path, *words, name=name), self.curl(path, *words, name=name, version="--http1.1")
                self.assertEqual(two[:2], (0, status))
                if body is not None:
                    self.assertEqual(two[3], body)
                for fields in (one[2], two[2]):
                    for hop in ("date", "connection", "transfer-encoding", "server"):
                        fields.pop(hop, None)
                self.assertEqual(two[2], one[2])
        self.assertEqual(self.curl("/page", "-I", name=FILES)[2]["content-length"], "5")

    def test_cut(self):
        """Who hears only a part of an answer is told so."""
        for path in ("/wiki/broken", "/wiki/until-close/cut"):
            self.assertNotEqual(self.curl(path)[0], 0, path)
        self.assertEqual(self.curl("/wiki")[:2], (0, 200))

    def test_fields(self):
        """As over HTTP/1.1; cookies that came in several fields are one (8.2.3)."""
        words = [w for f in ("Cookie: a=b", "Cookie: c=d", "X-Forwarded-For: 192.0.2.66", "X_Forwarded_For: 1", "TE: trailers", "User-Agent: u") for w in ("-H", f)]
        self.assertEqual(self.curl("/wiki/hopped", *words)[1], 200)
        seen = self.service.seen[-1][2]
        got = dict(seen)
        self.assertEqual([v for k, v in seen if k == "cookie"], ["a=b; c=d"])
        self.assertEqual((got["host"], got["x-forwarded-host"], got["x-forwarded-proto"], got["user-agent"]), (WIKI, WIKI, "https", "u"))
        self.assertNotEqual(got["x-forwarded-for"], "192.0.2.66")
        for name in ("te", "x_forwarded_for", "expect"):
            self.assertNotIn(name, got)

    def test_expect_continue(self):
        c = H2Client(self)
        stream = c.ask([("content-length", "5"), ("expect", "100-continue")], "/wiki/x", "PUT", end=False, authority=WIKI)
        c.until(lambda e: isinstance(e, h2.events.InformationalResponseReceived) and e.stream_id == stream)
        c.h2.send_data(stream, b"hello", end_stream=True)
        c.flush()
        status, _, body = c.answer(stream)
        self.assertEqual((status, body.split()[1]), (200, b"5"))

    def test_no_tunnel(self):
        """An extended CONNECT (RFC 8441) goes to nothing inside."""
        c, before = H2Client(self), self.seen()
        self.assertEqual(c.answer(c.ask([("sec-websocket-version", "13")], "/wiki", "CONNECT", end=False, authority=WIKI, protocol="websocket"))[0], 501)
        self.assertEqual(self.seen(), before)

    def test_slow_reader(self):
        """Streams that nobody reads hold up the service, not our memory; others go on, and those too when they are read."""
        self.nginx.file("large", os.urandom(MB) * 20)
        before, lazy = self.memory_kib(), [H2Client(self) for _ in range(4)]
        for c in lazy:
            c.takes = False
            streams = [c.ask((), "/large", authority=FILES) for _ in range(5)]
            c.until(lambda e, s=streams[0]: isinstance(e, h2.events.ResponseReceived) and e.stream_id == s)
        wait_for("all are asked", lambda: int(self.rows()["pages"]["connections"]) >= 20, 20)
        self.assertEqual(len(self.curl("/large", name=FILES)[3]), 20 * MB)
        self.assertEqual(self.curl("/wiki")[1], 200)
        self.assertLess(self.memory_kib() - before, 40 << 10)
        for c in lazy:
            c.tls.close()
        wait_for("they are gone", lambda: int(self.rows()["pages"]["connections"]) <= 19, 20)

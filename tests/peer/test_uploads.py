"""Files by HTTP (XEP-0363) with slixmpp and curl as the foreign clients, and by hand: gh-im gives slots, gh-proxy speaks HTTP, gh-files
keeps."""
import asyncio
import hashlib
import os
import socket
import subprocess
import urllib.parse

import aiohttp
import slixmpp.plugins.xep_0030.disco as slix_disco
import slixmpp.plugins.xep_0363.http_upload as slix_upload

from harness import raw
from harness.client import SlixClient
from harness.people import CAPS, DOMAIN, INFO, Box, features_of
from harness.place import need, port_open, wait_for
from harness.uploads import MB, UPLOAD, Uploads

PORT = 443


class UploadCase(Uploads, Box):
    settings = ("set upload enabled on", "set upload slots-minute 1000", "set upload free 1")

    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set proxy listen all %s %d" % (cls.gh.addr, PORT))
        wait_for("the front listens", lambda: port_open(cls.gh.addr, PORT), 10)
        wait_for("the files are counted", lambda: cls.gh.records("show", "uploads", check=False)
                 and cls.total()["state"] == "ready", 15, 0.2)

    @classmethod
    def total(cls):
        return cls.gh.records("show", "uploads")[0]

    def of(self, user):
        return next(({k: int(r[k]) for k in ("files", "bytes", "coming")} for r in self.gh.records("show", "uploads")
                     if r["user"].startswith(user + "@")), None)

    @property
    def front(self):
        return self.gh.addr, PORT

    def new_files(self):
        return os.listdir(os.path.join(self.gh.state, "files", "new"))


class ForeignClients(UploadCase):
    def test_slixmpp(self):
        """It finds the service, asks, puts; another client fetches what came. Only its names and authorities are ours."""
        u, v = self.people("u", "v")
        self.gh.users.update({u: "secret", v: "secret"})
        w = self.client(v)
        c = SlixClient(self.gh, u, ca=self.pki.ca)
        self.addCleanup(c.close)
        c.call(c.x.register_plugin, "xep_0363")
        gh, ca = self.gh, self.pki.ca

        class Names(aiohttp.abc.AbstractResolver):
            async def resolve(self, host, port=0, family=socket.AF_INET):
                return [{"hostname": host, "host": gh.addr, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

            async def close(self):
                pass

        class Session(aiohttp.ClientSession):
            def __init__(self, **words):
                super().__init__(connector=aiohttp.TCPConnector(ssl=raw.client_context(ca), resolver=Names()), **words)

        content = os.urandom(3 * MB + 17)
        path = self.place.path("photo of us.png")
        with open(path, "wb") as f:
            f.write(content)
        class Asyncio:  # COMPAT: slixmpp 1.8.3 gives coroutines to asyncio.wait, which Python 3.11 does not take
            def __getattr__(self, name):
                return getattr(asyncio, name)

            @staticmethod
            def wait(coroutines, **words):
                return asyncio.wait([asyncio.ensure_future(c) for c in coroutines], **words)

        for module, name, value in ((slix_upload, "ClientSession", Session), (slix_disco, "asyncio", Asyncio())):
            self.addCleanup(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        info = c.do(lambda: c.x["xep_0030"].get_info(DOMAIN, cached=False))
        self.assertEqual(c.call(lambda: c.x["xep_0115"].generate_verstring(info["disco_info"], "sha-1")),
                         w.bound_features.find("{%s}c" % CAPS).get("ver"))
        url = c.do(lambda: c.x["xep_0363"].upload_file(path))
        self.assertEqual(c.x["xep_0363"].max_file_size, 100 * MB)
        c.say(w.jid, url)
        got = w.wait_body(url)
        link = urllib.parse.urlsplit(got.findtext("{*}body"))
        self.assertEqual((link.netloc, link.path.rsplit("/", 1)[1]), (DOMAIN, "photo%20of%20us.png"))
        status, fields, body = self.http("GET", link.path)
        self.assertEqual((status, fields["content-type"], body == content), (200, "image/png", True))
        self.assertEqual(fields["content-disposition"], "inline; filename*=UTF-8''photo%20of%20us.png")

    def curl(self, *words):
        got = subprocess.run([need("curl"), "-sS", "--cacert", self.pki.ca, "--resolve", "%s:%d:%s" % (DOMAIN, PORT, self.gh.addr), "-w",
                              "%{http_code}"] + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(got.returncode, 0, got.stderr)
        return got.stdout

    def test_curl(self):
        """PUT with Expect: 100-continue, a whole download, one that goes on where it stopped, HEAD."""
        s = self.client(self.people("u"))
        content = os.urandom(20 * MB)
        whole, part = self.place.path("whole"), self.place.path("part")
        with open(whole, "wb") as f:
            f.write(content)
        put, get = self.slot(s, "data.bin", len(content), "application/octet-stream")
        base = "https://" + DOMAIN
        self.assertEqual(self.curl("-T", whole, "-H", "Expect: 100-continue", "-H", "Content-Type: application/octet-stream", base + put), "201")
        with open(part, "wb") as f:
            f.write(content[:7 * MB + 3])
        self.assertEqual(self.curl("-o", part, "-C", "-", base + get), "206")
        with open(part, "rb") as f:
            self.assertEqual(hashlib.sha256(f.read()).digest(), hashlib.sha256(content).digest())
        self.assertIn("200", self.curl("-I", base + get))
        self.assertEqual(self.curl("-o", part, base + get, "-o", whole, base + get), "200200")  # one connection
        with open(whole, "rb") as f:
            self.assertEqual(f.read(), content)


class Pages(UploadCase):
    PAGE = """<body><script>
      (async () => {
        const said = [];
        const put = await fetch("%(put)s", {method: "PUT", body: new Uint8Array([104, 101, 108, 108, 111]), headers: {"Content-Type": "image/png"}});
        said.push(put.status);
        const got = await fetch("%(get)s");
        said.push(got.status, await got.text());
        const part = await fetch("%(get)s", {headers: {"Range": "bytes=1-2"}});
        said.push(part.status, await part.text());
        document.body.textContent = "said " + said.join(" ");
      })().catch(e => document.body.textContent = "failed " + e);
    </script></body>"""

    def test_browser(self):
        """Chromium lets a page of elsewhere upload and fetch, as a web client does: preflights and all."""
        put, get = ("https://" + DOMAIN + x for x in self.slot(self.client(self.people("u")), "a.png", 5, "image/png"))
        page = self.place.write("page.html", self.PAGE % {"put": put, "get": get})
        got = subprocess.run([need("chromium"), "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--ignore-certificate-errors",
                              "--user-data-dir=" + self.place.path("chromium"), "--host-resolver-rules=MAP %s %s" % (DOMAIN, self.gh.addr),
                              "--virtual-time-budget=20000", "--dump-dom", "file://" + page], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             timeout=90, env=dict(os.environ, HOME=self.place.path("home")))
        self.assertIn("said 201 200 hello 206 el", got.stdout, got.stderr[-2000:])


class Slots(UploadCase):
    def test_announced(self):
        s = self.client(self.people("u"))
        got = s.iq("get", "<query xmlns='%s'/>" % INFO, DOMAIN)
        self.assertIn(UPLOAD, features_of(got))
        form = next(x for x in got.iter("{jabber:x:data}x") if x.findtext(".//{*}value") == UPLOAD)
        self.assertEqual({f.get("var"): f.findtext("{*}value") for f in form}["max-file-size"], str(100 * MB))
        self.assertIn(("store", "file"), [(i.get("category"), i.get("type")) for i in got.iter("{%s}identity" % INFO)])

    def test_refused(self):
        s = self.client(self.people("u"))
        for name, size in (("a.txt", 0), ("a.txt", -1), ("a.txt", "x"), ("", 5), ("../a", 5), ("a/b", 5), ("a\\b", 5), ("..", 5),
                           ("x" * 256, 5), ("a&#x202e;b", 5), ("a&#10;b", 5)):
            with self.subTest(name):
                self.assertEqual(self.condition(self.ask(s, name, size)), "bad-request")
        got = self.ask(s, "a.txt", 100 * MB + 1)
        self.assertEqual(self.condition(got), "not-acceptable")
        self.assertEqual(got.findtext(".//{%s}max-file-size" % UPLOAD), str(100 * MB))

    def test_too_often(self):
        s = self.client(self.people("u"))
        self.gh.commit("set upload slots-minute 2")
        self.addCleanup(self.gh.commit, "set upload slots-minute 1000")
        self.slot(s)
        self.slot(s)
        got = self.ask(s, "a.txt", 5)
        self.assertEqual(self.condition(got), "resource-constraint")
        self.assertRegex(got.find(".//{%s}retry" % UPLOAD).get("stamp"), r"^20\d\d-\d\d-\d\dT[\d:]+Z$")
        self.slot(self.client(self.people("v")))  # it is nobody else's limit

    def test_off(self):
        """Nothing is offered and nothing answers: no program, no feature, no place."""
        s = self.client(self.people("u"))
        get = self.put(s, b"hello")
        self.gh.commit("delete upload enabled")
        self.addCleanup(wait_for, "gh-files is back", lambda: self.total()["state"] == "ready" if self.gh.records(
            "show", "uploads", check=False) else None, 15)
        self.addCleanup(self.gh.commit, "set upload enabled on")
        wait_for("gh-files has ended", lambda: "gh-files" not in self.gh.running(), 10)
        self.assertNotIn(UPLOAD, features_of(s.iq("get", "<query xmlns='%s'/>" % INFO, DOMAIN)))
        self.assertEqual(self.condition(self.ask(s, "a.txt", 5)), "service-unavailable")
        self.assertEqual(self.http("GET", get)[0], 404)
        self.assertEqual(self.http("OPTIONS", get)[0], 404)


class Refusals(UploadCase):
    """Each wrong request has its status, and leaves nothing behind."""

    def setUp(self):
        super().setUp()
        self.user = self.people("u")
        self.s = self.client(self.user)

    def tearDown(self):
        wait_for("nothing half is left", lambda: self.new_files() == [], 10)
        super().tearDown()

    def test_slot_is_used_once(self):
        put, get = self.slot(self.s)
        self.assertEqual(self.http("GET", get)[0], 404)
        self.assertEqual(self.http("PUT", put, b"hello")[0], 201)
        self.assertEqual(self.http("PUT", put, b"other")[0], 409)
        self.assertEqual(self.http("GET", get)[2], b"hello")
        self.assertEqual(self.of(self.user), {"files": 1, "bytes": 5, "coming": 0})

    def test_forged(self):
        put, get = self.slot(self.s)
        token, name = put.split("/")[2:]
        other = "A" if token[40] != "A" else "B"
        for path in ("/upload/%s/%s" % (token, "b.txt"), "/upload/%s/%s" % (token[:40] + other + token[41:], name), "/upload/x/a.txt",
                     "/upload/", "/upload//", put + "/", put + "/x", "/upload/" + token, "/upload/../upload/%s/%s" % (token, name),
                     put.replace("a.txt", "a%2etxt/.."), "/upload/%s/%%00" % token, "/upload/%s/%s" % ("A" * 3000, name)):
            with self.subTest(path[-30:]):
                self.assertEqual(self.http("PUT", path, b"hello")[0], 403)
                self.assertEqual(self.http("GET", path)[0], 404)
        self.assertEqual(self.http("PUT", get, b"hello")[0], 405)  # a link to fetch is none to put
        self.assertEqual(self.http("GET", put)[0], 405)
        self.assertEqual(self.of(self.user), None)

    def test_wrong_length(self):
        for headers, body, length, status in (
                ((), b"hell", True, 400), ((), b"hello!", True, 413), ((), b"", True, 400), ((), b"", False, 411),
                (("Transfer-Encoding: chunked",), b"5\r\nhello\r\n0\r\n\r\n", False, 411),
                (("Content-Length: 5", "Transfer-Encoding: chunked"), b"5\r\nhello\r\n0\r\n\r\n", False, 400),
                (("Content-Length: 5", "Content-Length: 5"), b"hello", False, 400),
                (("Content-Length: +5",), b"hello", False, 400), (("Content-Length: 99999999999999999999",), b"hello", False, 400),
                (("Content-Length: 9999999999999999",), b"hello", False, 413),
                (("Content-Range: bytes 0-4/10",), b"hello", True, 400), (("Content-Type: text/html",), b"hello", True, 415)):
            with self.subTest((headers, body)):
                put, get = self.slot(self.s)
                self.assertEqual(self.http("PUT", put, body, headers, length=length)[0], status)
                self.assertEqual(self.http("GET", get)[0], 404)

    def test_wrong_method(self):
        put, get = self.slot(self.s)
        for method in ("POST", "DELETE", "PATCH", "PROPFIND", "TRACE"):
            status, fields, _ = self.http(method, put, headers=("Content-Length: 0",))
            self.assertEqual((status, fields["allow"]), (405, "OPTIONS, HEAD, GET, PUT"), method)

    def test_upload_that_breaks_off(self):
        """Nothing of it stays, and the slot is good for another attempt."""
        put, get = self.slot(self.s, "a.bin", MB, "")
        t = self.tls()
        t.sendall(("PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (put, DOMAIN, MB)).encode() + b"x" * 1000)
        wait_for("it comes", lambda: self.of(self.user) == {"files": 0, "bytes": 0, "coming": 1} and self.new_files(), 10)
        self.assertEqual(self.http("PUT", put, b"y" * MB)[0], 409)  # two at a time are one too many
        t.close()
        wait_for("it is over", lambda: self.of(self.user) is None and not self.new_files(), 10)
        self.assertEqual(self.http("GET", get)[0], 404)
        self.assertEqual(self.http("PUT", put, b"y" * MB)[0], 201)

    def test_pages_of_others(self):
        """CORS: any page, or those that are named (Converse in a browser)."""
        get = self.put(self.s, b"hello")
        origin = "Origin: https://chat.example"
        status, fields, _ = self.http("OPTIONS", get, headers=(origin, "Access-Control-Request-Method: PUT"))
        self.assertEqual((status, fields["access-control-allow-origin"]), (204, "*"))
        self.assertIn("PUT", fields["access-control-allow-methods"])
        self.assertIn("Content-Type", fields["access-control-allow-headers"])
        self.assertEqual(self.http("GET", get, headers=(origin,))[1]["access-control-allow-origin"], "*")
        self.gh.commit("set proxy origin chat https://chat.example")
        self.addCleanup(self.gh.commit, "delete proxy origin chat")
        self.assertEqual(self.http("GET", get, headers=(origin,))[1]["access-control-allow-origin"], "https://chat.example")
        self.assertEqual(self.http("GET", get, headers=("Origin: https://evil.example",))[0], 403)
        self.assertEqual(self.http("GET", get)[0], 200)

    def test_quota(self):
        self.gh.commit("set upload user-quota 1")
        self.addCleanup(self.gh.commit, "delete upload user-quota")
        put, _ = self.slot(self.s, "b", 600000, "")
        late, _ = self.slot(self.s, "c", 600000, "")
        self.assertEqual(self.http("PUT", put, b"x" * 600000)[0], 201)
        self.assertEqual(self.condition(self.ask(self.s, "d", 600000)), "resource-constraint")
        self.assertEqual(self.http("PUT", late, b"x" * 600000)[0], 507)
        self.slot(self.client(self.people("v")), "b", 600000, "")

    def test_a_file_has_its_price(self):
        """However small: 8 KiB beside its bytes."""
        self.gh.commit("set upload user-quota 1")
        self.addCleanup(self.gh.commit, "delete upload user-quota")
        self.put(self.s, b"x" * (MB - 4 * 8192), "a", "")
        for _ in range(2):
            self.put(self.s, b"x", "a", "")
        self.assertEqual(self.condition(self.ask(self.s, "a", 1)), "resource-constraint")

    def test_store_is_full(self):
        """An alarm says so, and ends when there is room again."""
        total = int(self.total()["bytes"]) // MB + 12
        size = total * MB - int(self.total()["bytes"]) - 400000
        self.gh.commit("set upload total %d" % total)
        self.addCleanup(self.gh.commit, "delete upload total")
        put, get = self.slot(self.s, "b", size, "")
        self.assertEqual(self.http("PUT", put, b"x" * size)[0], 201)
        self.assertEqual(self.condition(self.ask(self.s, "c", 400000)), "resource-constraint")
        wait_for("the alarm", lambda: self.alarms() == 1, 10)
        self.assertEqual(self.http("GET", get)[0], 200)
        self.gh.commit("set upload total %d" % (total * 2))
        wait_for("no alarm", lambda: self.alarms() == 0, 10)
        self.slot(self.s, "c", 100000)

    def alarms(self):
        return len([a for a in self.gh.records("show", "alarms") if a["alarm"] == "UploadStoreFull"])

    def test_many_at_a_time(self):
        """Eight uploads of one person, not nine."""
        open_ones = []
        for i in range(8):
            put, _ = self.slot(self.s, "a.bin", MB, "")
            t = self.tls()
            t.sendall(("PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\nx" % (put, DOMAIN, MB)).encode())
            open_ones.append(t)
        wait_for("eight come", lambda: (self.of(self.user) or {}).get("coming") == 8, 10)
        put, _ = self.slot(self.s)
        self.assertEqual(self.http("PUT", put, b"hello")[0], 429)
        for t in open_ones:
            t.close()
        wait_for("they are over", lambda: self.of(self.user) is None, 10)
        self.assertEqual(self.http("PUT", put, b"hello")[0], 201)


class Downloads(UploadCase):
    def setUp(self):
        super().setUp()
        self.user = self.people("u")
        self.s = self.client(self.user)

    def test_parts(self):
        """RFC 9110 14: one range; several and nonsense get all; a part of another file is not mixed in (If-Range)."""
        content = bytes(range(256)) * 100
        get = self.put(self.s, content, "a.bin", "application/octet-stream")
        status, fields, body = self.http("GET", get)
        tag = fields["etag"]
        self.assertEqual((status, body, fields["accept-ranges"]), (200, content, "bytes"))
        for value, status, part, where in (
                ("bytes=0-0", 206, content[:1], "bytes 0-0/25600"), ("bytes=100-199", 206, content[100:200], "bytes 100-199/25600"),
                ("bytes=25000-", 206, content[25000:], "bytes 25000-25599/25600"), ("bytes=-10", 206, content[-10:], "bytes 25590-25599/25600"),
                ("bytes=0-99999", 206, content, "bytes 0-25599/25600"), ("bytes=-99999", 206, content, "bytes 0-25599/25600"),
                ("bytes=25600-", 416, b"", "bytes */25600"), ("bytes=-0", 416, b"", "bytes */25600"),
                ("bytes=5-1", 200, content, None), ("bytes=a-b", 200, content, None), ("bytes=0-1,5-6", 200, content, None),
                ("items=0-1", 200, content, None), ("bytes=-", 200, content, None)):
            with self.subTest(value):
                got = self.http("GET", get, headers=("Range: " + value,))
                self.assertEqual((got[0], got[2] == part, got[1].get("content-range")), (status, True, where))
        self.assertEqual(self.http("GET", get, headers=("Range: bytes=0-1", "If-Range: " + tag))[0], 206)
        self.assertEqual(self.http("GET", get, headers=("Range: bytes=0-1", 'If-Range: "other"'))[0], 200)
        self.assertEqual(self.http("GET", get, headers=("If-None-Match: " + tag,))[0::2], (304, b""))
        status, fields, body = self.http("HEAD", get)
        self.assertEqual((status, fields["content-length"], body), (200, "25600", b""))
        self.assertEqual(self.http("HEAD", get + "x")[0::2], (404, b""))

    def test_one_connection(self):
        """Files and other places on one connection, and requests one behind the other before their answers."""
        get = self.put(self.s, b"hello")
        t = self.tls()
        self.assertEqual(self.http("GET", get, t=t)[2], b"hello")
        self.assertEqual(self.http("GET", "/.well-known/host-meta", t=t)[0], 200)
        put, other = self.slot(self.s, "b.txt", 3)
        self.assertEqual(self.http("PUT", put, b"abc", t=t)[0], 201)
        one = "GET %s HTTP/1.1\r\nHost: " + DOMAIN + "\r\n\r\n"
        t.sendall((one % get + one % other + one % "/nothing").encode())
        got = t.makefile("rb")
        seen = []
        for _ in range(3):
            status = int(got.readline().split()[1])
            fields = {}
            while (line := got.readline()) != b"\r\n":
                name, value = line.decode().split(": ", 1)
                fields[name.lower()] = value.strip()
            seen.append((status, got.read(int(fields["content-length"]))))
        self.assertEqual(seen[:2] + [seen[2][0]], [(200, b"hello"), (200, b"abc"), 404])

    def test_what_a_browser_may_not_run(self):
        for type_, how in (("text/html", "attachment"), ("image/svg+xml", "attachment"), ("application/xhtml+xml", "attachment"),
                           ("application/pdf", "attachment"), ("text/plain; charset=utf-8", "inline"), ("video/mp4", "inline")):
            with self.subTest(type_):
                fields = self.http("GET", self.put(self.s, b"<script>alert(1)</script>", "a \u96ea.x", type_))[1]
                self.assertEqual(fields["content-disposition"], how + "; filename*=UTF-8''a%20%E9%9B%AA.x")
                self.assertEqual(fields["content-type"], type_)
                self.assertEqual(fields["x-content-type-options"], "nosniff")
                self.assertEqual(fields["content-security-policy"], "default-src 'none'; sandbox")
        fields = self.http("GET", self.put(self.s, b"x", "a", "nonsense"))[1]
        self.assertEqual(fields["content-type"], "application/octet-stream")

    def test_who_does_not_read(self):
        """He holds up himself alone: neither memory nor others."""
        content = os.urandom(30 * MB)
        get = self.put(self.s, content, "a.bin", "application/octet-stream")
        before = self.memory()
        lazy = [self.tls() for _ in range(8)]
        for t in lazy:
            t.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            t.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (get, DOMAIN)).encode())
        self.assertEqual(hashlib.sha256(self.http("GET", get)[2]).digest(), hashlib.sha256(content).digest())
        self.assertLess(self.memory() - before, 30 * 1024)
        status, _, body = self.answer(lazy[0])
        self.assertEqual((status, body == content), (200, True))

    def memory(self):
        """KiB of the two programs that files pass."""
        total = 0
        for name in ("gh-proxy/0", "gh-files/0"):
            with open("/proc/%d/status" % self.gh.pids()[name]) as f:
                total += int(next(l for l in f if l.startswith("VmRSS")).split()[1])
        return total


class Kept(UploadCase):
    def setUp(self):
        super().setUp()
        self.user = self.people("u")
        self.s = self.client(self.user)

    def back(self):
        wait_for("gh-files is back", lambda: self.gh.records("show", "uploads", check=False) and self.total()["state"] == "ready", 15, 0.2)

    def test_killed(self):
        """kill -9 in an upload: nothing of it stays; what was answered 201 stays, links and numbers too."""
        get = self.put(self.s, b"hello")
        put, other = self.slot(self.s, "a.bin", MB, "")
        t = self.tls()
        t.sendall(("PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (put, DOMAIN, MB)).encode() + b"x" * 100000)
        wait_for("it comes", self.new_files, 10)
        self.gh.kill("gh-files")
        self.assertIn(self.answer(t)[0], (502, 503))
        self.back()
        self.assertEqual(self.new_files(), [])
        self.assertEqual(self.http("GET", get)[2], b"hello")
        self.assertEqual(self.http("GET", other)[0], 404)
        self.assertEqual(self.of(self.user), {"files": 1, "bytes": 5, "coming": 0})
        self.assertEqual(self.http("PUT", put, b"x" * MB)[0], 201)  # the slot is good still: it was never used

    def test_deleted(self):
        one, two = self.put(self.s, b"hello", "one.txt"), self.put(self.s, b"other", "two.txt")
        rows = self.gh.records("upload", "list", "%s@%s" % (self.user, DOMAIN))
        self.assertEqual({(r["name"], r["bytes"], r["type"]) for r in rows}, {("one.txt", "5", "text/plain"), ("two.txt", "5", "text/plain")})
        self.assertEqual(self.gh.operator("upload", "delete", "file", next(r["file"] for r in rows if r["name"] == "one.txt")).returncode, 0)
        self.assertEqual((self.http("GET", one)[0], self.http("GET", two)[0]), (404, 200))
        self.assertEqual(self.of(self.user)["files"], 1)
        self.assertEqual(self.gh.operator("upload", "delete", "user", "%s@%s" % (self.user, DOMAIN)).returncode, 0)
        self.assertEqual(self.http("GET", two)[0], 404)
        self.assertEqual(self.of(self.user), None)
        self.assertNotEqual(self.gh.operator("upload", "delete", "user", "%s@%s" % (self.user, DOMAIN)).returncode, 0)

    def test_account_deleted(self):
        """Its files go with it, and nobody else's."""
        other = self.people("v")
        get, kept = self.put(self.s, b"hello"), self.put(self.client(other), b"other")
        self.gh.ghsh("user delete %s@%s\n" % (self.user, DOMAIN))
        wait_for("they are gone", lambda: self.of(self.user) is None, 10)
        self.assertEqual((self.http("GET", get)[0], self.http("GET", kept)[2]), (404, b"other"))

    def test_damaged(self):
        """A file that the disk has spoiled is not served, and the store goes on."""
        get = self.put(self.s, b"hello")
        (path,) = [os.path.join(d, f) for d, _, files in os.walk(os.path.join(self.gh.state, "files", "files")) for f in files
                   if b"hello" in open(os.path.join(d, f), "rb").read()[:5] and self.user.encode() in open(os.path.join(d, f), "rb").read()]
        os.truncate(path, os.path.getsize(path) - 1)
        self.assertEqual(self.http("GET", get)[0], 404)
        self.gh.kill("gh-files")
        self.back()
        self.assertEqual(self.http("GET", self.put(self.s, b"again"))[2], b"again")


class Slow(UploadCase):
    IS_LONG = True
    def test_who_is_slow_goes(self):
        """A sender that drips is told so after 30 s; a reader that stands still has its buffers and as long again. Neither leaves anything."""
        user = self.people("u")
        s = self.client(user)
        get = self.put(s, os.urandom(30 * MB), "a.bin", "")
        put, _ = self.slot(s, "b.bin", MB, "")
        reader, sender = self.tls(), self.tls()
        reader.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (get, DOMAIN)).encode())
        sender.sendall(("PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (put, DOMAIN, MB)).encode())
        wait_for("both go on", lambda: self.total()["transfers"] == "2", 10)
        sender.settimeout(0.5)

        def told():
            try:
                sender.send(b"x")
                return sender.recv(100)
            except (socket.timeout, TimeoutError):
                return None
        self.assertTrue(wait_for("the sender is told", told, 60, 0.1).startswith(b"HTTP/1.1 408 "))
        wait_for("the reader is gone", lambda: self.total()["transfers"] == "0", 90, 1)
        self.assertEqual(self.of(user)["files"], 1)
        self.assertEqual(self.new_files(), [])

"""Web services inside by the front and an allow list (mra.md M-15, tests 16 and 17): nginx and a service that keeps what it got."""
import hashlib
import http.client
import json
import os
import socket
import time

from harness import raw
from harness.inside import Nginx, Service
from harness.linked import CORE, EDGE_INNER, EDGE_OUTSIDE, FRONT, LINK, LinkedCase
from harness.people import DOMAIN, Box
from harness.place import port_open, wait_for
from harness.rogue_edge import TakenOver

PORT, SERVICE, NGINX = 443, 8443, 8444
WIKI, FILES = "wiki.near.example", "pages.near.example"
MB = 1 << 20
RULES = """Url,Deployment,HttpMethods,MatchType,Description
https://wiki.near.example/wiki,,"GET,HEAD,POST,PUT",,"The wiki, to read and write"
https://wiki.near.example/wiki/readonly/,,GET,prefix,Longer: it narrows
https://wiki.near.example/one,,"GET,DELETE",exact,One page
https://wiki.near.example/staff,staff,,,For a deployment that it is of
https://wiki.near.example/guests,guests,,,For another
https://pages.near.example/,,"GET,HEAD",,
"""
TESTS = """Url,ExpectedResult,Deployment,Description,HttpMethod
https://wiki.near.example/wiki,allow,,,GET
https://wiki.near.example/wiki/a/b?c=d,allow,,,POST
https://wiki.near.example/wiki/%61/./x/../y,allow,,,GET
https://wiki.near.example/wikileaks,block,,,GET
https://wiki.near.example/wiki,block,,,DELETE
https://wiki.near.example/wiki/readonly/x,allow,,,GET
https://wiki.near.example/wiki/readonly/x,block,,,POST
https://wiki.near.example/one,allow,,,DELETE
https://wiki.near.example/one/two,block,,,GET
https://wiki.near.example/staff/x,allow,staff,,GET
https://wiki.near.example/guests/x,block,,,GET
https://wiki.near.example/,block,,,GET
https://wiki.near.example/wiki/..%2fadmin,block,,an encoded slash,GET
https://wiki.near.example/wiki/%2e%2e/admin,block,,dots that lead out,GET
https://wiki.near.example//admin,block,,,GET
https://wiki.near.example/wiki;x,block,,,GET
https://wiki.near.example/wiki%00,block,,,GET
https://pages.near.example/any,allow,,,HEAD
https://other.near.example/wiki,block,,another host,GET
"""


class Publishing:
    """What both layouts share: `front` (address, port), `pki`, `service`."""

    def tls(self, name=WIKI):
        t = raw.client_context(self.pki.ca, alpn="http/1.1").wrap_socket(socket.create_connection(self.front, 60), server_hostname=name)
        self.addCleanup(t.close)
        return t

    def send(self, text, method="GET", name=WIKI, t=None):
        """Status, fields and body of the answer to these bytes."""
        t = t or self.tls(name)
        t.sendall(text.encode() if isinstance(text, str) else text)
        r = http.client.HTTPResponse(t, method=method)
        r.begin()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()

    def ask(self, method, target, fields="", body=b"", name=WIKI, t=None):
        length = "Content-Length: %d\r\n" % len(body) if body else ""
        head = "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n" % (method, target, name, fields, length)
        return self.send(head.encode() + body, method, name, t)

    def seen(self):
        return len(self.service.seen)


class PublishCase(Publishing, Box):
    @classmethod
    def build(cls):
        super().build()
        inside = cls.pki.make("good", "inside.example")
        pages = cls.pki.make("good", "pages.inside.example")
        cls.service = Service(cls.gh.addr, SERVICE, inside).start()
        cls.place.on_close(cls.service.stop)
        cls.nginx = Nginx(cls.place, cls.gh.addr, NGINX, pages).start()
        cls.dns.a("inside.example", cls.gh.addr)
        cls.dns.a("pages.inside.example", cls.gh.addr)
        own = [cls.pki.make("good", n) for n in (WIKI, FILES)]
        lines = []
        for key, cert in zip(("wiki", "pages"), own):
            pem = cls.place.write("%s.pem" % key, cert.text() + cert.key_text())
            lines += ["certificate import %s %s" % (key, pem), "set publish target %s certificate %s" % (key, key)]
        cls.rules = cls.place.write("rules.csv", RULES)
        cls.gh.commit("set proxy listen all %s %d" % (cls.gh.addr, PORT), *lines, "set publish target wiki name " + WIKI,
                      "set publish target wiki url https://inside.example:%d" % SERVICE, "set publish target wiki deployment staff",
                      "set publish target pages name " + FILES, "set publish target pages url https://pages.inside.example:%d" % NGINX,
                      "publish import " + cls.rules)
        cls.front = (cls.gh.addr, PORT)
        wait_for("the front listens", lambda: port_open(cls.gh.addr, PORT), 10)
        wait_for("both are up", lambda: cls.states() == {"pages": "up", "wiki": "up"}, 20, 0.2)

    @classmethod
    def rows(cls):
        return {r["target"]: r for r in cls.gh.records("show", "publish", check=False) or []}

    @classmethod
    def states(cls):
        return {k: r["state"] for k, r in cls.rows().items()}

    def alarms(self):
        return [r["key"] for r in self.gh.records("show", "alarms") if r["alarm"] == "PublishTargetUnreachable"]

    def memory_kib(self):
        total = 0
        for name in ("gh-proxy", "gh-publish"):
            with open("/proc/%d/status" % self.gh.pid(name), encoding="ascii") as f:
                total += int(next(l for l in f if l.startswith("VmHWM")).split()[1])
        return total


class Rules(PublishCase):
    def test_tester_and_requests_agree(self):
        """Mra test 16: each row has the expected result, by the box's own tester and by a real request."""
        path = self.place.write("tests.csv", TESTS)
        told = self.gh.records("publish", "test", path)
        self.assertEqual([r["verdict"] for r in told], ["pass"] * (len(TESTS.splitlines()) - 1))
        for r in told:
            with self.subTest("%s %s" % (r["method"], r["url"])):
                host, target = r["url"][len("https://"):].split("/", 1)
                before = self.seen()
                status = self.send("%s /%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (r["method"], target, host), r["method"], WIKI if host != FILES else FILES)[0]
                if r["result"] == "allow":
                    self.assertIn(status, (200, 404))  # nginx has no such page
                    self.assertEqual(self.seen() - before, 0 if host == FILES else 1)
                else:
                    self.assertIn(status, (400, 403, 405, 421))
                    self.assertEqual(self.seen(), before)

    def test_a_wrong_expectation(self):
        path = self.place.write("wrong.csv", "Url,ExpectedResult\nhttps://%s/admin,allow\nhttps://%s/wiki,allow\n" % (WIKI, WIKI))
        got = self.gh.operator("publish", "test", path)
        self.assertNotEqual(got.returncode, 0)
        self.assertIn("1 of 2 are not as expected", got.stdout + got.stderr)

    def test_check_names_the_rule(self):
        got = self.gh.records("publish", "check", "POST", "https://%s/wiki/readonly/x" % WIKI)[0]
        self.assertEqual((got["result"], got["rule-url"]), ("block", "https://wiki.near.example/wiki/readonly/"))
        self.assertIn("method", got["why"])
        got = self.gh.records("publish", "check", "GET", "https://%s/wiki;x" % WIKI)[0]
        self.assertEqual((got["result"], got["rule"]), ("block", ""))
        self.assertIn(";", got["why"])

    def test_there_and_back(self):
        """CSV out, JSON out, each in again: the same rules."""
        csv = self.gh.operator("publish", "export").stdout
        self.assertEqual(len(csv.splitlines()), len(RULES.splitlines()))
        told = json.loads(self.gh.operator("publish", "export", "json").stdout)
        self.assertEqual(told[0]["Description"], "The wiki, to read and write")
        for name, text in (("again.csv", csv), ("again.json", json.dumps(told))):
            path = self.place.write(name, text)
            self.assertEqual(self.gh.ghsh(["publish import " + path, "publish export", "discard"]).count("https://"), len(told))
            self.assertEqual(self.gh.operator("publish", "export").stdout, csv)

    def test_files_that_are_none(self):
        for text, why in (("Url\nhttp://wiki.near.example/x\n", "line 2"), ("Color\nx\n", "line 1"), ("[1]", "rule 1"), ("[", "no JSON array")):
            got = self.gh.operator("publish", "import", self.place.write("bad", text))
            self.assertNotEqual(got.returncode, 0)
            self.assertIn(why, got.stdout + got.stderr)

    def test_refused_candidates(self):
        for line, why in (("set publish target x url http://inside.example", "https://"), ("set publish target x url https://inside.example/path", "paths are those"),
                          ("set publish target x name near.example", "one of its own"), ("set publish rule x url https://wiki.near.example/a%2fb", "encoded slash"),
                          ("set publish rule x url https://wiki.near.example/wiki", "another rule"), ("set publish target x name " + WIKI, "another target")):
            got = self.gh.operator(text=line + "\ncommit\n")
            self.assertIn(why, got.stdout + got.stderr, line)

    def test_live(self):
        """A rule that goes counts at once, on a connection that is open."""
        t = self.tls()
        self.assertEqual(self.ask("GET", "/one", t=t)[0], 200)
        self.gh.commit("delete publish rule 0003")
        self.addCleanup(self.gh.commit, "publish import " + self.rules)
        self.assertEqual(self.ask("GET", "/one", t=t)[0], 403)


class Tricks(PublishCase):
    def test_refused_and_unseen(self):
        """Mra test 17: an answer, and the service saw nothing."""
        host = "Host: %s\r\n" % WIKI
        connections = int(self.rows()["wiki"]["requests"])
        for text, status in (
                ("GET /wiki/..%2fadmin HTTP/1.1\r\n" + host, 400),
                ("GET /wiki/..%5cadmin HTTP/1.1\r\n" + host, 400),
                ("GET /wiki/..\\admin HTTP/1.1\r\n" + host, 400),
                ("GET /wiki/%252e%252e/admin HTTP/1.1\r\n" + host, 400),
                ("GET /wiki/../admin HTTP/1.1\r\n" + host, 403),
                ("GET /wiki/../../wiki HTTP/1.1\r\n" + host, 400),
                ("GET // HTTP/1.1\r\n" + host, 403),
                ("GET //inside.example/wiki HTTP/1.1\r\n" + host, 403),
                ("GET /wiki;x HTTP/1.1\r\n" + host, 400),
                ("GET /wiki%3bx HTTP/1.1\r\n" + host, 400),
                ("GET /wiki%00 HTTP/1.1\r\n" + host, 400),
                ("GET /wiki%0d%0aX:y HTTP/1.1\r\n" + host, 400),
                ("GET /wiki/%c0%ae%c0%ae/admin HTTP/1.1\r\n" + host, 400),
                ("GET https://%s/wiki HTTP/1.1\r\n" % WIKI + host, 400),
                ("GET https://inside.example/wiki HTTP/1.1\r\n" + host, 400),
                ("CONNECT inside.example:443 HTTP/1.1\r\n" + host, 400),
                ("OPTIONS * HTTP/1.1\r\n" + host, 400),
                ("TRACE /wiki HTTP/1.1\r\n" + host, 405),
                ("GET /wiki HTTP/1.1\r\nHost: inside.example\r\n", 421),
                ("GET /wiki HTTP/1.1\r\nHost: inside.example:8443\r\n", 421),
                ("GET /wiki HTTP/1.1\r\nHost: %s:8443\r\n" % WIKI, 403),
                ("GET /wiki HTTP/1.1\r\n" + host + host, 400),
                ("GET /wiki HTTP/1.1\r\n", 400),
                ("POST /wiki HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + host, 400),
                ("POST /wiki HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + host, 400),
                ("POST /wiki HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n" + host, 501),
                ("POST /wiki HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n" + host, 400),
                ("POST /wiki HTTP/1.1\r\nContent-Length: +1\r\n" + host, 400),
                ("GET /wiki HTTP/1.1\r\n" + host + "X: a\r\n b\r\n", 400),
                ("GET /wiki HTTP/1.1\r\n" + host + "X : a\r\n", 400),
                ("GET /wiki HTTP/1.1\nHost: %s\n" % WIKI, 400),
                ("GET /wiki HTTP/1.1\r\n" + host + "Upgrade: websocket\r\nConnection: Upgrade\r\n", 501),
                ("GET /wiki HTTP/1.1\r\n" + host + "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n", 501)):
            with self.subTest(text[:60]):
                before = self.seen()
                self.assertEqual(self.send(text + "\r\n")[0], status)
                self.assertEqual(self.seen(), before)
        self.assertEqual(int(self.rows()["wiki"]["requests"]), connections)

    def test_nothing_rides_behind(self):
        """What comes behind a request is a request of its own, judged by itself; a chunk that lies about its size ends it all."""
        before = self.seen()
        t = self.tls()
        smuggled = "GET /admin HTTP/1.1\r\nHost: %s\r\n\r\n" % WIKI
        self.assertEqual(self.ask("POST", "/wiki", body=b"x" * 5, t=t)[0], 200)
        self.assertEqual(self.send(smuggled, t=t)[0], 403)
        t = self.tls()
        self.assertEqual(self.send("POST /wiki HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s" % (WIKI, smuggled), "POST", t=t)[0], 200)
        r = http.client.HTTPResponse(t)
        r.begin()
        self.assertEqual(r.status, 403)
        self.assertEqual([(m, p) for m, p, _, _ in self.service.seen[before:]], [("POST", "/wiki"), ("POST", "/wiki")])

    def test_what_is_matched_is_what_is_sent(self):
        before = self.seen()
        self.assertEqual(self.ask("GET", "//wiki/./%61//b/../%e9%9b%aa?q=/../%2f;x")[0], 200)
        self.assertEqual(self.service.seen[before][1], "/wiki/a/%E9%9B%AA?q=/../%2f;x")

    def test_fields(self):
        """Hop-by-hop fields stay (RFC 9110 7.6.1); what is said of the client is ours alone."""
        before = self.seen()
        t = self.tls()
        status, got, _ = self.ask("GET", "/wiki/hopped", "".join(f + "\r\n" for f in (
            "Connection: x-nominated, keep-alive", "X-Nominated: 1", "Keep-Alive: 9", "TE: trailers", "Proxy-Authorization: Basic x", "Proxy-Connection: x",
            "X-Forwarded-For: 192.0.2.66", "X-FORWARDED-HOST: evil", "X_Forwarded_For: 192.0.2.66", "Forwarded: for=192.0.2.66", "X-Real-IP: 192.0.2.66",
            "X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-HTTP-Method-Override: DELETE", "Cookie: a=b", "Authorization: Basic eDp5", "Accept: */*")), t=t)
        me = t.getsockname()[0]
        self.assertEqual(status, 200)
        self.assertEqual(dict(self.service.seen[before][2]), {
            "host": WIKI, "cookie": "a=b", "authorization": "Basic eDp5", "accept": "*/*", "x-forwarded-for": me, "x-forwarded-proto": "https",
            "x-forwarded-host": WIKI, "forwarded": 'for=%s;host="%s";proto=https' % (me, WIKI)})
        self.assertEqual(got.get("x-kept"), "yes")
        for name in ("x-inner", "keep-alive", "alt-svc", "connection"):
            self.assertNotIn(name, got)


class Streams(PublishCase):
    def test_hundred_up_and_down(self):
        """100 MiB each way, whole, and neither program holds them."""
        content = os.urandom(MB) * 100
        digest = hashlib.sha256(content).hexdigest()
        self.nginx.file("large", content)
        self.gh.commit("set publish target wiki body-max 101")
        self.addCleanup(self.gh.commit, "delete publish target wiki body-max")
        before = self.memory_kib()
        began = time.monotonic()
        self.assertEqual(hashlib.sha256(self.ask("GET", "/large", name=FILES)[2]).hexdigest(), digest)
        down = time.monotonic() - began
        began = time.monotonic()
        status, _, body = self.ask("PUT", "/wiki/large", body=content)
        up = time.monotonic() - began
        self.assertEqual((status, body.decode()), (200, "/wiki/large %d %s" % (100 * MB, digest)))
        t = self.tls()
        t.sendall(("POST /wiki/chunked HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % WIKI).encode())
        for at in range(0, 20 * MB, MB):
            t.sendall(b"%x;ext=1\r\n" % MB + content[at:at + MB] + b"\r\n")
        body = self.send(b"0\r\nTrailer: x\r\n\r\n", "POST", t=t)[2]
        self.assertEqual(body.decode(), "/wiki/chunked %d %s" % (20 * MB, hashlib.sha256(content[:20 * MB]).hexdigest()))
        grown = self.memory_kib() - before
        print("publish: 100 MiB down in %.2f s, up in %.2f s, memory grew %d KiB" % (down, up, grown))
        self.assertLess(grown, 24 << 10)

    def test_slow_reader(self):
        """Who does not read holds up the service, not our memory; others go on."""
        self.nginx.file("large", os.urandom(MB) * 100)
        before, lazy = self.memory_kib(), [self.tls(FILES) for _ in range(10)]
        for t in lazy:
            t.sendall(("GET /large HTTP/1.1\r\nHost: %s\r\n\r\n" % FILES).encode())
        wait_for("all are asked", lambda: int(self.rows()["pages"]["connections"]) >= 10, 10)
        self.assertEqual(self.ask("GET", "/wiki")[0], 200)
        self.assertEqual(len(self.ask("GET", "/large", name=FILES)[2]), 100 * MB)
        self.assertLess(self.memory_kib() - before, 40 << 10)
        for t in lazy:
            t.close()
        wait_for("they are gone", lambda: int(self.rows()["pages"]["connections"]) <= 9, 20)

    def test_kept(self):
        """One connection of the client, and one to the service, for many requests."""
        t, made = self.tls(FILES), self.counter("publish.connections")
        self.nginx.file("page", b"hello")
        for _ in range(20):
            self.assertEqual(self.ask("GET", "/page", name=FILES, t=t)[2], b"hello")
        self.assertEqual(self.ask("HEAD", "/page", name=FILES, t=t)[1]["content-length"], "5")
        etag = self.ask("GET", "/page", name=FILES, t=t)[1]["etag"]
        self.assertEqual(self.ask("GET", "/page", "If-None-Match: %s\r\n" % etag, name=FILES, t=t)[0], 304)
        self.assertEqual(self.ask("GET", "/page", "Range: bytes=1-2\r\n", name=FILES, t=t)[2], b"el")
        self.assertLessEqual(self.counter("publish.connections") - made, 1)

    def test_pair_kept(self):
        """One pair from the front to gh-publish carries all requests of a connection, each judged by itself; what is refused or broken off ends it."""
        t, made = self.tls(), self.counter("publish.pairs")
        for i in range(10):
            self.assertEqual(self.ask("GET", "/wiki/%d" % i, t=t)[0], 200)
            self.assertEqual(self.ask("PUT", "/wiki/%d" % i, body=b"x" * 100000, t=t)[0], 200)
            self.assertEqual(self.ask("GET", "/admin", t=t)[0], 403)
        self.assertEqual(self.counter("publish.pairs") - made, 1)
        self.assertEqual(self.tell("GET", "/wiki/broken", t), None)
        t = self.tls()
        self.assertEqual(self.ask("POST", "/wiki/early", body=b"x" * 10, t=t)[0], 403)
        self.assertEqual(self.counter("publish.pairs") - made, 2)

    def tell(self, method, target, t):
        """None: the answer broke off."""
        try:
            return self.ask(method, target, t=t)[2]
        except (http.client.HTTPException, OSError):
            return None

    def test_pairs_of_different_clients(self):
        """A client's answers come by its own pair, whatever others ask at the same time."""
        streams, made = [self.tls() for _ in range(20)], self.counter("publish.pairs")
        for turn in range(5):
            for k, t in enumerate(streams):
                t.sendall(("GET /wiki/%d/%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (k, turn, WIKI)).encode())
            for k, t in enumerate(streams):
                r = http.client.HTTPResponse(t)
                r.begin()
                self.assertEqual(r.read().decode().split()[0], "/wiki/%d/%d" % (k, turn))
        self.assertEqual(self.counter("publish.pairs") - made, 20)

    def test_pair_that_closes(self):
        """gh-publish has no room when an idle pair is used again: asked again by another pair, once, and a POST without a body never."""
        early, pending = self.tls(), [self.tls() for _ in range(64)]
        self.assertEqual(self.ask("GET", "/wiki", t=early)[0], 200)
        self.addCleanup(self.service.release.set)
        self.service.release.clear()
        before, repeated = self.seen(), self.counter("proxy.published.repeated", "gh-proxy")
        for t in pending:
            t.sendall(("GET /wiki/slow HTTP/1.1\r\nHost: %s\r\n\r\n" % WIKI).encode())
        wait_for("all wait at the service", lambda: self.seen() == before + 64, 20)  # as many as one address may
        self.assertEqual(self.ask("GET", "/wiki", t=early)[0], 503)
        self.assertEqual(self.counter("proxy.published.repeated", "gh-proxy") - repeated, 1)
        self.assertEqual(self.seen(), before + 64)
        self.service.release.set()
        for t in pending:
            r = http.client.HTTPResponse(t)
            r.begin()
            self.assertEqual((r.status, bool(r.read())), (200, True))
        self.assertEqual(self.ask("GET", "/wiki", t=pending[0])[0], 200)

    def test_crowd(self):
        """Thirty who ask at once, and again: the second time no connection to the service is made."""
        streams = [self.tls() for _ in range(30)]
        self.addCleanup(self.service.release.set)
        made = []
        for _ in range(2):
            self.service.release.clear()
            before, made = self.seen(), made + [self.counter("publish.connections")]
            for t in streams:
                t.sendall(("GET /wiki/slow HTTP/1.1\r\nHost: %s\r\n\r\n" % WIKI).encode())
            wait_for("all wait at the service", lambda: self.seen() == before + len(streams), 20)
            self.service.release.set()
            for t in streams:
                r = http.client.HTTPResponse(t)
                r.begin()
                self.assertEqual((r.status, bool(r.read())), (200, True))
        self.assertGreater(made[1] - made[0], 20)
        self.assertLessEqual(self.counter("publish.connections") - made[1], 1)  # that of a probe

    def counter(self, name, program="gh-publish"):
        return next(int(r["value"]) for r in self.gh.records("show", "counters", program) if r["counter"] == name)

    def test_bodies_of_other_kinds(self):
        self.assertEqual(self.ask("GET", "/wiki/chunks")[2], b"chunk" * 3)
        self.assertEqual(self.ask("GET", "/wiki/until-close")[2], b"to the end")
        with self.assertRaises((http.client.IncompleteRead, OSError)):
            self.ask("GET", "/wiki/until-close/cut")  # nobody knows whether that was all
        status, _, body = self.send("GET /wiki/chunks HTTP/1.0\r\nHost: %s\r\n\r\n" % WIKI)
        self.assertEqual((status, body), (200, b"chunk" * 3))

    def test_expect_continue(self):
        """100 comes when the service can be reached, not before."""
        t = self.tls()
        t.sendall(("PUT /wiki/x HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n" % WIKI).encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += t.recv(4096)
        self.assertTrue(got.startswith(b"HTTP/1.1 100 "), got)
        self.assertEqual(self.send(b"hello", "PUT", t=t)[0], 200)
        self.assertNotIn("expect", dict(self.service.seen[-1][2]))

    def test_body_limit(self):
        self.gh.commit("set publish target wiki body-max 1")
        self.addCleanup(self.gh.commit, "delete publish target wiki body-max")
        before = self.seen()
        t = self.tls()
        self.assertEqual(self.send("PUT /wiki/x HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (WIKI, MB + 1), "PUT", t=t)[0], 413)
        self.assertEqual(self.seen(), before)
        t = self.tls()
        t.sendall(("PUT /wiki/x HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % WIKI).encode())
        self.assertEqual(self.send(b"%x\r\n" % (2 * MB) + b"x" * (2 * MB), "PUT", t=t)[0], 413)

    def test_early_answer(self):
        """The service refuses before it has read the body: the client hears so."""
        t = self.tls()
        t.sendall(("PUT /wiki/early HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (WIKI, 50 * MB)).encode())
        self.assertEqual(self.send(b"x" * 1000, "PUT", t=t)[0], 403)


class Trouble(PublishCase):
    def test_silent(self):
        self.service.release.clear()
        self.addCleanup(self.service.release.set)
        self.gh.commit("set publish target wiki timeout 1")
        self.addCleanup(self.gh.commit, "delete publish target wiki timeout")
        self.assertEqual(self.ask("GET", "/wiki/slow")[0], 504)
        self.service.release.set()
        self.assertEqual(self.ask("GET", "/wiki/slow")[0], 200)

    def test_answers_that_are_none(self):
        for path, status in (("/wiki/mad", 502), ("/wiki/large-head", 502)):
            self.assertEqual(self.ask("GET", path)[0], status, path)
        with self.assertRaises((http.client.IncompleteRead, OSError)):
            self.ask("GET", "/wiki/broken")
        self.assertEqual(self.ask("GET", "/wiki")[0], 200)
        self.assertGreaterEqual(int(self.rows()["wiki"]["errors"]), 3)

    def test_down_and_up(self):
        """502 and an alarm that names it; both end when it is back."""
        self.nginx.stop()
        wait_for("no connection is left", lambda: not port_open(self.gh.addr, NGINX), 10)
        self.assertEqual(self.ask("GET", "/page", name=FILES)[0], 502)
        wait_for("the alarm", lambda: self.alarms() == ["pages"], 10)
        row = self.rows()["pages"]
        self.assertEqual(row["state"], "down")
        self.assertIn("connection refused", row["trouble"])
        self.assertEqual(self.ask("GET", "/wiki")[0], 200)
        self.nginx.file("page", b"hello")
        self.nginx.start()
        self.assertEqual(self.ask("GET", "/page", name=FILES)[2], b"hello")
        wait_for("no alarm", lambda: self.alarms() == [], 10)

    def test_wrong_certificate(self):
        """Another name, another authority: nothing is sent."""
        before = self.seen()
        for lines, why in ((("set publish target wiki certificate-name other.example",), "not valid for this name"),
                           (("set trust anchor other %s" % self.other_ca(), "set publish target wiki authority other"), "authority")):
            self.gh.commit(*lines)
            try:
                wait_for("it is down", lambda: self.states()["wiki"] == "down", 20)
                self.assertIn("certificate", self.rows()["wiki"]["trouble"])
                self.assertEqual(self.ask("GET", "/wiki")[0], 502)
                self.assertEqual(self.seen(), before)
            finally:
                self.gh.commit("delete publish target wiki certificate-name" if "name" in lines[0] else "delete publish target wiki authority")
        wait_for("it is up", lambda: self.states()["wiki"] == "up", 20)
        self.assertEqual(self.ask("GET", "/wiki")[0], 200)

    def other_ca(self):
        return self.pki.ca.replace("ca.crt", "other-ca.crt")

    def test_name_that_is_none(self):
        self.gh.commit("set publish target wiki url https://nowhere.example:%d" % SERVICE)
        try:
            self.assertEqual(self.ask("GET", "/wiki")[0], 502)
            self.assertIn("dns", self.rows()["wiki"]["trouble"])
        finally:
            self.gh.commit("set publish target wiki url https://inside.example:%d" % SERVICE)
        wait_for("it is up", lambda: self.states()["wiki"] == "up", 20)

    def test_restarts(self):
        """A program that is killed is back; nothing runs when no target is set."""
        self.gh.kill("gh-publish")
        wait_for("it serves", lambda: self.ask("GET", "/wiki")[0] == 200, 20, 0.3)
        self.gh.commit("delete publish target wiki url", "delete publish target pages url")
        wait_for("gh-publish has ended", lambda: "gh-publish" not in self.gh.running(), 10)
        self.assertEqual(self.ask("GET", "/wiki")[0], 503)
        self.gh.commit("set publish target wiki url https://inside.example:%d" % SERVICE, "set publish target pages url https://pages.inside.example:%d" % NGINX)
        wait_for("it serves", lambda: self.ask("GET", "/wiki")[0] == 200, 20, 0.3)


class OverTheLink(Publishing, LinkedCase):
    """The edge judges, the core judges again, and only the core knows where the service is."""
    front = (EDGE_OUTSIDE, FRONT)

    @classmethod
    def build(cls):
        super().build()
        with cls.inside:
            cls.service = Service(CORE, SERVICE, cls.pki.make("good", "inside.example", address=CORE)).start()
        cls.place.on_close(cls.service.stop)
        wiki = cls.pki.make("good", WIKI)
        pem, rules = cls.place.write("wiki.pem", wiki.text() + wiki.key_text()), cls.place.write("rules.csv", RULES)
        cls.edge.commit("certificate import wiki " + pem, "set publish target wiki certificate wiki", "set publish target wiki name " + WIKI, "publish import " + rules)
        cls.core.commit("set publish target wiki name " + WIKI, "set publish target wiki url https://%s:%d" % (CORE, SERVICE),
                        "set publish target wiki certificate-name inside.example", "publish import " + rules)
        wait_for("it is up", lambda: [r["state"] for r in cls.core.records("show", "publish", check=False) or []] == ["up"], 20, 0.2)

    def test_through(self):
        content = os.urandom(20 * MB)
        before = self.seen()
        status, _, body = self.ask("PUT", "/wiki/x", body=content)
        self.assertEqual((status, body.decode()), (200, "/wiki/x %d %s" % (20 * MB, hashlib.sha256(content).hexdigest())))
        fields = dict(self.service.seen[before][2])
        self.assertEqual(fields["x-forwarded-host"], WIKI)
        self.assertTrue(fields["x-forwarded-for"].startswith("10.79.1."))
        self.assertFalse(self.reached_from_dmz(SERVICE))
        self.assertNotIn("gh-publish", self.edge.running())

    def test_the_core_judges_again(self):
        """What an edge lets through that its core does not have is refused inside."""
        self.edge.commit("set publish rule more url https://%s/admin" % WIKI)
        self.addCleanup(self.edge.commit, "delete publish rule more")
        before = self.seen()
        self.assertEqual(self.ask("GET", "/admin")[0], 403)
        self.assertEqual(self.seen(), before)
        refused = next(int(r["value"]) for r in self.core.records("show", "counters", "gh-publish") if r["counter"] == "publish.refused")
        self.assertGreaterEqual(refused, 1)

    def test_no_core(self):
        self.core.commit("delete link edge one address")
        wait_for("no links", lambda: not self.links(self.edge), 5)
        self.assertEqual(self.ask("GET", "/wiki")[0], 503)
        self.core.commit("set link edge one address %s %d" % (EDGE_INNER, LINK))
        self.wait_links()
        wait_for("it serves", lambda: self.ask("GET", "/wiki")[0] == 200, 20, 0.3)


class Hostile(TakenOver, OverTheLink):
    """An edge that is wholly taken over says what it likes to gh-publish: it reaches what the core's own rules have, and no more."""
    test_through = test_the_core_judges_again = test_no_core = None

    @classmethod
    def build(cls):
        super().build()
        cls.take_over()

    WEB = {"x-gh-service": "http", "x-gh-transport": "https"}

    def status_of(self, e, text):
        self.assertEqual(e.ask(self.WEB), "200")
        e.send(text)
        return int(e.heard_bytes(12)[9:12])

    def test_names_no_place(self):
        e = self.dialled("gh-link-bulk/1")
        before = self.seen()
        host = "Host: %s\r\n\r\n" % WIKI
        for text, status in (
                ("GET /admin HTTP/1.1\r\n" + host, 403), ("DELETE /wiki HTTP/1.1\r\n" + host, 405), ("GET /wiki/../admin HTTP/1.1\r\n" + host, 400),
                ("GET /wiki//admin HTTP/1.1\r\n" + host, 400), ("GET /wiki/..%2fadmin HTTP/1.1\r\n" + host, 400), ("GET /wiki;x HTTP/1.1\r\n" + host, 400),
                ("GET /wiki HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (CORE, SERVICE), 403), ("GET /wiki HTTP/1.1\r\nHost: localhost\r\n\r\n", 403),
                ("GET https://%s/wiki HTTP/1.1\r\n" % WIKI + host, 400), ("CONNECT %s:22 HTTP/1.1\r\n" % CORE + host, 400),
                ("GET /wiki HTTP/1.1\r\nUpgrade: websocket\r\n" + host, 400),
                ("POST /wiki HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + host, 400),
                ("POST /wiki HTTP/1.1\r\nContent-Length: %d\r\n" % (200 * MB) + host, 413), ("\xff\x00garbage\r\n\r\n", 400)):
            with self.subTest(text[:40]):
                self.assertEqual(self.status_of(e, text), status)
        self.assertEqual(self.seen(), before)
        self.assertEqual(self.status_of(e, "GET /wiki HTTP/1.1\r\nX-Forwarded-For: 192.0.2.66\r\n" + host), 200)
        self.assertEqual(dict(self.service.seen[before][2])["x-forwarded-for"], "192.0.2.7")  # as its link says it

    def test_one_after_another(self):
        """A stream carries the next request behind the answer to the one before, judged as strictly; what is refused ends it."""
        e = self.dialled("gh-link-bulk/1")
        before = self.seen()
        one = "GET /wiki HTTP/1.1\r\nHost: %s\r\n\r\n" % WIKI
        self.assertEqual(e.ask(self.WEB), "200")
        for _ in range(4):
            e.send(one)
            self.assertIn("HTTP/1.1 200", e.heard("/wiki 0 " + hashlib.sha256(b"").hexdigest()))  # the whole body
        e.send(one.replace("/wiki", "/admin"))
        self.assertEqual(e.heard_bytes(12)[9:12], b"403")
        e.send(one)
        self.assertTrue(e.stream_ended())
        self.assertEqual(self.seen() - before, 4)

    def test_one_request_at_a_time(self):
        e = self.dialled("gh-link-bulk/1")
        before = self.seen()
        one = "GET /wiki HTTP/1.1\r\nHost: %s\r\n\r\n" % WIKI
        self.assertEqual(e.ask(self.WEB), "200")
        e.send(one * 3)
        self.assertTrue(e.stream_ended())
        self.assertLessEqual(self.seen() - before, 1)

    def test_not_among_chats(self):
        """On the connection for chats there is no such service."""
        self.assertNotEqual(self.dialled().ask(self.WEB), "200")

"""gh-admin from outside: HTTP that lies, strangers, sessions, roles, and the API as ghsh's language (spec WEB group)."""
import base64
import hmac
import http.client
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import time
import urllib.request

from harness.case import PeerCase
from harness.examples import CONTENTS, PLACES
from harness.place import TOP, Program, need, wait_for
from harness.webadmin import FIRST, OWN, Web, context, raw

HOST = b"Host: web.example\r\n"


class WebCase(PeerCase):
    settings = ()

    @classmethod
    def build(cls):
        cls.addr = cls.place.addr()
        cls.gh = cls.gatehouse("web.example", settings=(
            "set web certificate own", "set web listen v4 %s 443" % cls.addr, "set web listen-redirect v4 %s 80" % cls.addr, "set web sessions-max 12") + tuple(cls.settings))
        cls.gh.start()
        cls.web = Web(cls.addr)
        wait_for("gh-admin serves", lambda: cls.reach(), 10)

    @classmethod
    def reach(cls):
        try:
            return cls.web.ask("GET", "openapi.json").status == 200
        except OSError:
            return False

    @classmethod
    def operator(cls, name, role="admin"):
        """An account that has chosen its password."""
        cls.gh.ghsh("operator add %s %s %s\n" % (name, role, FIRST))
        w = Web(cls.addr)
        r = w.login(name, FIRST, new_password=OWN)
        assert r.status == 201, r.body
        w.ask("DELETE", "session")
        return name

    def session(self, name, **more):
        w = Web(self.addr)
        self.assertEqual(w.login(name, **more).status, 201)
        self.addCleanup(w.ask, "DELETE", "session")
        return w


class Http(WebCase):
    """The wire: smuggling, slowness, limits, TLS, redirect, pages."""

    def test_smuggling_is_refused_and_ends_the_connection(self):
        next_one = b"GET /api/v1/openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
        for what, head, body, status in (
                ("CL and TE", b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
                ("CL twice", b"Content-Length: 0\r\nContent-Length: 4\r\n", b"abcd", 400),
                ("CL twice the same", b"Content-Length: 4\r\nContent-Length: 4\r\n", b"abcd", 400),
                ("CL list", b"Content-Length: 4, 4\r\n", b"abcd", 400),
                ("CL plus", b"Content-Length: +4\r\n", b"abcd", 400),
                ("TE twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n", 400),
                ("TE unknown", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", 501),
                ("TE list", b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n", 501),
                ("TE folded", b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n", 400),
                ("TE with a space", b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n", 400),
                ("LF", b"X: y\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
                ("CR", b"X: y\rTransfer-Encoding: chunked\r\n", b"", 400),
                ("two hosts", b"Host: b.example\r\n", b"", 400),
                ("chunk size", b"Transfer-Encoding: chunked\r\n", b"0x1\r\na\r\n0\r\n\r\n", 400),
                ("chunk end", b"Transfer-Encoding: chunked\r\n", b"1\r\nab0\r\n\r\n", 400)):
            with self.subTest(what):
                got, has_ended = raw(self.addr, b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" +
                                     head + b"\r\n" + body + next_one, seconds=4)
                first = got.split(b"\r\n")[0]
                # Of a chunked body the end is not known beforehand: strangers' are refused at once, whatever they hold.
                wanted = (413,) if what.startswith("chunk") else (status,)
                self.assertIn(int(first.split()[1]), wanted, got[:200])
                self.assertEqual(got.count(b"HTTP/1.1 "), 1, "what follows was answered")
                self.assertTrue(has_ended)

    def test_malformed_requests(self):
        for what, text, status in (
                ("no version", b"GET /\r\n\r\n", 400), ("HTTP/2", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
                ("traversal", b"GET /assets/../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 400),
                ("encoded traversal", b"GET /assets/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 400),
                ("NUL", b"GET /%00 HTTP/1.1\r\n" + HOST + b"\r\n", 400), ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
                ("CONNECT", b"CONNECT a.example:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
                ("TRACE", b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 405), ("OPTIONS", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 405),
                ("long line", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
                ("many fields", b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 70 + b"\r\n", 431),
                ("expectation", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nExpect: miracles\r\n\r\na", 417)):
            with self.subTest(what):
                got, has_ended = raw(self.addr, text, seconds=4)
                self.assertEqual(int(got.split()[1]), status, got[:300])
                self.assertIn(b"application/problem+json", got)
                self.assertTrue(has_ended or status == 400, "it goes on")

    def test_pipelined_requests_are_answered_in_order(self):
        one = b"GET /api/v1/%s HTTP/1.1\r\n" + HOST + b"\r\n"
        got, _ = raw(self.addr, one % b"nothing-1" + one % b"nothing-2" + one % b"nothing-3" +
                     b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", seconds=8)
        at = [got.find(b"nothing-%d" % i) for i in (1, 2, 3)]
        self.assertEqual(sorted(at), at)
        self.assertGreater(at[0], 0)
        self.assertEqual(got.count(b"HTTP/1.1 "), 4)

    def test_a_slow_head_gets_a_time_out(self):
        s = context().wrap_socket(socket.create_connection((self.addr, 443), 5), server_hostname="x")
        s.settimeout(20)
        began = time.monotonic()
        s.sendall(b"GET / HTTP/1.1\r\nHost: web.example\r\n")
        while time.monotonic() - began < 8:
            s.sendall(b"X-A: b\r\n")
            time.sleep(1)
        got = s.recv(4096)
        self.assertIn(b" 408 ", got)
        self.assertLess(time.monotonic() - began, 16)
        s.close()

    def test_silence_is_ended_too(self):
        s = context().wrap_socket(socket.create_connection((self.addr, 443), 5), server_hostname="x")
        s.settimeout(25)
        self.assertEqual(s.recv(10), b"")
        s.close()

    def test_one_address_cannot_take_all_places(self):
        held = []
        try:
            source = self.place.addr()
            for _ in range(30):
                held.append(socket.create_connection((self.addr, 443), 5, source_address=(source, 0)))
            ended = lambda: sum(1 for s in held if self._has_ended(s))
            wait_for("six of thirty are refused", lambda: ended() >= 6, 8)
            self.assertEqual(self.web.ask("GET", "openapi.json").status, 200)
        finally:
            for s in held:
                s.close()

    @staticmethod
    def _has_ended(s):
        s.setblocking(False)
        try:
            return s.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def test_a_strangers_long_body_is_refused_before_it_comes(self):
        got, has_ended = raw(self.addr, b"POST /api/v1/load HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5000000\r\n\r\n")
        self.assertIn(b" 413 ", got.split(b"\r\n")[0])
        self.assertNotIn(b"100 Continue", got)
        self.assertTrue(has_ended)

    def test_http_leads_to_https(self):
        c = http.client.HTTPConnection(self.addr, 80, timeout=5)
        c.request("GET", "/configuration?x=1", headers={"Host": "web.example:80"})
        r = c.getresponse()
        self.assertEqual((r.status, r.headers["Location"]), (308, "https://web.example/configuration?x=1"))
        c.close()

    def test_tls_is_modern(self):
        got = subprocess.run([need("sslscan"), "--no-colour", self.addr + ":443"], capture_output=True, text=True, timeout=60).stdout
        for old in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
            self.assertRegex(got, r"%s +disabled" % re.escape(old))
        self.assertRegex(got, r"TLSv1.3 +enabled")
        self.assertNotRegex(got, r"(?i)vulnerable(?! to heartbleed)(?<!not vulnerable)$")

    def test_pages(self):
        r = self.web.ask("GET", "/", Accept_Encoding="gzip")
        self.assertEqual(r.status, 200, "the pages are not built: make web")
        self.assertIn("default-src 'none'", r.headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", r.headers["Content-Security-Policy"])
        total = len(r.body)
        page = self.web.ask("GET", "/").body.decode()
        for path in re.findall(r'(?:src|href)="(/[^"]+)"', page):
            a = self.web.ask("GET", path, Accept_Encoding="gzip")
            self.assertEqual(a.status, 200, path)
            self.assertIn("immutable" if "/assets/" in path else "no-cache", a.headers["Cache-Control"])
            again = self.web.ask("GET", path, If_None_Match=a.headers["ETag"])
            self.assertEqual((again.status, again.body), (304, b""))
            total += len(a.body)
        self.assertLess(total, 100_000, "first paint")
        self.assertNotRegex(page, r"<script>|style=|https?://(?!www.w3.org)")
        self.assertEqual(self.web.ask("GET", "/configuration/web").body.decode(), page)
        self.assertEqual(self.web.ask("GET", "/assets/none.js").status, 404)
        self.assertEqual(self.web.ask("POST", "/").status, 405)

    def test_head_and_unknown_resources(self):
        r = self.web.ask("HEAD", "openapi.json")
        self.assertEqual((r.status, r.body), (200, b""))
        self.assertGreater(int(r.headers["Content-Length"]), 10000)
        self.assertEqual(self.web.ask("GET", "nothing").code, "resource")
        r = self.web.ask("PATCH", "settings")
        self.assertEqual(r.status, 405)
        r = self.web.ask("PUT", "diff", {})
        self.assertEqual((r.status, r.headers["Allow"]), (405, "GET"))

    def test_the_description_is_the_one_in_the_tree(self):
        with open(os.path.join(TOP, "docs", "admin", "openapi.json"), "rb") as f:
            self.assertEqual(self.web.ask("GET", "openapi.json").body, f.read())


class Sessions(WebCase):
    """Who is logged in, and what a thief cannot do."""

    @classmethod
    def build(cls):
        super().build()
        cls.operator("boss")

    def test_without_a_session_nothing_is_told(self):
        for method, path in (("GET", "settings"), ("GET", "show/version"), ("GET", "schema"), ("POST", "commands"), ("PUT", "settings/log/level"),
                             ("DELETE", "session"), ("GET", "events/show/version")):
            self.assertEqual(self.web.ask(method, path, {} if method in ("POST", "PUT") else None).status, 401, path)

    def test_first_login_changes_the_password(self):
        self.gh.ghsh("operator add novice admin %s\n" % FIRST)
        w = Web(self.addr)
        r = w.login("novice", FIRST)
        self.assertEqual((r.status, r.code), (401, "need-password"))
        r = w.login("novice", FIRST, new_password="short")
        self.assertEqual(r.status, 422)
        self.assertIn("12", r.json()["detail"])
        self.assertEqual(w.login("novice", FIRST, new_password=OWN).status, 201)
        self.assertEqual(w.login("novice", FIRST).status, 401)
        self.assertEqual(w.login("novice").status, 201)

    def test_one_time_code(self):
        self.operator("twice")
        w = Web(self.addr)
        w.login("twice")
        secret = w.command("operator", "totp", "enable").json()["records"][0]["secret"]
        code = lambda: self.code(secret)
        self.assertEqual(w.command("operator", "totp", "confirm", code()).status, 200)
        w.ask("DELETE", "session")
        r = Web(self.addr).login("twice")
        self.assertEqual((r.status, r.code), (401, "need-code"))
        r = Web(self.addr).login("twice", code="000000" if code() != "000000" else "111111")
        self.assertEqual((r.status, r.code), (401, "login-failed"))
        used = code()
        wait_for("the next code", lambda: code() != used, 35)  # one is good once
        self.assertEqual(Web(self.addr).login("twice", code=code()).status, 201)

    @staticmethod
    def code(secret):
        """RFC 6238 with the usual figures."""
        key = base64.b32decode(secret.replace(" ", "").upper() + "=" * (-len(secret.replace(" ", "")) % 8))
        mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), "sha1").digest()
        at = mac[-1] & 15
        return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff) % 1000000)

    def test_banner_before_and_message_after(self):
        self.gh.commit('set operators banner "Mind the gap|authorised people only"', 'set operators message "Be kind"')
        wait_for("the banner", lambda: self.web.ask("GET", "banner").json()["banner"] == "Mind the gap\nauthorised people only", 5)
        w = Web(self.addr)
        self.assertEqual(w.login("boss").json()["message"].strip(), "Be kind")
        self.gh.commit("delete operators banner", "delete operators message")

    def test_certificate_must_be_there(self):
        for lines, why in ((["set web certificate nothing"], "no certificate nothing"), (["delete web certificate"], "set web certificate too")):
            got = self.gh.ghsh(lines + ["check", "commit"], check=False)
            self.assertIn(why, got)
        self.gh.ghsh(["certificate generate web ed25519", "certificate self-signed web web.example", "set web certificate web", "commit"])
        self.assertIn("the web administration runs with this key", self.gh.ghsh("key delete web\n", check=False))
        wait_for("a live change of certificate", lambda: "Ed25519" in self.kind(), 5)
        self.gh.commit("set web certificate own")
        wait_for("and back", lambda: "Ed25519" not in self.kind(), 5)
        self.assertTrue(self.reach())

    def kind(self):
        return subprocess.run([need("openssl"), "s_client", "-connect", self.addr + ":443"], input="", capture_output=True, text=True, timeout=10).stdout.replace("ED25519", "Ed25519")

    def test_wrong_password(self):
        r = Web(self.addr).login("boss", "not-this-one")
        self.assertEqual((r.status, r.code), (401, "login-failed"))
        self.assertEqual(Web(self.addr).login("nobody-here", "x").json()["detail"], r.json()["detail"])

    def test_the_cookie(self):
        w = Web(self.addr)
        cookie = w.login("boss").headers["Set-Cookie"]
        for flag in ("__Host-session=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"):
            self.assertIn(flag, cookie)
        self.assertEqual(w.ask("GET", "session").json()["user"], "boss")
        self.assertEqual(w.ask("DELETE", "session").status, 204)
        self.assertEqual(w.ask("GET", "session").status, 401)

    def test_forged_requests(self):
        w = self.session("boss")
        for fields in ({"X_CSRF_Token": ""}, {"X_CSRF_Token": "0" * 32}, {"Origin": "https://evil.example"},
                       {"Origin": "null"}, {"Origin": "http://" + self.addr}):
            r = w.ask("POST", "check", {}, **fields)
            self.assertEqual((r.status, r.code), (403, "csrf"), fields)
        self.assertEqual(w.ask("POST", "check", {}, Origin="https://" + self.addr).status, 200)
        self.assertEqual(w.ask("POST", "check", b"{}", Content_Type="text/plain").status, 200)  # it takes no body
        self.assertEqual(w.ask("POST", "commands", b"{}", Content_Type="text/plain").status, 415)

    def test_a_stolen_session_is_no_use_elsewhere(self):
        w = self.session("boss")
        thief = Web(self.addr, source=self.place.addr())
        thief.cookie, thief.csrf = w.cookie, w.csrf
        self.assertEqual(thief.ask("GET", "session").status, 401)
        self.gh.commit("set web session-address off")
        try:
            wait_for("the setting is live", lambda: thief.ask("GET", "session").status == 200, 5)
        finally:
            self.gh.commit("delete web session-address")
        wait_for("and back", lambda: thief.ask("GET", "session").status == 401, 5)
        self.assertEqual(w.ask("GET", "session").status, 200)

    def test_tokens_and_basic(self):
        w = Web(self.addr)
        r = w.login("boss", token=True)
        self.assertIsNone(r.headers["Set-Cookie"])
        self.assertEqual(w.ask("POST", "check", {}).status, 200)
        self.assertEqual(w.ask("DELETE", "session").status, 204)
        self.assertEqual(w.ask("GET", "session").status, 401)
        got = subprocess.run([need("curl"), "-sk", "-u", "boss:" + OWN, "-d", '{"words": ["show", "version"]}', "-H", "Content-Type: application/json",
                              "https://%s/api/v1/commands" % self.addr], capture_output=True, text=True, timeout=20)
        self.assertEqual(json.loads(got.stdout)["records"][0]["name"], "gatehouse")
        b = Web(self.addr)
        b.basic = base64.b64encode(b"boss:" + OWN.encode()).decode()
        self.assertEqual(b.ask("PUT", "settings/log/level", {"value": "debug"}).json()["changes"], 1)
        self.assertEqual(b.ask("GET", "diff").json()["records"][0]["then"], "debug")  # one session behind them
        b.ask("DELETE", "session")
        b.basic = base64.b64encode(b"boss:wrong").decode()
        r = b.ask("GET", "session")
        self.assertEqual(r.status, 401)
        self.assertIn("Basic", r.headers["WWW-Authenticate"])
        for bad in ("%%%", base64.b64encode(b"no-colon").decode()):
            b.basic = bad
            self.assertEqual(b.ask("GET", "session").status, 401)

    def test_an_evicted_operator_is_out(self):
        self.operator("guest", "auditor")
        w = self.session("guest")
        self.gh.ghsh("operator evict guest\n")
        wait_for("it is out", lambda: w.ask("GET", "show/version").status == 401, 5)
        self.assertNotIn("web.operator.unasked", self.gh.program.text())

    def test_gh_admin_may_end(self):
        w = self.session("boss")
        w.ask("PUT", "settings/log/level", {"value": "debug"})
        self.gh.kill("gh-admin")
        wait_for("it is back", self.reach, 15)
        self.assertEqual(w.ask("GET", "session").status, 401)
        wait_for("its operators have gone", lambda: not any(r["source"] != "console" for r in self.gh.records("show", "operator-sessions")), 5)
        w.login("boss")

    def test_no_secret_in_the_log(self):
        self.session("boss")
        text = self.gh.program.text()
        for secret in (OWN, FIRST):
            self.assertNotIn(secret, text)


class Api(WebCase):
    """The operator's language as resources, and who may what."""

    @classmethod
    def build(cls):
        super().build()
        for name, role in (("boss", "admin"), ("looker", "auditor"), ("worker", "operator"), ("robot", "api"), ("keeper", "crypto")):
            cls.operator(name, role)

    def test_set_diff_check_commit(self):
        w = self.session("boss")
        r = w.ask("PUT", "settings/federation/peer/partner.example/action", {"value": "deny"})
        self.assertEqual((r.status, r.json()["changes"]), (200, 1))
        self.assertEqual(w.ask("GET", "candidate/federation/peer").json()["records"][0]["value"], "deny")
        self.assertEqual(w.ask("GET", "settings/federation/peer").json()["records"], [])
        self.assertEqual(w.ask("GET", "diff").json()["records"][0]["setting"], "federation peer partner.example action")
        self.assertEqual(w.ask("POST", "check", {}).status, 200)
        r = w.ask("POST", "commit", {})
        self.assertEqual((r.status, r.json()["changes"]), (200, 0))
        self.assertIn("federation peer partner.example action", self.gh.ghsh("show settings federation peer\n"))
        self.assertEqual(w.ask("GET", "history").json()["records"][0]["by"], "boss")
        self.assertEqual(w.ask("DELETE", "settings/federation/peer/partner.example").json()["changes"], 1)
        self.assertEqual(w.ask("DELETE", "candidate").json()["changes"], 0)
        generation = int(w.ask("GET", "history").json()["records"][1]["generation"])
        self.assertEqual(w.ask("POST", "rollback", {"generation": generation}).json()["changes"], 1)
        self.assertEqual(w.ask("POST", "commit-confirm", {"minutes": 5}).status, 200)
        self.assertGreater(int(w.ask("GET", "show/version").json()["records"][0]["confirm_left_s"]), 200)
        self.assertEqual(w.ask("POST", "confirm", {}).status, 200)

    def test_refusals_name_the_place_and_change_nothing(self):
        w = self.session("boss")
        for method, path, body, status, text in (
                ("PUT", "settings/log/level", {"value": "loud"}, 422, "log level"),
                ("PUT", "settings/log/loudness", {"value": "x"}, 404, "loudness"),
                ("PUT", "settings/log/level", {}, 422, "member"),
                ("PUT", "settings/log/level", {"value": 7}, 422, "member"),
                ("PUT", "settings/log/level", b'{"value": "debug"', 400, "line 1"),
                ("PUT", "settings/log/level", b'{"value": "a", "value": "b"}', 400, "duplicate"),
                ("PUT", "settings/log/level", b"[1]", 400, "object"),
                ("POST", "rollback", {"generation": 4000}, 404, "generation"),
                ("POST", "rollback", {"generation": "1"}, 422, "number"),
                ("POST", "commands", {"words": []}, 422, "words"),
                ("POST", "commands", {"words": [3]}, 422, "words"),
                ("POST", "commands", {"words": ["load", {"base64": "%%%"}]}, 422, "base64"),
                ("POST", "commands", {"words": ["fly"]}, 422, "fly"),
                ("POST", "commands", {"words": ["user", "add", "a@web.example"]}, 422, "secret"),
                ("POST", "commands", {"words": ["load", "/etc/passwd"]}, 422, "content"),
                ("DELETE", "settings/log/level", None, 404, "not set"),
                ("GET", "show/nothing", None, 422, "nothing")):
            with self.subTest((method, path, str(body))):
                r = w.ask(method, path, body)
                self.assertEqual(r.status, status, r.body)
                self.assertEqual(r.headers["Content-Type"], "application/problem+json")
                self.assertIn(text, r.body.decode().lower())
                self.assertEqual(r.json()["instance"], "/api/v1/" + path)
        self.assertEqual(w.ask("GET", "diff").json()["records"], [])

    def test_accounts_files_and_text(self):
        w = self.session("boss")
        self.assertEqual(w.command("user", "add", "ann@web.example", {"content": "Secret of ann 1"}).status, 200)
        self.assertIn("ann@web.example", [r["user"] for r in w.ask("GET", "show/users").json()["records"]])
        saved = w.ask("GET", "save", Accept="text/plain")
        self.assertIn("attachment", saved.headers["Content-Disposition"])
        self.assertEqual(w.ask("POST", "load", {"text": saved.body.decode()}).status, 200)
        self.assertEqual(w.ask("GET", "diff").json()["records"], [])
        r = w.command("certificate", "csr", "own", "web.example")
        self.assertIn("BEGIN CERTIFICATE REQUEST", r.json()["text"])
        self.assertEqual(w.command("load", {"base64": base64.b64encode(saved.body).decode()}).status, 200)
        self.assertEqual(w.command("load", {"base64": base64.b64encode(b"\xff\xfe").decode()}).status, 422)
        self.assertEqual(w.command("certificate", "import", "other", {"content": "no certificate"}).status, 422)
        # An encrypted key: its password is wanted as a further word.
        sealed = subprocess.run(["/usr/bin/openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:open sesame"],
                                stdout=subprocess.PIPE, text=True, check=True).stdout
        r = w.command("certificate", "import", "sealed", {"content": sealed})
        self.assertEqual((r.status, r.code), (422, "need-secret"))
        self.assertEqual(w.command("certificate", "import", "sealed", {"content": sealed}, {"content": "open sesame"}).status, 200)
        self.assertEqual(w.command("key", "delete", "sealed").status, 200)

    def test_lines_come_as_they_are_made(self):
        w = self.session("boss")
        r = w.ask("POST", "commands", {"words": ["federation", "check", "nowhere.example"]}, Accept="application/x-ndjson")
        lines = [json.loads(x) for x in r.body.decode().splitlines()]
        self.assertGreater(len([x for x in lines if "record" in x]), 0)
        self.assertIn("done", lines[-1])

    def test_events(self):
        w = self.session("boss")
        r = w.ask("GET", "events/show/processes")
        self.assertEqual(r.headers["Content-Type"], "text/event-stream")
        self.assertGreater(r.body.count(b"event: record\ndata: {"), 5)
        self.assertIn(b"event: done\ndata: ", r.body)
        self.assertEqual(w.ask("GET", "events/user/delete/ann@web.example").status, 403)
        # One that goes on, while the session is free for other questions; it ends with its client.
        c = w.connection()
        c.request("GET", "/api/v1/events/trace/domain/web.example/30", headers={"Cookie": "__Host-session=" + w.cookie})
        live = c.getresponse()
        self.assertEqual(live.status, 200)
        self.assertEqual(w.ask("GET", "show/version").status, 200)
        whose = lambda: len([x for x in self.gh.records("show", "operator-sessions") if x["who"] == "boss"])
        self.assertEqual(whose(), 2)
        c.close()
        live.close()
        wait_for("the live view's operator has gone", lambda: whose() == 1, 5)

    def transfer(self, w, words, data=b"", most=None):
        """A command with its large file: the last line, and the files that it made. most: pieces that are given; then they cease."""
        c = w.connection()
        c.request("POST", "/api/v1/transfers", json.dumps({"words": words}), {
            "Cookie": "__Host-session=" + w.cookie, "X-CSRF-Token": w.csrf, "Content-Type": "application/json"})
        live, files, given = c.getresponse(), {}, 0
        self.assertEqual(live.status, 200, None if live.status == 200 else live.read())
        try:
            for line in live:
                got = json.loads(line)
                if "file" in got:
                    name = got["file"]["name"]
                    files[name] = files.get(name, b"") + base64.b64decode(got["file"]["base64"])
                elif "want" in got:
                    if given == most:
                        return got, files
                    at, n = got["want"]["offset"], got["want"]["bytes"]
                    self.assertLessEqual(n, 1 << 16)
                    r = w.ask("PUT", "transfers/%d" % at, data[at:at + n], Content_Type="application/octet-stream")
                    self.assertEqual(r.status, 204, r.body)
                    given += 1
            return got, files
        finally:
            live.close()
            c.close()

    def test_backup_there_and_back(self):
        w, password = self.session("boss"), {"content": "correct horse battery"}
        last, files = self.transfer(w, ["backup", "save", password])
        self.assertTrue(last["done"]["ok"], last)
        (name, data), = files.items()
        self.assertRegex(name, r"^gatehouse-[a-z0-9-]+\.backup$")
        self.assertGreater(len(data), 1 << 10)
        last, _ = self.transfer(w, ["backup", "show", name], data)
        self.assertTrue(last["done"]["ok"], last)
        last, _ = self.transfer(w, ["backup", "restore", name, {"content": "another password 1"}], data)
        self.assertFalse(last["done"]["ok"], last)
        self.assertEqual(self.transfer(w, ["backup", "restore", name, password], data[:-100])[0]["done"]["ok"], False)
        self.gh.commit("set system name changed-since")
        done = self.gh.log().count("conf.restore.finished")
        self.transfer(w, ["backup", "restore", name, password], data)
        wait_for("the switch", lambda: self.gh.log().count("conf.restore.finished") > done, 30)
        self.assertNotIn("changed-since", wait_for("the settings", lambda: self.gh.operator("save").stdout, 20))
        wait_for("gh-admin serves", lambda: self.reach(), 15)

    def test_pieces_only_where_they_are_wanted(self):
        w = self.session("boss")
        put = lambda at, data=b"x", who=w: who.ask("PUT", "transfers/" + at, data, Content_Type="application/octet-stream")
        self.assertEqual((put("0").status, put("0").code), (409, "not-wanted"))
        self.assertEqual([put(x).status for x in ("x", "-1", "", "0/0")], [404] * 4)
        # who goes away in the middle leaves nothing behind, and nobody else can give his pieces
        other = self.session("looker")
        c = w.connection()
        c.request("POST", "/api/v1/transfers", json.dumps({"words": ["backup", "show", "b.backup"]}), {
            "Cookie": "__Host-session=" + w.cookie, "X-CSRF-Token": w.csrf, "Content-Type": "application/json"})
        live = c.getresponse()
        self.assertEqual(json.loads(live.readline())["want"]["offset"], 0)
        self.assertEqual(put("0", who=other).status, 409)
        self.assertEqual(put("65536").status, 409)
        self.assertEqual(put("0", b"x" * 65537).status, 413)
        self.assertEqual(w.ask("GET", "show/version").status, 200)  # the session is free meanwhile
        live.close()
        c.close()
        wait_for("its operator has gone", lambda: len([x for x in self.gh.records("show", "operator-sessions") if x["who"] == "boss"]) == 1, 5)
        self.assertEqual(put("0").status, 409)
        # at a plain command nobody could give them: it ends, and says so
        self.assertEqual(w.command("backup", "show", "b.backup").status, 409)
        # an auditor may not
        self.assertEqual(self.transfer(other, ["backup", "save", {"content": "correct horse battery"}])[0]["done"]["status"], 403)

    def test_a_live_view_has_no_more_rights(self):
        w = self.session("looker")
        r = w.ask("POST", "commands", {"words": ["user", "delete", "x@web.example"]}, Accept="text/event-stream")
        done = json.loads(re.search(rb"event: done\ndata: (.*)", r.body).group(1))["done"]
        self.assertEqual((done["ok"], done["status"]), (False, 403))

    def test_completion_and_schema(self):
        w = self.session("looker")
        words = [r["word"] for r in w.ask("POST", "complete", {"words": ["show", "ver"]}).json()["records"]]
        self.assertEqual(words, ["version"])
        rows = {r["path"]: r for r in w.ask("GET", "schema").json()["settings"]}
        self.assertEqual(rows["log level"]["range"], "error|warn|info|debug")

    def test_role_matrix(self):
        """Each command of the table: refused for every role whose help does not list it."""
        with open(os.path.join(TOP, "firmware", "conf", "commands.c"), encoding="utf-8") as f:
            table = re.findall(r'^\t\{ "([^"]+)", OPER_(\w+),', f.read(), re.M)
        fill = {**PLACES, **{place: {"content": text.decode()} for place, text in CONTENTS.items()}}
        for name in ("looker", "worker", "robot", "keeper"):
            w = self.session(name)
            may = {r["command"] for r in w.ask("GET", "commands").json()["records"]}
            self.assertGreater(len(may), 10)
            denied = 0
            for row, _ in table:
                if row in may:
                    continue
                words = []
                for x in row.split():
                    got = fill.get(x.strip("<>.[]"), "thing") if x[0] == "<" else x
                    if x[0] != "[":
                        words += got.split() if isinstance(got, str) else [got]
                if row.startswith("set "):
                    words.append("info")
                r = w.command(*words)
                self.assertEqual(r.status, 403, (name, words, r.body))
                denied += 1
            self.assertGreater(denied, 0, name)
            if "set <setting>..." in may:  # rights by row: not what is somebody else's
                self.assertEqual(w.ask("PUT", "settings/operators/password-length", {"value": "8"}).status, 403, name)


class Expired(PeerCase):
    """The box's own certificate is over: it stays manageable, by HTTPS and by ghsh, and says so."""

    def test_it_stays_manageable_and_says_so(self):
        addr = self.place.addr()
        gh = self.gatehouse("late.example", "expired", settings=("set web certificate own", "set web listen v4 %s 443" % addr)).start()
        self.addCleanup(gh.stop)
        wait_for("the alarm", lambda: "CertificateEnded" in [a["alarm"] for a in gh.records("show", "alarms")], 15)
        gh.ghsh("operator add anna admin %s\n" % FIRST)
        w = Web(addr)
        self.assertEqual(w.login("anna", FIRST, new_password=OWN).status, 201)
        self.assertEqual(w.ask("PUT", "settings/system/name", {"value": "late"}).status, 200)
        self.assertEqual(w.command("commit").status, 200)
        self.assertEqual(gh.records("show", "version")[0]["name"], "late")
        got = gh.operator(text="check\n")
        self.assertIn("expired", got.stdout + got.stderr)
        gh.ghsh("certificate self-signed fresh late.example keyType:ecdsa-p256\nset web certificate fresh\ncommit\n")  # and it can be put right
        wait_for("another certificate is shown", lambda: "CN" in subprocess.run(
            [need("openssl"), "x509", "-noout", "-subject", "-checkend", "0"], input=ssl.get_server_certificate((addr, 443)), text=True,
            stdout=subprocess.PIPE).stdout, 10)


class Collectors(WebCase):
    """GET /metrics as a collector asks for it."""

    def curl(self, *more, path="metrics"):
        return subprocess.run([need("curl"), "-sk", "-w", "\n%{http_code} %{content_type}", *more, "https://%s/%s" % (self.addr, path)],
                              capture_output=True, text=True, timeout=30).stdout.rpartition("\n")

    def test_metrics(self):
        for role in ("auditor", "api"):
            self.operator("scrape-" + role, role)
        me = "-u", "scrape-auditor:" + OWN
        self.assertIn("404 ", self.curl(*me)[2])  # off when nothing is said
        self.gh.commit("set web metrics accounts")
        self.addCleanup(self.gh.commit, "delete web metrics")
        for who in (), ("-u", "scrape-auditor:wrong"), ("-H", "Authorization: Bearer " + "0" * 64):
            text, _, status = self.curl(*who)
            self.assertTrue(status.startswith("401 "), status)
            self.assertNotIn("gatehouse_", text)
        self.assertIn("405 ", self.curl("-X", "DELETE", *me)[2])
        text, _, status = self.curl(*me)
        self.assertEqual(status, "200 text/plain; version=0.0.4; charset=utf-8")
        got = subprocess.run([need("promtool"), "check", "metrics"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((got.returncode, got.stdout), (0, ""), text[:2000])
        self.assertRegex(text, r'(?m)^gatehouse_web_requests_total\{program="gh-admin",instance="0"\} [1-9]')
        text, _, status = self.curl("-H", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "-u", "scrape-api:" + OWN)
        self.assertEqual(status, "200 application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(text.endswith("# EOF\n") or text.endswith("# EOF"), text[-200:])
        w = Web(self.addr)
        w.login("scrape-api", token=True)
        self.addCleanup(w.ask, "DELETE", "session")
        r = w.ask("GET", "/metrics")
        self.assertEqual((r.status, r.headers["Content-Disposition"]), (200, None))
        self.assertEqual(w.ask("HEAD", "/metrics").body, b"")

    def test_sources_need_no_account(self):
        """A collector at a web metrics-source reads without one, and nothing else; others are refused in one line; each change at once."""
        stands = self.place.addr()  # nobody else comes from there
        here = "--interface", stands
        self.assertTrue(self.curl()[2].startswith("404 "))
        self.assertIn("not a range", self.gh.ghsh("set web metrics-source noc 10.0.0.1/8\ncommit\n", check=False))
        self.gh.commit("set web metrics-source noc %s/32" % stands)
        text, _, status = self.curl(*here)
        self.assertEqual(status, "200 text/plain; version=0.0.4; charset=utf-8")
        got = subprocess.run([need("promtool"), "check", "metrics"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((got.returncode, got.stdout), (0, ""), text[:2000])
        self.assertIn("405 ", self.curl(*here, "-X", "POST")[2])
        self.assertIn("401 ", self.curl(*here, path="api/v1/settings")[2])
        for _ in range(3):
            text, _, status = self.curl()
            self.assertTrue(status.startswith("403 ") and "web metrics-source" in text, status + text)
        self.assertEqual(self.gh.log().count("web.metrics.refused"), 1)
        self.gh.commit("set web metrics accounts")  # then others log in
        self.assertIn("401 ", self.curl()[2])
        self.assertIn("200 ", self.curl(*here)[2])
        many = [subprocess.Popen([need("curl"), "-sk", *here, "https://%s/metrics" % self.addr], stdout=subprocess.PIPE, text=True)
                for _ in range(12)]
        for p in many:
            self.assertIn("gatehouse_uptime_seconds", p.communicate(timeout=30)[0])
        self.gh.commit("delete web metrics-source noc", "delete web metrics")
        self.assertIn("404 ", self.curl(*here)[2])

    def test_prometheus_scrapes(self):
        """The collector itself, as docs/admin/logs.md configures it."""
        self.operator("prometheus", "api")
        self.gh.commit("set web metrics accounts")
        self.addCleanup(self.gh.commit, "delete web metrics")
        job = "  - job_name: %s\n    scheme: https\n    scrape_interval: 1s\n    tls_config: { insecure_skip_verify: true }\n%s" \
              "    static_configs: [ { targets: [ '%s:443' ] } ]\n"
        login = "    basic_auth: { username: prometheus, password: '%s' }\n" % OWN
        config = self.place.write("prometheus.yml", "scrape_configs:\n" + job % ("login", login, self.addr))
        subprocess.run([need("promtool"), "check", "config", config], check=True, stdout=subprocess.PIPE, timeout=30)
        at = "%s:9090" % self.place.addr()
        p = Program(self.place, "prometheus", [need("prometheus"), "--config.file=" + config, "--storage.tsdb.path=" + self.place.path("tsdb"),
                                          "--web.listen-address=" + at])
        self.addCleanup(p.stop)

        def asked(query):
            try:
                with urllib.request.urlopen("http://%s/api/v1/query?query=%s" % (at, query), timeout=5) as r:
                    return {x["metric"].get("job"): x["value"][1] for x in json.load(r)["data"]["result"]}
            except OSError:
                return {}
        wait_for("Prometheus scrapes with an account", lambda: asked("up").get("login") == "1", 30)
        self.assertGreaterEqual(int(asked("gatehouse_uptime_seconds")["login"]), 0)


class Description(PeerCase):
    """The API's description is valid by somebody else's judgement, and the dictionaries are whole."""

    def test_openapi_is_valid(self):
        web = os.path.join(TOP, "firmware", "admin", "web")
        got = subprocess.run([need("node"), "test/openapi.mjs", os.path.join(TOP, "docs", "admin", "openapi.json")], cwd=web,
                             capture_output=True, text=True, timeout=60)
        self.assertEqual((got.returncode, got.stdout.strip()), (0, "valid OpenAPI 3.1"), got.stderr)

    def test_dictionaries_have_the_same_keys(self):
        src = os.path.join(TOP, "firmware", "admin", "web", "src")
        keys = {}
        for lang in ("en", "ja"):
            with open(os.path.join(src, lang + ".ts"), encoding="utf-8") as f:
                pairs = re.findall(r"'([a-z0-9.-]+)': '((?:[^'\\]|\\.)*)'", f.read())
            keys[lang] = dict(pairs)
            self.assertEqual(len(pairs), len(keys[lang]), "a key twice in " + lang)
        self.assertEqual(set(keys["en"]), set(keys["ja"]))
        for k, text in keys["en"].items():
            self.assertTrue(keys["ja"][k])
            self.assertEqual(sorted(re.findall(r"\{\w+\}", text)), sorted(re.findall(r"\{\w+\}", keys["ja"][k])), k)
        # Commands are explained in Japanese by their rows; most rows are there, and none twice.
        with open(os.path.join(src, "ja-help.ts"), encoding="utf-8") as f:
            helps = re.findall(r"^  '([^']+)': '", f.read(), re.M)
        self.assertEqual(len(helps), len(set(helps)))
        with open(os.path.join(TOP, "firmware", "conf", "commands.c"), encoding="utf-8") as f:
            rows = set(re.findall(r'^\t\{ "([^"]+)", OPER_', f.read(), re.M))
        self.assertGreater(len(rows & set(helps)), 60)
        used = set()
        for name in os.listdir(src):
            with open(os.path.join(src, name), encoding="utf-8") as f:
                used |= set(re.findall(r"'([a-z]+\.[a-z0-9.-]+)'", f.read())) if name not in ("en.ts", "ja.ts", "ja-help.ts") else set()
        named = {k for k in keys["en"] if not k.startswith(("nav.", "col.", "sec."))}
        self.assertEqual(named - used, set(), "texts that no page shows")

"""API tokens: made, shown once, used without a name and a password, limited by role, end and place, and taken away under way."""
import hashlib
import http.client
import os
import re
import time

from harness.place import wait_for
from harness.webadmin import OWN, Web
from test_web import WebCase


class Tokens(WebCase):
    settings = ("set operators lockout-tries 3", "set operators lockout-time 60")

    @classmethod
    def build(cls):
        super().build()
        cls.operator("boss")

    def setUp(self):
        super().setUp()
        self.n = getattr(type(self), "n", 0) + 1
        type(self).n = self.n

    def make(self, name, role="api", days="30", *places):
        got = self.gh.records("token", "add", name, role, days, *places)[0]
        self.addCleanup(self.gh.operator, "token", "revoke", name)
        self.assertRegex(got["token"], r"^ght_[0-9a-f]{64}$")
        return got["token"]

    def client(self, token, source=None):
        w = Web(self.addr, source=source or self.place.addr())
        w.token = token
        return w

    def row(self, name):
        rows = [r for r in self.gh.records("show", "tokens") if r["name"] == name]
        return rows[0] if rows else None

    def audit(self, number=60):
        return [(r["event"], r["by"], r["detail"]) for r in self.gh.records("show", "audit", str(number))]

    def file(self):
        with open(os.path.join(self.gh.state, "conf", "tokens"), encoding="utf-8") as f:
            return f.read()

    def edit(self, change):
        """The file of tokens, changed while gh-conf is away, with a right checksum."""
        path = os.path.join(self.gh.state, "conf", "tokens")
        text = self.file()
        body = change(text[:text.rindex("sha256 ")])
        with open(path, "w", encoding="utf-8") as f:
            f.write(body + "sha256 " + hashlib.sha256(body.encode()).hexdigest() + "\n")
        self.gh.kill("gh-conf")
        wait_for("gh-conf is back", lambda: self.gh.operator("show", "version").returncode == 0 and self.reach(), 15)

    # ---- life
    def test_made_shown_once_used_and_revoked(self):
        token = self.make("job")
        row = self.row("job")
        self.assertEqual((row["role"], row["state"], row["addresses"], row["last_used"], row["made_by"]), ("api", "in force", "any", "never", "root"))
        # nowhere but in that one answer
        self.assertNotIn(token, self.gh.log())
        self.assertNotIn(token[4:], self.file())
        self.assertNotIn(token, str(self.audit()))
        self.assertIn("hash " + hashlib.sha256(token.encode()).hexdigest(), self.file())

        w = self.client(token)
        r = w.ask("GET", "show/version")
        self.assertEqual(r.status, 200, r.body)
        self.assertEqual(w.ask("GET", "session").json()["user"], "token:job")
        # a candidate and a commit, as with a login: the next request is of the same session
        self.assertEqual(w.ask("PUT", "settings/log/level", {"value": "debug"}).status, 200)
        self.assertEqual(w.ask("POST", "commit").status, 200)
        self.assertEqual([r["value"] for r in self.gh.records("show", "settings", "log", "level")], ["debug"])
        row = self.row("job")
        self.assertEqual((row["last_from"], row["sessions"]), (w.source, "1"))
        self.assertRegex(row["last_used"], r"^20\d\d-")
        self.assertIn("token:job", [r["who"] for r in self.gh.records("show", "operator-sessions")])
        seen = self.audit()
        self.assertTrue([e for e in seen if e[0] == "audit.account" and e[1] == "root" and "account=job what=token" in e[2]])
        self.assertTrue([e for e in seen if e[0] == "audit.login" and e[1] == "token:job"])
        self.assertTrue([e for e in seen if e[0] == "audit.setting" and e[1] == "token:job"])

        self.gh.ghsh("token revoke job\n")
        self.assertIsNone(self.row("job"))
        wait_for("its session has ended", lambda: "token:job" not in [r["who"] for r in self.gh.records("show", "operator-sessions")], 5)
        r = w.ask("GET", "show/version")
        self.assertEqual((r.status, r.code), (401, "login-failed"))
        self.assertTrue([e for e in self.audit() if e[0] == "audit.account" and "after=revoked" in e[2]])

    def test_a_stream_of_events_ends_with_its_token(self):
        w = self.client(self.make("watch", "auditor"))
        c = w.connection()
        self.addCleanup(c.close)
        c.request("GET", "/api/v1/events/show/log/follow=60", headers={"Authorization": "Bearer " + w.token})
        r = c.getresponse()
        self.assertEqual(r.status, 200)
        self.gh.ghsh("token revoke watch\n")
        began = time.monotonic()
        try:
            while r.read1(65536):
                self.assertLess(time.monotonic() - began, 10)
        except http.client.IncompleteRead:
            pass  # cut off, which is what revoking means
        self.assertLess(time.monotonic() - began, 10)

    def test_made_and_revoked_over_the_api(self):
        boss = self.session("boss")
        r = boss.command("token", "add", "web-made", "operator", "never", "127.0.0.0/8")
        self.assertEqual(r.status, 200, r.body)
        token = r.json()["records"][0]["token"]
        self.assertEqual(self.client(token).ask("GET", "show/tokens").status, 200)
        self.assertEqual(self.row("web-made")["made_by"], "boss")
        self.assertEqual(self.row("web-made")["until"], "never ends")
        self.assertEqual(boss.command("token", "revoke", "web-made").status, 200)
        self.assertEqual(self.client(token).ask("GET", "show/tokens").status, 401)

    def test_it_outlives_restarts(self):
        w = self.client(self.make("lasting"))
        self.assertEqual(w.ask("GET", "show/version").status, 200)
        for program in ("gh-conf", "gh-admin"):
            self.gh.kill(program)
            wait_for("it is good again", lambda: self.reach() and w.ask("GET", "show/version").status == 200, 15, 0.3)
        self.assertEqual(self.row("lasting")["last_from"], w.source)

    # ---- limits
    def test_roles(self):
        for role, may_set, may_key in (("auditor", False, False), ("operator", True, False), ("crypto", True, True), ("api", True, False)):
            value = "off" if role == "crypto" else "info"
            with self.subTest(role=role):
                w = self.client(self.make("of-" + role, role))
                self.assertEqual(w.ask("GET", "show/version").status, 200)
                path = "settings/trust/system" if role == "crypto" else "settings/log/level"
                self.assertEqual(w.ask("PUT", path, {"value": value}).status, 200 if may_set else 403)
                self.assertEqual(w.command("certificate", "generate", "k-" + role, "ecdsa-p256").status, 200 if may_key else 403)
                # what makes rights is for persons
                self.assertEqual(w.command("token", "add", "more", role, "1").status, 403)
                self.assertEqual(w.command("operator", "add", "more", role, {"content": OWN}).status, 403)
                self.assertEqual(w.command("token", "revoke", "of-" + role).status, 403)
        got = self.gh.operator("token", "add", "mighty", "admin", "1")
        self.assertEqual(got.returncode, 1)
        self.assertIn("a token is never an admin", got.stderr)

    def test_places(self):
        here, there = self.place.addr(), self.place.addr()
        token = self.make("bound", "api", "30", here + "/32", "2001:db8::/32")
        self.assertEqual(self.client(token, here).ask("GET", "show/version").status, 200)
        # while its session from the right place lives
        r = self.client(token, there).ask("GET", "show/version")
        self.assertEqual((r.status, r.code), (401, "login-failed"))
        self.assertEqual(self.client(token, here).ask("GET", "show/version").status, 200)
        self.assertTrue([e for e in self.audit() if e[0] == "audit.token.refused" and "token=bound" in e[2] and "not from this address" in e[2]])

    def test_its_end(self):
        token = self.make("short")
        other = self.client(self.make("long"))
        until = int(time.time()) + 6
        self.edit(lambda body: re.sub(r"(token short\n(?:.*\n){3}until )\d+", r"\g<1>%d" % until, body))
        w = self.client(token)
        self.assertEqual(w.ask("GET", "show/version").status, 200)
        wait_for("its end comes", lambda: w.ask("GET", "show/version").status == 401, 25, 1)
        self.assertGreaterEqual(time.time(), until)
        self.assertEqual(self.row("short")["state"], "expired")
        self.assertEqual(other.ask("GET", "show/version").status, 200)

    def test_bad_words(self):
        for words, why in ((("token", "add", "Big", "api", "1"), "a name has"), (("token", "add", "x" * 27, "api", "1"), "at most 26"),
                           (("token", "add", "a1", "api", "0"), "1 to 3650"), (("token", "add", "a1", "api", "soon"), "1 to 3650"),
                           (("token", "add", "a1", "api", "1", "here.example"), "an address or a range"),
                           (("token", "add", "a1", "api", "1", "192.0.2.1/24"), "an address or a range"),
                           (("token", "add", "a1", "root", "1"), "one of auditor"), (("token", "revoke", "nobody"), "no such token")):
            with self.subTest(words=words):
                got = self.gh.operator(*words)
                self.assertEqual(got.returncode, 1)
                self.assertIn(why, got.stderr)
        self.make("twice")
        self.assertIn("there is such a token", self.gh.operator("token", "add", "twice", "api", "1").stderr)
        self.assertFalse([r for r in self.gh.records("show", "tokens", check=False) or [] if r["name"] != "twice"])

    # ---- wrong ones
    def test_wrong_ones_wait_and_lock_nobody_out(self):
        good = self.make("good")
        w = self.client("ght_" + "0" * 64)
        statuses = [w.ask("GET", "show/version").status for _ in range(8)]
        self.assertEqual(statuses[:3], [401] * 3)
        self.assertIn(429, statuses)
        # the same address: a right token, and a person with a password
        self.assertEqual(self.client(good, w.source).ask("GET", "show/version").status, 200)
        person = Web(self.addr, source=w.source)
        self.assertEqual(person.login("boss").status, 201)
        person.ask("DELETE", "session")
        # another address is not kept waiting by it
        self.assertEqual(self.client("ght_" + "1" * 64).ask("GET", "show/version").status, 401)
        self.assertLessEqual(len([e for e in self.audit(200) if e[0] == "audit.token.refused"]), 20)

    def test_what_is_no_token(self):
        token = self.make("exact")
        for text in ("ght_", token[:-1], token + "0", token.upper(), "ght_" + "x" * 64, "ght_" + "0" * 4000):
            with self.subTest(text=text[:80]):
                self.assertEqual(self.client(text).ask("GET", "show/version").status, 401)
        # nor is it a password, nor good at the console's socket
        self.assertIn(Web(self.addr, source=self.place.addr()).login("exact", token).status, (401, 422))
        self.assertIn(Web(self.addr, source=self.place.addr()).login("token:exact", token).status, (401, 422))

    def test_a_damaged_file_lets_nobody_in(self):
        w = self.client(self.make("lost"))
        self.assertEqual(w.ask("GET", "show/version").status, 200)
        with open(os.path.join(self.gh.state, "conf", "tokens"), "a", encoding="utf-8") as f:
            f.write("from 0.0.0.0/0\n")
        self.gh.kill("gh-conf")
        wait_for("gh-conf is back", lambda: self.gh.operator("show", "version").returncode == 0 and self.reach(), 15)
        wait_for("it is not good", lambda: w.ask("GET", "show/version").status == 401, 10)
        self.assertIn("the file of tokens was damaged", self.gh.operator("show", "tokens").stderr)
        self.assertTrue(os.path.exists(os.path.join(self.gh.state, "conf", "tokens.damaged")))

"""The support bundle: what is in it, and that no secret is."""
import base64
import os
import re
import tarfile
import tempfile

from harness.case import PeerCase
from harness.place import wait_for
from harness.webadmin import FIRST, OWN, Web

PASSWORDS = ["Planted-Set-77x", "Planted-User-78x", "Planted-Turn-79x", "Planted-Secret-80x", FIRST, "Planted-Wrong-81x"]
OAUTH = base64.b64encode(b"planted-oauth-key-0123456789abcd").decode()


class Bundle(PeerCase):
    @classmethod
    def build(cls):
        cls.addr = cls.place.addr()
        cls.gh = cls.gatehouse("near.example", settings=("set web certificate own", "set web listen v4 %s 443" % cls.addr))
        cls.gh.start()

    def fetch(self):
        folder = tempfile.mkdtemp(dir=self.place.path("."))
        got = self.gh.operator("support", "bundle", cwd=folder)
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)
        names = os.listdir(folder)
        self.assertEqual(len(names), 1, names)
        self.assertRegex(names[0], r"^gatehouse-[\w-]+\.support\.tar\.gz$")
        path = os.path.join(folder, names[0])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            self.assertTrue(all(m.isfile() and m.name.startswith("support/") and m.mode == 0o600 for m in members))
            return {m.name[8:-4]: tar.extractfile(m).read() for m in members}

    def test_what_is_in_it(self):
        files = self.fetch()
        self.assertEqual(set(files), {"version", "settings", "processes", "counters", "alarms", "alarms-history", "syslog", "keys",
                                      "identity", "upgrade", "routes", "federation", "sip", "sip-routes", "turn", "links", "line", "uploads", "upload-scan", "publish", "compliance", "captures", "acme", "revocation", "stapling", "interfaces", "time",
                                      "time-sources", "dns", "log"})
        self.assertIn(b"set domain near.example certificate own", files["settings"])
        self.assertIn(b"program=gh-s2s instance=0 state=", files["processes"])
        for program in b"gh-keys", b"gh-s2s", b"gh-log":
            self.assertRegex(files["counters"], rb"(?m)^program=" + program + rb" instance=0 counter=\S+ value=\d+$")
        self.assertIn(b"super.started", files["log"])
        away = {"interfaces", "time", "time-sources", "dns", "uploads", "upload-scan", "publish", "compliance"}  # what did not answer is said
        for name, text in files.items():
            self.assertEqual(b"is not running" in text if name in away else b"# " in text, name in away, name)

    def test_alarms_are_in_it(self):
        self.gh.kill("gh-xlate")
        files = self.fetch()
        self.assertIn(b"ProgramRestarts", files["alarms"])

    def test_remote_access(self):
        """What is published, and its state."""
        wiki = [["wiki", "url", "https://%s:9" % self.addr], ["wiki", "certificate-name", "inside.example"], ["wiki", "name", "wiki.near.example"]]
        self.gh.commit("set upload enabled on", *["set publish target " + " ".join(w) for w in wiki])
        self.addCleanup(self.gh.commit, "delete upload enabled", "delete publish target wiki")
        wait_for("both are there", lambda: self.gh.records("show", "uploads", check=False) and self.gh.records("show", "publish", check=False), 15, 0.2)
        files = self.fetch()
        self.assertIn(b"set publish target wiki url https://%s:9" % self.addr.encode(), files["settings"])
        self.assertRegex(files["publish"], rb"(?m)^target=wiki .*state=")
        self.assertRegex(files["uploads"], rb"(?m)state=")

    def test_no_secret_is_in_it(self):
        """Secrets of every kind come in by every way; then the whole bundle is searched for them, also in base64 and hex."""
        self.gh.commit("set log level debug")
        self.gh.commit("set sip peer far.example user me", "set sip peer far.example password " + PASSWORDS[0])
        self.gh.commit("set turn secret one " + PASSWORDS[3], "set turn oauth-key kid " + OAUTH)
        self.gh.ghsh("turn user add relay %s\ncommit\n" % PASSWORDS[2])
        self.gh.ghsh("user add planted@near.example %s\n" % PASSWORDS[1])
        self.gh.ghsh("operator add planted auditor %s\n" % PASSWORDS[4])
        app = self.gh.records("user", "app-password", "add", "planted@near.example", "phone")[0]["password"]
        self.gh.ghsh("user passwd nobody@near.example %s\n" % PASSWORDS[5], check=False)
        with self.assertRaises(Exception):
            self.login(self.gh, "planted", password=PASSWORDS[5])
        web = Web(self.addr)
        wait_for("gh-admin serves", lambda: web.login("planted", PASSWORDS[4], new_password=OWN).status == 201, 10)
        totp = web.command("operator", "totp", "enable").json()["records"][0]["secret"]
        made = self.gh.operator("operator", "reset", "planted")
        once = re.findall(r"\b[a-z0-9]{4}(?:-[a-z0-9]{4}){3}\b", made.stdout + made.stderr)
        self.assertTrue(once, made.stdout + made.stderr)
        self.gh.ghsh("certificate generate planted ecdsa-p256\n")
        secrets = [p.encode() for p in PASSWORDS] + [OAUTH.encode(), base64.b64decode(OAUTH)] + [w.encode() for w in once + [app]]
        secrets += [OWN.encode(), web.cookie.encode(), web.csrf.encode(), totp.encode(), totp.replace(" ", "").encode()]
        secrets += [line.encode() for line in self.gh.cert.key_text().splitlines() if len(line) > 20 and "-----" not in line]
        with open(os.path.join(self.gh.state, "keys", "storage.key"), "rb") as f:  # what seals the others on the disk
            secrets.append(f.read().strip())
        self.assertGreater(min(len(s) for s in secrets), 5)
        with open(os.path.join(self.gh.state, "conf", "accounts"), "rb") as f:
            secrets += re.findall(rb"[A-Za-z0-9+/=_-]{24,}", f.read())
        files = self.fetch()
        self.assertIn(b"set sip peer far.example password (secret)", files["settings"])
        whole = b"\n".join(files.values())
        self.assertIn(b"planted@near.example", whole)  # what happened is there, without its secret
        for secret in secrets:
            for form in secret, base64.b64encode(secret).rstrip(b"="), secret.hex().encode():
                self.assertNotIn(form, whole)

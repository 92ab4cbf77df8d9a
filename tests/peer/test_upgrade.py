"""Signed upgrade files and two slots (docs/admin/upgrade.md; G-GAP-01, G-GAP-02): whole programs, and a boot loader that is
played by slot-boot."""
import hashlib
import os
import signal
import subprocess

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from harness.case import PeerCase
from harness.operwire import DONE, WANT, Oper
from harness.place import BIN, TOP, wait_for

KEYS = [os.path.join(TOP, "build", "keys", "upgrade-%d.pem" % n) for n in (1, 2)]
CHUNK = 64 << 10


class Upgrade(PeerCase):
    root_bytes = 600_000

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")

    def setUp(self):
        super().setUp()
        cls = type(self)
        if cls.gh.program:
            cls.gh.stop()
        subprocess.run(["rm", "-rf", cls.gh.state], check=True)
        os.makedirs(cls.gh.state)
        cls.gh.start(is_empty=True)

    def make(self, version, key=KEYS[0], floor="0.1", platform="any", seed=1, name=None, size=None):
        """An upgrade file; its path, and its parts."""
        parts = {"uki": os.urandom(5000 + seed), "root": os.urandom(size or self.root_bytes), "hash": os.urandom(3000)}
        args = []
        for part, content in parts.items():
            path = self.place.path("part." + part)
            with open(path, "wb") as f:
                f.write(content)
            args.append("%s=%s" % (part, path))
        out = self.place.path(name or "u-%s.img" % version)
        subprocess.run([os.path.join(BIN, "upgrade-make"), "--key", key, "--version", version, "--floor", floor,
                        "--platform", platform, "--out", out] + args, check=True)
        return out, parts

    def slots(self):
        return {r["slot"]: r for r in self.gh.records("upgrade", "status")}

    def table(self):
        return os.path.join(self.gh.state, "update", "slots")

    def holds(self, slot, parts):
        for part, content in parts.items():
            with open(os.path.join(self.gh.state, "update", "slot-%s.%s" % (slot, part)), "rb") as f:
                if f.read()[:len(content)] != content:
                    return False
        return True

    def boot(self):
        """Off, the boot loader's choice, on again."""
        self.gh.stop()
        got = subprocess.run([os.path.join(BIN, "slot-boot"), self.table()], check=True, stdout=subprocess.PIPE, text=True)
        self.gh.start(is_empty=True)
        return got.stdout.strip()

    def good(self, *words):
        got = self.gh.operator(*words, timeout=60)
        self.assertEqual(got.returncode, 0, got.stderr)
        return got.stdout

    def bad(self, why, *words):
        before = self.slots()["a"]
        got = self.gh.operator(*words, timeout=60)
        self.assertEqual(got.returncode, 1, got.stdout)
        self.assertIn(why, got.stderr)
        after = self.slots()
        self.assertEqual(after["a"], before)
        self.assertEqual(after["a"]["next"], "yes")

    def test_install_boot_confirm_rollback(self):
        one, parts = self.make("1.0.0")
        self.assertIn("boots next", self.good("upgrade", "install", one))
        self.assertTrue(self.holds("b", parts))
        s = self.slots()
        self.assertEqual((s["b"]["version"], s["b"]["state"], s["b"]["next"], s["a"]["runs"]), ("1.0.0", "unconfirmed", "yes", "yes"))
        self.assertEqual(self.boot(), "b")
        s = self.slots()
        self.assertEqual((s["b"]["runs"], s["b"]["tries"]), ("yes", "2"))
        # what is not confirmed must not lose its way back
        two, more = self.make("1.1", key=KEYS[1], floor="1.0")
        got = self.gh.operator("upgrade", "install", two)
        self.assertIn("not confirmed", got.stderr)
        self.good("upgrade", "confirm")
        self.assertEqual(self.slots()["b"]["state"], "good")
        self.good("upgrade", "install", two)
        self.assertEqual(self.boot(), "a")
        self.assertTrue(self.holds("a", more))
        self.good("upgrade", "confirm")
        self.assertEqual(self.slots()["a"]["floor"], "1.0.0")
        self.good("upgrade", "rollback")
        self.assertEqual(self.boot(), "b")
        self.assertEqual(self.slots()["b"]["version"], "1.0.0")

    def test_a_version_that_never_becomes_healthy(self):
        one, _ = self.make("1.0.0")
        self.good("upgrade", "install", one)
        self.assertEqual([self.boot() for _ in range(4)], ["b", "b", "b", "a"])
        wait_for("gh-update says so", lambda: "update.fell_back" in self.gh.log(), 10)
        self.assertIn("1.0.0 did not become healthy", self.good("upgrade", "status"))
        self.bad("did not become healthy", "upgrade", "install", one)
        self.good("upgrade", "retry", one)
        self.assertEqual(self.boot(), "b")

    def test_refusals(self):
        runs = self.gh.records("show", "version")[0]["version"]
        one, _ = self.make("1.0.0")
        with open(one, "rb") as f:
            data = f.read()
        stranger = self.place.write("stranger.pem", Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
        self.bad("nobody whom this box trusts", "upgrade", "install", self.make("1.0.0", key=stranger, name="s.img")[0])
        self.bad("runs already", "upgrade", "install", self.make(runs, name="same.img")[0])
        self.bad("older than what runs", "upgrade", "install", self.make("0.0.9", floor="0.0.1", name="old.img")[0])
        other = "hardware" if self.gh.records("show", "identity")[0]["platform"] == "virtual" else "virtual"
        self.bad("another platform", "upgrade", "install", self.make("1.0.0", platform=other, name="p.img")[0])
        self.bad("cannot be read", "upgrade", "install", self.place.path("not-there"))
        self.bad("too early", "upgrade", "install", self.place.write("empty", ""))
        for n, why in ((0, "not an upgrade file"), (100, "trusts"), (4050, "trusts"), (4100, "list of hashes"),
                       (len(data) // 2, "not what was signed"), (len(data) - 1, "not what was signed")):
            with self.subTest(flip=n):
                path = self.place.path("bad.img")
                with open(path, "wb") as f:
                    f.write(data[:n] + bytes([data[n] ^ 1]) + data[n + 1:])
                self.bad(why, "upgrade", "install", path)
        for n in (1, 4000, 5000, len(data) // 2, len(data) - 1):
            with self.subTest(cut=n):
                path = self.place.path("cut.img")
                with open(path, "wb") as f:
                    f.write(data[:n])
                self.bad("too early", "upgrade", "install", path)
        path = self.place.path("long.img")
        with open(path, "wb") as f:
            f.write(data + b"x")
        self.bad("follows the end", "upgrade", "install", path)

    def test_downgrade_only_when_asked_and_above_the_floor(self):
        new, _ = self.make("1.0.0", floor="0.5")
        self.good("upgrade", "install", new)
        self.boot()
        self.good("upgrade", "confirm")
        self.assertIn("older", self.gh.operator("upgrade", "install", self.make("0.6", floor="0.1")[0]).stderr)
        self.assertIn("security floor", self.gh.operator("upgrade", "downgrade", self.make("0.4", floor="0.1")[0]).stderr)
        self.assertIn("security floor", self.gh.operator("upgrade", "rollback").stderr)
        self.good("upgrade", "downgrade", self.make("0.6", floor="0.1")[0])
        self.assertEqual(self.boot(), "a")

    def test_the_first_wrong_byte_ends_it(self):
        """No piece behind the wrong one is even asked for."""
        one, _ = self.make("1.0.0", size=3_000_000)
        with open(one, "rb") as f:
            data = bytearray(f.read())
        data[500_000] ^= 1
        o = Oper(self.gh.socket)
        o.ask("upgrade", "install", "x")
        asked = 0
        while True:
            kind, body = o.next()
            if kind != WANT:
                break
            asked = int.from_bytes(body[2:10], "big")
            o.piece(bytes(data), body)
        self.assertEqual(kind, DONE)
        self.assertIn("not what was signed", o.done(body)[1])
        self.assertLess(asked, 500_000 + 2 * CHUNK)
        o.close()

    def test_killed_and_resumed(self):
        """gh-update, gh-conf, then gh-super, killed in the middle: the same file goes on where the disk has it."""
        one, parts = self.make("1.0.0", size=40_000_000)
        with open(one, "rb") as f:
            data = f.read()
        came_to = 0
        for who in ("gh-update", "gh-conf", "gh-super"):
            o = Oper(self.gh.socket)
            o.ask("upgrade", "install", "x")
            first, n = None, 0
            for _ in range(400):
                kind, body = o.next()
                self.assertEqual(kind, WANT)
                at = int.from_bytes(body[2:10], "big")
                if at > 5 * CHUNK and first is None and came_to:
                    first = at
                o.piece(data, body)
                n += 1
                if n > 270 or at + 2 * CHUNK > len(data):
                    break
            if came_to:
                self.assertIsNotNone(first)
                self.assertGreater(first, came_to - CHUNK, "what was on disk was fetched again")
            if who == "gh-super":
                os.kill(self.gh.program.pid, signal.SIGKILL)
                self.gh.stop()
                self.gh.start(is_empty=True)
            else:
                self.gh.kill(who)
            o.close()
            wait_for("gh-update answers", lambda: self.gh.records("upgrade", "status", check=False), 15)
            s = self.slots()
            self.assertEqual((s["b"]["state"], s["a"]["next"]), ("unfinished", "yes"))
            came_to = int(s["b"]["done_kib"]) * 1024
            self.assertGreater(came_to, 0)
        self.assertEqual(self.boot(), "a")
        self.good("upgrade", "install", one)
        self.assertTrue(self.holds("b", parts))
        self.assertEqual(self.boot(), "b")

    def test_the_file_is_as_described(self):
        one, parts = self.make("1.2.3", floor="1.0", key=KEYS[1])
        with open(one, "rb") as f:
            data = f.read()
        load_pem_private_key(open(KEYS[1], "rb").read(), None).public_key().verify(data[4032:4096], data[:4032])
        head = data[:4032].rstrip(b"\0").decode().splitlines()
        chunks = [c[i:i + CHUNK] for c in parts.values() for i in range(0, len(c), CHUNK)]
        hashes = b"".join(hashlib.sha256(c).digest() for c in chunks)
        self.assertEqual(head, ["gatehouse-upgrade 1", "version 1.2.3", "floor 1.0.0", "platform any",
                                "hashes " + hashlib.sha256(hashes).hexdigest()] +
                         ["part %s %d" % (p, len(c)) for p, c in parts.items()])
        self.assertEqual(data[4096:], hashes + b"".join(parts.values()))

"""Power loss while anything but settings is written: the program killed at each of its calls that touch a file."""
import hashlib
import os
import subprocess

from harness.authority import Web
from harness.case import PeerCase
from harness.operwire import DONE, WANT, Oper
from harness.place import BIN, TOP, wait_for
from harness.powercut import Cut
from harness.rsyslog import Rsyslog

FIRST = "tulip-Garden-77 river"


class Store(PeerCase):
    """A fresh box, changed by prepare(), stopped."""
    program = ""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example").start(is_empty=True)
        cls.prepare()
        cls.gh.stop()

    @classmethod
    def prepare(cls):
        pass

    def ask(self, *words):
        """Records; None: not yet, or it cannot."""
        got = self.gh.records(*words, check=False)
        return got if isinstance(got, list) and got else None

    def did(self, *words):
        return self.gh.operator(*words).returncode == 0

    def check(self, old, new, least=4, ready=None, program=None, act=None):
        """Old or new in every round, new where it was acknowledged, and the same after one more start."""
        seen = []
        for n, killed, acknowledged, there, again in Cut(self.place, self.gh, program or self.program, act or self.act, self.look, ready).rounds():
            with self.subTest(call=n):
                self.assertIn(there, (old, new), "a mixture")
                self.assertEqual(again, there)
                if acknowledged:
                    self.assertEqual(there, new)
            seen.append((killed, acknowledged, there == new))
        self.assertIn((True, False, False), seen, "no cut before the point of no return")
        self.assertEqual(seen[-1], (False, True, True), "a round without a cut")
        self.assertGreater(len(seen), least)
        return seen


class Accounts(Store):
    program = "gh-conf/0"

    @classmethod
    def prepare(cls):
        cls.gh.ghsh("operator add ann admin %s\n" % FIRST.replace(" ", "-"))

    def act(self, n):
        return self.did("operator", "add", "bob", "operator", FIRST)

    def look(self):
        got = self.ask("show", "operators")
        return got and self.did("audit", "verify") and sorted((r["name"], r["role"]) for r in got)

    def test_an_account_is_there_or_not(self):
        self.check([("ann", "admin")], [("ann", "admin"), ("bob", "operator")])
        self.assertFalse([f for f in os.listdir(os.path.join(self.gh.state, "conf")) if "damaged" in f])


class Tokens(Store):
    program = "gh-conf/0"

    @classmethod
    def prepare(cls):
        cls.gh.ghsh("token add old api 30\ntoken add extra api 30\n")

    def look(self):
        return self.did("audit", "verify") and sorted(r["name"] for r in self.ask("show", "tokens") or []) or None

    def test_a_token_is_there_or_not(self):
        self.check(["extra", "old"], ["extra", "new", "old"], act=lambda n: self.did("token", "add", "new", "api", "30"))

    def test_a_token_that_goes(self):
        """One that was revoked does not come back."""
        self.check(["extra", "old"], ["old"], act=lambda n: self.did("token", "revoke", "extra"))


class AuditTrail(Store):
    """The round that begins a new file of the chain: all older ones get other names."""
    program = "gh-conf/0"

    @classmethod
    def prepare(cls):
        cls.gh.ghsh("operator add ann admin %s\n" % FIRST.replace(" ", "-"))
        cls.gh.stop()
        path = os.path.join(cls.gh.state, "conf", "audit")
        with open(path, "rb") as f:
            last = f.read().splitlines()[-1]
        owner = os.stat(path)
        number = int(last.split()[1])
        with open(path, "ab") as f:
            while f.tell() <= 2 << 20:
                number += 1
                last = b"%s %d 2026-01-01T00:00:00.000Z audit.command by=\"root\" what=\"%s\"" % (
                    hashlib.sha256(last).hexdigest().encode(), number, b"x" * 900)
                f.write(last + b"\n")
        os.chown(path, owner.st_uid, owner.st_gid)
        cls.gh.start(is_empty=True)
        cls.before = number

    def look(self):
        """(the newest line of the box as it was made ready, bob's line): None when the chain is broken."""
        if not self.did("audit", "verify"):
            return None
        lines = self.ask("show", "audit", "200") or []
        return ([r["n"] for r in lines if r["detail"] == "what=" + "x" * 900][-1:],
                [r["event"] for r in lines if r["event"] == "audit.account" and "account=bob" in r["detail"]])

    def test_the_chain_is_whole(self):
        files, rounds = set(), 0
        cut = Cut(self.place, self.gh, self.program, lambda n: self.did("operator", "add", "bob", "operator", FIRST), self.look)
        for n, _, acknowledged, there, again in cut.rounds():
            with self.subTest(call=n):
                self.assertEqual(there[0], [str(self.before)], "lines of before are gone")
                self.assertEqual(again, there)
                if acknowledged:
                    self.assertEqual(there[1], ["audit.account"])
            rounds += 1
            files |= {f for f in os.listdir(os.path.join(self.gh.state, "conf")) if f.startswith("audit")}
        self.assertEqual(files, {"audit", "audit.1"})
        self.assertGreater(rounds, 8)


class Keys(Store):
    program = "gh-keys/0"

    @classmethod
    def prepare(cls):
        cls.gh.ghsh("certificate generate old ecdsa-p256\ncertificate generate extra rsa-2048\n")

    def act(self, n):
        return self.did("certificate", "generate", "new", "ecdsa-p256")

    def look(self):
        """The names of keys that sign: a request is made with each."""
        got = self.ask("show", "keys")
        if not got:
            return None
        names = sorted(r["key"] for r in got)
        return names if all(self.did("certificate", "csr", name, "near.example") for name in names) else None

    def test_a_new_key(self):
        self.check(["extra", "old"], ["extra", "new", "old"], least=3, ready=self.look)

    def test_a_key_that_goes(self):
        self.check(["extra", "old"], ["old"], least=1, ready=self.look, act=lambda n: self.did("key", "delete", "extra"))


class Lists(Store):
    """Revocation lists that gh-pki keeps: the old or the new one, without the network."""
    program = "gh-pki/0"

    @classmethod
    def prepare(cls):
        cls.web = Web(cls.place.addr())
        cls.publish()
        cls.web.start()
        cls.gh.commit("set trust system off", "set trust anchor test " + cls.pki.ca, "set fetch allow lo 127.0.0.0/8",
                      "set trust revocation-url test " + cls.web.url("/ca.crl"))
        wait_for("the list is fetched", lambda: cls.shown() == "0", 15)
        cls.web.stop()
        cls.publish(cls.pki.make("good", "far.example"))

    @classmethod
    def publish(cls, *revoked):
        with open(cls.pki.revoke(*revoked), "rb") as f:
            cls.web.files["/ca.crl"] = f.read()

    @classmethod
    def shown(cls):
        got = [r for r in cls.gh.records("show", "revocation", check=False) or [] if r["name"] == "test" and r["state"] == "in-force"]
        return got[0]["revoked"] if got else None

    def look(self):
        return self.shown()

    def act(self, n):
        """Acknowledged is what was shown as in force."""
        old = self.gh.pids().get(self.program, 0)
        self.web.start()
        self.gh.operator("revocation", "fetch")
        try:
            for _ in range(100):
                if not old or not os.path.exists("/proc/%d" % old):
                    return False
                if self.shown() == "1":
                    return True
        finally:
            self.web.stop()
        return False

    def test_a_list_is_the_old_or_the_new_one(self):
        self.check("0", "1", ready=self.look)


class Slots(Store):
    """An upgrade file on its way into the other slot: what boots next is always whole."""
    program = "gh-update/0"

    @classmethod
    def prepare(cls):
        cls.parts, args = {"uki": os.urandom(5001), "root": os.urandom(100_000), "hash": os.urandom(3000)}, []
        for part, content in cls.parts.items():
            path = cls.place.path("part." + part)
            with open(path, "wb") as f:
                f.write(content)
            args.append("%s=%s" % (part, path))
        cls.file = cls.place.path("u.img")
        subprocess.run([os.path.join(BIN, "upgrade-make"), "--key", os.path.join(TOP, "build", "keys", "upgrade-1.pem"), "--version", "9.0.0",
                        "--floor", "0.1", "--platform", "any", "--out", cls.file] + args, check=True)

    def act(self, n):
        return self.did("upgrade", "install", self.file)

    def look(self):
        got = {r["slot"]: r for r in self.ask("upgrade", "status") or []}
        if not got:
            return None
        self.assertEqual([s for s in "ab" if got[s]["runs"] == "yes"], ["a"])
        chosen = [s for s in "ab" if got[s]["next"] == "yes"]
        return chosen + [all(self.holds(part) for part in self.parts)] if chosen == ["b"] else chosen

    def holds(self, part):
        with open(os.path.join(self.gh.state, "update", "slot-b." + part), "rb") as f:
            return f.read()[:len(self.parts[part])] == self.parts[part]

    def test_what_boots_next_is_whole(self):
        self.check(["a"], ["b", True])
        # and a file that was cut off is taken anew
        self.gh.start(is_empty=True)
        self.assertTrue(self.act(0))
        self.assertEqual(self.look(), ["b", True])
        self.gh.stop()


class Log(Store):
    """The alarms' book, lines on disk and what waits for a syslog server."""
    IS_LONG = True
    program = "gh-log/0"

    @classmethod
    def prepare(cls):
        cls.server = Rsyslog(cls.place, "tcp", 10514)
        cls.gh.commit("set log file-size 64", "set system name first",
                      "set log remote tcp server %s 10514" % cls.server.addr, "set log remote tcp transport tcp")
        wait_for("the alarm", lambda: cls.stands(), 20)

    @classmethod
    def stands(cls):
        return [r for r in cls.gh.records("show", "alarms", check=False) or [] if r["alarm"] == "SyslogServerUnreachable"]

    def waiting(self):
        got = self.ask("show", "syslog")
        return int(got[0]["waiting"]) if got else None

    def act(self, n):
        """Lines, and a server that takes what waits: its alarm ends. Acknowledged is a line that `show log` has shown."""
        old = self.gh.pids().get(self.program, 0)
        self.mark = n
        self.gh.operator(text="set system name mark%d\ncommit\n" % n)
        lines = self.has_mark()
        self.server.start()
        try:
            for _ in range(60):
                if not old or not os.path.exists("/proc/%d" % old) or not self.stands() and self.waiting() == 0:
                    break
        finally:
            self.server.kill()
        return lines

    def has_mark(self):
        return bool(self.ask("show", "log", "event=audit.setting", "text=after=mark%d" % self.mark))

    def look(self):
        """What every start has to give: alarms with their history, lines, the spool."""
        history, first = self.ask("show", "alarms", "history"), self.ask("show", "log", "text=after=first")
        if not history or not first or self.waiting() is None:
            return None
        return history[0]["alarm"], len(first), self.has_mark()

    def test_alarms_lines_and_spool(self):
        self.mark, killed, first = 0, [], None
        for n, was_killed, acknowledged, there, again in Cut(self.place, self.gh, self.program, self.act, self.look, ready=self.look).rounds():
            with self.subTest(call=n):
                first = first or there[:2]
                self.assertEqual((there[:2], again[:2]), (first, first))
                if acknowledged:
                    self.assertEqual((there[2], again[2]), (True, True))
            killed.append(was_killed)
        self.assertEqual((killed[0], killed[-1]), (True, False), "from its first call to none that is left")

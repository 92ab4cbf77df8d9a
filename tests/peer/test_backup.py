"""Backup, restore and factory reset of whole boxes (G-BKP-01 to 03, G-IMG-11, G-IMG-12; docs/admin/backup.md)."""
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time

from harness.backupfile import ACCOUNTS, KEYS, SETTINGS, STORE, Backup
from harness.case import PeerCase
from harness.operwire import DONE, FILE, WANT, Oper
from harness.place import Failed, wait_for

PASSWORD = "correct horse battery"


class BackupCase(PeerCase):
    def save(self, gh, *words, password=PASSWORD):
        """The bytes of a new backup."""
        folder = self.place.path("saved-%d" % time.monotonic_ns())
        os.makedirs(folder)
        got = gh.operator("backup", *(words or ("save",)), password, cwd=folder)
        self.assertEqual(got.returncode, 0, got.stderr)
        name, = os.listdir(folder)
        path = os.path.join(folder, name)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, "rb") as f:
            return f.read()

    def file(self, data, name="b.backup"):
        path = self.place.path(name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def restore(self, gh, data, password=PASSWORD):
        """When it went well: all programs have taken it over."""
        done = gh.log().count("conf.restore.finished")
        got = gh.operator("backup", "restore", self.file(data), password, timeout=60)
        if got.returncode == 0:
            wait_for("the switch", lambda: gh.log().count("conf.restore.finished") > done, 30)
        return got

    @staticmethod
    def host(gh):
        return gh.records("show", "identity")[0]["host"]

    @staticmethod
    def view(gh):
        """What a restore replaces, as an administrator sees it."""
        return (gh.ghsh("save\n"), sorted(r["key"] + r["pin"] for r in gh.records("show", "keys")),
                sorted(r["user"] for r in gh.records("show", "users")),
                sorted((r["name"], r["role"]) for r in gh.records("show", "operators")))

    def steady_view(self, gh):
        """The same as soon as all programs answer."""
        seen = []

        def once():
            try:
                seen[:] = [self.view(gh)]
                return True
            except Failed:
                return False
        wait_for("the box answers", once, 30, 0.1)
        return seen[0]

    def furnish(self, gh, mark):
        gh.ghsh(["certificate generate %s ed25519" % mark, "certificate self-signed %s near.example" % mark,
                 "set domain near.example certificate " + mark, "set system name " + mark, "commit"])
        gh.ghsh("operator add %s-chief admin \"Mother of %s, 1897\"\n" % (mark, mark))
        gh._retry(lambda: gh.ghsh("user add %s@near.example secret-of-%s\n" % (mark, mark)), 10)


class SecondBox(BackupCase):
    """The whole story: a federating box is lost, a second one takes its place."""

    def test_restore_on_a_second_box(self):
        gh = self.gatehouse("alpha.example", peers={"beta.example": {"action": "allow"}}).publish()
        beta = self.gatehouse("beta.example", peers={"alpha.example": {"action": "allow"}}).publish()
        gh.user("juliet")
        beta.user("romeo")
        gh.start()
        beta.start()
        juliet, romeo = self.login(gh, "juliet"), self.login(beta, "romeo")
        self.chat(juliet, romeo, "before")
        # something that waits for her in the database
        juliet.close()
        romeo.message("juliet@alpha.example", "waits for you")
        self.assertEqual(romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>", "alpha.example").get("type"), "result")
        data, first = self.save(gh), self.host(gh)
        old = self.view(gh)
        gh.stop()

        second = self.gatehouse("alpha.example", addr=gh.addr, name="second")
        second.start(is_empty=True)
        own = self.host(second)
        self.assertNotEqual(own, first)
        got = self.restore(second, data)
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertIn(first, got.stdout)
        self.assertEqual(self.steady_view(second), old)
        self.assertEqual(self.host(second), own, "a restore keeps the box's own identity")
        second.users = {"juliet": "secret"}

        def comes():
            try:
                return self.login(second, "juliet")
            except (OSError, AssertionError, Failed):
                return None
        juliet = wait_for("she comes in with her old password", comes, 15, 0.3)
        juliet.send("<presence/>")
        juliet.wait_body("waits for you")
        romeo.close()
        romeo = self.login(beta, "romeo")
        self.chat(juliet, romeo, "after")


class Refusals(BackupCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example").start(is_empty=True)

    def setUp(self):
        super().setUp()
        if not self.gh.records("show", "keys"):
            self.furnish(self.gh, "first")

    def refused(self, data, word, password=PASSWORD):
        before, files = self.view(self.gh), self.files()
        got = self.restore(self.gh, data, password)
        self.assertEqual(got.returncode, 1, got.stdout)
        self.assertIn(word, got.stderr)
        self.assertEqual(self.view(self.gh), before)
        self.assertEqual(self.files(), files, "nothing is left behind")

    def files(self):
        return sorted(os.path.join(d, f) for d, _, fs in os.walk(self.gh.state) for f in fs if "-wal" not in f)

    def test_the_file_is_as_described(self):
        """Our files opened, and files of ours made, by another hand."""
        data = self.save(self.gh)
        b = Backup.read(data, PASSWORD)
        self.assertEqual((b.host, b.name, b.flags), (self.host(self.gh), "first", 1))
        self.assertIn(b"set system name first", dict(b.parts)[SETTINGS])
        self.assertIn(b"BEGIN PRIVATE KEY", dict(b.parts)[KEYS])
        self.assertTrue(b"".join(c for s, c in b.parts if s == STORE).startswith(b"SQLite format 3"))
        shown = self.gh.records("backup", "show", self.file(data))[0]
        self.assertEqual((shown["name"], shown["host"], shown["platform"]), ("first", b.host, b.platform))
        small = Backup.read(self.save(self.gh, "settings"), PASSWORD)
        self.assertEqual(({s for s, _ in small.parts}, small.flags), ({SETTINGS, ACCOUNTS, KEYS}, 0))

    def test_no_secret_in_clear(self):
        data = self.save(self.gh)
        for word in (b"PRIVATE KEY", b"first@near", b"SQLite", b"set system"):
            self.assertNotIn(word, data)
        self.assertNotIn(PASSWORD, self.gh.log())

    def test_weak_password(self):
        for password, why in (("short", "at least 12"), ("aaaaaaaaaaaaaaaa", "6 different")):
            got = self.gh.operator("backup", "save", password)
            self.assertEqual(got.returncode, 1)
            self.assertIn(why, got.stderr)

    def test_never_over_a_file(self):
        folder = self.place.path("full")
        os.makedirs(folder)
        names = []
        for i in range(3):  # the name has the second in it: of three in a row two meet, or none does
            self.gh.operator("backup", "settings", PASSWORD, cwd=folder)
        for name in os.listdir(folder):
            names.append((name, os.stat(os.path.join(folder, name)).st_size))
        self.assertTrue(names)
        for name, size in names:
            self.assertGreater(size, 500)

    def test_wrong_password(self):
        self.refused(self.save(self.gh), "wrong password", "correct horse batterx")

    def test_half_and_damaged(self):
        data = self.save(self.gh)
        for n in (0, 5, 100, 700, len(data) // 2, len(data) - 1):
            with self.subTest(cut=n):
                self.refused(data[:n], "too early")
        for n in (0, 9, 30, 300, 1000, len(data) // 2, len(data) - 20):
            with self.subTest(flip=n):
                self.refused(data[:n] + bytes([data[n] ^ 4]) + data[n + 1:], "byte")
        self.refused(data + b"x", "follows the end")
        self.refused(b"not a backup at all" * 100, "not a backup file")

    def test_wrong_platform_and_content(self):
        good = Backup.read(self.save(self.gh), PASSWORD)
        for change, word in (
                ({"platform": "hardware" if good.platform == "virtual" else "virtual"}, "platform"),
                ({"parts": [(s, c) for s, c in good.parts if s != KEYS]}, "no section of keys"),
                ({"parts": [(s, c) for s, c in good.parts if s != SETTINGS]}, "no settings"),
                ({"parts": [(s, c) for s, c in good.parts if s != STORE]}, "no people's data"),
                ({"parts": list(reversed(good.parts))}, "out of order"),
                ({"parts": [(SETTINGS, b"set no such setting x\n")] + good.parts[1:]}, "line 1"),
                ({"parts": [(s, b"\0\1\0\1a\0\0\0\1x" if s == KEYS else c) for s, c in good.parts]}, "section of keys"),
                ({"parts": [(s, b"no database" * 9 if s == STORE else c) for s, c in good.parts]}, "database"),
                ({"parts": [(9, b"from the future")] + good.parts}, "out of order"),
                ({"parts": good.parts + [(9, b"from the future")]}, "section 9")):
            with self.subTest(word=word):
                b = Backup(good.product, good.platform, good.name, good.generation, good.made, good.flags)
                b.parts = good.parts
                b.__dict__.update(change)
                self.refused(b.write(PASSWORD), word)

    def test_made_by_another_hand(self):
        """The same content sealed anew is a backup like others, of another host."""
        good = Backup.read(self.save(self.gh), PASSWORD)
        b = Backup(good.product, good.platform, "twin", good.generation, good.made, good.flags)
        b.parts = good.parts
        before = self.view(self.gh)
        got = self.restore(self.gh, b.write(PASSWORD))
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertIn("twin", got.stdout)
        self.assertEqual(self.steady_view(self.gh), before)

    def test_of_another_release(self):
        """What this one does not know of its settings is kept, told, and in the next backup again, which is of both."""
        line = b"set no-such thing x\n"
        good = Backup.read(self.save(self.gh), PASSWORD)
        b = Backup("9.9.9", good.platform, good.name, good.generation, good.made, good.flags)
        b.parts = [(s, c + line if s == SETTINGS else c) for s, c in good.parts]
        before = self.view(self.gh)
        for release in ("9.9.9", good.product):
            b.product = release
            got = self.restore(self.gh, b.write(PASSWORD))
            self.assertEqual(got.returncode, 0, got.stderr)
            self.assertEqual(self.steady_view(self.gh), before)
            self.assertIn('conf.settings.aside', self.gh.log())
            self.assertIn('setting="no-such: no such setting"', self.gh.log())
            b.parts = Backup.read(self.save(self.gh), PASSWORD).parts
            settings = dict(b.parts)[SETTINGS]
            self.assertIn(line, settings)
            self.assertRegex(settings, rb"\A# generation \d+\n# version \S+ and another\n")

    def test_people_stay_when_the_backup_has_none(self):
        data = self.save(self.gh, "settings")
        self.gh.ghsh("user add later@near.example later-secret\n")
        got = self.restore(self.gh, data)
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertIn("later@near.example", self.steady_view(self.gh)[2])
        self.gh.ghsh("user delete later@near.example\n")


class Killed(BackupCase):
    """kill -9 at each step of a restore: wholly the old box or wholly the new one."""
    PROGRAMS = ("gh-conf", "gh-keys", "gh-store", "gh-super")

    box = None

    def setUp(self):
        """A backup of one box, and the state of another, stopped."""
        super().setUp()
        if Killed.box:
            return
        a = self.gatehouse("near.example", name="old").start(is_empty=True)
        self.furnish(a, "old")
        b = self.gatehouse("near.example", name="new").start(is_empty=True)
        self.furnish(b, "new")
        Killed.data, Killed.new, Killed.old = self.save(b), self.view(b), self.view(a)
        for gh in (a, b):
            gh.stop()
        Killed.kept = self.place.path("kept")
        subprocess.run(["cp", "-a", a.state, self.kept], check=True)
        Killed.box = a

    def fresh(self):
        self.box.stop()  # a step that failed has left it
        shutil.rmtree(self.box.state)
        subprocess.run(["cp", "-a", self.kept, self.box.state], check=True)
        self.box.start(is_empty=True)

    def strike(self, program):
        if program == "gh-super":
            os.kill(self.box.program.pid, signal.SIGKILL)
        else:
            os.kill(self.box.pid(program), signal.SIGKILL)

    def revive(self, program):
        if program == "gh-super":
            self.box.stop()
            self.box.start(is_empty=True)

    def outcome(self):
        # A decided restore is taken up by whichever program died: until it has, one may show the old and another the new.
        wait_for("nothing is pending", lambda: not any("restore" in f for _, _, fs in os.walk(self.box.state) for f in fs), 15)
        now = self.steady_view(self.box)
        self.assertIn(now, (self.old, self.new), "a mixture")
        return "new" if now == self.new else "old"

    def to_end(self, o, before_last=None):
        """Gives all pieces; before_last is called before the piece that ends the file. (rc, text), or None: cut."""
        while True:
            kind, body = o.next()
            if kind == WANT:
                if before_last and len(self.data) <= int.from_bytes(body[2:10], "big"):
                    before_last()
                    before_last = None
                o.piece(self.data, body)
            elif kind == DONE:
                return o.done(body)
            elif kind is None:
                return None

    def test_steps(self):
        for program in self.PROGRAMS:
            for step in (1, 2):  # while pieces come
                with self.subTest(program=program, step=step):
                    self.fresh()
                    o = Oper(self.box.socket)
                    o.ask("backup", "restore", "x", PASSWORD)
                    for _ in range(step):
                        kind, body = o.next()
                        self.assertEqual(kind, WANT)
                        o.piece(self.data, body)
                    self.strike(program)
                    o.close()
                    self.revive(program)
                    self.assertEqual(self.outcome(), "old")

    def test_between_the_phases(self):
        """gh-store hangs: gh-keys has prepared, nothing is decided."""
        for program in self.PROGRAMS:
            with self.subTest(program=program):
                self.fresh()
                o = Oper(self.box.socket)
                o.ask("backup", "restore", "x", PASSWORD)
                store = self.box.pid("gh-store")
                held = []

                def hold():
                    os.kill(store, signal.SIGSTOP)
                    held.append(True)
                t = threading.Thread(target=lambda: self.to_end(o, hold), daemon=True)
                t.start()
                wait_for("gh-keys has prepared", lambda: os.path.exists(os.path.join(self.box.state, "keys", "restore.keys")), 10)
                self.strike(program)
                if program in ("gh-conf", "gh-keys"):
                    os.kill(store, signal.SIGCONT)
                self.revive(program)
                self.assertEqual(self.outcome(), "old")
                o.close()
                t.join(5)

    def test_after_the_decision(self):
        """gh-super hangs: it is decided, nobody has started again."""
        for program in self.PROGRAMS:
            with self.subTest(program=program):
                self.fresh()
                o = Oper(self.box.socket)
                o.ask("backup", "restore", "x", PASSWORD)
                got = self.to_end(o, lambda: os.kill(self.box.program.pid, signal.SIGSTOP))
                self.assertEqual(got[0], 0, got)
                self.strike(program)
                if program != "gh-super":
                    os.kill(self.box.program.pid, signal.SIGCONT)
                self.revive(program)
                self.assertEqual(self.outcome(), "new")
                o.close()

    def test_while_all_start_again(self):
        """gh-super and with it everything, at many instants of the switch."""
        for ms in (0, 5, 20, 60, 150, 310, 330, 350, 380):
            with self.subTest(ms=ms):
                self.fresh()
                o = Oper(self.box.socket)
                o.ask("backup", "restore", "x", PASSWORD)
                self.assertEqual(self.to_end(o)[0], 0)
                time.sleep(ms / 1000)
                self.strike("gh-super")
                self.revive("gh-super")
                self.assertEqual(self.outcome(), "new")
                o.close()


class Large(BackupCase):
    """People's data beyond what any program may hold: pieces pass as fast as the slowest takes them."""
    ROWS, ROW_BYTES, MAY_KIB = 600, 100_000, 24 << 10

    def peaks(self, gh):
        out = {}
        for name, pid in gh.pids().items():
            with open("/proc/%d/status" % pid) as f:
                out[name] = int(next(l for l in f if l.startswith("VmHWM")).split()[1])
        return {n: out[n + "/0"] for n in ("gh-conf", "gh-keys", "gh-store")}

    def test_large(self):
        gh = self.gatehouse("near.example").start(is_empty=True)
        self.furnish(gh, "big")
        b = Backup.read(self.save(gh), PASSWORD)
        path = self.place.path("big.db")
        with open(path, "wb") as f:
            f.write(b"".join(c for s, c in b.parts if s == STORE))
        db = sqlite3.connect(path)
        for i in range(self.ROWS):
            db.execute("INSERT INTO blob(user,key,value) SELECT id,?,? FROM user LIMIT 1", ("k%d" % i, os.urandom(self.ROW_BYTES)))
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        with open(path, "rb") as f:
            data = f.read()
        self.assertGreater(len(data), self.ROWS * self.ROW_BYTES)
        b.parts = [p for p in b.parts if p[0] != STORE] + [(STORE, data[i:i + 65536]) for i in range(0, len(data), 65536)]
        before = self.peaks(gh)
        big = b.write(PASSWORD)
        # one that does not get as far: memory is measured before the programs start anew
        got = self.restore(gh, big[:-5])
        self.assertIn("too early", got.stderr)
        after = self.peaks(gh)
        for name in before:
            # gh-keys: 64 MiB for the password
            self.assertLess(after[name] - before[name], self.MAY_KIB + (name == "gh-keys") * (64 << 10), name)
        got = self.restore(gh, big)
        self.assertEqual(got.returncode, 0, got.stderr)
        self.steady_view(gh)
        # out again, to one who does not read for a while
        before = self.peaks(gh)
        o = Oper(gh.socket, 60)
        o.ask("backup", "save", PASSWORD)
        time.sleep(2)
        size, kind = 0, FILE
        while kind not in (DONE, None):
            kind, body = o.next()
            if kind == FILE:
                size += len(body)
        self.assertEqual(o.done(body)[0], 0)
        self.assertGreater(size, len(data))
        after = self.peaks(gh)
        for name in before:
            self.assertLess(after[name] - before[name], self.MAY_KIB + (name == "gh-keys") * (64 << 10), name)
        o.close()


class Reset(BackupCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example").start(is_empty=True)

    def test_reset(self):
        gh = self.gh
        self.furnish(gh, "mine")
        id_, keys, users = self.host(gh), gh.records("show", "keys"), gh.records("show", "users")
        for words in (("settings",), ("all",), ("all", "yours"), ("all", "gatehouse")):
            got = gh.operator("factory-reset", *words)
            self.assertEqual(got.returncode, 1, got.stdout)
            self.assertIn("nothing was reset", got.stderr)
        gh.ghsh("factory-reset settings mine\n")
        wait_for("the settings are gone", lambda: "conf.reset" in gh.log(), 15)
        self.assertEqual(self.steady_view(gh)[3], [("mine-chief", "admin")])
        self.assertEqual(gh.ghsh("save\n").strip(), "")
        self.assertEqual(gh.records("history"), [])
        self.assertEqual(gh.records("show", "keys"), keys)
        self.assertEqual(gh.records("show", "users"), users)
        self.assertEqual(self.host(gh), id_)
        gh.ghsh("factory-reset all gatehouse\n")
        wait_for("all is wiped", lambda: "super.reset" in gh.log(), 15)
        wait_for("the box is new", lambda: self.steady_view(gh)[1:] == ([], [], []), 15)
        self.assertNotEqual(self.host(gh), id_)

    def test_reset_is_finished_at_the_next_start(self):
        gh = self.gatehouse("near.example", name="cut").start(is_empty=True)
        self.furnish(gh, "mine")
        id_ = self.host(gh)
        gh.stop()
        with open(os.path.join(gh.state, "reset"), "w"):
            pass
        shutil.rmtree(os.path.join(gh.state, "store"))  # as far as it came
        gh.start(is_empty=True)
        self.assertEqual(self.steady_view(gh)[1:], ([], [], []))
        self.assertNotEqual(self.host(gh), id_)
        self.assertFalse(os.path.exists(os.path.join(gh.state, "reset")))
        gh.stop()

    def test_a_clone_is_noticed(self):
        gh = self.gatehouse("near.example", name="clone").start(is_empty=True)
        gh.stop()
        path = os.path.join(gh.state, "keys", "identity.machine")
        with open(path) as f:
            made = f.readline()
        with open(path, "w") as f:
            f.write(made + "machine 00112233445566778899aabbccddeeff\nmac 020000000001\n")
        gh.start(is_empty=True)
        self.assertIn("keys.identity.elsewhere", gh.log())
        self.assertEqual(gh.records("show", "identity")[0]["machine"], "another")
        gh.ghsh("identity accept\n")
        self.assertEqual(gh.records("show", "identity")[0]["machine"], "same")
        gh.stop()
        gh.start(is_empty=True)
        self.assertEqual(gh.records("show", "identity")[0]["machine"], "same")

    def test_reboot_and_shutdown(self):
        gh = self.gatehouse("near.example", name="end").start(is_empty=True)
        pids = gh.pids()
        gh.ghsh("reboot\n")
        wait_for("all are new", lambda: set(gh.pids()) == set(pids) and not set(gh.pids().values()) & set(pids.values()), 15)
        self.steady_view(gh)
        gh.ghsh("shutdown\n")
        wait_for("all have ended", lambda: not gh.pids(), 15)

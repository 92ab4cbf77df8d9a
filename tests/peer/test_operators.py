"""Operators' accounts: logins over the real socket and with ghsh on a terminal, waits, codes, sessions, the audit trail, the two-person
rule, and every command and setting against every role."""
import hashlib
import os
import re
import select
import socket
import subprocess
import time

from harness import opersock
from harness.case import PeerCase
from harness.console import PROMPT, Console
from harness.examples import CONTENTS, PLACES
from harness.opersock import Oper, err
from harness.place import TOP, need, wait_for

FIRST, OWN, OTHER = "tulip-Garden-77 river", "plough horse 9 rain", "seven quiet windows 4"
AUTH, AGAIN, RANGE, FULL, DENIED = (err(n, TOP) for n in ("AUTH", "AGAIN", "RANGE", "FULL", "DENIED"))
ROLES = {"auditor": 0, "operator": 1, "admin": 2, "crypto": 3, "api": 4, "compliance": 5}


class Box(PeerCase):
    """A fresh box; root's console makes what a test wants."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        cls.gh.start(is_empty=True)

    def root(self, *words, code=0, text=None):
        got = self.gh.operator(*words, text=text)
        self.assertEqual(got.returncode, code, "%s\n%s%s" % (words, got.stdout, got.stderr))
        return got.stdout + got.stderr

    def commit(self, *lines):
        self.gh.commit(*lines)

    def connect(self):
        o = Oper(self.gh.socket)
        self.addCleanup(o.close)
        return o

    def add(self, name, role="admin", password=OWN):
        """An account after its first login."""
        self.root("operator", "add", name, role, FIRST)
        if role != "api":
            o = self.connect()
            self.assertEqual(o.login(name, FIRST, new=password).rc, 0)
            o.close()

    def enter(self, name, password=OWN, code=""):
        o = self.connect()
        a = o.login(name, password, code)
        self.assertEqual(a.rc, 0, a.text)
        return o

    def terminal(self, *options, until=PROMPT):
        c = Console(self.gh, *options, until=until)
        self.addCleanup(c.close)
        return c

    def account(self, name):
        return [r for r in self.gh.records("show", "operators") if r["name"] == name][0]

    def edit(self, change):
        """The file of accounts, changed by `change` while gh-conf is away, with a right checksum."""
        path = os.path.join(self.gh.state, "conf", "accounts")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        body = change(text[:text.rindex("sha256 ")])
        with open(path, "w", encoding="utf-8") as f:
            f.write(body + "sha256 " + hashlib.sha256(body.encode()).hexdigest() + "\n")
        self.restart()

    def restart(self):
        self.gh.kill("gh-conf")
        wait_for("gh-conf answers", lambda: self.gh.operator("show", "version").returncode == 0, 10)


class Logins(Box):
    def test_first_login_on_a_terminal(self):
        self.commit('set operators banner "Authorised use only.|You are watched."', 'set operators message "Backups run at two."')
        self.root("operator", "add", "anna", "admin", FIRST)
        c = self.terminal("--user", "anna", until="Password: ")
        self.assertIn("Authorised use only.\nYou are watched.\n", c.before)
        c.type(FIRST + "\n")
        c.wait("one login: choose your own\nNew password: ")
        c.type("short\n")
        c.wait("Once more: ")
        c.type("short\n")
        c.wait("too short.*\n(.*\n)*New password: ")
        c.type(OWN + "\n")
        c.wait("Once more: ")
        c.type(OWN + "\n")
        out = c.wait(PROMPT)
        self.assertIn("Backups run at two.", out)
        self.assertNotIn(OWN, out)
        self.assertRegex(c.say("show operators"), r"anna +admin +in force")
        self.assertIn("uptime_s", c.say("show version"))
        c.close()
        c = self.terminal("--user", "anna", until="Password: ")
        c.type("wrong one indeed\n")
        c.wait("error: wrong name, password or code\n(.*\n)*Password: ")
        c.type(OWN + "\n")
        out = c.wait(PROMPT)
        self.assertIn("Last login: 20", out)
        self.assertIn("Failed logins since then: 1.", out)
        self.commit("delete operators banner", "delete operators message")
        self.root("operator", "add", "zoe", "admin", FIRST)
        self.root("operator", "delete", "anna")
        self.assertNotIn(OWN, self.gh.log())
        self.assertNotIn(FIRST, self.gh.log())

    def test_a_script_logs_in(self):
        self.add("script", "auditor")
        got = self.gh.operator("--user", "script", "show", "version", text=OWN + "\n")
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertEqual(self.gh.operator("--user", "script", "show", "version", text="not this one\n").returncode, 4)
        self.assertEqual(self.gh.operator("--user", "nobody", "show", "version", text=OWN + "\n").returncode, 4)
        got = self.gh.operator("--user", "script", text=OWN + "\nshow version\nset system name x\n")
        self.assertEqual(got.returncode, 1)
        self.assertIn("your role may not do this", got.stderr)

    def test_lost_password(self):
        self.add("lena", "operator")
        there = self.enter("lena")
        got = self.gh.records("operator", "reset", "lena")[0]
        self.assertTrue(there.is_closed())
        once = got["one_time_password"]
        self.assertGreaterEqual(len(once.replace("-", "")), 16)
        o = self.connect()
        self.assertEqual(o.login("lena", OWN).rc, AUTH)
        self.assertEqual(o.login("lena", once).need, opersock.NEED_PASSWORD_NEW)
        a = o.login("lena", once, new=OWN)
        self.assertEqual(a.rc, RANGE)                      # a former one
        self.assertIn("already", a.text)
        self.assertEqual(o.login("lena", once, new="lenalenalena").rc, RANGE)
        self.assertEqual(o.login("lena", once, new=OTHER).rc, 0)
        self.assertEqual(self.connect().login("lena", once).rc, AUTH)
        self.assertNotIn(once, self.gh.log())

    def test_expiry(self):
        self.add("old", "auditor")
        self.assertEqual(self.account("old")["password_days"], "180")
        day = 86400
        long_ago = int(time.time()) - 175 * day
        self.edit(lambda t: re.sub(r"(account old\n(?:.*\n)*?changed )\d+", r"\g<1>%d" % long_ago, t))
        self.assertIn(self.account("old")["password_days"], ("5", "4"))
        a = self.connect().login("old", OWN)
        self.assertEqual((a.rc, a.records[0]["password_days"]), (0, self.account("old")["password_days"]))
        self.root("operator", "expiry", "old", "30")
        self.assertEqual(self.account("old")["state"], "password expired")
        o = self.connect()
        self.assertEqual(o.login("old", OWN).need, opersock.NEED_PASSWORD_NEW)
        self.root("operator", "expiry", "old", "never")
        self.assertEqual(o.login("old", OWN).rc, 0)
        self.root("operator", "expiry", "old", "default")
        self.commit("set operators password-expiry 100")
        self.assertEqual(self.connect().login("old", OWN).need, opersock.NEED_PASSWORD_NEW)
        self.assertEqual(self.connect().login("old", OWN, new=OTHER).rc, 0)
        self.assertEqual(self.account("old")["password_days"], "100")
        self.commit("delete operators password-expiry")

    def test_passwd(self):
        self.add("paula", "auditor")
        o, other = self.enter("paula"), self.enter("paula")
        self.assertEqual(o.ask("passwd").need, opersock.NEED_OLD_SECRET)
        self.assertEqual(o.ask("passwd", b"not this one").need, opersock.NEED_SECRET)
        self.assertEqual(o.ask("passwd", b"not this one", OTHER.encode()).rc, AUTH)
        self.assertEqual(o.ask("passwd", OWN.encode(), b"aaaaaaaaaaaaaaaaaa").rc, RANGE)
        self.assertEqual(o.ask("passwd", OWN.encode(), OWN.encode()).rc, RANGE)
        self.assertEqual(o.ask("passwd", OWN.encode(), OTHER.encode()).rc, 0)
        self.assertTrue(other.is_closed())
        self.assertEqual(o.ask("show", "version").rc, 0)
        self.assertEqual(self.connect().login("paula", OTHER).rc, 0)
        c = self.terminal("--user", "paula", until="Password: ")
        c.type(OTHER + "\n")
        c.wait(PROMPT)
        c.type("passwd\n")
        c.wait("Old password: ")
        c.type(OTHER + "\n")
        c.wait("Password: ")
        c.type(FIRST + " 2\n")
        c.wait("Once more: ")
        c.type(FIRST + " 2\n")
        self.assertNotIn("error", c.wait(PROMPT))
        self.assertIn("no password", self.root("passwd", "x", "y", code=1))

    def test_waits_after_failures(self):
        self.add("wanda")
        self.commit("set operators lockout-tries 2")
        for _ in range(3):
            self.assertEqual(self.connect().login("wanda", "wrong wrong wrong").rc, AUTH)
        a = self.connect().login("wanda", OWN)
        self.assertEqual(a.rc, AGAIN)
        self.assertRegex(a.text, r"wait \d+ s")
        self.root("show", "version")                       # root's console knows no wait
        self.add("xenia")                                  # another account neither
        self.root("operator", "unlock", "wanda")
        self.assertEqual(self.connect().login("wanda", OWN).rc, 0)
        for _ in range(4):
            self.connect().login("wanda", "wrong wrong wrong")
        wait_for("the wait ends by itself", lambda: self.connect().login("wanda", OWN).rc == 0, 15)
        self.assertEqual(self.account("wanda")["failures"], "0")
        self.commit("delete operators lockout-tries")

    def from_(self, address):
        """A connection as sshd's module makes it for somebody at that address."""
        o = self.connect()
        self.assertEqual(o.come_from(address).rc, 0)
        return o

    def test_waits_by_the_address_over_ssh(self):
        self.add("vera")
        self.commit("set operators lockout-tries 2")
        for i in range(3):
            self.assertEqual(self.from_("2001:db8::%d" % i).login("vera", "wrong wrong wrong").rc, AUTH)
        self.assertEqual(self.from_("2001:db8::9").login("vera", OWN).rc, AGAIN)         # the same /64
        self.assertEqual(self.from_("2001:db8:0:1::9").login("vera", OWN).rc, 0)
        self.assertEqual(self.connect().login("vera", OWN).rc, 0)                        # the console
        self.assertRegex(self.root("show", "audit", "20"), r"vera +2001:db8:0:1::9 +audit\.login")
        self.commit("delete operators lockout-tries")

    def test_who_asks_for_another_place_is_nobody(self):
        o = self.from_("192.0.2.7")
        o.ask_only("show", "version")
        self.assertTrue(o.is_closed())
        o = self.from_("192.0.2.7")
        o.send(opersock.FROM, opersock.put_str("192.0.2.8"))  # one place a connection
        self.assertTrue(o.is_closed())
        o = self.enter_as("vicky")
        o.send(opersock.FROM, opersock.put_str("192.0.2.8"))
        self.assertTrue(o.is_closed())
        self.assertEqual(self.from_("not an address").login("vicky", OWN).rc, 0)
        self.assertEqual(self.account("vicky")["last_from"], "ssh")

    def enter_as(self, name):
        self.add(name)
        return self.enter(name)

    def test_waits_outlive_a_kill(self):
        self.add("ursula")
        self.commit("set operators lockout-tries 2")
        def tries():
            o = self.from_("192.0.2.5")
            rc = o.login("ursula", "wrong wrong wrong").rc
            o.close()
            return rc == AUTH
        for _ in range(7):  # then it waits 16 s
            wait_for("it may be tried again", tries, 30, 0.3)
        failures = int(self.account("ursula")["failures"])
        time.sleep(2.5)  # LOCKOUT_WRITE_MS
        self.gh.kill("gh-conf")
        wait_for("it is back", lambda: self.gh.operator("show", "version").returncode == 0, 15)
        self.assertEqual(self.from_("192.0.2.5").login("ursula", OWN).rc, AGAIN)
        self.assertEqual(int(self.account("ursula")["failures"]), failures)
        self.assertEqual(self.from_("192.0.2.6").login("ursula", OWN).rc, 0)
        self.root("operator", "unlock", "ursula")
        self.gh.kill("gh-conf")
        wait_for("it is back", lambda: self.gh.operator("show", "version").returncode == 0, 15)
        self.assertEqual(self.from_("192.0.2.5").login("ursula", OWN).rc, 0)
        self.commit("delete operators lockout-tries")

    def test_three_tries_a_connection(self):
        # a name that is not there is answered alike, and in about the same time
        o = self.connect()
        took = []
        for name in ("ghost1", "ghost2", "ghost3"):
            at = time.monotonic()
            a = o.login(name, OWN)
            took.append(time.monotonic() - at)
            self.assertEqual((a.rc, a.text), (AUTH, "wrong name, password or code"))
        self.assertGreater(min(took), 0.02)
        self.root("show", "version")

    def test_the_loop_goes_on_while_passwords_are_hashed(self):
        # three of one source may wait; root is answered before the last of them
        root = self.connect()
        self.assertEqual(root.ask("show", "version").rc, 0)
        waiting = [self.connect() for _ in range(3)]
        for o in waiting:
            o.send(opersock.LOGIN, opersock.put_str("ghost") + opersock.put_bytes(OWN) + opersock.put_str(""))
        self.assertEqual(root.ask("show", "version").rc, 0)
        silent = [o for o in waiting if not select.select([o.s], [], [], 0)[0]]
        self.assertTrue(silent)
        self.assertEqual([o.answer().rc for o in waiting], [AUTH] * 3)

    def test_the_helper_is_fenced(self):
        conf = self.gh.pid("gh-conf")
        with open("/proc/%d/task/%d/children" % (conf, conf)) as f:
            helper, = f.read().split()
        with open("/proc/%s/status" % helper) as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        self.assertEqual((status["Seccomp"], status["NoNewPrivs"], int(status["CapEff"], 16)), ("2", "1", 0))
        self.assertLessEqual(len(os.listdir("/proc/%s/fd" % helper)), 4)
        self.assertEqual(os.listdir("/proc/%s/root" % helper), [])
        os.kill(int(helper), 9)
        wait_for("gh-conf has another", lambda: "conf.helper.lost" in self.gh.log() and
                 self.gh.operator("show", "version").returncode == 0, 15)
        self.assertEqual(self.connect().login("ghost", OWN).rc, AUTH)

    def test_damaged_accounts(self):
        self.add("dora")
        with open(os.path.join(self.gh.state, "conf", "accounts"), "r+b") as f:
            f.seek(60)
            f.write(b"?")
        self.restart()
        self.assertIn("conf.accounts.damaged", self.gh.log())
        self.assertEqual(self.connect().login("dora", OWN).rc, AUTH)
        self.assertIn("damaged", self.root("show", "operators"))
        self.assertTrue(os.path.exists(os.path.join(self.gh.state, "conf", "accounts.damaged")))
        self.add("dora2")

    def test_refused(self):
        for words, why in ((("operator", "add", "Anna", "admin", FIRST), "a name has"), (("operator", "add", "root", "admin", FIRST), "root is"),
                           (("operator", "add", "a", "king", FIRST), "one of auditor"), (("operator", "add", "a", "admin", "short"), "too short"),
                           (("operator", "delete", "nobody"), "no such operator"), (("operator", "role", "nobody", "admin"), "no such operator"),
                           (("operator", "expiry", "nobody", "3"), "no such"), (("operator", "totp", "enable"), "no account"),
                           (("operator", "evict", "99999"), "no such session"), (("approve", "9"), "no such request"),
                           (("set", "operators", "lockout-tries", "0"), "1..20")):
            with self.subTest(words=words):
                self.assertIn(why, self.root(*words, code=1))
        self.add("only")
        for r in self.gh.records("show", "operators"):
            if r["role"] == "admin" and r["name"] != "only":
                self.root("operator", "delete", r["name"])
        self.assertIn("last admin", self.root("operator", "delete", "only", code=1))
        self.assertIn("last admin", self.root("operator", "role", "only", "auditor", code=1))

    def test_keys(self):
        self.add("kim", "operator")
        path = self.place.write("id.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKo kim@desk\n")
        self.root("operator", "key", "add", "kim", path)
        self.assertIn("kim@desk", self.root("show", "operator", "kim"))
        bad = self.place.write("bad.pub", 'command="sh" ssh-ed25519 AAAA\nssh-rsa BBBB\n')
        self.assertIn("one OpenSSH public key", self.root("operator", "key", "add", "kim", bad, code=1))
        self.restart()
        self.root("operator", "key", "delete", "kim", "1")
        self.root("operator", "key", "delete", "kim", "1", code=1)
        self.assertNotIn("kim@desk", self.root("show", "operator", "kim"))


class Codes(Box):
    def code(self, secret, seconds=0):
        return subprocess.run([need("oathtool"), "--totp", "--base32", secret, "--now=@%d" % (time.time() + seconds)],
                              stdout=subprocess.PIPE, check=True, text=True).stdout.strip()

    def set_up(self, name):
        self.add(name)
        o = self.enter(name)
        got = o.ask("operator", "totp", "enable").records[0]
        self.assertIn(":%s?secret=%s" % (name, got["secret"]), got["uri"])
        self.assertEqual(o.ask("operator", "totp", "confirm", "123").rc, AUTH)
        self.assertEqual(o.ask("operator", "totp", "confirm", self.code(got["secret"], -30)).rc, 0)
        return got["secret"]

    def test_login_with_a_code(self):
        secret = self.set_up("tina")
        o = self.connect()
        self.assertEqual(o.login("tina", "not this one").rc, AUTH)
        self.assertEqual(o.login("tina", OWN).need, opersock.NEED_CODE)
        self.assertEqual(o.login("tina", OWN, "000000").rc, AUTH)
        code = self.code(secret)
        self.assertEqual(o.login("tina", OWN, code).rc, 0)
        self.assertEqual(self.connect().login("tina", OWN, code).rc, AUTH)     # once only
        self.assertEqual(self.account("tina")["code"], "on")
        self.restart()
        self.assertEqual(self.connect().login("tina", OWN, code).rc, AUTH)     # after a restart neither
        self.root("operator", "totp", "disable", "tina")                       # the telephone is lost
        self.assertEqual(self.connect().login("tina", OWN).rc, 0)

    def test_on_a_terminal(self):
        secret = self.set_up("toni")
        c = self.terminal("--user", "toni", until="Password: ")
        c.type(OWN + "\n")
        c.wait("Code: ")
        c.type(self.code(secret) + "\n")
        c.wait(PROMPT)

    def test_demanded_of_a_role(self):
        self.add("thea", "operator")
        self.commit("set operators code-required operator on")
        o = self.connect()
        a = o.login("thea", OWN)
        self.assertEqual(a.rc, 0)
        self.assertIn("operator totp enable", a.notes[0])
        self.assertEqual(o.ask("show", "version").rc, DENIED)
        secret = o.ask("operator", "totp", "enable").records[0]["secret"]
        self.assertEqual(o.ask("operator", "totp", "confirm", self.code(secret)).rc, 0)
        self.assertEqual(o.ask("show", "version").rc, 0)
        self.assertEqual(o.ask("operator", "totp", "disable").rc, DENIED)
        self.assertEqual(o.ask("operator", "totp", "disable", "somebody").rc != 0, True)
        self.commit("delete operators code-required")


class Sessions(Box):
    def test_evict_and_limits(self):
        self.add("eva", "operator")
        a, b = self.enter("eva"), self.enter("eva")
        rows = [r for r in self.gh.records("show", "operator-sessions") if r["who"] == "eva"]
        self.assertEqual(len(rows), 2)
        self.assertEqual({r["role"] for r in rows}, {"operator"})
        self.root("operator", "evict", rows[0]["session"])
        self.assertTrue(a.is_closed())
        self.assertEqual(b.ask("show", "version").rc, 0)
        self.root("operator", "evict", "eva")
        self.assertTrue(b.is_closed())
        self.commit("set operators sessions-account 1")
        a = self.enter("eva")
        self.assertEqual(self.connect().login("eva", OWN).rc, FULL)
        a.close()
        wait_for("room again", lambda: self.connect().login("eva", OWN).rc == 0, 5)
        self.commit("delete operators sessions-account")

    def test_idle(self):
        self.add("ida", "auditor")
        o = self.enter("ida")
        self.commit("set operators idle-timeout 1")
        self.assertTrue(o.is_closed())
        self.commit("delete operators idle-timeout")

    def test_role_and_deletion_end_sessions(self):
        self.add("rosa", "operator")
        o = self.enter("rosa")
        self.root("operator", "role", "rosa", "auditor")
        self.assertTrue(o.is_closed())
        o = self.enter("rosa")
        self.assertEqual(o.ask("federation", "retry").rc, DENIED)
        self.root("operator", "delete", "rosa")
        self.assertTrue(o.is_closed())
        self.assertEqual(self.connect().login("rosa", OWN).rc, AUTH)

    def test_a_login_gives_up_what_one_was(self):
        self.add("lara", "auditor")
        o = self.connect()
        self.assertEqual(o.ask("set", "system", "name", "x").rc, 0)
        self.assertEqual(o.login("lara", OWN).rc, 0)
        self.assertEqual(o.ask("set", "system", "name", "x").rc, DENIED)
        self.assertEqual(o.ask("diff").records, [])
        o.hello(opersock.ADMIN)
        self.assertEqual(o.ask("set", "system", "name", "x").rc, DENIED)

    def test_an_api_account_has_no_console(self):
        self.add("robot", "api")
        self.assertEqual(self.connect().login("robot", FIRST).rc, AUTH)


class Strangers(PeerCase):
    """Another user of the machine, in the group that reaches the socket."""

    GROUP, USER = 62077, 62078

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        if os.geteuid() == 0:
            cls.gh.super_options = ["--operators-gid", str(cls.GROUP)]
            for folder in (os.path.dirname(cls.gh.run), os.path.dirname(os.path.dirname(cls.gh.run))):
                os.chmod(folder, os.stat(folder).st_mode | 0o011)
        cls.gh.start(is_empty=True)

    def as_user(self, group, work):
        """What work gives ("ok" is good), in a process of that user."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setresgid(group, group, group)
                os.setresuid(self.USER, self.USER, self.USER)
                os.write(write, str(work()).encode())
            except BaseException as e:  # noqa: the parent prints it
                os.write(write, repr(e).encode())
            os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read) as f:
            return f.read()

    def test_nothing_before_login(self):
        if os.geteuid() != 0:
            self.assertEqual(os.stat(self.gh.socket).st_mode & 0o777, 0o600)
            return
        self.assertEqual(os.stat(self.gh.socket).st_mode & 0o777, 0o660)
        self.gh.ghsh(['operator add sam operator "%s"' % FIRST])
        path = self.gh.socket

        def ask_first():
            o = Oper(path)
            o.hello()
            o.ask_only("show", "version")
            return o.is_closed()

        def complete_first():
            o = Oper(path)
            o.send(opersock.COMPLETE, b"\0\1" + opersock.put_bytes(""))
            return o.is_closed()

        def long_frame():
            o = Oper(path)
            o.s.sendall(b"\0\x10\0\0\x05")
            return o.is_closed()

        def log_in():
            o = Oper(path)
            o.hello()
            a = o.login("sam", FIRST)
            if a.need != opersock.NEED_PASSWORD_NEW or o.login("sam", FIRST, new=OWN).rc != 0:
                return a.text
            return o.ask("show", "version").rc, o.ask("set", "system", "name", "x").rc

        def three_tries():
            o = Oper(path)
            for _ in range(3):
                o.login("nobody", "x")
            return o.is_closed()

        for work in (ask_first, complete_first, long_frame, three_tries):
            with self.subTest(work=work.__name__):
                self.assertEqual(self.as_user(self.GROUP, work), "True")
        self.assertEqual(self.as_user(self.GROUP, log_in), str((0, DENIED)))
        self.assertIn("PermissionError", self.as_user(self.USER, ask_first))
        self.assertIn("source=\"uid %d\"" % self.USER, self.gh.log())
        # places for the console are left when strangers hold all of theirs
        held = []

        def hold():
            for _ in range(40):
                held.append(Oper(path))
            return sum(o.hello().rc == 0 for o in held[:16])

        self.assertEqual(self.as_user(self.GROUP, hold), "16")
        self.assertEqual(self.gh.operator("show", "version").returncode, 0)


class Trail(Box):
    def verify(self):
        return self.gh.operator("audit", "verify")

    def test_audit(self):
        self.add("alma")
        o = self.enter("alma")
        for words in (("set", "im", "resume", "33"), ("set", "turn", "secret", "a", "very-secret-word"), ("commit",)):
            self.assertEqual(o.ask(*words).rc, 0)
        o.ask("operator", "role", "nobody", "admin")
        rows = self.gh.records("show", "audit", "100")
        found = [r for r in rows if r["event"] == "audit.setting" and "im resume" in r["detail"]]
        self.assertEqual((found[0]["by"], found[0]["source"]), ("alma", "console"))
        self.assertIn("after=33", found[0]["detail"])
        self.assertTrue(any(r["event"] == "audit.login" and r["by"] == "alma" for r in rows))
        text = "".join(str(r) for r in rows)
        for secret in ("very-secret-word", OWN, FIRST):
            self.assertNotIn(secret, text)
            self.assertNotIn(secret, self.gh.log())
        self.assertEqual([int(r["n"]) for r in rows], list(range(1, len(rows) + 1)))
        got = self.verify()
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)
        self.restart()
        self.root("federation", "retry")
        last = self.gh.records("audit", "verify")[0]
        self.assertIn("n=%s chain=%s" % (last["last"], last["hash"][:16]), self.gh.log())
        path = os.path.join(self.gh.state, "conf", "audit")
        with open(path, encoding="utf-8") as f:
            lines = f.readlines()
        for broken in (lines[:2] + lines[3:], lines[:2] + [lines[2].replace("alma", "bert")] + lines[3:], lines[1:], lines[:-1]):
            with open(path, "w", encoding="utf-8") as f:
                f.write("".join(broken))
            self.assertEqual(self.verify().returncode, 1)
        with open(path, "w", encoding="utf-8") as f:
            f.write("".join(lines))
        self.assertEqual(self.verify().returncode, 0)

    def test_two_persons(self):
        self.add("one")
        self.add("two")
        self.commit("set operators two-person accounts")
        a, b = self.enter("one"), self.enter("two")
        got = a.ask("operator", "add", "new", "auditor", FIRST.encode())
        self.assertEqual(got.rc, AGAIN)
        number = re.search(r"approve (\d+)", got.text).group(1)
        self.assertEqual(a.ask("approve", number).rc, DENIED)              # not oneself
        self.assertEqual(a.ask("show", "approvals").records[0]["by"], "one")
        self.assertNotIn("new", {r["name"] for r in self.gh.records("show", "operators")})
        self.assertEqual(b.ask("approve", number).rc, 0)
        self.assertEqual(self.account("new")["role"], "auditor")
        self.assertNotEqual(b.ask("approve", number).rc, 0)                # once
        number = re.search(r"approve (\d+)", a.ask("operator", "delete", "new").text).group(1)
        self.assertEqual(b.ask("disapprove", number).rc, 0)
        self.assertNotEqual(b.ask("approve", number).rc, 0)
        self.assertEqual(self.account("new")["role"], "auditor")
        a.ask("set", "operators", "two-person", "off")
        self.assertEqual(a.ask("commit").rc, DENIED)                       # nor alone by a setting
        number = re.search(r"approve (\d+)", a.ask("operator", "delete", "two").text).group(1)
        self.commit("set operators two-person off")
        self.root("operator", "role", "one", "auditor")
        self.assertEqual(b.ask("approve", number).rc, DENIED)              # who asked may not any more
        self.root("operator", "role", "one", "admin")


class Matrix(Box):
    """docs/admin/commands.md says who may what; the box does so."""

    FILLED = {**PLACES, **CONTENTS}

    # not tried where they are allowed: the box would end, or be another one
    ENDS = re.compile(r"(shutdown|reboot|factory|upgrade|restore|backup restore)")

    @classmethod
    def table(cls, heading):
        """[(name, {who})] of the rows under a heading, or of all commands."""
        with open(os.path.join(TOP, "docs", "admin", "commands.md"), encoding="utf-8") as f:
            commands, _, settings = f.read().partition("## Settings by role")
        rows = re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \|", settings if heading else commands, re.M)
        return [(name, set(ROLES) if who == "all" else set(who.split(", "))) for name, who in rows]

    def is_denied(self, o, words, what):
        """By the role."""
        o.ask_only(*words)
        o.s.settimeout(2)
        try:
            a = o.answer()
        except socket.timeout:
            o.send(opersock.ABORT)
            a = o.answer()
        return a.rc == DENIED and "your role may not " + what in a.text

    def words(self, pattern):
        out = []
        for w in pattern.split():
            if w.startswith("["):
                continue
            m = re.match(r"<([a-z/-]+)>", w)
            out.append(self.FILLED.get(m.group(1), "x") if m else w)
        return out

    def test_commands(self):
        rows = self.table(None)
        self.assertGreater(len(rows), 60)
        self.assertEqual({r[0] for r in rows}, {r["command"] for r in self.gh.records("help")})
        for role, number in ROLES.items():
            o = self.connect()
            o.hello(number)
            shown = {r["command"] for r in o.ask("help").records}
            self.assertEqual(shown, {name for name, who in rows if role in who})
            for name, who in rows:
                if name == "help" or (role in who and self.ENDS.match(name)):
                    continue
                with self.subTest(role=role, command=name):
                    self.assertEqual(not self.is_denied(o, self.words(name), "do this"), role in who)

    def test_settings(self):
        with open(os.path.join(TOP, "docs", "admin", "settings.md"), encoding="utf-8") as f:
            paths = re.findall(r"^\| `([^`]+)` \|", f.read(), re.M)
        self.assertGreater(len(paths), 150)
        rights = self.table("settings")
        for role, number in ROLES.items():
            o = self.connect()
            o.hello(number)
            for path in paths:
                may = role == "admin"
                for pattern, who in rights:
                    if (path + " ").startswith(pattern + " "):
                        may = role in who
                with self.subTest(role=role, setting=path):
                    words = ["k.example" if w == "*" else w for w in path.split()]
                    self.assertEqual(not self.is_denied(o, ["set"] + words + ["x"], "change this"), may or role == "auditor")  # the auditor has no set

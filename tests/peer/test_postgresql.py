"""Accounts and messages on a PostgreSQL server (store engine postgresql): what people have is there, over deaths of the server and of ours."""
import os
import re
import threading

from harness import raw
from harness.people import DOMAIN, Box, arrived, bodies
from harness.place import wait_for
from harness.postgresql import PASSWORD, Postgresql

SERVER, PLACE = "db.near.example", "db.near.example 5432"
ENGINE = ("set store server %s" % PLACE, 'set store password "%s"' % PASSWORD, "set store timeout 3", "set store engine postgresql")
MAM = "urn:xmpp:mam:2"
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/admin/postgresql.md")


def search(words):
    field = "<field var='%s'><value>%s</value></field>"
    return "<query xmlns='%s' queryid='q'><x xmlns='jabber:x:data' type='submit'>%s%s</x></query>" % (
        MAM, field % ("FORM_TYPE", MAM), field % ("{urn:xmpp:fulltext:0}fulltext", words))


class Databases(Box):
    IS_LONG = True
    settings = ("set im offline-per-user 5000",)

    @classmethod
    def build(cls):
        super().build()
        cls.good = cls.pki.make("good", SERVER)
        cls.server = Postgresql(cls.place, cls.good).start(make=True)
        cls.dns.a(SERVER, cls.server.addr)
        cls.gh.user("moved")
        cls.moved = os.path.join(cls.place.path("moved"), "")
        os.makedirs(cls.moved)
        cls.told = cls.gh.operator("users", "export", "people", cwd=cls.moved)
        cls.gh.commit(*ENGINE)
        cls.wait_state("up")

    @classmethod
    def store(cls):
        got = cls.gh.records("show", "store", check=False)
        return got[0] if got else {"state": "", "engine": ""}

    @classmethod
    def wait_state(cls, state, seconds=40):
        wait_for("the store is " + state, lambda: cls.store()["state"] == state and cls.store()["engine"] == "postgresql", seconds, 0.2)

    def alarms(self):
        return [r["alarm"] for r in self.gh.records("show", "alarms")]

    def test_people(self):
        """Accounts, contacts, messages that wait, and the archive's words; and they are where they should be."""
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        self.befriend(a, b)
        b.close()
        wait_for("the other is away", lambda: not [s for s in self.gh.records("show", "sessions", check=False) or [] if v in str(s)], 10)
        for i in range(5):
            a.message(b.bare, "wait %d for a caf\u00e9" % i)
        arrived(a)
        b = self.client(v)
        b.send("<presence/>")
        for i in range(5):
            b.wait_body("wait %d for a caf\u00e9" % i)
        roster = b.iq("get", "<query xmlns='jabber:iq:roster'/>")
        self.assertIn(a.bare, [i.get("jid") for i in roster.iter("{jabber:iq:roster}item")])
        before = len(a.got)
        a.iq("set", search("cafe 3"))
        found = [e for e in a.got[before:] if e.find("{%s}result" % MAM) is not None]
        self.assertEqual(len(found), 1)
        self.assertEqual(self.server.sql("SELECT count(*) FROM gatehouse.\"user\" WHERE jid='%s'" % a.bare), "1")
        self.assertEqual(self.store()["version"], "15." + self.store()["version"].split(".")[1])

    def test_people_move_in_a_file(self):
        """Nothing of the one engine is in the other, but users export gives what users import takes. A backup without people is one of the settings."""
        self.assertEqual(self.told.returncode, 0, self.told.stdout + self.told.stderr)
        with self.assertRaises(raw.SaslFailed):
            self.client("moved")
        name, = os.listdir(self.moved)
        got = self.gh.operator("users", "import", self.moved + name, timeout=60)
        self.assertIn("1 accounts made", got.stdout + got.stderr)
        self.client("moved")
        got = self.gh.operator("backup", "save", "a long password", cwd=self.moved)
        self.assertIn("backup settings", got.stdout + got.stderr)
        self.assertEqual((got.returncode != 0, os.listdir(self.moved)), (True, [name]))
        got = self.gh.operator("backup", "settings", "a long password", cwd=self.moved)
        self.assertEqual((got.returncode, len(os.listdir(self.moved))), (0, 2), got.stdout + got.stderr)

    def test_wrong_certificate(self):
        """One for another name, and one of nobody who is trusted: no password goes there, the alarm says why, and it goes on by itself."""
        for cert in (self.pki.make("good", "other.near.example"), self.pki.make("unknown-ca", SERVER)):
            self.server.stop()
            self.server.show(cert)
            self.server.start()
            self.wait_state("down")
            self.assertIn("StoreServerUnreachable", self.alarms())
            self.assertIn("certificate", self.store()["trouble"])
            self.server.stop()
            self.server.show(self.good)
            self.server.start()
            self.wait_state("up")
            wait_for("no alarm", lambda: "StoreServerUnreachable" not in self.alarms(), 20)
        self.client(self.people("u"))

    def test_wrong_password(self):
        self.gh.commit('set store password "wrong"')
        try:
            self.wait_state("down")
            self.assertIn("password authentication failed", self.store()["trouble"])
        finally:
            self.gh.commit('set store password "%s"' % PASSWORD)
        self.wait_state("up")
        self.client(self.people("u"))

    def test_another_box(self):
        """One database is for one box: whoever holds its lock."""
        other = self.server.session("SELECT pg_advisory_lock(26728,1)")  # it waits for ours to end
        self.addCleanup(other.stop)
        self.gh.kill("gh-store")
        self.wait_state("down")
        self.assertIn("another box", self.store()["trouble"])
        other.stop()
        self.wait_state("up")
        self.client(self.people("u"))

    def test_server_killed_in_the_middle(self):
        """What a client saw acknowledged (XEP-0198) is there once, though the server lost its power again and again."""
        u, v = self.people("u", "v")
        a = self.client(u)
        a.sm_enable(resume=False)
        sent, is_over = [0], threading.Event()

        def killer():
            for _ in range(2):
                before = sent[0]
                wait_for("chats go on", lambda: sent[0] > before + 20 or is_over.is_set(), 30)
                self.server.kill()
                wait_for("it is missed", lambda: self.store()["state"] == "down", 40, 0.2)
                self.server.start()
                self.wait_state("up")
            is_over.set()
        t = threading.Thread(target=killer)
        t.start()
        acknowledged = 0
        while not (is_over.is_set() and sent[0] > 60):
            a.message("%s@%s" % (v, DOMAIN), "chat %d." % sent[0])
            sent[0] += 1
            a.send("<r xmlns='urn:xmpp:sm:3'/>")  # one at a time: so few that all find room as offline messages
            acknowledged = int(a.wait(lambda e: raw.local(e.tag) == "a", timeout=60, what="an acknowledgement").get("h"))
        t.join()
        self.assertGreaterEqual(acknowledged, 60)
        b = self.client(v)
        b.send("<presence/>")
        got = []

        def come():
            got.extend(x for x in bodies(arrived(b)) if x.startswith("chat "))
            return len(got) >= acknowledged
        wait_for("what was acknowledged", come, 30)
        self.assertEqual(got[:acknowledged], ["chat %d." % i for i in range(acknowledged)])
        self.assertEqual(len(got), len(set(got)))

    def test_the_page(self):
        """Settings of the administrator's page are ours, and its SQL makes what a box needs."""
        with open(PAGE) as f:
            text = f.read()
        for line in re.findall(r"^gatehouse> (set store .*)$", text, re.M):
            self.gh.ghsh([line, "cancel"], check=False)
            self.assertIn(line.split()[2], ("engine", "server", "database", "user", "password", "authority", "timeout"))
        sql = re.search(r"```sql\n(.*?)```", text, re.S).group(1)
        for statement in sql.replace("gatehouse", "second").strip().split("\n"):
            self.server.sql(statement, "postgres")
        self.assertEqual(self.server.sql("SELECT current_setting('server_encoding')", "second"), "UTF8")

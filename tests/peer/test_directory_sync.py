"""Synchronisation with an LDAP directory (B-LDP-03, A-11.01, D-DUP): its people become accounts, are kept, locked out, deleted."""
from harness import raw
from harness.directory import ONE, DirectoryCase
from harness.people import DOMAIN
from harness.place import wait_for
from harness.slapd import BASE, person

SYNC = ("set directory sync on", "set directory page-size 10")


def dn(cn):
    return "cn=%s,ou=people,%s" % (cn, BASE)


def jid(user):
    return user + "@" + DOMAIN


class SyncCase(DirectoryCase):
    servers = "ldaps://" + ONE
    more = SYNC

    @classmethod
    def build(cls):
        super().build()
        cls.first = cls.synced()  # it comes by itself

    def ended(self, stream):
        """Its stream ends with an error of this condition."""
        with self.assertRaises(raw.Closed) as e:
            stream.wait(lambda e: False, what="the end of the stream")
        return e.exception.error


class Sync(SyncCase):
    ldif = "".join(person(u) for u in ("alice", "bob", "carol", "dave", "local", "a@b")) + \
        "".join(person("many%02d" % i) for i in range(25)) + \
        person("dup") + person("DUP", cn="dup2") + person("erin", mail="ERIN@near.example") + person("erin2", mail="erin@near.example")

    @classmethod
    def prepare(cls):
        cls.gh.user("local")

    def test_people_come_in(self):
        """The first one comes by itself. In pages of ten, but for two who share an address, and the box's own."""
        first = self.first
        self.assertEqual((first["result"], first["people"], first["added"], first["duplicate"], first["local"], first["failed"]),
                         ("ok", 33, 32, 2, 1, 0))
        have = self.accounts()
        self.assertEqual(len([u for u in have if u.startswith("many")]), 25)
        self.assertIn("a\\40b@" + DOMAIN, have)
        self.assertNotIn(jid("dup"), have)
        self.enter("alice")
        self.enter("local", "secret")
        self.refused("local", "secret of local")
        alarms = self.alarms()
        self.assertIn("DuplicateUserid", alarms)
        self.assertIn("DuplicateDirectoryURIWarning", alarms)  # two share a mail address, which is nobody's address here
        self.assertNotIn("DuplicateDirectoryURI", alarms)

    def test_nothing_to_do(self):
        self.sync()
        again = self.sync()
        self.assertEqual((again["added"], again["changed"], again["gone"], again["deleted"], again["failed"]), (0, 0, 0, 0, 0))

    def test_what_changes(self):
        self.sync()
        self.one.modify(dn("bob"), "replace: displayName\ndisplayName: Robert")
        self.assertEqual(self.sync()["changed"], 1)
        self.assertEqual(self.sync()["changed"], 0)

    def test_who_vanishes_and_comes_back(self):
        """Locked out at once, whatever they came with; nothing of theirs is lost."""
        self.sync()
        a, c = self.enter("alice"), self.enter("carol")
        a.send("<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='%s' name='Carol'/></query></iq>" % jid("carol"))
        c.iq("set", "<query xmlns='jabber:iq:roster'><item jid='%s' name='my Bob'/></query>" % jid("bob"))
        app = self.gh.records("user", "app-password", "add", jid("carol"), "phone")[0]
        secret = next(v for k, v in app.items() if "password" in k)
        self.secured().sasl_plain("carol", secret)
        self.one.delete(dn("carol"))
        self.addCleanup(lambda: jid("carol") in self.accounts() or self.one.add(person("carol")))
        got = self.sync()
        self.assertEqual((got["gone"], got["deleted"]), (1, 0))
        self.assertEqual(self.ended(c), "not-authorized")
        for password in ("secret of carol", secret):
            self.refused("carol", password)
        self.assertIn(jid("carol"), self.accounts())
        self.assertEqual(self.sync()["gone"], 0)  # it is known by now
        self.one.add(person("carol"))
        self.assertEqual(self.sync()["changed"], 1)
        roster = self.enter("carol").iq("get", "<query xmlns='jabber:iq:roster'/>")
        self.assertEqual([i.get("name") for i in roster.iter("{jabber:iq:roster}item")], ["my Bob"])
        self.refused("carol", secret)  # it went for good

    def test_after_the_grace(self):
        self.sync()
        self.one.delete(dn("dave"))
        self.addCleanup(self.one.add, person("dave"))
        self.assertEqual(self.sync()["gone"], 1)
        self.assertEqual(self.sync()["deleted"], 0)
        self.gh.commit("set directory grace 0")
        self.addCleanup(self.gh.commit, "delete directory grace")
        wait_for("it is deleted", lambda: jid("dave") not in self.accounts(), 20, 0.2)  # settings begin one themselves
        self.assertEqual(self.synced()["deleted"], 1)

    def test_a_directory_that_is_not_believed(self):
        """Nobody, or less than half of whom it had: nothing is changed until somebody says that it is so."""
        self.sync()
        before = self.accounts()
        self.addCleanup(self.gh.commit, 'set directory filter "(objectClass=person)"')
        for filter_, why in (("(uid=nobody)", "nobody"), ("(uid=many*)", "")):
            self.gh.commit('set directory filter "%s"' % filter_)
            wait_for("one begun by the settings", lambda: self.synced()["people"] == (25 if "many" in filter_ else 0), 20, 0.2)
            self.assertEqual("DirectorySyncFailed" in self.alarms(), bool(why))
            if why:
                self.assertIn(why, self.gh.operator("directory", "sync").stderr)
        # 25 of 32 are more than half: they count. Of those who are left, a tenth does not.
        self.assertEqual(self.accounts(), before)
        self.gh.commit('set directory filter "(uid=many0*)"')
        wait_for("the alarm", lambda: "10 of the 25" in self.synced()["result"], 20, 0.2)
        self.assertIn("DirectorySyncFailed", self.alarms())
        self.enter_is_refused_only_by("many11")
        self.assertEqual(self.sync("force")["gone"], 15)
        self.assertNotIn("DirectorySyncFailed", self.alarms())
        self.gh.commit("delete directory filter")
        wait_for("all are back", lambda: self.synced()["changed"] == 22, 20, 0.2)
        self.enter("alice")

    def enter_is_refused_only_by(self, user):
        """The filter keeps them out, not a lock: with it gone they would come in at once."""
        self.refused(user, "secret of " + user)

    def test_no_server(self):
        self.sync()
        before = self.accounts()
        self.one.stop()
        got = self.gh.operator("directory", "sync")
        self.one.start()
        self.assertIn("no server could say", got.stderr)
        self.assertIn("DirectorySyncFailed", self.alarms())
        self.assertEqual(self.accounts(), before)
        wait_for("the server is asked again", lambda: self.gh.operator("directory", "sync").returncode == 0, 20, 0.5)
        self.assertNotIn("DirectorySyncFailed", self.alarms())

    def test_a_person_deleted_here(self):
        """An operator's `user delete` is of this box: the next one makes the account anew."""
        self.sync()
        self.gh.operator("user", "delete", jid("bob"))
        self.assertEqual(self.sync()["added"], 1)
        self.enter("bob")


class ByUri(SyncCase):
    """The other scheme: addresses in several domains (A-14.04), of which one does not live here."""
    ldif = "".join((person("alice", mail="al@near.example"), person("bob", mail="Bob@second.example"), person("carol", mail="carol@foreign.example"),
                    person("dave", mail=""), person("erin", mail="x@near.example"), person("frank", mail="X@near.example")))
    more = SYNC + ("set directory address-scheme directory-uri",)
    hosted = ("second.example",)

    def test_addresses(self):
        got = self.first
        self.assertEqual((got["people"], got["added"], got["other-domain"], got["no-address"], got["duplicate"]), (3, 2, 1, 1, 2))
        self.assertEqual(self.accounts(), ["al@near.example", "bob@second.example"])
        self.enter("al", "secret of alice")
        alarms = self.alarms()
        self.assertIn("DuplicateDirectoryURI", alarms)
        self.assertIn("InvalidDirectoryURI", alarms)
        self.assertNotIn("DuplicateUserid", alarms)

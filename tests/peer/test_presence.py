"""Who sees whom: temporary subscriptions, sharing switched off, and people who block everybody (C-AVL). slixmpp, Prosody."""
from harness import raw
from harness.client import SlixClient
from harness.fed import Fed
from harness.people import DOMAIN, Box, arrived, bodies, presences
from harness.place import wait_for

CONF = "conference." + DOMAIN
MUC = "http://jabber.org/protocol/muc"


def show_of(stream, from_, seconds=10):
    """The <show/> of the next presence of somebody."""
    return stream.wait(lambda e: raw.local(e.tag) == "presence" and (e.get("from") or "").startswith(from_), seconds,
                       "presence of " + from_).findtext("{*}show")


class Temporary(Box):
    """C-AVL-06 to 09; acceptance 3 and 4."""
    settings = ("set im temporary-subscriptions on", "set im temporary-subscriptions-max 2", "set im temporary-subscriptions-ttl 5")

    def watches(self):
        return int(next(r["value"] for r in self.gh.records("show", "counters", "gh-im") if r["counter"] == "im.watches"))

    def slix(self, user):
        c = SlixClient(self.gh, user, ca=self.pki.ca)
        self.addCleanup(c.close)
        return c

    def test_for_a_while_and_without_an_entry(self):
        a, b = self.people("a", "b")
        watcher, s = self.slix(a), self.client(b)
        s.send("<presence><status>before</status></presence>")
        arrived(s)
        watcher.call(watcher.x.send_presence, pto=s.bare, ptype="probe")
        self.assertEqual(watcher.wait_presence(s.jid, "available")["status"], "before")
        s.send("<presence><status>meanwhile</status></presence>")
        self.assertEqual(watcher.wait_presence(s.jid, "available")["status"], "meanwhile")
        self.assertEqual(self.watches(), 1)
        for x in (a, b):
            self.assertEqual(self.gh.records("user", "roster", "%s@%s" % (x, DOMAIN)), [])
        wait_for("its time is over", lambda: self.watches() == 0, 15)
        s.send("<presence><status>too late</status></presence>")
        arrived(s)
        s.message(watcher.bare, "after it")  # comes behind whatever else would
        watcher.wait_body("after it")
        self.assertTrue(watcher.presences.empty())

    def test_two_and_no_more(self):
        wait_for("nothing of before", lambda: self.watches() == 0, 15)
        a, *others = (self.client(u) for u in self.people("a", "b", "c", "d"))
        for i, o in enumerate(others):
            a.send("<presence type='probe' id='p%d' to='%s'/>" % (i, o.bare))
        arrived(a)
        refused = [e for e in a.got if raw.local(e.tag) == "presence" and e.get("type") == "error"]
        self.assertEqual([(e.get("id"), raw.stanza_error(e)) for e in refused], [("p2", "resource-constraint")])
        for o in others:
            o.send("<presence><show>dnd</show></presence>")
            arrived(o)
        got = arrived(a)
        self.assertEqual([len(presences(got, o.jid)) for o in others], [1, 1, 0])
        # live: not limited, and off, without a new session
        self.gh.commit("set im temporary-subscriptions-max 0")
        a.send("<presence type='probe' to='%s'/>" % others[2].bare)
        self.assertEqual(show_of(a, others[2].jid), "dnd")
        self.gh.commit("set im temporary-subscriptions off")
        self.assertEqual(self.watches(), 0)
        a.send("<presence type='probe' to='%s'/>" % others[2].bare)
        self.assertEqual([e for e in arrived(a) if raw.local(e.tag) == "presence"], [])
        self.gh.commit("set im temporary-subscriptions on", "set im temporary-subscriptions-max 2")


class BlockEveryone(Box):
    """C-AVL-17 and 18, acceptance 7: live, and as long as it is wanted. Groups of the directory (C-AVL-19) are in policy_test."""

    def test_own_contacts_alone(self):
        a, b, c = (self.client(u) for u in self.people("blocker", "bob", "carol"))
        self.befriend(a, b)
        self.gh.operator("user", "policy", "set", a.bare, "block")
        b.message(a.bare, "from a contact")
        a.wait_body("from a contact")
        c.message(a.bare, "from nobody", id_="m")
        self.assertError(c.wait_error("m"), "service-unavailable")
        c.send("<presence type='subscribe' to='%s'/>" % a.bare)
        c.wait(lambda e: e.get("type") == "unsubscribed" and e.get("from") == a.bare, what="unsubscribed")
        a.send("<presence><show>dnd</show></presence>")
        self.assertEqual(show_of(b, a.jid), "dnd")
        a.message(c.bare, "to nobody", id_="o")
        self.assertError(a.wait_error("o"), "not-acceptable")
        self.assertEqual(bodies(arrived(a)) + bodies(arrived(c)), [])
        self.assertEqual(presences(c.got, a.bare), [])
        self.gh.operator("user", "policy", "set", a.bare, "unset")
        c.message(a.bare, "again")
        a.wait_body("again")


class Sharing(Fed):
    """C-AVL-03 and 04, acceptance 1 and 2: switched off and on while a partner's people see, and are seen."""
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)
        cls.gh.user("nurse")
        cls.gh.commit("set im rooms %s service %s" % (DOMAIN, CONF))

    def befriended(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        j.send("<presence to='%s' type='subscribe'/>" % r.bare)
        r.wait(lambda e: e.get("type") == "subscribe" and e.get("from") == j.bare, 10, "subscribe")
        r.send("<presence to='%s' type='subscribed'/>" % j.bare)
        j.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == r.jid and not e.get("type"), 10, "romeo's presence")
        r.send("<presence to='%s' type='subscribe'/>" % j.bare)
        r.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == j.jid and not e.get("type"), 10, "juliet's presence")
        return j, r

    def enter(self, s, nick):
        s.send("<presence to='coven@%s/%s'><show>away</show><status>in the garden</status><x xmlns='%s'/></presence>" % (CONF, nick, MUC))
        s.wait(lambda e: raw.local(e.tag) == "presence" and e.find(".//{*}status[@code='110']") is not None, what="entered")

    def test_off_and_on(self):
        j, r = self.befriended()
        nurse = self.login(self.gh, "nurse")
        self.enter(j, "juliet")
        j.iq("set", "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'/></query>" % MUC, "coven@" + CONF)  # an instant room
        self.enter(nurse, "nurse")
        self.gh.commit("set im presence off")
        r.wait(lambda e: e.get("from") == j.jid and e.get("type") == "unavailable", 10, "juliet has gone")
        j.wait(lambda e: (e.get("from") or "").startswith(r.bare) and e.get("type") == "unavailable", 10, "romeo has gone")
        # the room shows who is there, and no more, at once and to who comes later
        self.assertIsNone(show_of(nurse, "coven@%s/juliet" % CONF))
        late = self.login(self.gh, "nurse", resource="late")
        self.enter(late, "nurse")
        here = [e for e in late.got if e.get("from") == "coven@%s/juliet" % CONF]
        self.assertEqual([(e.get("type"), e.find("{jabber:client}show"), e.find("{jabber:client}status")) for e in here], [(None, None, None)])
        # nothing comes in or goes out; one's own is reflected
        before = len(j.got)
        r.send("<presence><show>xa</show></presence>")
        r.message(j.bare, "behind it")
        j.wait_body("behind it")
        self.assertEqual(presences(j.got[before:], r.bare), [])
        before = len(r.got)
        j.send("<presence><show>dnd</show></presence>")
        self.assertEqual(show_of(j, j.jid), "dnd")
        j.message(r.bare, "behind it as well")
        r.wait_body("behind it as well")
        self.assertEqual(presences(r.got[before:], j.bare), [])
        self.gh.commit("delete im presence")
        self.assertEqual(show_of(r, j.jid), "dnd")
        self.assertEqual(show_of(j, r.jid), "xa")
        self.assertEqual(show_of(nurse, "coven@%s/juliet" % CONF), "away")

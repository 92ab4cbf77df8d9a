"""Rooms (XEP-0045): slixmpp and clients by hand in rooms of ours, Prosody's people in them and ours in Prosody's, restarts."""
import os
import signal

import slixmpp

from harness import raw
from harness.client import SlixClient
from harness.fed import Fed
from harness.people import DOMAIN, Box, arrived
from harness.place import wait_for
from harness.profanity import Profanity

CONF = "conference." + DOMAIN
MUC = "http://jabber.org/protocol/muc"
USER = MUC + "#user"
ITEMS = "http://jabber.org/protocol/disco#items"
INFO = "http://jabber.org/protocol/disco#info"
MAM = "urn:xmpp:mam:2"


def codes(e):
    return sorted(s.get("code") for s in e.iter("{%s}status" % USER))


class Rooms:
    """Words for a client by hand in a room."""

    def room(self, name):
        type(self).n_rooms = getattr(type(self), "n_rooms", 0) + 1
        return "%s%d@%s" % (name, self.n_rooms, CONF)

    def enter(self, s, room, nick, inside="", seconds=10):
        """Its own presence; what came before it is in s.got."""
        s.send("<presence to='%s/%s'><x xmlns='%s'>%s</x></presence>" % (room, nick, MUC, inside))
        return s.wait(lambda e: raw.local(e.tag) == "presence" and (e.get("from") or "").startswith(room) and
                      (e.get("type") == "error" or "110" in codes(e)), seconds, "own presence in " + room)

    def configure(self, s, room, **fields):
        form = "".join("<field var='muc#roomconfig_%s'><value>%s</value></field>" % kv for kv in fields.items())
        got = s.iq("set", "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'>%s</x></query>" % (MUC, form), room)
        self.assertEqual(got.get("type"), "result", raw.stanza_error(got) if got.get("type") == "error" else "")

    def admin(self, s, room, item):
        return s.iq("set", "<query xmlns='%s#admin'>%s</query>" % (MUC, item), room)

    def open(self, s, room, nick="owner", **fields):
        self.assertIn("201", codes(self.enter(s, room, nick)))
        self.configure(s, room, **fields)

    def say(self, s, room, body, kind="groupchat"):
        s.send("<message to='%s' type='%s' id='%s'><body>%s</body></message>" % (room, kind, body, body))


class Inside(Rooms, Box):
    settings = ("set im rooms %s service %s" % (DOMAIN, CONF), "set im room-owner-may members-only on", "set im room-owner-may moderated on")

    def test_found_by_discovery(self):
        a, b = (self.client(u) for u in self.people("alice", "bob"))
        got = a.iq("get", "<query xmlns='%s'/>" % ITEMS, DOMAIN)
        self.assertIn(CONF, [i.get("jid") for i in got.iter("{%s}item" % ITEMS)])
        room, hidden = self.room("seen"), self.room("hidden")
        self.open(a, room, roomname="Seen")
        self.open(a, hidden, publicroom="0")
        got = b.iq("get", "<query xmlns='%s'/>" % ITEMS, CONF)
        names = {i.get("jid"): i.get("name") for i in got.iter("{%s}item" % ITEMS)}
        self.assertEqual(names.get(room), "Seen")
        self.assertNotIn(hidden, names)
        got = b.iq("get", "<query xmlns='%s'/>" % INFO, room)
        self.assertTrue({MUC, "muc_public", "muc_temporary", "urn:xmpp:occupant-id:0"} <= {f.get("var") for f in got.iter("{%s}feature" % INFO)})

    def test_talk_leave_and_end(self):
        a, b = (self.client(u) for u in self.people("alice", "bob"))
        room = self.room("talk")
        self.open(a, room)
        self.say(a, room, "before")
        self.enter(b, room, "bob")
        self.assertIsNotNone(b.wait_body("before").find("{urn:xmpp:delay}delay"))
        self.say(b, room, "hello")
        got = a.wait_body("hello")
        self.assertEqual((got.get("from"), got.get("type"), got.get("id")), (room + "/bob", "groupchat", "hello"))
        self.assertEqual(got.find("{urn:xmpp:sid:0}stanza-id").get("by"), room)
        self.assertEqual(b.wait_body("hello").get("id"), "hello")
        self.say(a, room + "/bob", "private", "chat")
        self.assertEqual(b.wait_body("private").get("from"), room + "/owner")
        b.close()
        a.wait(lambda e: e.get("type") == "unavailable" and e.get("from") == room + "/bob", 10, "bob is gone")
        self.assertEqual([r["occupants"] for r in self.gh.records("show", "rooms") if r["room"] == room], ["1"])
        a.send("<presence to='%s/owner' type='unavailable'/>" % room)
        a.wait(lambda e: e.get("type") == "unavailable" and "110" in codes(e), 10, "left")
        self.assertNotIn(room, [r["room"] for r in self.gh.records("show", "rooms")])

    def test_slixmpp(self):
        """slixmpp's own plug-in enters, is told who is there, changes the room, invites, kicks."""
        u, v = self.people("slix", "guest")
        x = SlixClient(self.gh, u, ca=self.pki.ca)
        self.addCleanup(x.close)
        room = self.room("slix")
        for p in ("xep_0045", "xep_0249"):
            x.call(x.x.register_plugin, p)
        muc = x.x.plugin["xep_0045"]
        x.call(muc.join_muc, room, "Slix")
        wait_for("slixmpp is in", lambda: "Slix" in muc.get_roster(room), 10)
        form = x.do(lambda: muc.get_room_config(room))
        self.assertIn("muc#roomconfig_roomname", form.get_fields())
        form["type"] = "submit"
        x.do(lambda: muc.set_room_config(room, form))
        g = self.client(v)
        self.enter(g, room, "guest")
        wait_for("slixmpp sees the guest", lambda: "guest" in muc.get_roster(room), 10)
        x.call(x.x.send_message, mto=slixmpp.JID(room), mbody="from slix", mtype="groupchat")
        self.assertEqual(g.wait_body("from slix").get("from"), room + "/Slix")
        x.do(lambda: muc.set_affiliation(room, "member", jid=g.bare))
        g.wait(lambda e: e.get("from") == room + "/guest" and "member" in [i.get("affiliation") for i in e.iter("{%s}item" % USER)], 10, "a member")
        x.do(lambda: muc.set_role(room, "guest", "none"))
        got = g.wait(lambda e: e.get("type") == "unavailable" and e.get("from") == room + "/guest", 10, "kicked")
        self.assertEqual(codes(got), ["110", "307"])

    def test_profanity(self):
        """Profanity makes a room, talks in it, and sees who comes and what they say."""
        u, v = self.people("prof", "guest")
        p = Profanity(self.place, "%s@%s" % (u, DOMAIN), "secret", self.gh.addr, 5222, self.pki.ca)
        self.addCleanup(p.close)
        wait_for("Profanity is signed in", lambda: u in self.gh.ghsh("show sessions\n"), 20)
        room = self.room("prof")
        p.type("/join %s nick Prof" % room)
        wait_for("Profanity is in", lambda: room in [r["room"] for r in self.gh.records("show", "rooms")], 10)
        g = self.client(v)

        def opened():
            p.type("/room accept")
            return self.enter(g, room, "guest").get("type") != "error"
        wait_for("the room is open", opened, 10, 0.5)
        self.say(g, room, "hello-from-guest")
        p.wait_shown("hello-from-guest")
        p.type("hello-from-profanity")
        self.assertEqual(g.wait_body("hello-from-profanity").get("from"), room + "/Prof")

    def test_invitation_waits_for_who_is_signed_out(self):
        u, v = self.people("alice", "away")
        a = self.client(u)
        room = self.room("members")
        self.open(a, room, membersonly="1")
        a.send("<message to='%s'><x xmlns='%s'><invite to='%s@%s'><reason>come</reason></invite></x></message>" % (room, USER, v, DOMAIN))
        arrived(a)
        b = self.client(v)
        got = b.wait(lambda e: e.find("{%s}x/{%s}invite" % (USER, USER)) is not None, 10, "invitation")
        self.assertEqual(got.get("from"), room)
        self.assertIn("110", codes(self.enter(b, room, "bob")))

    def test_kept_over_kill(self):
        """What is acknowledged is there after kill -9: configuration, lists, subject, messages."""
        u, v = self.people("alice", "bob")
        a = self.client(u)
        room = self.room("kept")
        self.open(a, room, persistentroom="1", roomname="Kept")
        self.assertEqual(self.admin(a, room, "<item jid='%s@%s' affiliation='outcast'/>" % (v, DOMAIN)).get("type"), "result")
        a.sm_enable()
        a.send("<message to='%s' type='groupchat'><subject>Fire</subject></message>" % room)
        self.say(a, room, "kept1")
        sent = a.sm_request()
        self.assertIsNotNone(sent)
        for program in ("gh-im", "gh-store"):
            self.gh.kill(program)
        wait_for("the rooms are back", lambda: room in [r["room"] for r in self.gh.records("show", "rooms", check=False) or []], 30, 0.2)
        b, c = self.client(v), self.client(u)
        self.assertEqual(raw.stanza_error(self.enter(b, room, "bob")), "forbidden")
        own = self.enter(c, room, "owner")
        self.assertEqual([i.get("affiliation") for i in own.iter("{%s}item" % USER)], ["owner"])
        c.wait_body("kept1")
        c.wait(lambda e: e.findtext("{*}subject") == "Fire", 10, "the subject")
        self.assertEqual(c.iq("set", "<query xmlns='%s#owner'><destroy/></query>" % MUC, room).get("type"), "result")
        self.assertNotIn(room, [r["room"] for r in self.gh.records("show", "rooms")])

    def ask(self, s, room, fields="", rsm=""):
        """Texts in the room's archive, and the answer."""
        form = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>%s</value></field>%s</x>" % (MAM, fields)
        before = len(s.got)
        answer = s.iq("set", "<query xmlns='%s'>%s<set xmlns='http://jabber.org/protocol/rsm'>%s</set></query>" % (MAM, form, rsm), room)
        return [e.findtext(".//{*}forwarded/{*}message/{*}body") for e in s.got[before:] if e.find("{%s}result" % MAM) is not None], answer

    def test_archive_by_slixmpp(self):
        u, v = self.people("alice", "bob")
        a, room = self.client(u), self.room("past")
        self.open(a, room, persistentroom="1")
        for i in range(30):
            self.say(a, room, "number %d" % i)
            a.wait_body("number %d" % i)
        b = SlixClient(self.gh, v, resource="slix", ca=self.pki.ca, plugins=("xep_0045", "xep_0313"))
        self.addCleanup(b.close)
        b.do(lambda: b.x.plugin["xep_0045"].join_muc_wait(slixmpp.JID(room), "bob", maxstanzas=0))

        async def all_of(**how):
            return [m["mam_result"]["forwarded"]["stanza"]["body"] async for m in b.x.plugin["xep_0313"].iterate(jid=slixmpp.JID(room), **how)]
        self.assertEqual(b.do(lambda: all_of(rsm={"max": 7})), ["number %d" % i for i in range(30)])
        self.assertEqual(b.do(lambda: all_of(reverse=True, total=2)), ["number 29", "number 28"])
        # somebody outside reads nothing; words are found
        c = self.client(self.people("carol"))
        self.assertEqual(raw.stanza_error(self.ask(c, room)[1]), "forbidden")
        word = "<field var='{urn:xmpp:fulltext:0}fulltext'><value>17</value></field>"
        self.assertEqual(self.ask(a, room, word)[0], ["number 17"])

    def test_archive_kept_over_kill(self):
        """What is acknowledged is in the room's archive after kill -9; what a moderator took back is not."""
        a = self.client(self.people("alice"))
        room = self.room("kept")
        self.open(a, room, persistentroom="1")
        self.say(a, room, "spam")
        id_ = a.wait_body("spam").find("{urn:xmpp:sid:0}stanza-id").get("id")
        a.sm_enable()
        for i in range(20):
            self.say(a, room, "kept%d" % i)
        got = a.iq("set", "<moderate xmlns='urn:xmpp:message-moderate:1' id='%s'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>" % id_, room)
        self.assertEqual(got.get("type"), "result")
        self.assertIsNotNone(a.sm_request())
        for program in ("gh-im", "gh-store"):
            self.gh.kill(program)
        wait_for("the rooms are back", lambda: room in [r["room"] for r in self.gh.records("show", "rooms", check=False) or []], 30, 0.2)
        b = self.client(a.bare.partition("@")[0])
        self.assertEqual([t for t in self.ask(b, room)[0] if t], ["kept%d" % i for i in range(20)])

    def test_commands(self):
        a, b = (self.client(u) for u in self.people("alice", "bob"))
        room = self.room("ops")
        self.open(a, room)
        self.enter(b, room, "bob")
        self.gh.ghsh("room kick %s bob\n" % room)
        got = b.wait(lambda e: e.get("type") == "unavailable", 10, "kicked")
        self.assertIn("307", codes(got))
        self.gh.ghsh("room destroy %s\n" % room)
        got = a.wait(lambda e: e.get("type") == "unavailable" and e.get("from") == room + "/owner", 10, "destroyed")
        self.assertIsNotNone(got.find("{%s}x/{%s}destroy" % (USER, USER)))

    def test_who_may_make_rooms(self):
        u = self.people("alice")
        a = self.client(u)
        self.gh.commit("set im room-create admins")
        try:
            self.assertEqual(raw.stanza_error(self.enter(a, self.room("no"), "x")), "not-allowed")
            self.gh.commit("set im room-admins %s@%s" % (u, DOMAIN))
            self.assertIn("201", codes(self.enter(a, self.room("yes"), "x")))
        finally:
            self.gh.commit("delete im room-create", "delete im room-admins")

    def test_switched_off_and_on(self):
        u = self.people("alice")
        a = self.client(u)
        room = self.room("off")
        self.open(a, room)
        self.gh.commit("delete im rooms %s service" % DOMAIN)
        try:
            got = a.wait(lambda e: e.get("type") == "unavailable" and e.get("from") == room + "/owner", 10, "the end of the service")
            self.assertEqual(codes(got), ["110", "332"])
            self.assertNotIn(CONF, [i.get("jid") for i in a.iq("get", "<query xmlns='%s'/>" % ITEMS, DOMAIN).iter("{%s}item" % ITEMS)])
        finally:
            self.gh.commit("set im rooms %s service %s" % (DOMAIN, CONF))
        room = self.room("on")
        wait_for("what is kept has been read", lambda: "201" in codes(self.enter(a, room, "x")), 10, 0.1)


class Federated(Rooms, Fed):
    """Rooms at near.example with a certificate of their own, and Prosody's."""
    peers = {"far.example": {"action": "allow"}, "conference.far.example": {"action": "allow"}}

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example", peers=cls.peers, domains=[(CONF, cls.pki.make("good", CONF))],
                               settings=("set im rooms %s service %s" % (DOMAIN, CONF),)).publish()
        cls.dns.a("xmpp." + CONF, cls.gh.addr)
        cls.dns.srv(CONF, "xmpp." + CONF, 5269)
        cls.gh.user("juliet")
        cls.gh.start()
        theirs = cls.pki.make("good", "conference.far.example")
        cls.far = cls.prosody("far.example", dialback=False, host_extra='Component "conference.far.example" "muc"\n\tmodules_enabled = { }\n'
                              '\trestrict_room_creation = false\n\tssl = { certificate = "%s", key = "%s" }\n' % (theirs.crt, theirs.key))
        cls.dns.srv("conference.far.example", "xmpp.far.example", 5269)

    def test_juliet_in_prosodys_room(self):
        """The same words in a room of Prosody's: ours go out, its presence and messages come in."""
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        room = "theirs@conference.far.example"
        self.assertIn("201", codes(self.enter(r, room, "Romeo")))
        self.configure(r, room)
        self.assertIn("110", codes(self.enter(j, room, "Juliet", seconds=20)))
        self.say(j, room, "to-prosody")
        self.assertEqual(r.wait_body("to-prosody").get("from"), room + "/Juliet")
        self.say(r, room, "from-prosody")
        self.assertEqual(j.wait_body("from-prosody").get("from"), room + "/Romeo")
        j.close()
        r.wait(lambda e: e.get("type") == "unavailable" and e.get("from") == room + "/Juliet", 10, "juliet is gone")

    def test_romeo_in_our_room(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        room = self.room("fed")
        self.open(j, room)
        own = self.enter(r, room, "Romeo", seconds=20)
        self.assertIn("110", codes(own))
        j.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == room + "/Romeo", 10, "romeo")
        self.say(r, room, "from-afar")
        self.assertEqual(j.wait_body("from-afar").get("from"), room + "/Romeo")
        self.say(j, room, "to-afar")
        self.assertEqual(r.wait_body("to-afar").get("from"), room + "/owner")
        self.assertEqual(raw.stanza_error(r.iq("set", "<query xmlns='%s'/>" % MAM, room)), "service-unavailable")  # it is not persistent
        self.configure(j, room, persistentroom="1")
        self.say(r, room, "archived")
        r.wait_body("archived")
        got = r.iq("set", "<query xmlns='%s'/>" % MAM, room)
        self.assertEqual(got.get("type"), "result")
        self.assertIn("archived", [e.findtext(".//{*}forwarded/{*}message/{*}body") for e in r.got if e.find("{%s}result" % MAM) is not None])
        self.assertEqual(self.admin(j, room, "<item jid='%s' affiliation='outcast'><reason>Avaunt</reason></item>" % r.bare).get("type"), "result")
        got = r.wait(lambda e: e.get("type") == "unavailable" and e.get("from") == room + "/Romeo", 10, "banned")
        self.assertEqual(codes(got), ["110", "301"])
        self.assertEqual(raw.stanza_error(self.enter(r, room, "Romeo")), "forbidden")
        self.assertEqual(self.admin(j, room, "<item jid='%s' affiliation='none'/>" % r.bare).get("type"), "result")
        self.assertEqual(self.admin(j, room, "<item jid='far.example' affiliation='outcast'/>").get("type"), "result")
        self.assertEqual(raw.stanza_error(self.enter(r, room, "Romeo")), "forbidden")

    def test_strangers_make_no_rooms(self):
        r = self.login(self.far, "romeo")
        self.assertEqual(raw.stanza_error(self.enter(r, self.room("theirs"), "Romeo", seconds=20)), "not-allowed")

    def test_z_dead_partner_leaves_no_ghost(self):
        """The partner dies without a word; the next thing said comes back, and its people are out with 333."""
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        room = self.room("ghost")
        self.open(j, room)
        self.assertIn("110", codes(self.enter(r, room, "Romeo", seconds=20)))
        j.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == room + "/Romeo", 10, "romeo")
        os.kill(self.far.program.pid, signal.SIGKILL)
        self.far.stop()
        try:
            self.say(j, room, "anybody")
            got = j.wait(lambda e: e.get("type") == "unavailable" and e.get("from") == room + "/Romeo", 60, "the ghost goes")
            self.assertIn("333", codes(got))
        finally:
            self.far.start()

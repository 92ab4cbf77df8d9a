"""People of a directory for each other: searches (XEP-0055, B-LDX-01), vCards (B-LDX-09), and groups as contacts (A-10)."""
from harness import raw
from harness.directory import ONE, DirectoryCase
from harness.people import DOMAIN, Box, arrived, features_of
from harness.place import wait_for
from harness.slapd import BASE, person

SEARCH, DATA, VCARD, ROSTER = "jabber:iq:search", "jabber:x:data", "vcard-temp", "jabber:iq:roster"
PICTURE = "/9j/4AAQSkZJRg=="  # the first bytes of a JPEG


def dn(cn):
    return "cn=%s,ou=people,%s" % (cn, BASE)


def jid(user):
    return user + "@" + DOMAIN


def query(**words):
    return "<query xmlns='%s'>%s</query>" % (SEARCH, "".join("<%s>%s</%s>" % (k, v, k) for k, v in words.items()))


def form(**words):
    return "<query xmlns='%s'><x xmlns='%s' type='submit'><field var='FORM_TYPE'><value>%s</value></field>%s</x></query>" % (
        SEARCH, DATA, SEARCH, "".join("<field var='%s'><value>%s</value></field>" % (k.replace("_", "-"), v) for k, v in words.items()))


def found(got):
    return sorted(i.get("jid") for i in got.iter("{%s}item" % SEARCH))


def found_by_form(got):
    return sorted(f.findtext("{%s}value" % DATA) for i in got.iter("{%s}item" % DATA) for f in i if f.get("var") == "jid")


class Searches(DirectoryCase):
    servers = "ldaps://" + ONE
    ldif = person("alice", name="Alice Cooper") + person("bob", name="Bob Dylan") + person("bobby", name="Bobby Ewing") + \
        person("st*r", name="A Star") + "".join(person("many%02d" % i) for i in range(30))
    more = ("set im search on", "set im search-results 20")

    def test_what_may_be_asked(self):
        s = self.enter("alice")
        info = s.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", DOMAIN)
        self.assertIn(SEARCH, features_of(info))
        got = s.iq("get", "<query xmlns='%s'/>" % SEARCH, DOMAIN)
        self.assertIsNotNone(got.find(".//{%s}nick" % SEARCH))
        self.assertIn("x-name", [f.get("var") for f in got.iter("{%s}field" % DATA)])

    def test_who_is_found(self):
        s = self.enter("alice")
        for words, whom in (({"nick": "bob"}, ["bob", "bobby"]), ({"nick": "bobb"}, ["bobby"]), ({"nick": "*lice"}, ["alice"]),
                            ({"nick": "b*b*"}, ["bob", "bobby"]), ({"nick": "b*b"}, ["bob"]), ({"nick": "bob", "email": "bobby@"}, ["bobby"]),
                            ({"nick": "nobody"}, [])):
            self.assertEqual(found(s.iq("set", query(**words), DOMAIN)), [jid(w) for w in whom], words)
        self.assertEqual(found_by_form(s.iq("set", form(x_name="*Ewing"), DOMAIN)), [jid("bobby")])

    def test_words_are_no_filter(self):
        """What would be syntax in a filter is a word like any other."""
        s = self.enter("alice")
        for word in (")(uid=*", "bob)(objectClass=*", "\\2a", "(|(uid=bob))", "&amp;"):
            self.assertEqual(found(s.iq("set", query(nick=word), DOMAIN)), [], word)

    def test_limits(self):
        s = self.enter("alice")
        got = s.iq("set", form(nick="many"), DOMAIN)
        self.assertEqual(len(found_by_form(got)), 20)
        self.assertIn("More people", got.findtext(".//{%s}x/{%s}instructions" % (DATA, DATA)))
        for words in ({}, {"nick": "*"}, {"nick": "x" * 200}):
            self.assertError(s.iq("set", query(**words), DOMAIN), "not-acceptable")
        self.assertError(s.iq("set", "<query xmlns='%s'><x xmlns='%s' type='cancel'/></query>" % (SEARCH, DATA), DOMAIN), "bad-request")

    def test_no_server(self):
        s = self.enter("alice")
        self.one.stop()
        got = s.iq("set", query(nick="bob"), DOMAIN)
        self.one.start()
        self.assertError(got, "remote-server-timeout")
        wait_for("the server is asked again", lambda: self.gh.operator("directory", "find", jid("bob")).returncode == 0, 20, 0.5)


class LocalSearches(Box):
    """Without a directory: the accounts of the domain, by user name."""
    settings = ("set im search on",)

    def test_who_is_found(self):
        a, b = self.people("anna", "annika")
        s = self.client(a)
        self.assertEqual(found(s.iq("set", query(nick="ann"), DOMAIN)), [jid(a), jid(b)])
        self.assertEqual(found(s.iq("set", query(nick="*KA*"), DOMAIN)), [jid(b)])
        self.assertEqual(found_by_form(s.iq("set", form(nick=b), DOMAIN)), [jid(b)])
        self.gh.commit("set im search off")
        self.addCleanup(self.gh.commit, "set im search on")
        self.assertError(s.iq("set", query(nick="ann"), DOMAIN), "service-unavailable")


class Cards(DirectoryCase):
    servers = "ldaps://" + ONE
    ldif = person("alice", name="Alice &amp; Co") + person("bob").rstrip("\n") + "\ntitle: Cook\ntelephoneNumber: +1 555 1\njpegPhoto:: %s\n\n" % PICTURE + \
        person("carol").rstrip("\n") + "\njpegPhoto:: %s\n\n" % ("/9j/" + "A" * 100000)
    more = ("set directory vcards on",)

    @classmethod
    def prepare(cls):
        cls.gh.user("local")

    def card(self, s, to=None):
        return s.iq("get", "<vCard xmlns='%s'/>" % VCARD, to)

    def test_card(self):
        a, b, c = self.enter("alice"), self.enter("bob"), self.enter("carol")
        got = self.card(a, jid("bob"))
        texts = {raw.local(e.tag): e.text for e in got.iter() if e.text}
        self.assertEqual((texts["FN"], texts["TITLE"], texts["NUMBER"], texts["USERID"], texts["JABBERID"], texts["BINVAL"], texts["TYPE"]),
                         ("Name of bob", "Cook", "+1 555 1", "bob@near.example", jid("bob"), PICTURE, "image/jpeg"))
        self.assertEqual(self.card(a).findtext(".//{%s}FN" % VCARD), "Alice &amp; Co")  # as it stands there
        self.assertIsNone(self.card(a, jid("carol")).find(".//{%s}PHOTO" % VCARD))  # too large
        self.assertError(b.iq("set", "<vCard xmlns='%s'><FN>Me</FN></vCard>" % VCARD), "not-allowed")
        self.assertError(self.card(a, jid("nobody")), "service-unavailable")
        c.close()

    def test_own_accounts(self):
        s = self.enter("local", "secret")
        s.iq("set", "<vCard xmlns='%s'><FN>Me</FN></vCard>" % VCARD)
        self.assertEqual(self.card(s).findtext(".//{%s}FN" % VCARD), "Me")

    def test_off(self):
        self.gh.commit("set directory vcards off")
        self.addCleanup(self.gh.commit, "set directory vcards on")
        s = self.enter("bob")
        self.assertEqual(s.iq("set", "<vCard xmlns='%s'><FN>Me</FN></vCard>" % VCARD).get("type"), "result")


def group(cn, *members):
    return "dn: cn=%s,ou=people,%s\nobjectClass: groupOfNames\ncn: %s\n%s\n" % (cn, BASE, cn, "".join("member: %s\n" % m for m in members))


class Groups(DirectoryCase):
    servers = "ldaps://" + ONE
    ldif = "".join(person(u) for u in ("alice", "bob", "carol", "dave")) + \
        group("Kitchen", dn("alice"), "CN=Bob, OU=people,DC=near", dn("nobody")) + group("Too many", *[dn(u) for u in ("alice", "bob", "carol", "dave")])
    more = ("set directory sync on", "set directory groups on", "set directory group-size 3")

    @classmethod
    def build(cls):
        super().build()
        cls.first = cls.synced()

    def roster(self, s):
        got = s.iq("get", "<query xmlns='%s'/>" % ROSTER)
        return {i.get("jid"): (i.get("subscription"), sorted(g.text for g in i)) for i in got.iter("{%s}item" % ROSTER)}

    def test_life(self):
        """Contacts of a group come, are seen, cannot be changed, and go."""
        self.assertEqual((self.first["groups"], self.first["groups-left-out"], self.first["contact-lists"]), (1, 1, 2))
        self.assertIn("DirectoryGroupsLeftOut", self.alarms())
        a, b, c = self.enter("alice"), self.enter("bob"), self.enter("carol")
        self.assertEqual(self.roster(a), {jid("bob"): ("both", ["Kitchen"])})
        self.assertEqual(self.roster(b), {jid("alice"): ("both", ["Kitchen"])})
        self.assertEqual(self.roster(c), {})
        for s in (a, b, c):
            s.send("<presence/>")
        b.wait(lambda e: e.get("from") == a.jid and e.get("type") is None, what="presence of a contact")
        for payload in ("<item jid='%s' name='x'/>", "<item jid='%s' subscription='remove'/>"):
            got = a.iq("set", "<query xmlns='%s'>%s</query>" % (ROSTER, payload % jid("bob")))
            self.assertError(got, "not-allowed")
        a.send("<presence type='unsubscribe' to='%s'/>" % jid("bob"))
        self.assertEqual(self.roster(a), {jid("bob"): ("both", ["Kitchen"])})
        # carol comes in: pushes to all, and everybody sees everybody
        arrived(a, b, c)
        self.one.modify(dn("Kitchen"), "add: member\nmember: " + dn("carol"))
        self.assertEqual(self.sync()["contact-lists"], 3)
        a.wait(lambda e: e.get("from") == c.jid and e.get("type") is None, what="presence of the new contact")
        c.wait(lambda e: e.get("from") == a.jid and e.get("type") is None, what="presence of the others")
        self.assertEqual(self.roster(c), {jid("alice"): ("both", ["Kitchen"]), jid("bob"): ("both", ["Kitchen"])})
        self.assertEqual(self.sync()["contact-lists"], 0)
        # alice goes: what she had of her own stays
        self.one.modify(dn("Kitchen"), "delete: member\nmember: " + dn("alice"))
        self.assertEqual(self.sync()["contact-lists"], 3)
        b.wait(lambda e: e.get("from") == a.jid and e.get("type") == "unavailable", what="the end of presence")
        self.assertEqual(self.roster(a), {})
        self.assertEqual(self.roster(b), {jid("carol"): ("both", ["Kitchen"])})
        self.gh.commit("set directory groups off")
        wait_for("the lists are empty", lambda: self.roster(b) == {}, 20, 0.2)

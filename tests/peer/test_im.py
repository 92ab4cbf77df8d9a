"""The core as a person meets it: rosters, presence, delivery, and what is announced."""
import base64
import hashlib
import time

from harness.client import SlixClient
from harness.people import CAPS, CARBONS, DOMAIN, INFO, ITEMS, PING, Box, arrived, bodies, features_of, presences

COMMANDS = "http://jabber.org/protocol/commands"


class Announced(Box):
    """What is announced works; what works is announced."""
    settings = ("set domain near.example contact mailto:abuse@near.example",)

    def test_features_after_login(self):
        f = self.client(self.people("u")).bound_features
        for tag in ("{urn:xmpp:features:rosterver}ver", "{urn:xmpp:features:pre-approval}sub", "{urn:xmpp:csi:0}csi",
                    "{urn:xmpp:sm:3}sm", "{%s}c" % CAPS):
            self.assertIsNotNone(f.find(tag), tag)

    def test_caps_hash_is_that_of_the_answer(self):
        # XEP-0115 5.1, from what disco says, against what the stream features announced.
        s = self.client(self.people("u"))
        c = s.bound_features.find("{%s}c" % CAPS)
        self.assertEqual(c.get("hash"), "sha-1")
        node = c.get("node") + "#" + c.get("ver")
        got = s.iq("get", "<query xmlns='%s' node='%s'/>" % (INFO, node), DOMAIN)
        self.assertEqual(got.find("{%s}query" % INFO).get("node"), node)
        text = "".join(sorted("%s/%s/%s/%s<" % (i.get("category"), i.get("type"), "", i.get("name", ""))
                              for i in got.iter("{%s}identity" % INFO)))
        text += "".join(v + "<" for v in features_of(got))
        fields = {f.get("var"): sorted(v.text for v in f.iter("{jabber:x:data}value"))
                  for f in got.iter("{jabber:x:data}field")}
        text += fields.pop("FORM_TYPE")[0] + "<"
        for var in sorted(fields):
            text += var + "<" + "".join(v + "<" for v in fields[var])
        self.assertEqual(base64.b64encode(hashlib.sha1(text.encode()).digest()).decode(), c.get("ver"))
        self.assertError(s.iq("get", "<query xmlns='%s' node='other'/>" % INFO, DOMAIN), "item-not-found")

    def test_contact_addresses(self):
        # XEP-0157; the hash follows a change of the setting.
        u = self.people("u")
        s = self.client(u)
        form = s.iq("get", "<query xmlns='%s'/>" % INFO, DOMAIN).find(".//{jabber:x:data}x")
        fields = {f.get("var"): f.findtext("{jabber:x:data}value") for f in form}
        self.assertEqual(fields["FORM_TYPE"], "http://jabber.org/network/serverinfo")
        self.assertEqual(fields["abuse-addresses"], "mailto:abuse@near.example")
        self.gh.commit("set domain near.example contact mailto:other@near.example")
        before = s.bound_features.find("{%s}c" % CAPS).get("ver")
        self.assertNotEqual(self.client(u).bound_features.find("{%s}c" % CAPS).get("ver"), before)
        self.gh.commit("set domain near.example contact mailto:abuse@near.example")

    def test_every_announced_feature_answers(self):
        s = self.client(self.people("u"))
        asks = {
            INFO: ("get", "<query xmlns='%s'/>" % INFO, DOMAIN),
            ITEMS: ("get", "<query xmlns='%s'/>" % ITEMS, DOMAIN),
            COMMANDS: ("get", "<query xmlns='%s' node='%s'/>" % (ITEMS, COMMANDS), DOMAIN),
            "jabber:iq:last": ("get", "<query xmlns='jabber:iq:last'/>", DOMAIN),
            "jabber:iq:private": ("get", "<query xmlns='jabber:iq:private'><x xmlns='a:b'/></query>", None),
            "jabber:iq:roster": ("get", "<query xmlns='jabber:iq:roster'/>", None),
            "jabber:iq:version": ("get", "<query xmlns='jabber:iq:version'/>", DOMAIN),
            "urn:xmpp:blocking": ("get", "<blocklist xmlns='urn:xmpp:blocking'/>", None),
            CARBONS: ("set", "<enable xmlns='%s'/>" % CARBONS, None),
            "urn:xmpp:extdisco:2": ("get", "<services xmlns='urn:xmpp:extdisco:2'/>", DOMAIN),
            "urn:xmpp:ping": ("get", PING, DOMAIN),
            "urn:xmpp:reporting:1": ("set", "<block xmlns='urn:xmpp:blocking'><item jid='spam@far.example'><report xmlns='urn:xmpp:reporting:1' "
                                            "reason='urn:xmpp:reporting:spam'/></item></block>", None),
            "urn:xmpp:time": ("get", "<time xmlns='urn:xmpp:time'/>", DOMAIN),
            "vcard-temp": ("set", "<vCard xmlns='vcard-temp'><FN>U</FN></vCard>", None),
        }
        elsewhere = {CAPS, "msgoffline", "urn:xmpp:delay", "jid\\20escaping"}  # have tests of their own
        said = features_of(s.iq("get", "<query xmlns='%s'/>" % INFO, DOMAIN))
        self.assertEqual(sorted(set(asks) | elsewhere), said)
        for name, (kind, payload, to) in asks.items():
            self.assertEqual(s.iq(kind, payload, to).get("type"), "result", name)

    def test_account_disco_is_for_those_who_see_the_presence(self):
        a, b = self.people("a", "b")
        s = self.client(a)
        own = s.iq("get", "<query xmlns='%s'/>" % INFO)
        self.assertEqual(own.find(".//{%s}identity" % INFO).get("category"), "account")
        for to in (b, "nobody"):  # who does not may not tell the two apart
            for ns in (INFO, ITEMS):
                self.assertError(s.iq("get", "<query xmlns='%s'/>" % ns, "%s@near.example" % to), "service-unavailable")
        t = self.client(b)
        self.befriend(s, t)
        items = s.iq("get", "<query xmlns='%s'/>" % ITEMS, t.bare)
        self.assertEqual([i.get("jid") for i in items.iter("{%s}item" % ITEMS)], [t.jid])

    def test_last_activity(self):
        # XEP-0012: online 0; away: since they left; strangers: forbidden; the domain: its uptime.
        a, b, c = (self.client(u) for u in self.people("a", "b", "c"))
        self.befriend(a, b)
        ask = "<query xmlns='jabber:iq:last'/>"
        self.assertEqual(a.iq("get", ask, b.bare).find("{*}query").get("seconds"), "0")
        b.close()
        a.wait(lambda e: e.get("from") == b.jid and e.get("type") == "unavailable", what="unavailable")
        time.sleep(1.1)
        self.assertIn(int(a.iq("get", ask, b.bare).find("{*}query").get("seconds")), range(1, 10))
        self.assertError(c.iq("get", ask, b.bare), "forbidden")
        self.assertGreaterEqual(int(c.iq("get", ask, DOMAIN).find("{*}query").get("seconds")), 0)

    def test_own_things_are_forbidden_to_others(self):
        a, b = self.people("a", "b")
        s = self.client(a)
        for kind, payload in (("get", "<query xmlns='jabber:iq:roster'/>"),
                              ("set", "<query xmlns='jabber:iq:roster'><item jid='x@y.example'/></query>"),
                              ("set", "<vCard xmlns='vcard-temp'/>"),
                              ("get", "<query xmlns='jabber:iq:private'><x xmlns='a:b'/></query>"),
                              ("get", "<blocklist xmlns='urn:xmpp:blocking'/>")):
            self.assertError(s.iq(kind, payload, "%s@near.example" % b), "forbidden")
            self.assertError(s.iq(kind, payload, "nobody@near.example"), "service-unavailable")

    def test_vcard(self):
        # XEP-0054 3.3: no vCard and no account look the same to others.
        a, b = self.people("a", "b")
        s = self.client(a)
        get = "<vCard xmlns='vcard-temp'/>"
        self.assertError(s.iq("get", get), "item-not-found")
        for to in (b, "nobody"):
            self.assertError(s.iq("get", get, "%s@near.example" % to), "service-unavailable")
        self.assertEqual(s.iq("set", "<vCard xmlns='vcard-temp'><FN>A &amp; B</FN></vCard>").get("type"), "result")
        got = self.client(b).iq("get", get, s.bare)
        self.assertEqual(got.findtext("{vcard-temp}vCard/{vcard-temp}FN"), "A & B")

    def test_private_xml(self):
        # XEP-0049: by element and namespace; what is not there comes back empty.
        s = self.client(self.people("u"))
        ask = "<query xmlns='jabber:iq:private'><notes xmlns='urn:%s'/></query>"
        self.assertEqual(len(s.iq("get", ask % "one").find(".//{urn:one}notes")), 0)
        s.iq("set", "<query xmlns='jabber:iq:private'><notes xmlns='urn:one'><n>1</n></notes></query>")
        self.assertEqual(s.iq("get", ask % "one").findtext(".//{urn:one}n"), "1")
        self.assertEqual(len(s.iq("get", ask % "two").find(".//{urn:two}notes")), 0)
        self.assertError(s.iq("get", "<query xmlns='jabber:iq:private'/>"), "bad-request")

    def test_slixmpp_knows_us_by_our_hash(self):
        u = self.people("u")
        c = SlixClient(self.gh, u, ca=self.pki.ca)
        self.addCleanup(c.close)
        info = c.do(lambda: c.x.plugin["xep_0030"].get_info(DOMAIN, cached=False))
        c2 = self.client(u).bound_features.find("{%s}c" % CAPS).get("ver")
        self.assertEqual(c.call(lambda: c.x.plugin["xep_0115"].generate_verstring(info["disco_info"], "sha-1")), c2)


class Lists(Box):
    """Helpers for rosters."""

    def roster(self, s, ver=None):
        got = s.iq("get", "<query xmlns='jabber:iq:roster'%s/>" % (" ver='%s'" % ver if ver is not None else ""))
        return got.find("{jabber:iq:roster}query")

    def item(self, s, jid):
        for i in self.roster(s):
            if i.get("jid") == jid:
                return i
        return None

    def set(self, s, inside):
        return s.iq("set", "<query xmlns='jabber:iq:roster'>%s</query>" % inside)


class Roster(Lists):
    """RFC 6121 2 and 3."""

    def test_versions(self):
        s = self.client(self.people("u"))
        ver = self.roster(s, "").get("ver")
        self.assertIsNone(self.roster(s, ver))  # nothing has changed
        self.set(s, "<item jid='x@far.example' name='X'><group>G</group></item>")
        push = s.got[-1] if s.got and s.got[-1].get("type") == "set" else s.wait(lambda e: e.get("type") == "set", what="push")
        new = push.find("{jabber:iq:roster}query").get("ver")
        self.assertNotEqual(new, ver)
        self.assertEqual(len(self.roster(s, ver)), 1)
        self.assertIsNone(self.roster(s, new))

    def test_push_goes_to_those_who_asked(self):
        u = self.people("u")
        a, b = self.client(u, "a"), self.client(u, "b")
        self.roster(a)
        self.set(b, "<item jid='x@far.example'/>")
        a.wait(lambda e: e.get("type") == "set" and e.find(".//{jabber:iq:roster}item") is not None, what="push")
        self.assertEqual([e for e in arrived(b) if e.get("type") == "set"], [])

    def test_bad_sets(self):
        u = self.people("u")
        s = self.client(u)
        many = "".join("<group>%d</group>" % i for i in range(50))
        for inside, error in (("<item jid='x@far.example'><group>A</group><group>A</group></item>", "bad-request"),
                              ("<item jid='x@far.example'><group></group></item>", "not-acceptable"),
                              ("<item jid='x@far.example'>%s</item>" % many, "not-acceptable"),
                              ("<item jid='x@far.example' name='%s'/>" % ("n" * 2000), "not-acceptable"),
                              ("<item jid='x@far.example'/><item jid='y@far.example'/>", "bad-request"),
                              ("<item jid='@'/>", "bad-request"), ("<item/>", "bad-request"), ("", "bad-request"),
                              ("<item jid='%s@near.example'/>" % u, "not-allowed"),
                              ("<item jid='nobody@far.example' subscription='remove'/>", "item-not-found")):
            self.assertError(self.set(s, inside), error)
        self.assertEqual(len(self.roster(s)), 0)

    def test_both_ways_and_back(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        self.assertEqual(self.item(a, b.bare).get("subscription"), "both")
        a.send("<presence to='%s' type='unsubscribe'/>" % b.bare)  # 3.3
        b.wait(lambda e: e.get("type") == "unsubscribe", what="unsubscribe")
        a.wait(lambda e: e.get("from") == b.jid and e.get("type") == "unavailable", what="unavailable")
        self.assertEqual((self.item(a, b.bare).get("subscription"), self.item(b, a.bare).get("subscription")),
                         ("from", "to"))
        a.send("<presence to='%s' type='unsubscribed'/>" % b.bare)  # 3.2
        b.wait(lambda e: e.get("from") == a.jid and e.get("type") == "unavailable", what="unavailable")
        b.wait(lambda e: e.get("type") == "unsubscribed", what="unsubscribed")
        self.assertEqual((self.item(a, b.bare).get("subscription"), self.item(b, a.bare).get("subscription")),
                         ("none", "none"))
        a.send("<presence><show>away</show></presence>")
        arrived(a)
        self.assertEqual(presences(arrived(b), a.jid), [])

    def test_already_subscribed_is_answered_for_them(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        a.send("<presence to='%s' type='subscribe'/>" % b.bare)
        a.wait(lambda e: e.get("from") == b.jid, what="presence, again")
        self.assertEqual([e for e in arrived(b) if e.get("type") == "subscribe"], [])
        self.assertEqual(self.item(a, b.bare).get("subscription"), "both")

    def test_removal_ends_both_directions(self):
        # RFC 6121 2.5.2
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        self.set(a, "<item jid='%s' subscription='remove'/>" % b.bare)
        for what in ("unavailable", "unsubscribed", "unsubscribe"):
            b.wait(lambda e: e.get("type") == what, what=what)
        self.assertIsNone(self.item(a, b.bare))
        self.assertEqual(self.item(b, a.bare).get("subscription"), "none")


class Asked(Lists):
    """RFC 6121 3, and D-AUT, where people are asked."""
    settings = ("set im approve-local off",)

    def test_request_waits_for_the_contact(self):
        # RFC 6121 3.1.3: shown at each login until it is answered; the roster shows nothing of it.
        a, b = self.people("a", "b")
        s = self.client(a)
        s.send("<presence to='%s@near.example' type='subscribe'><status>it is me</status></presence>" % b)
        arrived(s)
        self.assertEqual(self.item(s, b + "@near.example").get("ask"), "subscribe")
        for _ in range(2):
            t = self.client(b)
            got = t.wait(lambda e: e.get("type") == "subscribe", what="request")
            self.assertEqual((got.get("from"), got.findtext("{*}status")), (s.bare, "it is me"))
            self.assertIsNone(self.item(t, s.bare))
            t.close()
        t = self.client(b)
        t.send("<presence to='%s' type='unsubscribed'/>" % s.bare)
        s.wait(lambda e: e.get("type") == "unsubscribed", what="unsubscribed")
        self.assertIsNone(self.item(s, t.bare).get("ask"))
        t.close()
        self.assertEqual([e for e in arrived(self.client(b)) if e.get("type") == "subscribe"], [])

    def test_approved_beforehand(self):
        # RFC 6121 3.4
        a, b = (self.client(u) for u in self.people("a", "b"))
        b.send("<presence to='%s' type='subscribed'/>" % a.bare)
        arrived(b)
        self.assertEqual(self.item(b, a.bare).get("approved"), "true")
        self.assertEqual([e for e in arrived(a) if e.get("type") == "subscribed"], [])
        a.send("<presence to='%s' type='subscribe'/>" % b.bare)
        a.wait(lambda e: e.get("type") == "subscribed", what="subscribed")
        a.wait(lambda e: e.get("from") == b.jid and not e.get("type"), what="presence")
        self.assertEqual(self.item(b, a.bare).get("subscription"), "from")
        self.assertIsNone(self.item(b, a.bare).get("approved"))

    def test_policies(self):
        # D-AUT-05, 06: by whom and for whom; at once.
        a, b, c = (self.client(u) for u in self.people("a", "b", "c"))
        self.gh.ghsh("user policy set %s block %s" % (a.bare, b.bare))
        shown = self.gh.ghsh("user policy show " + a.bare)
        self.assertIn("block", shown)
        self.assertIn(b.bare, shown)
        b.send("<presence to='%s' type='subscribe'/>" % a.bare)
        b.wait(lambda e: e.get("type") == "subscribed", what="subscribed")
        b.wait(lambda e: e.get("from") == a.jid and not e.get("type"), what="presence")
        c.send("<presence to='%s' type='subscribe'/>" % a.bare)
        c.wait(lambda e: e.get("type") == "unsubscribed", what="unsubscribed")
        self.assertEqual([e for e in arrived(a) if e.get("type") == "subscribe"], [])
        self.gh.ghsh("user policy set %s ask" % a.bare)
        c.send("<presence to='%s' type='subscribe'/>" % a.bare)
        a.wait(lambda e: e.get("type") == "subscribe" and e.get("from") == c.bare, what="subscribe")


class Presence(Box):
    """RFC 6121 4."""

    def test_login_shows_who_is_there(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        b.send("<presence><show>dnd</show><status>busy</status></presence>")
        got = a.wait(lambda e: e.get("from") == b.jid, what="update")
        self.assertEqual(got.findtext("{*}show"), "dnd")
        second = self.client(a.bare.split("@")[0], "second")
        got = arrived(second)
        self.assertEqual(presences(got, b.jid)[0].findtext("{*}status"), "busy")
        self.assertEqual(len(presences(got, a.jid)), 1)  # one's own other client (4.2.2)
        b.wait(lambda e: e.get("from") == second.jid, what="presence of the new client")
        second.send("<presence type='unavailable'><status>bye</status></presence>")
        got = b.wait(lambda e: e.get("from") == second.jid and e.get("type") == "unavailable", what="unavailable")
        self.assertEqual(got.findtext("{*}status"), "bye")

    def test_directed(self):
        # RFC 6121 4.6: who got it hears the end of it, once, contact or not.
        a, b, c = (self.client(u) for u in self.people("a", "b", "c"))
        self.befriend(a, b)
        for to in (b.jid, c.jid):
            a.send("<presence to='%s'><status>for you</status></presence>" % to)
        c.wait(lambda e: e.get("from") == a.jid and e.findtext("{*}status") == "for you", what="directed presence")
        arrived(a, b)
        a.kill()
        c.wait(lambda e: e.get("from") == a.jid and e.get("type") == "unavailable", what="unavailable")
        b.wait(lambda e: e.get("from") == a.jid and e.get("type") == "unavailable", what="unavailable")
        self.assertEqual(presences(arrived(b), a.jid, "unavailable"), [])

    def test_strangers_see_nothing(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        a.send("<presence to='%s' type='probe'/>" % b.bare)
        arrived(a)
        a.send("<presence><show>xa</show></presence>")
        arrived(a)
        self.assertEqual((presences(arrived(a), b.bare), presences(arrived(b), a.bare)), ([], []))


class Delivery(Box):
    """RFC 6121 8.5, carbons, offline, blocking."""

    def test_types_to_somebody_away(self):
        a = self.client(self.people("a"))
        b = self.people("b") + "@near.example"
        for kind, refused in (("normal", False), ("chat", False), ("headline", False), ("groupchat", True)):
            a.message(b, kind, id_=kind, kind=kind)
            errors = [e.get("id") for e in arrived(a) if e.get("type") == "error"]
            self.assertEqual(errors, [kind] if refused else [], kind)
        t = self.client(b.split("@")[0])
        for kind in ("normal", "chat"):
            t.wait_body(kind)
        self.assertEqual(bodies(arrived(t)), [])  # XEP-0160: no headlines, no rooms

    def test_types_to_a_resource_that_is_not_there(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        for kind, refused in (("normal", True), ("chat", False), ("headline", False), ("groupchat", True)):
            a.message(b.bare + "/nowhere", kind, id_=kind, kind=kind)
            errors = [e.get("id") for e in arrived(a) if e.get("type") == "error"]
            self.assertEqual(errors, [kind] if refused else [], kind)
        self.assertEqual(bodies(arrived(b)), ["chat"])

    def test_types_to_the_bare_address(self):
        a = self.client(self.people("a"))
        u = self.people("b")
        one, two, away = self.client(u, "one"), self.client(u, "two"), self.client(u, "away", presence=False)
        away.send("<presence><priority>-1</priority></presence>")
        arrived(away)
        for kind in ("normal", "chat", "headline", "groupchat", "error"):
            a.message(one.bare, kind, id_=kind, kind=kind)
        self.assertEqual([e.get("id") for e in arrived(a) if e.get("type") == "error"], ["groupchat"])
        for s, wanted in ((one, ["normal", "chat", "headline"]), (two, ["normal", "chat", "headline"]), (away, [])):
            self.assertEqual(bodies(arrived(s)), wanted)

    def test_message_to_oneself(self):
        u = self.people("u")
        a, b = self.client(u, "a"), self.client(u, "b")
        a.send("<message type='chat'><body>note</body></message>")
        for s in (a, b):
            s.wait_body("note")

    def test_who_replies_gets_what_follows(self):
        # all clients, until one replies: then that one, and copies to who wants them.
        a, u = self.client(self.people("a")), self.people("b")
        one, two = self.client(u, "one"), self.client(u, "two")
        a.message(one.bare, "first")
        self.assertEqual([bodies(x) for x in (arrived(a), arrived(one), arrived(two))], [[], ["first"], ["first"]])
        two.message(a.bare, "reply")
        a.wait_body("reply")
        a.message(one.bare, "second")
        arrived(a)
        self.assertEqual((bodies(arrived(one)), bodies(arrived(two))), ([], ["second"]))
        one.iq("set", "<enable xmlns='%s'/>" % CARBONS)
        a.message(one.bare, "third")
        arrived(a)
        copies = [e for e in arrived(one) if e.find("{%s}received" % CARBONS) is not None]
        self.assertEqual((len(copies), bodies(arrived(two))), (1, ["third"]))
        one.iq("set", "<disable xmlns='%s'/>" % CARBONS)
        one.message(a.bare, "now me")  # another client replies
        a.wait_body("now me")
        a.message(one.bare, "fourth")
        arrived(a)
        self.assertEqual((bodies(arrived(one)), bodies(arrived(two))), (["fourth"], []))

    def test_the_reply_counts_until_presence_changes(self):
        a, u = self.client(self.people("a")), self.people("b")
        one, two = self.client(u, "one"), self.client(u, "two")
        two.message(a.bare, "reply")
        a.wait_body("reply")
        one.send("<presence><show>chat</show></presence>")  # RFC 6121 5.1
        arrived(one)
        a.message(one.bare, "to all again")
        arrived(a)
        self.assertEqual((bodies(arrived(one)), bodies(arrived(two))), (["to all again"],) * 2)
        one.message(a.bare, "reply")
        a.wait_body("reply")
        one.send("<presence type='unavailable'/>")
        arrived(one)
        a.message(one.bare, "to who is left")
        two.wait_body("to who is left")

    def test_carbons_leave_private_things_alone(self):
        a, u = self.client(self.people("a")), self.people("b")
        one, two = self.client(u, "one"), self.client(u, "two")
        two.iq("set", "<enable xmlns='%s'/>" % CARBONS)
        body = "<body>x</body>"
        for inside, kind, copied in ((body, "chat", 1), (body + "<private xmlns='%s'/>" % CARBONS, "chat", 0),
                                     (body + "<no-copy xmlns='urn:xmpp:hints'/>", "chat", 0),
                                     (body, "groupchat", 0), (body, "headline", 0), (body, "normal", 1),
                                     ("<composing xmlns='http://jabber.org/protocol/chatstates'/>", "chat", 1),
                                     (body + "<x xmlns='http://jabber.org/protocol/muc#user'/>", "chat", 0)):
            a.send("<message to='%s' type='%s'>%s</message>" % (one.jid, kind, inside))
            arrived(a)
            got = [e for e in arrived(two) if e.find("{%s}received" % CARBONS) is not None]
            self.assertEqual(len(got), copied, (kind, inside))
            if got:
                self.assertEqual(got[0].get("from"), one.bare)
                self.assertEqual(got[0].get("to"), two.jid)

    def test_blocking(self):
        # XEP-0191: pushes, presence, errors.
        a, u = self.client(self.people("a")), self.people("b")
        one, two = self.client(u, "one"), self.client(u, "two")
        self.befriend(a, one)
        arrived(a, two)
        two.iq("get", "<blocklist xmlns='urn:xmpp:blocking'/>")
        one.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='%s'/></block>" % a.bare)
        push = two.wait(lambda e: e.find("{urn:xmpp:blocking}block") is not None, what="push")
        self.assertEqual(push.find(".//{urn:xmpp:blocking}item").get("jid"), a.bare)
        for s in (one, two):
            a.wait(lambda e: e.get("from") == s.jid and e.get("type") == "unavailable", what="unavailable")
        a.message(one.bare, "m", id_="m")
        self.assertError(a.wait_error("m"), "service-unavailable")
        self.assertError(a.iq("get", PING, one.jid), "service-unavailable")
        a.send("<presence><show>away</show></presence>")
        arrived(a)
        self.assertEqual(presences(arrived(one), a.jid), [])
        one.message(a.bare, "out", id_="out")
        e = one.wait_error("out")
        self.assertError(e, "not-acceptable")
        self.assertIsNotNone(e.find(".//{urn:xmpp:blocking:errors}blocked"))
        one.send("<presence><show>away</show></presence>")
        arrived(one)
        self.assertEqual(presences(arrived(a), one.jid), [])
        before = len(one.got)
        one.iq("set", "<unblock xmlns='urn:xmpp:blocking'/>")
        two.wait(lambda e: e.find("{urn:xmpp:blocking}unblock") is not None, what="push")
        a.wait(lambda e: e.get("from") == one.jid and e.findtext("{*}show") == "away", what="presence")
        shown = presences(one.got[before:] + arrived(one), a.jid)  # what was kept back
        self.assertEqual([e.findtext("{*}show") for e in shown], ["away"])
        a.message(one.bare, "again")
        one.wait_body("again")
        self.assertError(one.iq("set", "<block xmlns='urn:xmpp:blocking'/>"), "bad-request")

    def test_blocking_a_domain_and_a_resource(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        other = self.client(a.bare.split("@")[0], "other")
        b.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='%s'/><item jid='far.example'/></block>" % other.jid)
        other.message(b.bare, "no", id_="no")
        self.assertError(other.wait_error("no"), "service-unavailable")
        a.message(b.bare, "yes")
        b.wait_body("yes")
        b.message("x@far.example", "out", id_="out")
        self.assertError(b.wait_error("out"), "not-acceptable")

    def test_offline_storage_is_bounded(self):
        self.gh.commit("set im offline-per-user 2")
        a = self.client(self.people("a"))
        u = self.people("b")
        for i in range(3):
            a.message("%s@near.example" % u, "n%d" % i, id_="n%d" % i)
        self.assertError(a.wait_error("n2"), "service-unavailable")
        t = self.client(u)
        got = t.wait_body("n0")
        delay = got.find("{urn:xmpp:delay}delay")
        self.assertEqual(delay.get("from"), DOMAIN)
        self.assertRegex(delay.get("stamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        t.wait_body("n1")
        self.gh.commit("set im offline off")
        a.message("%s@near.example" % self.people("c"), "x", id_="x")
        self.assertError(a.wait_error("x"), "service-unavailable")
        self.gh.commit("delete im offline", "delete im offline-per-user")

    def test_hints(self):
        # XEP-0334; XEP-0160 3: chat states are not kept, and nobody is told.
        a, u = self.client(self.people("a")), self.people("b")
        to = u + "@near.example"
        a.send("<message to='%s' type='chat'><body>gone</body><no-store xmlns='urn:xmpp:hints'/></message>" % to)
        a.send("<message to='%s' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>" % to)
        a.send("<message to='%s' type='chat'><body>kept</body></message>" % to)
        self.assertEqual([e for e in arrived(a) if e.get("type") == "error"], [])
        t = self.client(u)
        t.wait_body("kept")
        self.assertEqual(bodies(t.got), [])

    def test_more_offline_messages_than_a_page(self):
        # Lesson 19: a backlog is paged, in order, and costs nobody the session.
        self.gh.commit("set im offline-per-user 200")
        a, u = self.client(self.people("a")), self.people("b")
        for i in range(130):
            a.message("%s@near.example" % u, "n%d" % i)
        arrived(a)
        t = self.client(u)
        for i in range(130):
            t.wait_body("n%d" % i)
        self.assertEqual(bodies(t.got), [])
        self.gh.commit("delete im offline-per-user")

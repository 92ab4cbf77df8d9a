"""Message archives (XEP-0313) as slixmpp and nbxmpp (Gajim's library) read them, over deaths of our programs, and by hand."""
import datetime
import os
import subprocess
import sys
import unittest

import slixmpp

from harness import raw
from harness.client import SlixClient
from harness.people import DOMAIN, Box, arrived, bodies, features_of
from harness.place import wait_for

AGENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "agents")
MAM = "urn:xmpp:mam:2"
FULLTEXT = "{urn:xmpp:fulltext:0}fulltext"
ID = "{urn:xmpp:sid:0}stanza-id"


def field(name, *values):
    return "<field var='%s'>%s</field>" % (name, "".join("<value>%s</value>" % v for v in values))


def query(*fields, rsm="", extra=""):
    form = "<x xmlns='jabber:x:data' type='submit'>%s%s</x>" % (field("FORM_TYPE", MAM), "".join(fields))
    return "<query xmlns='%s' queryid='q'>%s<set xmlns='http://jabber.org/protocol/rsm'>%s</set>%s</query>" % (MAM, form, rsm, extra)


class Archives(Box):
    def slix(self, user, resource="slix"):
        c = SlixClient(self.gh, user, resource, ca=self.pki.ca)
        self.addCleanup(c.close)
        c.call(c.x.register_plugin, "xep_0313")
        return c

    def ask(self, s, element):
        """Results and the answer."""
        before = len(s.got)
        answer = s.iq("set", element)
        return [e for e in s.got[before:] if e.find("{%s}result" % MAM) is not None], answer

    def told(self, s, *fields, **more):
        return [r.findtext(".//{*}forwarded/{*}message/{*}body") for r in self.ask(s, query(*fields, **more))[0]]

    def say(self, a, b, *texts):
        for t in texts:
            a.message(b if isinstance(b, str) else b.bare, t)
        arrived(a)

    def test_slixmpp(self):
        u, v = self.people("u", "v")
        a, b = self.slix(u), self.slix(v)
        for i in range(25):
            a.say(b.bare, "number %d." % i)
            b.wait_body("number %d." % i)
        b.say(a.bare, "the last")
        a.wait_body("the last")

        async def all_of(x, **how):
            return [m["mam_result"]["forwarded"]["stanza"]["body"] async for m in x.plugin["xep_0313"].iterate(**how)]
        for c in (a, b):
            got = c.do(lambda: all_of(c.x))
            self.assertEqual(got, ["number %d." % i for i in range(25)] + ["the last"])
        got = a.do(lambda: all_of(a.x, with_jid=slixmpp.JID(b.bare), reverse=True, total=3))
        self.assertEqual(got, ["the last", "number 24.", "number 23."])
        self.assertEqual(a.do(lambda: all_of(a.x, with_jid=slixmpp.JID("other@" + DOMAIN))), [])
        late = datetime.datetime.utcnow() + datetime.timedelta(hours=1)
        self.assertEqual(a.do(lambda: all_of(a.x, start=late)), [])
        form = a.do(lambda: a.x.plugin["xep_0313"].get_fields(slixmpp.JID(a.bare)))
        self.assertIn(FULLTEXT, form.get_fields())
        meta = a.do(lambda: a.x.plugin["xep_0313"].get_archive_metadata())["mam_metadata"]
        self.assertLess(meta["start"]["timestamp"], meta["end"]["timestamp"])

    def test_nbxmpp(self):
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        self.say(a, b, *["to nbxmpp %d." % i for i in range(5)])
        got = subprocess.run([sys.executable, os.path.join(AGENTS, "nbxmpp_archive.py"), u, DOMAIN, "secret", self.gh.addr],
                             capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(got.stdout.split("\n")[:-1], ["to nbxmpp %d." % i for i in range(5)] + ["complete True count 5"] +
                         ["default never always [] never ['%s@%s']" % (v, DOMAIN)], got.stderr)

    def test_ids_are_stable(self):
        """The id on the message, on the carbon and in the archive; a spoofed one is gone; one's own passes."""
        u, v = self.people("u", "v")
        a, a2, b = self.client(u), self.client(u), self.client(v)
        a2.iq("set", "<enable xmlns='urn:xmpp:carbons:2'/>")
        a2.send("<presence><priority>-1</priority></presence>")
        a.send("<message to='%s' type='chat'><body>x</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/>"
               "<stanza-id xmlns='urn:xmpp:sid:0' by='%s' id='spoof'/><stanza-id xmlns='urn:xmpp:sid:0' by='%s' id='spoof'/></message>"
               % (b.bare, b.bare, a.bare))
        arrived(a)
        got = b.wait(lambda e: e.find("{*}body") is not None, what="the message")
        carbon = a2.wait(lambda e: e.find("{urn:xmpp:carbons:2}sent") is not None, what="the carbon")
        inside = carbon.find(".//{*}forwarded/{*}message")
        self.assertEqual([i.get("by") for i in got.findall(ID)], [b.bare])
        self.assertIn(a.bare, [i.get("by") for i in inside.findall(ID)])
        self.assertNotIn("spoof", [i.get("id") for i in got.findall(ID) + [i for i in inside.findall(ID) if i.get("by") == a.bare]])
        self.assertEqual(got.find("{urn:xmpp:sid:0}origin-id").get("id"), "o")
        mine = self.ask(b, query(field("ids", got.find(ID).get("id"))))[0]
        self.assertEqual([r.find("{*}result").get("id") for r in mine], [got.find(ID).get("id")])
        self.assertEqual(len(self.ask(a, query())[0]), 1)

    def test_words(self):
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        self.say(a, b, "the quick brown fox", "a slow red fox", "nothing")
        self.assertEqual(self.told(b, field(FULLTEXT, "FOX red")), ["a slow red fox"])
        self.assertEqual(self.told(b, field(FULLTEXT, "fox")), ["the quick brown fox", "a slow red fox"])
        self.assertEqual(self.told(b, field(FULLTEXT, "fox"), rsm="<max>1</max><before/>"), ["a slow red fox"])
        self.assertEqual(self.told(b, field(FULLTEXT, '" OR body:nothing')), [])
        self.assertError(self.ask(b, query(field(FULLTEXT, "x" * 300)))[1], "not-acceptable")
        info = b.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", b.bare)
        for feature in (MAM, MAM + "#extended", "urn:xmpp:sid:0", "urn:xmpp:fulltext:0"):
            self.assertIn(feature, features_of(info))

    def test_offline_once(self):
        """Who reads the archive before being available gets no offline copies of it; who does not gets them all."""
        u, v, w = self.people("u", "v", "w")
        a = self.client(u)
        self.say(a, "%s@%s" % (v, DOMAIN), "one", "two")
        self.say(a, "%s@%s" % (w, DOMAIN), "one", "two")
        b = self.client(v, presence=None)
        self.assertEqual(self.told(b), ["one", "two"])
        self.say(a, b, "three")
        b.send("<presence/>")
        b.wait(lambda e: e.findtext("{*}body") == "three", what="what came after the question")
        self.assertEqual(bodies(arrived(b)), [])
        c = self.client(w)
        c.wait(lambda e: e.findtext("{*}body") == "two", what="the offline messages")

    def test_preferences_and_commands(self):
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        b.iq("set", "<prefs xmlns='%s' default='always'><always/><never><jid>%s</jid></never></prefs>" % (MAM, a.bare))
        self.say(a, b, "kept by one")
        self.assertEqual((self.told(a), self.told(b)), (["kept by one"], []))
        self.assertEqual(self.gh.records("show", "archive", a.bare)[0]["messages"], "1")
        self.gh.records("user", "archive", "delete", a.bare)
        self.assertEqual(self.told(a), [])
        wait_for("the rows to go", lambda: self.gh.records("show", "archive", a.bare)[0]["messages"] == "0")
        self.gh.commit("set im archive off")
        self.addCleanup(self.gh.commit, "set im archive on")
        self.say(a, b, "not kept")
        self.assertError(self.ask(a, query())[1], "service-unavailable")

    def test_nothing_acknowledged_is_lost(self):
        """gh-im and gh-store die in turn while somebody talks: what was acknowledged is in both archives once at least."""
        u, v = self.people("u", "v")
        safe, number = [], 0
        for round_ in range(4):
            a = self.client(u, presence=None)
            a.sm_enable()
            sent = []
            for _ in range(150):
                number += 1
                sent.append("m%d." % number)
                a.message("%s@%s" % (v, DOMAIN), sent[-1])
            h = a.sm_request()
            safe += sent[:h]
            self.gh.kill("gh-im" if round_ % 2 else "gh-store")
            a.kill()
        self.assertGreater(len(safe), 300)
        for who in (u, v):
            s, got, last = self.client(who, presence=None), [], ""
            while True:
                results, fin = self.ask(s, query(rsm="<max>250</max>" + last))
                got += [r.findtext(".//{*}forwarded/{*}message/{*}body") for r in results]
                if fin.find("{*}fin").get("complete") == "true":
                    break
                last = "<after>%s</after>" % fin.findtext(".//{*}last")
            self.assertEqual(set(safe) - set(got), set())


if __name__ == "__main__":
    unittest.main()

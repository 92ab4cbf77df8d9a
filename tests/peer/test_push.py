"""Push notifications (XEP-0357): the app server is a bot at another domain, reached through federation; our programs are killed."""
import unittest

from harness import raw
from harness.fed import Fed
from harness.people import arrived, bodies, features_of
from harness.place import Failed, wait_for

INFO = "http://jabber.org/protocol/disco#info"
PUSH = "urn:xmpp:push:0"
PUBSUB = "{http://jabber.org/protocol/pubsub}"
INACTIVE, ACTIVE = "<inactive xmlns='urn:xmpp:csi:0'/>", "<active xmlns='urn:xmpp:csi:0'/>"
SECRET = ("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value>"
          "</field><field var='secret'><value>%s</value></field></x>")


class AppServer:
    """A stream of the bot's; takes notifications and answers them."""

    def __init__(self, stream):
        self.s = stream

    @property
    def jid(self):
        return self.s.jid

    def told(self, node=None, seconds=15, error=None):
        """The fields of the next notification (for this node), which is answered."""
        iq = self.s.wait(lambda e: raw.local(e.tag) == "iq" and e.find(".//{%s}notification" % PUSH) is not None, seconds, "notification")
        got = iq.find("%spubsub/%spublish" % (PUBSUB, PUBSUB)).get("node")
        if node is not None and got != node:
            raise Failed("a notification for %s instead of %s" % (got, node))
        self.s.send("<iq type='%s' id='%s' to='%s'>%s</iq>" % (
            "error" if error else "result", iq.get("id"), iq.get("from"),
            "<error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>" % error if error else ""))
        fields = {f.get("var"): f.findtext("{*}value") for f in iq.iter("{jabber:x:data}field")}
        fields["from"], fields["node"] = iq.get("from"), got
        return fields


class Push(Fed):
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)
        cls.gh.commit("set im push far.example content sender")
        cls.count = 0

    def setUp(self):
        super().setUp()
        type(self).count += 1
        self.user = "push%d" % self.count
        self.gh.user(self.user)
        self.app = AppServer(self.login(self.far, "romeo", resource="app%d" % self.count))
        self.other = self.login(self.gh, "juliet")

    def enable(self, s, node, expect="result", jid=None, form=""):
        got = s.iq("set", "<enable xmlns='%s' jid='%s' node='%s'>%s</enable>" % (PUSH, jid or self.app.jid, node, form))
        self.assertEqual(got.get("type"), expect)
        return got

    def phone(self, **options):
        s = self.login(self.gh, self.user, resource="phone", **options)
        s.send("<presence/>")
        arrived(s)
        return s

    def test_a_client_that_hibernates(self):
        s = self.phone()
        self.assertIn(PUSH, features_of(s.iq("get", "<query xmlns='%s'/>" % INFO, s.bare)))
        self.enable(s, "n", form=SECRET % "s3cret")
        previd = s.sm_enable().get("id")
        self.other.message(s.bare, "seen")
        s.wait_body("seen")
        s.kill()
        self.other.message(s.bare, "unseen words")
        told = self.app.told("n")
        self.assertEqual((told["from"], told["last-message-sender"], told["secret"]), (s.bare, self.other.jid, "s3cret"))
        self.assertNotIn("last-message-body", told)
        self.assertGreaterEqual(int(told["message-count"]), 1)
        back = self.login(self.gh, self.user, resource="other")
        back.send("<presence/>")
        self.assertTrue(previd)
        self.other.message(back.bare, "now somebody looks")
        back.wait_body("now somebody looks")
        arrived(self.app.s, self.other)
        more = [e for e in self.app.s.got if e.find(".//{%s}notification" % PUSH) is not None]
        # "seen" was not acknowledged, so it may count; what somebody looks at never does
        self.assertLessEqual(int(told["message-count"]) + len(more), 2)

    def test_a_client_that_nobody_looks_at(self):
        s = self.phone()
        self.enable(s, "n")
        s.send(INACTIVE)
        arrived(s)
        self.other.message(s.bare, "one")
        self.app.told("n")
        self.assertEqual(bodies([s.wait_body("one")]), ["one"])
        s.send(ACTIVE)
        arrived(s)

    def test_a_refusal_ends_it(self):
        s = self.phone()
        self.enable(s, "gone")
        self.enable(s, "stays")
        s.close()
        self.other.message(s.bare, "one")
        self.app.told("gone", error="item-not-found")
        self.app.told("stays")
        wait_for("it is dropped", lambda: "im.push.dropped" in self.gh.log(), 10)
        wait_for("the pause is over", lambda: self.again(s.bare), 20)

    def again(self, bare):
        self.other.message(bare, "two")
        try:
            return self.app.told("stays", 2)
        except raw.Closed:
            raise
        except Failed as e:
            if "instead" in str(e):
                raise
            return None

    def test_only_who_is_allowed(self):
        s = self.phone()
        self.assertEqual(raw.stanza_error(self.enable(s, "n", "error", jid="app@stranger.example")), "not-allowed")

    def test_what_is_answered_is_kept(self):
        s = self.phone()
        self.enable(s, "kept", form=SECRET % "x")
        for program in ("gh-store", "gh-im"):
            self.gh.kill(program)
        self.other = wait_for("another login", self.new_other, 20)
        self.other.message(s.bare, "after the deaths")
        self.assertEqual(self.app.told("kept")["secret"], "x")

    def new_other(self):
        try:
            return self.login(self.gh, "juliet")
        except (Failed, OSError, raw.Closed, raw.SaslFailed):
            return None


if __name__ == "__main__":
    unittest.main()

"""What people publish of themselves (XEP-0163), with slixmpp, with Prosody as the other server, and with gh-store and gh-im killed."""
import base64
import hashlib
import itertools
import queue
import threading

from harness import raw
from harness.client import SlixClient
from harness.fed import Fed
from harness.people import CAPS, INFO, Box, arrived
from harness.place import Failed, wait_for

PUBSUB = "http://jabber.org/protocol/pubsub"
EVENT = PUBSUB + "#event"
TUNE = "http://jabber.org/protocol/tune"
NICK = "http://jabber.org/protocol/nick"
PICTURE = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
LOST = (Failed, OSError, raw.Closed, raw.SaslFailed)
PEP_PLUGINS = ("xep_0060", "xep_0163", "xep_0084", "xep_0118", "xep_0172", "xep_0153")


def published(node, item, payload, options=""):
    return "<pubsub xmlns='%s'><publish node='%s'><item id='%s'>%s</item></publish>%s</pubsub>" % (PUBSUB, node, item, payload, options)


def options(**fields):
    form = "".join("<field var='pubsub#%s'><value>%s</value></field>" % f for f in fields.items())
    return ("<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
            "<value>%s#publish-options</value></field>%s</x></publish-options>" % (PUBSUB, form))


def items(node, more=""):
    return "<pubsub xmlns='%s'><items node='%s'>%s</items></pubsub>" % (PUBSUB, node, more)


def ids(got):
    return [i.get("id") for i in got.iter("{%s}item" % PUBSUB)]


def is_event(node, text=None, from_=None):
    def want(e):
        found = e.find("{%s}event/{%s}items" % (EVENT, EVENT))
        return found is not None and found.get("node") == node and from_ in (None, e.get("from")) and \
            (text is None or text in "".join(found.itertext()))
    return want


class Interested:
    """A stream that says by XEP-0115 what it wants to hear of, and answers when it is asked."""

    def __init__(self, stream, *nodes):
        self.s = stream
        features = sorted([INFO] + [n + "+notify" for n in nodes])
        self.query = "<identity category='client' type='pc' name='T'/>" + "".join("<feature var='%s'/>" % f for f in features)
        text = "client/pc//T<" + "".join(f + "<" for f in features)
        self.ver = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
        self.s.send("<presence><c xmlns='%s' hash='sha-1' node='urn:test' ver='%s'/></presence>" % (CAPS, self.ver))

    def answer(self, seconds=10):
        """Waits for the question."""
        ask = self.s.wait(lambda e: raw.local(e.tag) == "iq" and e.get("type") == "get" and e.find("{%s}query" % INFO) is not None,
                          seconds, "question for features")
        self.s.send("<iq type='result' id='%s' to='%s'><query xmlns='%s' node='urn:test#%s'>%s</query></iq>"
                    % (ask.get("id"), ask.get("from"), INFO, self.ver, self.query))
        return self


class PepPeople(Box):
    def slix(self, user, resource="slix", interests=(), events=()):
        got = queue.Queue()

        def before(x):
            for n in interests:
                x["xep_0030"].add_feature(n + "+notify")
            for e in events:
                x.add_event_handler(e, got.put)
        c = SlixClient(self.gh, user, resource=resource, ca=self.pki.ca, plugins=PEP_PLUGINS, before=before)
        c.events = got
        self.addCleanup(c.close)
        return c

    def test_tune_reaches_the_interested(self):
        a, b = self.people("a", "b")
        s, t = self.client(a, "raw"), self.client(b, "raw")
        self.befriend(s, t)
        alice = self.slix(a)
        bob = self.slix(b, events=("user_tune_publish",))
        alice.do(lambda: alice.x["xep_0118"].publish_tune(artist="Ensemble", title="First"))
        got = SlixClient.wait(bob.events, lambda m: m["pubsub_event"]["items"]["item"]["tune"]["title"] == "First", what="tune")
        self.assertEqual(str(got["from"]), "%s@near.example" % a)
        late = self.slix(b, "late", events=("user_tune_publish",))
        got = SlixClient.wait(late.events, lambda m: m["pubsub_event"]["items"]["item"]["tune"]["title"] == "First", what="last tune")
        self.assertIsNotNone(got.xml.find("{urn:xmpp:delay}delay"))

    def test_nodes_by_slixmpp(self):
        a = self.people("a")
        c = self.slix(a)
        p = c.x["xep_0060"]
        jid = c.x.boundjid.bare
        c.do(lambda: p.create_node(jid, "things"))
        form = c.do(lambda: p.get_node_config(jid, "things"))["pubsub_owner"]["configure"]["form"]
        self.assertEqual(form.get_values()["pubsub#access_model"], "presence")
        new = c.x["xep_0004"].make_form(ftype="submit")
        new.add_field(var="FORM_TYPE", ftype="hidden", value=PUBSUB + "#node_config")
        new.add_field(var="pubsub#max_items", value="max")
        c.do(lambda: p.set_node_config(jid, "things", new))
        for i in range(3):
            c.do(lambda i=i: p.publish(jid, "things", id="i%d" % i))
        c.do(lambda: p.retract(jid, "things", "i1"))
        s = self.client(a, "raw")
        self.assertEqual(ids(s.iq("get", items("things"))), ["i0", "i2"])
        c.do(lambda: p.purge(jid, "things"))
        self.assertEqual(ids(s.iq("get", items("things"))), [])
        c.do(lambda: p.delete_node(jid, "things"))
        self.assertError(s.iq("get", items("things")), "item-not-found")

    def test_avatar_and_vcard_are_one(self):
        """XEP-0084, XEP-0153 and XEP-0398."""
        a, b = self.people("a", "b")
        s, t = self.client(a, "raw"), self.client(b, "raw")
        self.befriend(s, t)
        c = self.slix(a)
        digest = hashlib.sha1(PICTURE).hexdigest()
        c.do(lambda: c.x["xep_0084"].publish_avatar(PICTURE))
        c.do(lambda: c.x["xep_0084"].publish_avatar_metadata([{"id": digest, "type": "image/png", "bytes": str(len(PICTURE))}]))
        got = t.wait(lambda e: raw.local(e.tag) == "presence" and e.findtext("{vcard-temp:x:update}x/{vcard-temp:x:update}photo") == digest,
                     what="presence with the hash")
        self.assertTrue(got.get("from").startswith(s.bare))
        card = t.iq("get", "<vCard xmlns='vcard-temp'/>", s.bare)
        self.assertEqual(base64.b64decode(card.findtext(".//{vcard-temp}BINVAL")), PICTURE)
        self.assertEqual(card.findtext(".//{vcard-temp}TYPE"), "image/png")
        # and the other way
        other = PICTURE + b"\0"
        t.iq("set", "<vCard xmlns='vcard-temp'><FN>B</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>%s</BINVAL></PHOTO></vCard>"
             % base64.b64encode(other).decode())
        digest = hashlib.sha1(other).hexdigest()
        s.wait(lambda e: raw.local(e.tag) == "presence" and e.findtext("{vcard-temp:x:update}x/{vcard-temp:x:update}photo") == digest,
               what="presence with the other hash")
        meta = s.iq("get", items("urn:xmpp:avatar:metadata"), t.bare)
        self.assertEqual(meta.find(".//{urn:xmpp:avatar:metadata}info").get("bytes"), str(len(other)))
        data = s.iq("get", items("urn:xmpp:avatar:data", "<item id='%s'/>" % digest), t.bare)
        self.assertEqual(base64.b64decode(data.findtext(".//{urn:xmpp:avatar:data}data")), other)

    def test_bookmarks_old_and_new_are_one(self):
        """XEP-0402, and XEP-0049 with XEP-0048 for older clients."""
        a = self.people("a")
        s = self.client(a)
        opts = options(persist_items="true", max_items="max", send_last_published_item="never", access_model="whitelist")
        room = "<conference xmlns='urn:xmpp:bookmarks:1' name='The Room' autojoin='true'><nick>me</nick></conference>"
        self.assertEqual(s.iq("set", published("urn:xmpp:bookmarks:1", "room@muc.example", room, opts)).get("type"), "result")
        old = s.iq("get", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>")
        found = old.find(".//{storage:bookmarks}conference")
        self.assertEqual((found.get("jid"), found.get("name"), found.get("autojoin"), found.findtext("{storage:bookmarks}nick")),
                         ("room@muc.example", "The Room", "true", "me"))
        s.iq("set", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='b@muc.example' name='B'/>"
                    "<conference jid='room@muc.example' autojoin='1'/></storage></query>")
        got = s.iq("get", items("urn:xmpp:bookmarks:1"))
        self.assertEqual(sorted(ids(got)), ["b@muc.example", "room@muc.example"])
        s.iq("set", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='b@muc.example' name='B'/>"
                    "</storage></query>")
        wait_for("the bookmark to go", lambda: ids(s.iq("get", items("urn:xmpp:bookmarks:1"))) == ["b@muc.example"], 5)

    def test_omemo_by_options(self):
        """XEP-0384: devices and bundles are open to all, also to strangers; the options must hold."""
        a, b = self.people("a", "b")
        s, t = self.client(a), self.client(b)
        devices = "<devices xmlns='urn:xmpp:omemo:2'><device id='1'/></devices>"
        opts = options(access_model="open")
        self.assertEqual(s.iq("set", published("urn:xmpp:omemo:2:devices", "current", devices, opts)).get("type"), "result")
        bundle = "<bundle xmlns='urn:xmpp:omemo:2'><spk id='0'>YQ==</spk></bundle>"
        opts = options(access_model="open", max_items="max")
        for n in ("1", "2"):
            self.assertEqual(s.iq("set", published("urn:xmpp:omemo:2:bundles", n, bundle, opts)).get("type"), "result")
        self.assertEqual(ids(t.iq("get", items("urn:xmpp:omemo:2:devices"), s.bare)), ["current"])
        self.assertEqual(ids(t.iq("get", items("urn:xmpp:omemo:2:bundles", "<item id='2'/>"), s.bare)), ["2"])
        got = s.iq("set", published("urn:xmpp:omemo:2:devices", "current", devices, options(access_model="whitelist")))
        self.assertError(got, "conflict")
        self.assertIsNotNone(got.find(".//{%s#errors}precondition-not-met" % PUBSUB))

    def test_limits(self):
        a = self.people("a")
        s = self.client(a)
        self.gh.commit("set im pep-item-bytes 2048")
        self.addCleanup(self.gh.commit, "delete im pep-item-bytes")
        got = s.iq("set", published("n", "1", "<a xmlns='x:a'>%s</a>" % ("x" * 3000)))
        self.assertError(got, "not-acceptable")
        self.assertIsNotNone(got.find(".//{%s#errors}payload-too-big" % PUBSUB))

    def test_nothing_for_the_blocked(self):
        a, b = self.people("a", "b")
        s, t = self.client(a), self.client(b)
        self.befriend(s, t)
        Interested(t, NICK).answer()
        s.iq("set", published(NICK, "1", "<nick xmlns='%s'>First</nick>" % NICK))
        t.wait(is_event(NICK, "First", s.bare), what="nickname")
        s.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='%s'/></block>" % t.bare)
        s.iq("set", published(NICK, "2", "<nick xmlns='%s'>Second</nick>" % NICK))
        self.assertEqual([e for e in arrived(s, t)[1] if is_event(NICK)(e)], [])
        self.assertError(t.iq("get", items(NICK), s.bare), "service-unavailable")


class PepFederation(Fed):
    """Prosody's service of the same kind, each way."""
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)

    def friends(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        for x, y in ((j, r), (r, j)):
            x.send("<presence to='%s' type='subscribe'/>" % y.bare)
            if y is r:  # of whom she has in her list she is not asked
                r.wait(lambda e: e.get("from") == j.bare and e.get("type") in ("subscribe", "subscribed"), 10, "subscribe")
                r.send("<presence to='%s' type='subscribed'/>" % j.bare)
            x.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == y.jid and not e.get("type"), 10, "presence")
        return j, r

    def test_events_each_way(self):
        j, r = self.friends()
        j.iq("set", published(NICK, "0", "<nick xmlns='%s'>Before</nick>" % NICK))
        r_wants = Interested(r, NICK)
        asked = set()
        # Prosody asks its own client; juliet's server asks it too. Each is answered.
        while asked != {r.bare, j.bare} and len(asked) < 3:
            ask = r.wait(lambda e: raw.local(e.tag) == "iq" and e.get("type") == "get" and e.find("{%s}query" % INFO) is not None, 10, "question")
            asked.add(ask.get("from"))
            r.send("<iq type='result' id='%s' to='%s'><query xmlns='%s' node='urn:test#%s'>%s</query></iq>"
                   % (ask.get("id"), ask.get("from"), INFO, r_wants.ver, r_wants.query))
            if ask.get("from") == j.bare:
                break
        r.wait(is_event(NICK, "Before", j.bare), 10, "last item from here")
        j.iq("set", published(NICK, "1", "<nick xmlns='%s'>Now</nick>" % NICK))
        r.wait(is_event(NICK, "Now", j.bare), 10, "event from here")
        self.assertEqual(ids(r.iq("get", items(NICK), j.bare)), ["1"])
        # the other way: Prosody asks juliet's client what it wants
        j_wants = Interested(j, TUNE)
        asks = []
        for _ in range(2):
            try:
                ask = j.wait(lambda e: raw.local(e.tag) == "iq" and e.get("type") == "get" and e.find("{%s}query" % INFO) is not None, 5, "question")
            except Failed:
                break
            asks.append(ask.get("from"))
            j.send("<iq type='result' id='%s' to='%s'><query xmlns='%s' node='urn:test#%s'>%s</query></iq>"
                   % (ask.get("id"), ask.get("from"), INFO, j_wants.ver, j_wants.query))
        self.assertIn(r.bare, asks)
        r.iq("set", published(TUNE, "t1", "<tune xmlns='%s'><title>Far</title></tune>" % TUNE))
        j.wait(is_event(TUNE, "Far", r.bare), 10, "event from there")
        self.assertEqual(ids(j.iq("get", items(TUNE), r.bare)), ["t1"])

    def test_strangers_read_what_is_open_only(self):
        self.far.user("mercutio")
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "mercutio")
        j.iq("set", published("open", "1", "<a xmlns='x:a'/>", options(access_model="open")))
        j.iq("set", published("closed", "1", "<a xmlns='x:a'/>", options(access_model="whitelist")))
        self.assertEqual(ids(r.iq("get", items("open"), j.bare)), ["1"])
        self.assertEqual(r.iq("get", items("closed"), j.bare).get("type"), "error")


class PepCrash(Box):
    """kill -9: what was answered is there (gh-store answers after its commit)."""

    def storm(self, program):
        u = self.people("u")
        kept, over = [], threading.Event()
        opts = options(max_items="max", access_model="whitelist")

        def publish():
            s = self.client(u)
            for n in itertools.count():
                if over.is_set():
                    return
                try:
                    if s.iq("set", published("n", "i%d" % n, "<a xmlns='x:a'>%d</a>" % n, opts), timeout=20).get("type") == "result":
                        kept.append("i%d" % n)
                except LOST:
                    s = wait_for("another login", lambda: self.again(u), 20)
        t = threading.Thread(target=publish, daemon=True)
        t.start()
        for round_ in range(3):
            before = len(kept)
            wait_for("published items", lambda: len(kept) > before + 20, 30)
            self.gh.kill(program)
        before = len(kept)
        wait_for("published items", lambda: len(kept) > before + 20, 30)
        over.set()
        t.join(60)
        self.assertFalse(t.is_alive())
        s = wait_for("another login", lambda: self.again(u), 20)
        got = ids(s.iq("get", items("n")))
        self.assertEqual(sorted(set(kept) - set(got)), [])

    def again(self, u):
        try:
            return self.client(u)
        except LOST:
            return None

    def test_store(self):
        self.storm("gh-store")

    def test_im(self):
        self.storm("gh-im")

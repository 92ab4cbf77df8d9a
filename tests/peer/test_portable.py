"""People in files of XEP-0227: users import, users export (docs/admin/migration.md)."""
import glob
import json
import os
import time
import xml.etree.ElementTree as ET

from harness.ejabberd import Ejabberd
from harness.people import DOMAIN, Box, arrived, bodies
from harness.prosody import Prosody
from harness.place import wait_for

PIE = "urn:xmpp:pie:0"
NICK = "http://jabber.org/protocol/nick"
PUBSUB = "http://jabber.org/protocol/pubsub"
ROSTER = "<query xmlns='jabber:iq:roster'>%s</query>"
HEAD = "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='%s'><host jid='%s'>" % (PIE, DOMAIN)
TAIL = "</host></server-data>\n"
CONFIG = ("<configure node='%s'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#node_config"
          "</value></field><field var='pubsub#access_model'><value>%s</value></field><field var='pubsub#max_items'><value>%s</value></field></x></configure>")
ANN = ("<roster>" +
       ROSTER % ("<item jid='bob@far.example' name='Bob &amp; Co' subscription='both'><group>Friends</group><group>Work</group></item>"
                 "<item jid='Carl@far.example' subscription='none' ask='subscribe'/><item jid='@nobody' subscription='to'/>") +
       "<presence xmlns='jabber:client' type='subscribe' from='dora@far.example' to='ann@near.example'><status>please</status></presence>"
       "<offline-messages><message xmlns='jabber:client' from='bob@far.example/x' to='ann@near.example' type='chat' id='o1'><body>while you were away</body>"
       "<delay xmlns='urn:xmpp:delay' stamp='2026-05-01T10:00:00Z'/></message></offline-messages>"
       "<vCard xmlns='vcard-temp'><FN>Ann A.</FN></vCard>"
       "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='room@rooms.example' name='R' autojoin='1'><nick>ann</nick>"
       "</conference></storage><prefs xmlns='urn:x:mine'><a/></prefs></query>"
       "<blocklist xmlns='urn:xmpp:blocking'><item jid='spam.example'/></blocklist>"
       "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>" + CONFIG % ("urn:x:open", "open", "5") + CONFIG % ("urn:x:odd", "authorize", "5") +
       "<affiliations node='urn:x:odd'><affiliation jid='ann@near.example' affiliation='owner'/><affiliation jid='u2@near.example' affiliation='member'/></affiliations>"
       "</pubsub><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:x:open'><item id='1'><v xmlns='urn:x:v'>one</v></item>"
       "<item id='2'><v xmlns='urn:x:v'>two</v></item></items><items node='urn:x:odd'><item id='s'><v xmlns='urn:x:v'>secret</v></item></items></pubsub>"
       "<archive xmlns='urn:xmpp:pie:0#mam'><result xmlns='urn:xmpp:mam:2' id='a1'><forwarded xmlns='urn:xmpp:forward:0'>"
       "<delay xmlns='urn:xmpp:delay' stamp='2026-04-01T10:00:00Z'/><message xmlns='jabber:client' from='ann@near.example/x' to='bob@far.example' type='chat'>"
       "<body>in April</body></message></forwarded></result></archive>")[len("<roster>"):]


def roster(s):
    got = s.iq("get", ROSTER % "")
    return {i.get("jid"): (i.get("name"), i.get("subscription"), i.get("ask"), sorted(g.text for g in i.findall("{*}group"))) for i in got.findall(".//{*}item")}


def items(s, node, to=None):
    got = s.iq("get", "<pubsub xmlns='%s'><items node='%s'/></pubsub>" % (PUBSUB, node), to)
    return [] if got.get("type") == "error" else [i.get("id") for i in got.findall(".//{*}item")]


def archived(s):
    s.iq("set", "<query xmlns='urn:xmpp:mam:2'/>")
    return [e.findtext(".//{*}body") for e in s.got if e.find("{urn:xmpp:mam:2}result") is not None]


class PortableBox(Box):
    settings = ("set im archive on",)

    def write(self, text, name="people.xml"):
        path = self.place.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def take(self, text, code=0):
        """What is told of people, by their address, and the last words."""
        path = text if text.startswith("/") else self.write(text)
        got = self.gh.operator("--json", "users", "import", path, timeout=120)
        self.assertEqual(got.returncode != 0, code != 0, got.stdout + got.stderr)
        start, end = got.stdout.find("["), got.stdout.rfind("]")
        return {r["user"]: r for r in json.loads(got.stdout[start:end + 1] or "[]")}, got.stdout[end + 1:] + got.stderr

    def give(self, *words):
        folder = self.place.path("out-%d" % time.monotonic_ns())
        os.makedirs(folder)
        got = self.gh.operator("users", "export", "people", *words, cwd=folder)
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)
        path, = glob.glob(folder + "/*")
        self.assertRegex(os.path.basename(path), r"^people-\d{8}-\d{6}\.xml$")
        self.assertEqual(os.stat(path).st_mode & 0o77, 0)
        return path


class Files(PortableBox):
    def test_all_that_a_person_has(self):
        """XEP-0227 4: every part comes in, is as it was, and comes out; the same file again changes nothing."""
        told, words = self.take(HEAD + "<user name='ann' password='secret'>" + ANN + "</user>" + TAIL)
        self.assertIn("1 accounts made", words)
        ann = told["ann@near.example"]
        self.assertEqual([ann[k] for k in ("result", "contacts", "offline", "items", "archived", "other")], ["done", "3", "1", "4", "1", "4"])
        self.assertEqual(ann["left-out"], "2", ann)  # a contact that is none, a configuration that is not here
        path = self.give("ann@near.example", "archive")
        again = self.take(HEAD + "<user name='ann' password='other'>" + ANN + "</user>" + TAIL)[0]["ann@near.example"]
        self.assertEqual([again[k] for k in ("contacts", "items", "other")], ["0", "0", "0"])
        s = self.client("ann")
        self.assertEqual(roster(s), {"bob@far.example": ("Bob & Co", "both", None, ["Friends", "Work"]), "carl@far.example": (None, "none", "subscribe", [])})
        wait_for("the message that waited", lambda: arrived(s) and bodies(s.got) or bodies(s.got), 10)
        got = s.got
        self.assertEqual(bodies(got), ["while you were away"])
        stamp, = [d.get("stamp") for e in got for d in e.iter("{urn:xmpp:delay}delay")]
        self.assertTrue(stamp.startswith("2026-05-01T10:00:00"), stamp)
        self.assertEqual([e.findtext("{*}status") for e in got if e.get("type") == "subscribe"], ["please"])
        self.assertEqual(s.iq("get", "<vCard xmlns='vcard-temp'/>").findtext(".//{*}FN"), "Ann A.")
        self.assertIsNotNone(s.iq("get", "<query xmlns='jabber:iq:private'><prefs xmlns='urn:x:mine'/></query>").find(".//{urn:x:mine}a"))
        self.assertEqual(items(s, "urn:xmpp:bookmarks:1"), ["room@rooms.example"])
        self.assertEqual([i.get("jid") for i in s.iq("get", "<blocklist xmlns='urn:xmpp:blocking'/>").findall(".//{*}item")], ["spam.example"])
        self.assertEqual(archived(s), ["in April", "while you were away"])
        other = self.client(self.people("u"))
        self.assertEqual((sorted(items(other, "urn:x:open", "ann@near.example")), items(other, "urn:x:odd", "ann@near.example")), (["1", "2"], []))
        # What was given out comes in elsewhere: here, after the account has gone.
        s.close()
        self.gh.ghsh("user delete ann@near.example\n")
        told, words = self.take(path)
        self.assertIn("1 accounts made", words)
        ann = told["ann@near.example"]
        self.assertEqual([ann[k] for k in ("result", "contacts", "offline", "items", "archived", "other", "left-out")],
                         ["done", "3", "1", "5", "1", "4", "0"], ann)
        s = self.client("ann")
        self.assertEqual(len(roster(s)), 2)
        self.assertEqual(archived(s)[0], "in April")
        self.assertEqual(sorted(items(other, "urn:x:open", "ann@near.example")), ["1", "2"])

    def test_who_is_refused(self):
        """A result for each; a file that breaks off keeps what was before it."""
        told, words = self.take(
            "<server-data xmlns='%s' xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='other.xml'/>"
            "<host jid='elsewhere.example'><user name='a' password='x'/></host>"
            "<host jid='near.example'><user name='no pass'/><user name='nopass'/><user name='a@b' password='x'/><user name='' password='x'/>"
            "<user name='good' password='secret'><odd xmlns='urn:x:odd'/></user></host></server-data>" % PIE)
        self.assertEqual({u: r["result"].split(":")[0] for u, r in told.items()}, dict.fromkeys(
            ("other.xml", "a@elsewhere.example", "no pass@near.example", "nopass@near.example", "a@b@near.example", "@near.example"), "refused") |
            {"good@near.example": "done"})
        self.assertEqual((told["good@near.example"]["left-out"], told["good@near.example"]["note"]), ("1", "parts that this box does not have"))
        self.assertIn("SCRAM", told["nopass@near.example"]["result"])
        self.client("good")
        for text, why in (("<root/>", "XEP-0227"), (HEAD + "<user name='cut' password='secret'></user><user name=", "line"), ("", "line"),
                          (HEAD + "<!-- c --><?php ?>", "line"), (HEAD + "<user name='x'><vCard xmlns='vcard-temp'><FN>" + "x" * (2 << 20), "line")):
            self.assertIn(why, self.take(text, code=1)[1])
        self.client("cut")
        for words in (("../x",), ("x", "nowhere.example"), ("x", "all", "what")):
            self.assertNotEqual(self.gh.operator("users", "export", *words).returncode, 0)

    def test_many(self):
        """More than one piece, in and out; an export of all is an import."""
        told, words = self.take(HEAD + "".join(
            "<user name='many%03d'><scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'><iter-count>4096</iter-count>"
            "<salt>c2FsdHNhbHQ=</salt><server-key>%s</server-key><stored-key>%s</stored-key></scram-credentials>"
            "<vCard xmlns='vcard-temp'><DESC>%s</DESC></vCard></user>" % (i, "A" * 27 + "=", "B" * 26 + "A=", "x" * 2000) for i in range(300)) + TAIL)
        self.assertIn("300 accounts made", words)
        self.assertEqual(len(told), 300)
        tree = ET.parse(self.give("near.example"))
        found = [u for u in tree.iter("{%s}user" % PIE) if u.get("name").startswith("many")]
        self.assertEqual((len(found), {u.findtext(".//{*}stored-key") for u in found}), (300, {"B" * 26 + "A="}))
        self.assertTrue(all(len(u.findtext(".//{*}DESC")) == 2000 for u in found))


class Prosody227(PortableBox):
    """Prosody keeps people in files of XEP-0227 itself (mod_storage_xep0227): what it writes comes in here, what we write it reads."""

    def test_both_ways(self):
        # What we write, as one of its files.
        self.take(HEAD + "<user name='ours' password='our secret'>" + ANN.replace("ann@", "ours@") + "</user>" + TAIL)
        path = self.give("ours@" + DOMAIN)
        p = Prosody(self.place, DOMAIN, self.pki.make("good", DOMAIN), self.pki.ca, self.dns, dialback=False, host_extra="""
	storage = { accounts = "xep0227", roster = "xep0227", vcard = "xep0227", private = "xep0227", pep = "xep0227", default = "internal" }
	modules_enabled = { "private", "vcard" }
	modules_disabled = { "vcard_legacy" }
""")
        p.user("theirs", "their secret")
        os.rename(path, os.path.join(p.dir, "data", "ours@%s.xml" % DOMAIN))
        p.users["ours"] = "our secret"
        p.start()
        try:
            s = self.login(p, "ours", mechanism="SCRAM-SHA-1")
            self.assertEqual(roster(s)["bob@far.example"], ("Bob & Co", "both", None, ["Friends", "Work"]))
            self.assertEqual(s.iq("get", "<vCard xmlns='vcard-temp'/>").findtext(".//{*}FN"), "Ann A.")
            t = self.login(p, "theirs")
            t.iq("set", ROSTER % "<item jid='pal@far.example' name='Pal'><group>Old</group></item>")
            t.send("<presence to='boss@far.example' type='subscribe'/>")
            t.iq("set", "<vCard xmlns='vcard-temp'><FN>T.</FN></vCard>")
            t.iq("set", "<query xmlns='jabber:iq:private'><prefs xmlns='urn:x:mine'><b/></prefs></query>")
            self.assertEqual(len(roster(t)), 2)
        finally:
            p.stop()
        told, words = self.take(os.path.join(p.dir, "data", "theirs@%s.xml" % DOMAIN))
        got = told["theirs@near.example"]
        self.assertEqual([got[k] for k in ("result", "contacts", "other")], ["done", "2", "2"], got)
        self.gh.users["theirs"] = "their secret"
        s = self.client("theirs", mechanism="SCRAM-SHA-1")
        self.assertEqual(roster(s), {"pal@far.example": ("Pal", "none", None, ["Old"]), "boss@far.example": (None, "none", "subscribe", [])})
        self.assertEqual(s.iq("get", "<vCard xmlns='vcard-temp'/>").findtext(".//{*}FN"), "T.")
        self.assertIsNotNone(s.iq("get", "<query xmlns='jabber:iq:private'><prefs xmlns='urn:x:mine'/></query>").find(".//{urn:x:mine}b"))


class Ejabberd227(PortableBox):
    """What export_piefxis writes comes in here, with its passwords; import_piefxis takes what we write."""

    def test_both_ways(self):
        self.take(HEAD + "<user name='ours' password='our secret'>" + ANN.replace("ann@", "ours@") + "</user>" + TAIL)
        path = self.give("ours@" + DOMAIN)
        folder = self.place.path("piefxis")
        os.makedirs(folder)
        e = Ejabberd(self.place, DOMAIN, self.pki.make("good", DOMAIN), self.pki.ca, self.dns, modules="  mod_private: {}\n  mod_admin_extra: {}", evals=(
            'ok = ejabberd_piefxis:import_file(<<"%s">>)' % path,
            'ok = mod_admin_extra:add_rosteritem(<<"theirs">>, <<"%s">>, <<"pal">>, <<"far.example">>, <<"Pal">>, <<"Old">>, <<"both">>)' % DOMAIN,
            'ok = mod_admin_extra:set_vcard(<<"theirs">>, <<"%s">>, <<"FN">>, <<"T.">>)' % DOMAIN,
            'mod_admin_extra:send_message(<<"chat">>, <<"pal@far.example">>, <<"theirs@%s">>, <<>>, <<"before the move">>)' % DOMAIN,
            'io:format("exported ~p~n", [ejabberd_piefxis:export_host("%s", <<"%s">>)])' % (folder, DOMAIN)))
        e.user("theirs", "their secret")
        e.start()
        e.program.wait_log("exported ok", 20)
        e.stop()
        index, host = sorted(glob.glob(folder + "/*"), key=len)
        told, words = self.take(index)
        self.assertEqual(told[os.path.basename(host)]["result"].split(";")[0], "refused: xi:include")
        told, words = self.take(host)
        self.assertIn("1 accounts made, 1 were there", words)
        got = told["theirs@near.example"]
        self.assertEqual([got[k] for k in ("result", "contacts", "offline", "other", "left-out")], ["done", "1", "1", "1", "0"], got)
        self.gh.users["theirs"] = "their secret"
        s = self.client("theirs", mechanism="SCRAM-SHA-1")
        self.assertEqual(roster(s), {"pal@far.example": ("Pal", "both", None, ["Old"])})
        wait_for("the message that waited", lambda: arrived(s) and bodies(s.got) or bodies(s.got), 10)
        self.assertEqual(bodies(s.got), ["before the move"])
        # What it took of ours it has written again.
        ours, = [u for u in ET.parse(host).iter("{%s}user" % PIE) if u.get("name") == "ours"]
        self.assertEqual((ours.findtext(".//{vcard-temp}FN"), ours.find(".//{jabber:iq:roster}item").get("name"),
                          ours.findtext(".//{jabber:client}body")), ("Ann A.", "Bob & Co", "while you were away"))

"""Administrators of IM (XEP-0050, XEP-0133) with slixmpp: accounts, what is known of people, announcements, the message of the day; beside
the operators' commands that do the same."""
import queue

from harness import raw
from harness.client import SlixClient
from harness.people import DOMAIN, Box
from harness.place import wait_for

ADMIN = "http://jabber.org/protocol/admin#"
COMMANDS = "http://jabber.org/protocol/commands"
OWN = "urn:gatehouse:own#"


class Administrators(Box):
    settings = ("set im administrators boss@" + DOMAIN, "set im scram-iterations 4096")

    @classmethod
    def build(cls):
        super().build()
        cls.gh.user("boss")

    def setUp(self):
        super().setUp()
        self.boss = SlixClient(self.gh, "boss", ca=self.pki.ca, plugins=("xep_0050", "xep_0133"))
        self.addCleanup(self.boss.close)

    def run_command(self, name, **fields):
        """Starts it as slixmpp's users do, fills the form in, completes it. The last answer, and the labels that were asked for."""
        x, answers, asked = self.boss.x, queue.Queue(), []

        def shown(iq, session):
            if iq["command"]["status"] == "completed":
                answers.put(iq)
                return
            asked.extend(iq["command"]["form"].get_fields())
            form = x["xep_0004"].make_form(ftype="submit")
            for var, value in fields.items():
                form.add_field(var=var.replace("_", "-") if var == "password_verify" else var, value=value,
                               ftype="jid-multi" if isinstance(value, list) else None)
            # complete_command would lose an error: slixmpp looks for the session in the answer
            x["xep_0050"].send_command(DOMAIN, session["node"], action="complete", payload=form, sessionid=session["id"]).add_done_callback(done)

        def done(future):
            error = future.exception()
            answers.put(error.iq if error else future.result())

        session = {"next": shown, "error": lambda iq, _: answers.put(iq)}
        by_name = getattr(x["xep_0133"], name.replace("-", "_"), None)  # slixmpp has some under other names than the XEP
        if by_name:
            self.boss.call(by_name, jid=DOMAIN, session=session)
        else:
            self.boss.call(x["xep_0050"].start_command, DOMAIN, name if "#" in name else ADMIN + name, session)
        return answers.get(timeout=10), asked

    def values(self, name, var, **fields):
        iq, _ = self.run_command(name, **fields)
        self.assertEqual(iq["type"], "result", iq)
        got = iq["command"]["form"].get_fields()[var]["value"]
        return got if isinstance(got, list) else [got]

    def audited(self, command, what):
        return any("boss@" + DOMAIN in str(r) and command in str(r) and what in str(r) for r in self.gh.records("show", "audit", "50"))

    def log_in(self, password):
        self.gh.users["made"] = password
        return self.login(self.gh, "made")

    def test_who_may(self):
        items = self.boss.do(lambda: self.boss.x["xep_0050"].get_commands(DOMAIN))
        nodes = {node for _, node, _ in items["disco_items"]["items"]}
        self.assertIn(ADMIN + "add-user", nodes)
        self.assertEqual(len([n for n in nodes if n.startswith(ADMIN)]), 23)
        other = self.client(self.people("other"))
        got = other.iq("get", "<query xmlns='http://jabber.org/protocol/disco#items' node='%s'/>" % COMMANDS, DOMAIN)
        self.assertEqual([i.get("node") for i in got.findall(".//{*}item") if not i.get("node").startswith(OWN)], [])
        self.assertError(other.iq("set", "<command xmlns='%s' node='%sannounce'/>" % (COMMANDS, ADMIN), DOMAIN), "forbidden")

    def test_accounts(self):
        jid = "made@" + DOMAIN
        iq, asked = self.run_command("add-user", accountjid=jid, password="opensesame", password_verify="opensesame")
        self.assertEqual((iq["type"], iq["command"]["status"]), ("result", "completed"))
        self.assertLessEqual({"accountjid", "password", "password-verify"}, set(asked))
        self.log_in("opensesame")
        self.assertIn(jid, self.values("get-registered-users-list", "registereduserjids", max_items="none"))
        iq, _ = self.run_command("add-user", accountjid=jid, password="x", password_verify="x")
        self.assertEqual((iq["type"], iq["error"]["condition"]), ("error", "conflict"))
        iq, _ = self.run_command("change-user-password", accountjid=jid, password="another")
        self.assertEqual(iq["type"], "result")
        made = self.log_in("another")
        iq, _ = self.run_command("disable-user", accountjids=[jid])
        self.assertEqual(iq["type"], "result")
        made.until_closed()
        with self.assertRaisesRegex(raw.SaslFailed, "account-disabled"):
            self.log_in("another")
        self.assertEqual(self.values("get-disabled-users-num", "disabledusersnum"), ["1"])
        self.assertEqual([r["account"] for r in self.gh.records("show", "user", jid)], ["disabled"])
        self.gh.ghsh("user enable %s\n" % jid)
        self.log_in("another")
        iq, _ = self.run_command("delete-user", accountjids=[jid, "nobody@" + DOMAIN])
        self.assertEqual(iq["type"], "result")
        self.assertIn("no such account", str(iq))
        self.assertNotIn("made", self.gh.ghsh("show users\n"))
        for command in ("user add", "user passwd", "user disable", "user delete"):
            self.assertTrue(self.audited(command, jid), command)
        self.assertNotIn("opensesame", self.gh.log())
        self.assertNotIn("another", self.gh.log())

    def test_for_oneself(self):
        """A person makes an application password, a device logs in with it, and is out when it is deleted."""
        iq, _ = self.run_command(OWN + "add-app-password", label="laptop")
        password = iq["command"]["form"].get_fields()["password"]["value"]
        own = self.gh.users["boss"]
        self.addCleanup(self.gh.users.__setitem__, "boss", own)
        self.gh.users["boss"] = password
        laptop = self.login(self.gh, "boss", resource="laptop")
        iq, _ = self.run_command(OWN + "app-passwords")
        self.assertEqual([i.findtext("{*}value") for i in iq.xml.iter("{jabber:x:data}field") if i.get("var") == "label" and len(i)], ["laptop"])
        iq, _ = self.run_command(OWN + "delete-app-password", label="laptop")
        self.assertEqual(iq["type"], "result")
        laptop.until_closed()
        with self.assertRaisesRegex(raw.SaslFailed, "not-authorized"):
            self.login(self.gh, "boss", resource="laptop")
        self.assertTrue(self.audited("user app-password delete", "boss@%s laptop" % DOMAIN))
        self.assertNotIn(password, self.gh.log())

    def test_what_is_known_of_people(self):
        name = self.people("known")
        s = self.client(name)
        s.iq("set", "<query xmlns='jabber:iq:roster'><item jid='c@%s' name='C'><group>Ours</group></item></query>" % DOMAIN)
        s.send("<presence><show>away</show></presence>")
        s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", DOMAIN)
        self.assertIn(s.bare, self.values("get-idle-users", "idleuserjids"))
        self.assertIn(s.bare, self.values("get-online-users-list", "onlineuserjids"))
        self.assertNotIn(s.bare, self.values("get-active-users", "activeuserjids"))
        iq, _ = self.run_command("get-user-roster", accountjids=[s.bare])
        items = list(iq.xml.iter("{jabber:iq:roster}item"))
        self.assertEqual([(i.get("jid"), i.get("name"), i.findtext("{*}group")) for i in items], [("c@" + DOMAIN, "C", "Ours")])
        self.assertEqual([r["contact"] for r in self.gh.records("user", "roster", s.bare)], ["c@" + DOMAIN])
        self.assertEqual(self.values("user-stats", "rostersize", accountjids=[s.bare]), ["1"])
        self.assertRegex(self.values("get-user-lastlogin", "lastlogin", accountjids=[s.bare])[0], r"^20\d\d-.*Z$")
        iq, _ = self.run_command("end-user-session", accountjids=[s.bare])
        self.assertEqual(iq["type"], "result")
        s.until_closed()

    def test_announcements(self):
        s = self.client(self.people("reader"))
        s.send("<presence/>")
        self.run_command("announce", announcement="the lift is out of order")
        got = s.wait_body("the lift is out of order")
        self.assertEqual((got.get("from"), got.get("type")), (DOMAIN, "headline"))
        self.gh.ghsh('announce send %s the lift "works again"\n' % DOMAIN)
        s.wait_body("the lift works again")

    def test_message_of_the_day(self):
        """Once to everybody, also over the end of gh-im and gh-store."""
        here, later = self.people("here", "later")
        s = self.client(here)
        s.send("<presence/>")
        self.run_command("set-motd", motd="maintenance tonight")
        s.wait_body("maintenance tonight")
        for program in ("gh-store", "gh-im"):
            self.gh.kill(program)
        self.assertTrue(wait_for("gh-im again", lambda: self.gh.records("announce", "motd", "show", check=False), seconds=20))
        t = self.client(later)
        t.send("<presence/>")
        t.wait_body("maintenance tonight")
        self.assertEqual(len(self.new_bodies(self.client(later, resource="again"))), 0)
        self.assertEqual(len(self.new_bodies(self.client(here, resource="again"))), 0)
        self.gh.ghsh("announce motd delete %s\n" % DOMAIN)
        self.assertEqual(self.gh.records("announce", "motd", "show"), [])

    @staticmethod
    def new_bodies(s):
        s.send("<presence/>")
        s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", DOMAIN)
        return [e for e in s.got if e.findtext("{*}body")]


class Nobody(Box):
    def test_no_administrators_by_default(self):
        s = self.client(self.people("alice"))
        self.assertError(s.iq("set", "<command xmlns='%s' node='%sadd-user'/>" % (COMMANDS, ADMIN), DOMAIN), "forbidden")
        got = s.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", DOMAIN)
        self.assertIn(COMMANDS, [f.get("var") for f in got.findall(".//{*}feature")])
        self.gh.commit("set im self-service off")
        self.assertError(s.iq("set", "<command xmlns='%s' node='%sdevices'/>" % (COMMANDS, OWN), DOMAIN), "service-unavailable")
        got = s.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", DOMAIN)
        self.assertNotIn(COMMANDS, [f.get("var") for f in got.findall(".//{*}feature")])
        got = self.gh.operator(text="set im administrators near.example\ncommit\n")
        self.assertRegex(got.stdout + got.stderr, "each must be name@domain")

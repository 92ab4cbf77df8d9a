"""The classic appliance's words: each row of firmware/conf/classic.def typed on a terminal, its effect seen in the settings, its
errors, its roles (002-G section 6)."""
import os
import re
import shlex
import signal
import socket

from harness.case import PeerCase
from harness.console import Console
from harness.opersock import Oper, err
from harness.netns import Namespace, own_network
from harness.place import TOP, Failed, port_open, wait_for

FIRST, PASSWORD = "tulip-Garden-77 river", "plough horse 9 rain"
DENIED = err("DENIED", TOP)


def rows(kind=r"\w*"):
    """[(kind, words)] of the table."""
    with open(os.path.join(TOP, "firmware", "conf", "classic.def"), encoding="utf-8") as f:
        return re.findall(r'^CLASSIC(%s)\("([^"]+)"' % kind, f.read(), re.M)


def fits(words, line):
    """Is the line one of that row?"""
    pattern, typed = words.split(), shlex.split(line)
    for i, w in enumerate(pattern):
        if w.endswith("..."):
            return w[0] == "[" or len(typed) > i
        if i >= len(typed):
            return w[0] == "["
        if w[0] not in "<[" and w != typed[i]:
            return False
    return len(typed) <= len(pattern)


TYPED = []  # all lines of this process


class ClassicCase(PeerCase):
    def setUp(self):
        super().setUp()
        os.chdir(self.place.folder)
        self.c = Console(self.gh)
        self.addCleanup(self.c.close)

    def say(self, line):
        TYPED.append(line)
        return self.c.say(line)

    def good(self, line):
        out = self.say(line)
        self.assertNotIn("error:", out, line)
        return out

    def bad(self, line, wanted):
        out = self.say(line)
        self.assertIn("error: ", out, line)
        self.assertIn(wanted, out[out.index("error: "):], line)  # the line itself is echoed before

    def settings(self, prefix):
        return {r["setting"]: r["value"] for r in self.gh.records("show", "settings", *prefix.split())}

    def sets(self, line, expected):
        """After the line all settings below the first words are these."""
        self.good(line)
        prefix = os.path.commonprefix([p.split() for p in expected] or [[]])
        self.assertEqual(self.settings(" ".join(prefix)), expected, line)

    def without(self, line, *paths):
        """After the line none of these is set."""
        self.good(line)
        for path in paths:
            self.assertEqual(self.settings(path), {}, line)


    def was_typed(self, wanted):
        table = [words for kind, words in rows() if kind in ("", "_FN", "_NOT") and wanted(words)]
        self.assertGreater(len(table), 10)
        self.assertEqual([words for words in table if not any(fits(words, line) for line in TYPED)], [])


INTERFACES = ("iface", "ipv4", "ipv6", "date", "timezone", "ntp")


class Words(ClassicCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example").start(is_empty=True)
        for name, domain in (("web", "web.example"), ("one", "one.example"), ("two", "two.example")):
            cert = cls.pki.make("good", domain)
            cls.place.write(name + ".crt", cert.text())
            cls.place.write(name + ".key", cert.key_text())

    def test_the_box(self):
        self.assertRegex(self.good("version"), r"\n0\.\d")
        self.assertIn("uptime_s", self.good("uptime"))
        self.assertNotIn("command", self.good("health"))
        self.assertIn(self.gh.records("show", "identity")[0]["host"], self.good("serial"))
        self.assertRegex(self.good("license"), r"federation +activated +never")
        self.sets("hostname gate7", {"system name": "gate7"})
        self.assertIn("gate7", self.good("hostname"))
        self.bad("hostname two words", "nothing can follow here: words")
        for scope, native in (("full", "all"), ("app", "settings")):
            self.bad("factory_reset " + scope, "factory-reset %s gate7" % native)
        self.bad("factory_reset everything", "everything")
        self.assertRegex(self.good("upgrade"), r"\na +0\.\d")
        self.bad("upgrade nothing.img", "nothing.img")
        self.assertRegex(self.good("generate_diags"), r"support-.*|gatehouse-.*")

    def test_native_words_that_are_the_same(self):
        with open(os.path.join(TOP, "firmware", "conf", "commands.c"), encoding="utf-8") as f:
            table = f.read()
        for _, words in rows("_SAME"):
            self.assertRegex(table, r'\{ "%s( [<\[][^"]*)?",' % re.escape(re.split(r" [<\[]", words)[0]))

    def test_backup(self):
        self.c.type("backup snapshot before-upgrade\n")
        for prompt in ("Password: ", "Once more: "):
            self.c.wait(prompt)
            self.c.type(PASSWORD + "\n")
        self.assertIn("before-upgrade.backup: keep", self.c.wait(r"(?m)^\S+> $"))
        TYPED.append("backup snapshot x y")
        path = self.place.path("before-upgrade.backup")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertIn("people's data", self.gh.operator("backup", "show", path).stdout)
        self.bad('backup snapshot ../out "%s"' % PASSWORD, "../out: a backup's name has")
        self.bad('backup rollback nothing.backup "%s"' % PASSWORD, "cannot be read")
        self.good("hostname after")
        done = self.gh.log().count("conf.restore.finished")
        out = self.say('backup rollback before-upgrade.backup "%s"' % PASSWORD)
        self.assertNotIn("error", out)
        wait_for("the switch", lambda: self.gh.log().count("conf.restore.finished") > done, 30)
        wait_for("all programs again", lambda: self.gh.operator("show", "counters").returncode == 0, 20)
        self.assertNotEqual(self.settings("system name").get("system name"), "after")

    def test_accounts(self):
        self.c.type("user add ops admin\n")
        TYPED.append("user add ops admin x")
        for word in (FIRST, FIRST + "!"):
            self.c.wait("Password: |Once more: ")
            self.c.type(word + "\n")
        self.assertIn("the two were not the same", self.c.wait(r"(?m)^\S+> $"))
        self.assertNotIn("ops", [r["name"] for r in self.gh.records("show", "operators")])
        self.good('user add ops admin "%s"' % FIRST)
        self.good('user add watch audit "%s"' % FIRST)
        self.good('user add desk appadmin "%s"' % FIRST)
        self.assertEqual({r["name"]: r["role"] for r in self.gh.records("show", "operators") if r["name"] != "admin"},
                         {"ops": "admin", "watch": "auditor", "desk": "operator"})
        self.assertRegex(self.good("user list"), r"desk +operator +must change")
        self.assertIn("password_expiry", self.good("user info ops"))
        self.bad('user add Ops admin "%s"' % FIRST, "a name has a lower-case letter")
        self.bad('user add king emperor "%s"' % FIRST, "emperor: one of admin crypto audit")
        self.bad('user add short admin short', "too short")
        o = Oper(self.gh.socket)
        self.addCleanup(o.close)
        self.assertEqual(o.login("ops", FIRST, new=PASSWORD).rc, 0)
        self.assertEqual([r["state"] for r in self.gh.records("show", "operators") if r["name"] == "ops"], ["in force"])
        self.good("user expire ops")
        self.assertEqual([r["state"] for r in self.gh.records("show", "operators") if r["name"] == "ops"], ["must change password"])
        self.assertEqual(o.ask("show", "version").rc, 0)           # this session goes on
        again = Oper(self.gh.socket)
        self.addCleanup(again.close)
        self.assertNotEqual(again.login("ops", PASSWORD).need, 0)  # the next has to choose
        self.assertEqual(again.login("ops", PASSWORD, new=PASSWORD + " too").rc, 0)
        self.good("user evict ops")
        self.assertTrue(o.is_closed())
        self.good("user unlock ops")
        self.good("user del watch")
        self.bad("user del watch", "no such operator")
        self.bad("user info nobody", "no such operator")
        self.assertNotIn(FIRST, self.gh.log())

    def test_a_directory(self):
        """Off by default; test_directory has one."""
        self.bad("utils users validate all", "gh-dir is not running")

    def test_rules(self):
        for rule, value, path in (("max_history", "3", "operators password-history"), ("password_age", "90", "operators password-expiry"),
                                  ("min_length", "14", "operators password-length"), ("max_failed_logins", "4", "operators lockout-tries"),
                                  ("max_sessions", "3", "operators sessions-account")):
            self.sets("user rule %s %s" % (rule, value), {path: value})
            self.bad("user rule %s 99999" % rule, "99999: ")
            self.bad("user rule %s many" % rule, "many: ")
        self.assertIn("lockout-tries", self.good("user rule"))
        self.gh.commit("delete operators")

    def test_names(self):
        self.sets("dns add server 127.0.0.1 5301", {"dns server 1": "127.0.0.1 5301"})
        self.sets("dns add forwardzone . 127.0.0.2", {"dns server 1": "127.0.0.1 5301", "dns server 2": "127.0.0.2"})
        self.bad("dns add server 127.0.0.2", "127.0.0.2: it is there already")
        self.bad("dns add server ns.example", "ns.example: a numeric address")
        self.bad("dns add server 127.0.0.3 99999", "99999: not a port")
        self.bad("dns add a forwardzone . 127.0.0.2", "not expected here: a")  # G-DNS-05
        self.assertIn("dns server 2", self.good("dns"))
        self.sets("dns del server 127.0.0.1", {"dns server 2": "127.0.0.2"})
        self.sets("dns add server 127.0.0.3", {"dns server 1": "127.0.0.3", "dns server 2": "127.0.0.2"})
        self.bad("dns del server 127.0.0.9", "127.0.0.9: not set")
        self.sets("dns add forwardzone in.example 127.0.0.5", {"dns forward-zone in.example server": "127.0.0.5"})
        self.sets("dns add forwardzone IN.example 127.0.0.6", {"dns forward-zone in.example server": "127.0.0.5 127.0.0.6"})
        self.bad("dns add forwardzone in.example 127.0.0.6", "127.0.0.6: it is there already")
        self.bad("dns add forwardzone in.example ns.example", "ns.example: not a numeric address")
        self.bad("dns add forwardzone a..b 127.0.0.6", "a..b: not a domain")
        self.sets("dns del forwardzone in.example 127.0.0.5", {"dns forward-zone in.example server": "127.0.0.6"})
        self.bad("dns del forwardzone in.example 127.0.0.5", "127.0.0.5: not set")
        self.without("dns del forwardzone in.example 127.0.0.6", "dns forward-zone")
        self.good("dns del forwardzone . 127.0.0.2")
        self.without("dns del server 127.0.0.3", "dns")

    def test_logs(self):
        self.sets("syslog server add %s" % self.gh.addr, {"log remote 1 server": self.gh.addr + " 6514"})
        self.sets("syslog server add log.example 514", {"log remote 1 server": self.gh.addr + " 6514", "log remote 2 server": "log.example 514",
                                                        "log remote 2 transport": "tcp"})
        self.bad("syslog server add log.example", "log.example: it is there already")
        self.bad("syslog server add log2.example x", "x: not a port")
        self.assertIn("log.example", self.good("syslog server list"))
        self.assertIn("log.example", self.good("syslog"))
        before = self.settings("log remote")
        self.without("syslog disable", "log remote")
        self.assertIn("it is so already", self.good("syslog disable"))
        self.sets("syslog enable", before)
        self.sets("syslog server del " + self.gh.addr, {"log remote 2 server": "log.example 514", "log remote 2 transport": "tcp"})
        self.bad("syslog server del nowhere.example", "nowhere.example: no such syslog server")
        self.without("syslog server del log.example", "log remote")
        self.good("hostname searched-for")
        self.assertIn("searched-for", self.good("syslog tail 30"))
        self.assertIn("searched-for", self.good("syslog search searched-for"))
        self.assertIn("conf.", self.good("syslog page"))
        self.assertIn("audit.", self.good("audit"))
        self.assertIn("searched-for", self.good("audit tail 3"))
        TYPED.append("syslog follow")
        self.c.type("syslog follow\n")
        self.gh.commit("set system name followed-now")
        self.c.wait("followed-now")
        self.c.child.send_signal(signal.SIGINT)
        self.c.wait(r"(?m)^\S+> $")

    def test_snmp(self):
        self.bad("snmp enable", "a: no address is set")
        self.sets("snmp listen %s" % self.gh.addr, {"snmp listen main": self.gh.addr + " 161"})
        self.sets("snmp listen %s 1161" % self.gh.addr, {"snmp listen main": self.gh.addr + " 1161"})
        self.c.type("snmp user add noc\n")
        TYPED.append("snmp user add noc x y")
        for word in ("a long password", "a long password", "another long one", "another long one"):
            self.c.wait("Password: |Once more: ")
            self.c.type(word + "\n")
        self.assertNotIn("error", self.c.wait(r"(?m)^\S+> $"))
        self.assertEqual(list(self.settings("snmp user")), ["snmp user noc auth-secret", "snmp user noc privacy-secret"])
        self.bad("snmp user add short x y", "short")
        self.good("snmp host add 198.51.100.20 noc")
        self.assertEqual(self.settings("snmp trap-receiver"), {"snmp trap-receiver 1 address": "198.51.100.20", "snmp trap-receiver 1 user": "noc"})
        self.bad("snmp host add 198.51.100.21 nobody", "there is no snmp user nobody")
        self.bad("snmp host add there.example noc", "there.example: a numeric address")
        self.bad("snmp host del 198.51.100.9", "198.51.100.9: not set")
        self.without("snmp host del 198.51.100.20", "snmp trap-receiver")
        self.good("snmp community add quite-secret 198.51.100.0/24")
        self.assertEqual(self.settings("snmp community")["snmp community 1 source"], "198.51.100.0/24")
        self.bad("snmp community add quite-secret 198.51.100.0/24", "the secret: it is there already")
        self.bad("snmp community add quite-secret", "say from where, too")
        self.bad("snmp community del other-secret", "not set")
        self.without("snmp community del quite-secret", "snmp community")
        self.assertNotIn("quite-secret", self.gh.log())
        self.assertIn("snmp user noc", self.good("snmp"))
        self.without("snmp disable", "snmp listen")
        self.assertEqual(list(self.settings("snmp user")), ["snmp user noc auth-secret", "snmp user noc privacy-secret"])
        self.good("snmp enable")
        self.assertEqual(self.settings("snmp listen"), {"snmp listen main": self.gh.addr + " 1161"})
        self.without("snmp user del noc", "snmp user")
        self.bad("snmp user del noc", "not set")
        self.gh.commit("delete snmp")

    def test_the_web_administration(self):
        self.bad("webadmin listen %s 8443" % self.gh.addr, "webadmin certs KEY CERTIFICATE first")
        self.assertNotIn("error", self.c.say("pki selfsigned webadmin"))
        self.assertTrue(os.path.exists("webadmin.crt"))                                # G-PKI-04
        self.sets("webadmin certs webadmin.key webadmin.crt", {"web certificate": "webadmin"})
        self.sets("webadmin listen %s 8443" % self.gh.addr, {"web certificate": "webadmin", "web listen main": self.gh.addr + " 8443"})
        wait_for("the door", lambda: port_open(self.gh.addr, 8443), 10)
        self.good("webadmin restart")
        self.assertIn("web certificate", self.good("webadmin"))
        self.assertIn("web certificate", self.good("webadmin status"))
        self.sets("webadmin certs web.key web.crt", {"web certificate": "webadmin-2", "web listen main": self.gh.addr + " 8443"})
        self.sets("webadmin certs webadmin.key webadmin.crt", {"web certificate": "webadmin", "web listen main": self.gh.addr + " 8443"})
        # a pair that does not match fails, and the old one stays (G-PKI-12)
        self.bad("webadmin certs one.key web.crt", "the private key belongs to another certificate")
        self.bad("webadmin certs webadmin.key web.crt", "webadmin.key: cannot be read")
        self.bad("webadmin certs web.key nothing.crt", "nothing.crt: cannot be read")
        self.assertEqual(self.settings("web certificate"), {"web certificate": "webadmin"})
        self.sets("webadmin http-redirect enable", {"web certificate": "webadmin", "web listen main": self.gh.addr + " 8443",
                                                    "web listen-redirect main": self.gh.addr + " 80"})
        self.without("webadmin http-redirect disable", "web listen-redirect")
        self.without("webadmin disable", "web listen")
        wait_for("no door", lambda: not port_open(self.gh.addr, 8443), 10)
        self.sets("webadmin listen %s" % self.gh.addr, {"web certificate": "webadmin", "web listen main": self.gh.addr + " 443"})
        self.sets("webadmin listen %s 8445" % self.gh.addr, {"web certificate": "webadmin", "web listen main": self.gh.addr + " 8445"})
        self.good("webadmin disable")
        self.sets("webadmin enable", {"web certificate": "webadmin", "web listen main": self.gh.addr + " 8445"})
        self.bad("webadmin listen a 443", "a: no address is set on this interface")
        self.bad("webadmin listen e 443", "e: an interface is a, b, c or d")
        self.bad("webadmin listen %s 0" % self.gh.addr, "0: not a port")
        self.bad("webadmin listen 203.0.113.7 443", "not an address of this box")
        self.assertEqual(self.settings("web listen"), {"web listen main": self.gh.addr + " 8445"})

    def test_domains(self):
        self.bad("xmpp certs one.key one.crt", "no domain lives here yet")
        self.sets("xmpp multi_domain add one.example one.key one.crt", {"domain one.example certificate": "one.example"})
        self.sets("xmpp certs one.key one.crt", {"domain one.example certificate": "one.example-2"})
        self.bad("xmpp multi_domain add three.example two.key two.crt", "does not cover the name three.example")
        self.sets("xmpp multi_domain add two.example two.key two.crt",
                  {"domain one.example certificate": "one.example-2", "domain two.example certificate": "two.example"})
        self.bad("xmpp certs one.key one.crt", "more than one domain lives here")
        self.assertIn("two.example", self.good("xmpp multi_domain list"))
        self.sets("xmpp multi_domain del two.example", {"domain one.example certificate": "one.example-2"})
        self.bad("xmpp multi_domain del two.example", "not set")
        self.bad("xmpp multi_domain del a..b", "a..b: not a domain")
        self.good("tls sip trust one.crt")
        self.assertRegex(self.settings("trust anchor")["trust anchor sip"], r"\(certificates, \d+ bytes\)")
        self.bad("tls sip trust one.key", "the file: ")
        self.without("xmpp multi_domain del one.example", "domain")
        self.gh.commit("delete trust anchor sip")

    def test_services(self):
        at = self.gh.addr
        for service, expected in (
                ("xmpp", {"access listen main": at + " 5222", "access listen-tls main": at + " 5223"}),
                ("line", {"line listen-tls main": at + " 5071"}),
                ("turn", {"turn listen-udp main": at + " 3478", "turn listen-tcp main": at + " 3478", "turn relay-address main": at}),
                ("ssh", {"ssh listen main": at + " 22"})):
            with self.subTest(service=service):
                self.bad(service + " enable", "%s was never enabled: %s listen INTERFACE first" % (service, service))
                before = self.settings(next(iter(expected)).split()[0])
                self.sets("%s listen %s" % (service, at), expected)
                if service != "ssh":
                    self.assertIn("nothing to restart", self.good(service + " restart"))
                self.assertIn("it is so already", self.good(service + " enable"))
                self.without(service + " disable", *expected)
                self.assertEqual(self.settings(next(iter(expected)).split()[0]), before)
                self.sets(service + " enable", expected)
                self.bad(service + " listen nowhere", "nowhere: an interface is a, b, c or d")
                self.good(service + " disable")
        self.bad("ssh listen %s x" % at, "x: not a port")
        self.assertIn("not enabled", self.good("xmpp restart"))
        # two places at once, with what is there beside the usual doors taken along
        self.gh.commit("set access listen x %s 5222" % at)
        other = self.place.addr()
        self.sets("xmpp listen %s %s" % (at, other), {
            "access listen main": at + " 5222", "access listen main2": other + " 5222",
            "access listen-tls main": at + " 5223", "access listen-tls main2": other + " 5223"})
        wait_for("both doors", lambda: port_open(at, 5222) and port_open(other, 5223), 10)
        self.assertIn("access listen", self.good("xmpp"))
        self.good("xmpp status")
        self.sets("xmpp max_sessions 7", {"im sessions-per-user": "7"})
        self.without("xmpp disable", "access")
        self.gh.commit("delete im sessions-per-user")

    def test_federation_has_a_mode(self):
        at = self.gh.addr
        for service, setting, expected in (
                ("federation", "federation mode", {"federation listen main": at + " 5269", "federation listen-tls main": at + " 5270"}),
                ("sip", "sip mode", {"sip listen-tls main": at + " 5061", "sip listen-mutual main": at + " 5062"})):
            with self.subTest(service=service):
                port = int(next(iter(expected.values())).split()[1])
                self.sets("%s listen %s" % (service, at), expected)
                wait_for("the door", lambda: port_open(at, port), 10)
                self.good(service + " disable")
                self.assertEqual(self.settings(service), dict(expected, **{setting: "off"}))
                wait_for("no door", lambda: not port_open(at, port), 10)
                self.assertIn("it is disabled", self.good("%s listen %s %s" % (service, at, self.place.addr())))
                self.good("%s listen %s" % (service, at))
                self.assertIn("not enabled", self.good(service + " restart"))
                self.sets(service + " enable", expected)
                self.gh.commit("set %s open" % setting)
                self.assertIn("nothing to restart", self.good(service + " restart"))
                self.good(service + " disable")
                self.sets(service + " enable", dict(expected, **{setting: "open"}))  # not the default: what was before
                self.gh.commit("delete " + service)

    def test_the_relay(self):
        at = self.gh.addr
        self.bad("turn tls 5349", "turn listen INTERFACE first")
        self.good("turn listen " + at)
        self.good("turn tls 5349")
        self.assertEqual(self.settings("turn listen-tls"), {"turn listen-tls main": at + " 5349"})
        self.assertIn("5349", self.good("turn"))
        wait_for("the relay answers", lambda: "error" not in self.say("turn status"), 10)
        other = self.place.addr()
        self.good("turn listen " + other)  # TLS moves with the other doors, and keeps its port
        self.assertEqual(self.settings("turn listen-tls"), {"turn listen-tls main": other + " 5349"})
        self.without("turn tls none", "turn listen-tls")
        self.bad("turn tls none", "not set")
        self.bad("turn tls x", "x: not a port")
        self.c.type("turn credentials anna near.example\n")
        TYPED.append("turn credentials anna near.example x")
        for prompt in ("Password: ", "Once more: "):
            self.c.wait(prompt)
            self.c.type("well water 7\n")
        self.assertNotIn("error", self.c.wait(r"(?m)^\S+> $"))
        self.assertEqual(self.settings("turn realm"), {"turn realm": "near.example"})
        self.assertEqual(list(self.settings("turn user")), ["turn user anna key"])
        self.bad('turn credentials "an na" near.example x', "an na: a user's name")
        out = self.good("turn short_term_credentials long-secret other.example")
        self.assertNotIn("long-secret", out[out.index("note:"):])
        self.assertEqual(list(self.settings("turn secret")), ["turn secret classic"])
        self.assertEqual(self.settings("turn realm"), {"turn realm": "other.example"})
        self.assertNotIn("long-secret", self.gh.log())
        self.sets("turn public-ip 203.0.113.5", {"turn public-address classic": "203.0.113.5"})
        self.bad("turn public-ip here.example", "here.example: a numeric address")
        self.without("turn public-ip none", "turn public-address")
        for word in ("highcapacity-mode", "high_capacity_mode"):
            self.sets("turn %s disable" % word, {"turn high-capacity": "off"})
            self.sets("turn %s enable" % word, {"turn high-capacity": "on"})
            self.bad("turn %s perhaps" % word, "perhaps")
        self.gh.commit("delete turn")

    def test_tls(self):
        self.sets("tls sip min-tls-version 1.3", {"tls minimum": "1.3"})
        self.bad("tls webadmin min-tls-version 1.1", "1.1: 1.2|1.3")
        self.assertIn("tls minimum", self.good("tls"))
        self.assertIn("tls minimum", self.good("tls xmpp"))
        self.gh.commit("delete tls")

    def test_refused(self):
        """Each says why and the native way, changes nothing, and is not offered."""
        before = self.gh.records("history")
        helped = {r["command"] for r in self.gh.records("help")}
        for _, words in rows("_NOT"):
            line = re.sub(r" \[words\]\.\.\.", " a", re.sub(r"<[^>]+>", "a", words)).replace("[mode]", "full")
            with self.subTest(words=words):
                out = self.say(line)
                self.assertRegex(out, r"error: \S+( \S+){4,}")
                self.assertNotIn("not expected", out)
                self.assertNotIn("no such command", out)
                self.assertNotIn(words, helped)
        self.assertEqual(self.gh.records("history"), before)

    def test_a_candidate_is_put_aside(self):
        self.good("set im resume 77")
        self.good("hostname aside")
        self.assertIn("(1)#", self.c.say(""))
        self.assertEqual(self.settings("im resume"), {})
        self.assertRegex(self.good("diff"), r"set +im resume +77")
        self.assertIn("aside", self.good("show candidate system name"))   # what runs is below it
        self.good("set system name mine")
        self.bad("hostname theirs", "system name: your candidate changes it, too")
        self.assertIn("(2)#", self.c.say(""))
        self.good("hostname mine")                                       # the same change is none
        self.assertIn("(1)#", self.c.say(""))
        self.bad("syslog server del nowhere.example", "no such")         # an error leaves it, too
        self.bad("webadmin certs nowhere.key web.crt", "cannot be read")
        self.assertIn("(1)#", self.c.say(""))
        self.assertIn("runs", self.good("commit"))
        self.assertEqual(self.settings("im resume"), {"im resume": "77"})
        self.gh.commit("delete im resume")

    def test_said_once(self):
        first, second = self.good("hostname said1"), self.good("hostname said2")
        self.assertIn("note: same as: set system name said1; commit", first)
        self.assertNotIn("same as", second)
        self.assertNotIn("same as", self.good("version"))  # who looks changes nothing

    def test_a_confirmation_that_waits(self):
        self.good("set im resume 78")
        self.good("commit confirm 5")
        self.bad("hostname later", "confirm or revert first")
        self.good("revert")

    def test_completion(self):
        self.c.type("webadm\t")
        self.c.wait(r"webadmin $")
        self.c.type("li\t")
        self.c.wait(r"listen $")
        self.c.type("\x15user add x a\t")
        self.assertRegex(self.c.wait(r"appadmin"), r"admin")
        self.c.type("\x15\n")

    def test_scripts_get_success(self):
        got = self.gh.operator("--classic", "hostname", "scripted")
        self.assertRegex(got.stdout, r"^SUCCESS")
        got = self.gh.operator("--classic", "hostname")
        self.assertNotIn("SUCCESS", got.stdout)
        got = self.gh.operator("--classic", "callbridge", "listen", "a")
        self.assertRegex(got.stderr, r"^FAILURE: there is no conference bridge here")

    def test_roles_and_the_second_person(self):
        """Rights by role for all rows: test_operators.Matrix. A native command's second person is a classic word's, too."""
        for role, line, may in ((0, "hostname x", False), (0, "dns", True), (1, "hostname x", False), (3, "xmpp multi_domain del x.example", True),
                                (1, "xmpp multi_domain del x.example", False), (0, "callbridge listen a", True), (4, "user add x admin y", False)):
            o = Oper(self.gh.socket)
            self.addCleanup(o.close)
            o.hello(role)
            with self.subTest(role=role, line=line):
                self.assertEqual(o.ask(*line.split()).rc != DENIED, may)
        for name in ("p1", "p2"):
            self.gh.ghsh(['operator add %s admin "%s"' % (name, FIRST)])
        self.gh.commit("set operators two-person accounts")
        out = self.good("version") and self.say('user add new audit "%s"' % FIRST)
        self.assertIn("another admin has to say approve", out)
        number = re.search(r"approve (\d+)", out).group(1)
        self.assertNotIn("new", [r["name"] for r in self.gh.records("show", "operators")])
        o = Oper(self.gh.socket)
        self.addCleanup(o.close)
        self.assertEqual(o.login("p2", FIRST, new=PASSWORD).rc, 0)
        self.assertEqual(o.ask("approve", number).rc, 0)
        self.assertIn("new", [r["name"] for r in self.gh.records("show", "operators")])
        self.assertIn("another admin has to say approve", self.say("factory_reset app %s" % self.gh.records("show", "version")[0]["name"]))
        self.gh.commit("delete operators two-person")
        trail = [r["detail"] for r in self.gh.records("show", "audit", "60")]
        self.assertTrue(any('user add <account>' in d for d in trail), trail)


    def test_zz_every_row_was_typed(self):
        """After the others of this class; interfaces are tried below."""
        self.was_typed(lambda words: words.split()[0] not in INTERFACES)


class Appliance(ClassicCase):
    """Interfaces: gh-priv in a network of its own. Root only."""

    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("the network is tried as root only: it needs CAP_NET_ADMIN")
        own_network()
        cls.far = Namespace(cls)
        cls.far.wire("port0", "far0", "10.78.1.2/24")
        cls.gh = cls.gatehouse("network.example")
        cls.gh.super_options = ["--appliance"]
        cls.gh.start(is_empty=True)
        wait_for("gh-priv answers", lambda: cls.gh.operator("show", "interfaces").returncode == 0, 10)
        cls.gh.commit("set interface a device port0")

    def test_interfaces(self):
        def on(name, value):
            return {"interface a device": "port0", **{"interface a " + n: v for n, v in zip(name, value)}}
        self.sets("ipv4 a add 10.78.1.1/24 10.78.1.2",
                  on(("ipv4", "ipv4-address", "ipv4-gateway"), ("static", "10.78.1.1/24", "10.78.1.2")))
        wait_for("the address", lambda: "10.78.1.1/24" in self.say("ipv4 a"), 10)
        self.assertIn("10.78.1.1/24", self.good("iface a"))
        self.sets("ipv4 a add 10.78.1.3/24", on(("ipv4", "ipv4-address", "ipv4-gateway"), ("static", "10.78.1.1/24 10.78.1.3/24", "10.78.1.2")))
        self.sets("iface a mtu 1400", on(("ipv4", "ipv4-address", "ipv4-gateway", "mtu"), ("static", "10.78.1.1/24 10.78.1.3/24", "10.78.1.2", "1400")))
        wait_for("both", lambda: re.search(r"1400 +10\.78\.1\.1/24 10\.78\.1\.3/24|1400.*10\.78\.1\.1", self.say("iface a")), 10)
        self.bad("ipv4 a add 10.78.1.3/24", "10.78.1.3/24: it is there already")
        self.bad("ipv4 a add 10.78.1.4", "10.78.1.4: not an address and its prefix")
        self.bad("ipv4 a add 10.78.1.4/33", "10.78.1.4/33: not an address and its prefix")
        self.bad("ipv4 a add 10.78.1.4/24 router.example", "router.example: not a numeric address")
        self.bad("ipv4 e add 10.78.1.4/24", "e: an interface is a, b, c or d")
        self.bad("ipv4 a add nonsense/24 10.78.1.2", "nonsense/24")
        self.bad("iface a mtu 12", "12: 1280..9216")
        self.bad("ipv4 a del 10.78.1.9", "10.78.1.9: not an address of interface a")
        self.sets("ipv4 a del 10.78.1.3", on(("ipv4", "ipv4-address", "ipv4-gateway", "mtu"), ("static", "10.78.1.1/24", "10.78.1.2", "1400")))
        # an interface stands for its address
        self.sets("federation listen a", {"federation listen a": "10.78.1.1 5269", "federation listen-tls a": "10.78.1.1 5270"})
        self.knock("10.78.1.1", 5269)
        self.good("ipv4 a disable")
        self.assertEqual(self.settings("interface a ipv4")["interface a ipv4"], "off")
        wait_for("no address", lambda: "10.78.1.1" not in self.say("ipv4 a"), 10)
        self.good("ipv4 a enable")
        wait_for("the address is back", lambda: "10.78.1.1/24" in self.say("ipv4 a"), 10)
        self.knock("10.78.1.1", 5269)
        self.assertEqual(self.settings("interface a"), on(("ipv4", "ipv4-address", "ipv4-gateway", "mtu"), ("static", "10.78.1.1/24", "10.78.1.2", "1400")))
        self.sets("ipv4 a del 10.78.1.1", on(("mtu",), ("1400",)))
        self.sets("ipv4 a enable", on(("ipv4", "mtu"), ("dhcp", "1400")))
        self.good("ipv4 a disable")
        self.sets("ipv4 a dhcp", on(("ipv4", "mtu"), ("dhcp", "1400")))
        self.bad("ipv4 e dhcp", "a, b, c and d")
        self.bad("ipv6 a enable", "a: no ipv6 address is set")
        self.gh.commit("delete interface a ipv4")
        self.sets("ipv6 a add 2001:db8:78::1/64 2001:db8:78::2",
                  on(("ipv6", "ipv6-address", "ipv6-gateway", "mtu"), ("static", "2001:db8:78::1/64", "2001:db8:78::2", "1400")))
        wait_for("the address", lambda: "2001:db8:78::1/64" in self.say("ipv6 a"), 10)
        self.good("ipv6 a slaac enable")
        self.assertEqual(self.settings("interface a ipv6")["interface a ipv6"], "slaac")
        self.good("ipv6 a add 2001:db8:78::3/64")
        self.assertEqual(self.settings("interface a ipv6"), {"interface a ipv6": "slaac"})
        self.good("ipv6 a slaac disable")
        self.good("ipv6 a dhcp")
        self.good("ipv6 a add 2001:db8:78::4/64")
        self.assertEqual(self.settings("interface a ipv6"), {"interface a ipv6": "dhcp"})
        self.good("ipv6 a del 2001:db8:78::4/64")
        self.good("ipv6 a disable")
        self.good("ipv6 a enable")
        self.assertEqual(self.settings("interface a ipv6")["interface a ipv6"], "static")
        self.good("ipv6 a del 2001:db8:78::3/64")
        self.sets("ipv6 a del 2001:db8:78::1", on(("mtu",), ("1400",)))
        self.bad("iface port0", "port0: an interface is a, b, c or d")
        self.bad("iface a 1000 full", "negotiated")

    def test_the_clock(self):
        self.assertRegex(self.good("date"), r"20\d\d-\d\d-\d\dT")
        self.bad("date set 2026-11-26 25:99", "a time like 2026-11-26T17:00:00Z")
        TYPED.append("timezone list")  # longer than a screen
        self.assertIn("\nEurope/Berlin", self.gh.operator("timezone", "list").stdout)
        self.sets("timezone Asia/Tokyo", {"time zone": "Asia/Tokyo"})
        wait_for("the zone", lambda: "+09:00" in self.say("timezone"), 10)
        self.bad("timezone Europe/Nowhere", "no time zone of that name")
        self.gh.commit("delete time zone")
        self.bad("ntp enable", "ntp was never enabled: ntp server add HOST first")
        self.sets("ntp server add 10.78.1.2", {"time server 1 address": "10.78.1.2"})
        self.bad("ntp server add 10.78.1.2", "10.78.1.2: it is there already")
        self.sets("ntp server add time.example", {"time server 1 address": "10.78.1.2", "time server 2 address": "time.example"})
        self.assertIn("time.example", self.good("ntp server list"))
        wait_for("chronyd asks it", lambda: re.search(r"\n\S* *10\.78\.1\.2|10\.78\.1\.2 ", self.say("ntp status")), 20)
        self.assertIn("not synchronised", self.good("ntp"))
        self.bad("ntp server del 10.78.1.9", "10.78.1.9: not set")
        self.sets("ntp server del time.example", {"time server 1 address": "10.78.1.2"})
        self.bad("ntp groupkey x", "keys have numbers")
        self.bad("ntp autokey x", "nts on")
        self.without("ntp disable", "time server")
        self.sets("ntp enable", {"time server 1 address": "10.78.1.2"})
        self.without("ntp server del 10.78.1.2", "time")

    def knock(self, address, port):
        with self.far:
            s = socket.create_connection((address, port), 5)
        s.close()

    def test_zz_every_row_was_typed(self):
        self.was_typed(lambda words: words.split()[0] in INTERFACES)

"""People of an LDAP directory (004-B, B-LDP and B-LDX): slapd knows their passwords, and is one of up to three servers."""
import os
import socket
import threading
import time

from harness import fast, raw
from harness.directory import ONE, PEOPLE, TWO, DirectoryCase
from harness.people import DOMAIN
from harness.place import wait_for
from harness.slapd import BASE, BOX, BOX_PASSWORD, PLAIN, Slapd, person

WRONG = "other.near.example"


class Logins(DirectoryCase):
    def test_by_ldaps(self):
        """The account is there after the first login, and like any other."""
        a, b = self.enter("alice"), self.enter("bob")
        self.assertEqual(a.jid.split("/")[0], "alice@" + DOMAIN)
        b.send("<presence/>")
        b.wait(lambda e: raw.local(e.tag) == "presence", what="its own presence")
        a.message(b.jid.split("/")[0], "hello")
        b.wait_body("hello")
        self.assertIn("alice@" + DOMAIN, [r["user"] for r in self.gh.records("show", "users")])
        self.assertEqual(self.rows()[ONE]["state"], "up")
        self.enter("alice")  # the second time it has an account, and a note
        self.refused("alice", "secret of bob")
        self.refused("nobody", "secret of nobody")

    def test_by_starttls(self):
        self.use("ldap://" + TWO)
        self.enter("carol")
        self.assertEqual((self.rows()[TWO]["state"], self.rows()[TWO]["security"]), ("up", "starttls"))
        self.assertIn("STARTTLS", self.two.log())
        self.refused("carol", "wrong")

    def test_an_at_in_the_user_id(self):
        """A-14.11: it belongs to the name."""
        self.assertTrue(self.enter("a@b").jid.startswith("a\\40b@" + DOMAIN))

    def test_what_is_typed_is_no_filter(self):
        for user in ("*", "alice)(uid=*", "*)(uid=alice", "alic*", "\\2a", "(alice)"):
            self.refused(user, "secret of alice")
        self.refused("dave", "*")

    def test_local_accounts_are_not_asked_for(self):
        """B-LDP-04: one of this box, though the directory has somebody of that name."""
        self.one.add(person("local"))
        self.gh.user("local")
        before = self.one.log().count("SRCH base")
        self.enter("local", "secret")
        self.refused("local", "secret of local")
        self.assertEqual(self.one.log().count("SRCH base"), before)

    def test_a_changed_password_counts_at_once(self):
        """Nothing of it is kept here."""
        self.enter("erin")
        self.one.password("cn=erin,ou=people," + BASE, "another one")
        self.refused("erin", "secret of erin")
        self.enter("erin", "another one")
        needle = b"another one"
        for folder, _, files in os.walk(self.gh.state):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    self.assertNotIn(needle, f.read(), path)
        self.assertNotIn("another one", self.gh.log())

    def test_application_passwords_stay(self):
        """By SCRAM, which is not offered but taken; the directory is not asked."""
        self.enter("frank")
        got = self.gh.records("user", "app-password", "add", "frank@" + DOMAIN, "phone")[0]
        secret = next(v for k, v in got.items() if "password" in k)
        before = self.one.log().count("BIND dn")
        s = self.secured()
        s.sasl_scram("SCRAM-SHA-256", "frank", secret)
        self.enter("frank", secret)
        self.assertEqual(self.one.log().count("BIND dn"), before)

    def test_a_token_from_the_first_login(self):
        """SASL2 and FAST: it stems from the account that is made at that moment, and the directory is not asked for it."""
        s = self.secured()
        s.send(fast.by_password("heidi", "secret of heidi", "HT-SHA-256-NONE"))
        token = fast.token_of(s.next())
        self.assertTrue(token)
        before = self.one.log().count("BIND dn")
        s = self.secured()
        s.send(fast.by_token("heidi", token))
        self.assertTrue(fast.answer(s.next(), token))
        self.assertEqual(self.one.log().count("BIND dn"), before)

    def test_what_is_offered(self):
        def offered():
            s = raw.Stream(self.gh.addr, 5222)
            self.streams.append(s)
            s.open(DOMAIN)
            s.features()
            s.starttls(raw.client_context(self.pki.ca), DOMAIN)
            s.open(DOMAIN)
            return s.mechanisms(s.features())

        self.assertEqual(list(offered()), ["PLAIN"])
        self.gh.commit("set directory offer-scram on")
        self.addCleanup(self.gh.commit, "delete directory offer-scram")
        self.assertIn("SCRAM-SHA-256", offered())

    def test_many_at_once(self):
        """More than there are connections for binds: the others wait their turn."""
        started, got = time.monotonic(), []

        def one(i):
            user = PEOPLE[i % 6]
            s = self.secured()
            try:
                s.sasl_plain(user, "secret of " + user if i % 4 else "wrong")
                got.append((i % 4 != 0, True))
            except raw.SaslFailed:
                got.append((i % 4 != 0, False))

        self.one.password("cn=erin,ou=people," + BASE, "secret of erin")
        threads = [threading.Thread(target=one, args=(i,)) for i in range(40)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(got), [(False, False)] * 10 + [(True, True)] * 30)
        print("directory: 40 logins at once in %.2f s" % (time.monotonic() - started))

    def test_find(self):
        got = self.gh.records("directory", "find", "grace@" + DOMAIN)
        self.assertEqual([(r["dn"], r["user"], r["address"], r["name"]) for r in got],
                         [("cn=grace,ou=people," + BASE, "grace", "grace@" + DOMAIN, "Name of grace")])
        self.assertIn("nobody", self.gh.operator("directory", "find", "none@" + DOMAIN).stderr)


class FailOver(DirectoryCase):
    def test_the_next_one(self):
        """B-LDX-06; and the first again when it is back."""
        self.use("ldaps://" + ONE, "ldap://" + TWO)
        self.enter("alice")
        self.one.stop()
        self.enter("bob")
        self.assertEqual(self.rows()[TWO]["state"], "up")
        self.refused("bob", "wrong")
        wait_for("the alarm", lambda: self.alarms().get("DirectoryServerUnreachable") == ONE, 10, 0.2)
        self.one.start()
        self.use("ldaps://" + ONE, "ldap://" + TWO)
        self.enter("carol")
        self.assertEqual(self.rows()[ONE]["state"], "up")
        wait_for("no alarm", lambda: "DirectoryServerUnreachable" not in self.alarms(), 10, 0.2)

    def test_one_that_says_nothing(self):
        """It takes connections and is silent: after directory timeout the next one is asked, and who waits is not lost."""
        mute = socket.create_server((self.place.addr(), PLAIN))
        self.addCleanup(mute.close)
        self.dns.a("mute.near.example", mute.getsockname()[0])
        self.use("ldap://mute.near.example", "ldaps://" + ONE)
        self.enter("alice")
        rows = self.rows()
        self.assertEqual((rows["mute.near.example"]["state"], rows[ONE]["state"]), ("down", "up"))

    def test_one_that_talks_nonsense(self):
        def serve(c):
            with c:
                c.recv(4096)
                c.sendall(b"\x30\x84\xff\xff\xff\xff" + b"x" * 100)

        bad = socket.create_server((self.place.addr(), PLAIN))
        self.addCleanup(bad.close)
        threading.Thread(target=lambda: serve(bad.accept()[0]), daemon=True).start()
        self.dns.a("bad.near.example", bad.getsockname()[0])
        self.use("ldap://bad.near.example", "ldaps://" + ONE)
        self.enter("alice")
        self.assertIn("limit", self.rows()["bad.near.example"]["trouble"])

    def test_none(self):
        """It is nobody's fault, and no reason to punish an address."""
        self.use("ldap://nowhere.near.example")
        self.refused("alice", "secret of alice", "temporary-auth-failure")
        self.assertTrue(self.rows()["nowhere.near.example"]["trouble"].startswith("dns"))

    def test_gh_dir_dies(self):
        self.use("ldaps://" + ONE)
        self.enter("alice")
        self.gh.kill("gh-dir")
        wait_for("it is back", lambda: self.gh.records("show", "directory", check=False), 15, 0.2)
        self.enter("alice")


class Trust(DirectoryCase):
    def test_another_name(self):
        """B-LDX-03: the certificate is for another name."""
        self.dns.a(WRONG, self.one.addr)
        self.use("ldaps://" + WRONG)
        self.refused("alice", "secret of alice", "temporary-auth-failure")
        self.assertTrue(self.rows()[WRONG]["trouble"].startswith("certificate"))

    def test_no_tls_no_password(self):
        """A server without TLS gets nothing, unless the administrator says so."""
        bare = Slapd(self.place, "bare", self.ldif).start()
        self.dns.a("bare.near.example", bare.addr)
        self.use("ldap://bare.near.example")
        self.refused("alice", "secret of alice", "temporary-auth-failure")
        self.assertTrue(self.rows()["bare.near.example"]["trouble"].startswith("starttls"))
        self.assertNotIn("BIND dn", bare.log())
        self.addCleanup(self.gh.commit, "delete directory clear")
        self.gh.commit("set directory clear on")
        self.enter("alice")
        self.assertEqual(self.rows()["bare.near.example"]["security"], "clear")

    def test_the_services_own_password(self):
        """B-LDX-14: one try, or the directory locks the account; an operator makes it ask again."""
        self.gh.commit('set directory bind-password "not it"')
        self.addCleanup(self.gh.commit, 'set directory bind-password "%s"' % BOX_PASSWORD)
        self.use("ldaps://" + ONE, "ldap://" + TWO)

        def binds():
            return sum(s.log().count('BIND dn="%s" method=128' % BOX) for s in (self.one, self.two))

        before = binds()
        for _ in range(3):
            self.refused("alice", "secret of alice", "temporary-auth-failure")
        self.assertEqual(binds() - before, 1)
        self.assertIn("DirectoryBindRefused", self.alarms())
        self.assertIn("bind-dn", self.gh.operator("directory", "find", "alice@" + DOMAIN).stderr)
        self.assertEqual(binds() - before, 2)
        self.gh.commit('set directory bind-password "%s"' % BOX_PASSWORD)
        self.enter("alice")
        self.assertNotIn("DirectoryBindRefused", self.alarms())

    def test_settings_that_are_none(self):
        for line, why in (("set directory servers https://x.example", "ldaps://"), ('set directory servers "ldap://a ldap://b ldap://c ldap://d"', "three"),
                          ('set directory filter "(cn=x"', "filter"), ('set directory attribute-user "uid)("', "attributes")):
            got = self.gh.ghsh([line, "commit", "discard"], check=False)
            self.assertIn(why, got if isinstance(got, str) else got.stdout + got.stderr)


class ByUri(DirectoryCase):
    """The other address scheme (A-14.05), and what `directory validate` says of a directory that is not in order."""
    ldif = "".join((person("alice", mail="Al@near.example"), person("bob", mail="bob@near.example"), person("bob2", mail="BOB@near.example"),
                    person("carol", mail=""), person("dave", mail="asdf@ASDF@asdf"), person("erin"),
                    person("erin", mail="e2@near.example", cn="erin2")))

    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set directory address-scheme directory-uri", "set directory page-size 10")

    def test_login(self):
        self.assertTrue(self.enter("al", "secret of alice").jid.startswith("al@" + DOMAIN))
        self.refused("alice", "secret of alice")

    def test_two_of_one_address(self):
        """Neither comes in: it would be the other's account."""
        self.refused("bob", "secret of bob")
        self.refused("bob", "secret of bob2")

    def report(self, which):
        out = {}
        for r in self.gh.records("directory", "validate", which):
            out.setdefault(r["check"], []).append((r["user"], r["severity"]))
        return {k: sorted(v) for k, v in out.items()}

    def test_validate(self):
        """D-DUP-10 to 14, with the titles of E-504 to E-507."""
        users = {"Users with Duplicate User IDs": [("erin", "error"), ("erin", "error")]}
        uris = {"Users with No Directory URI Configured": [("carol", "error")], "Users with Invalid Directory URI Configured": [("dave", "error")],
                "Users with Duplicate Directory URIs": [("bob", "error"), ("bob2", "error")], "Users with Duplicate Mail IDs": [("bob", "warning"), ("bob2", "warning")]}
        self.assertEqual(self.report("userid"), users)
        self.assertEqual(self.report("uri"), uris)
        self.assertEqual(self.report("all"), dict(users, **uris))

    def test_validate_many(self):
        """In pages of ten; put right, the sections are gone (E-512)."""
        self.one.add("".join(person("many%d" % i) for i in range(45)))
        self.assertEqual(self.report("userid"), {"Users with Duplicate User IDs": [("erin", "error"), ("erin", "error")]})
        self.one.delete("cn=erin2,ou=people,dc=near")
        self.addCleanup(self.one.add, person("erin", mail="e2@near.example", cn="erin2"))
        self.assertEqual(self.report("userid"), {})
        self.assertGreaterEqual(self.one.log().count("SRCH base"), 5)

"""A gateway whose people are in a directory: two slapd with the same entries, and logins."""
from . import raw
from .people import DOMAIN, Box
from .place import wait_for
from .slapd import BASE, BOX, BOX_PASSWORD, Slapd, person

ONE, TWO = "ldap1.near.example", "ldap2.near.example"
PEOPLE = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "a@b")
SETTINGS = ("set directory enabled on", "set directory authentication on", "set directory base ou=people," + BASE,
            "set directory bind-dn " + BOX, 'set directory bind-password "%s"' % BOX_PASSWORD, "set directory domain " + DOMAIN,
            "set directory timeout 2")


def figures(records):
    return {k: int(v) if v.isdigit() else v for k, v in records[0].items()}


class DirectoryCase(Box):
    servers = "ldaps://%s ldap://%s" % (ONE, TWO)
    ldif = "".join(person(u) for u in PEOPLE)
    more = ()  # settings

    @classmethod
    def build(cls):
        super().build()
        cls.one = Slapd(cls.place, "one", cls.ldif, cls.pki.make("good", ONE)).start()
        cls.two = Slapd(cls.place, "two", cls.ldif, cls.pki.make("good", TWO)).start()
        cls.dns.a(ONE, cls.one.addr)
        cls.dns.a(TWO, cls.two.addr)
        cls.prepare()
        cls.gh.commit(*SETTINGS, *cls.more, 'set directory servers "%s"' % cls.servers)
        wait_for("gh-dir runs", lambda: cls.gh.records("show", "directory", check=False), 20, 0.2)

    @classmethod
    def prepare(cls):
        """Before there is a directory."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.gh.commit, 'set directory servers "%s"' % self.servers)

    def use(self, *servers):
        """These servers, and nothing is known of them yet."""
        self.gh.commit("delete directory servers", "set directory enabled off")
        self.gh.commit('set directory servers "%s"' % " ".join(servers), "set directory enabled on")
        wait_for("gh-dir runs", lambda: len(self.gh.records("show", "directory", check=False) or []) == len(servers), 20, 0.1)

    def enter(self, user, password=None):
        s = self.secured()
        s.sasl_plain(user, password or "secret of " + user)
        s.open(DOMAIN)
        s.features()
        s.jid = s.bind()
        return s

    def refused(self, user, password, condition="not-authorized"):
        with self.assertRaises(raw.SaslFailed) as e:
            self.secured().sasl_plain(user, password)
        self.assertEqual(e.exception.condition, condition)

    def rows(self):
        return {r["server"]: r for r in self.gh.records("show", "directory")}

    def alarms(self):
        return {r["alarm"]: r["key"] for r in self.gh.records("show", "alarms")}

    @classmethod
    def sync(cls, *how):
        """One synchronisation, by hand: what it came to."""
        return figures(cls.gh.records("directory", "sync", *how))

    @classmethod
    def synced(cls):
        """The figures of the last one."""
        wait_for("a synchronisation", lambda: cls.gh.records("show", "directory", "sync"), 20, 0.2)
        return figures(cls.gh.records("show", "directory", "sync"))

    def accounts(self):
        return sorted(r["user"] for r in self.gh.records("show", "users"))

"""People at one gateway: clients by hand, and what has reached them.

"Nothing came" is proved without waiting: the sender's ping comes back when gh-im has dealt with what
was sent before it, and the receiver's ping comes back behind whatever that brought about.
"""
from . import raw
from .case import PeerCase

DOMAIN = "near.example"
PING = "<ping xmlns='urn:xmpp:ping'/>"
CARBONS = "urn:xmpp:carbons:2"
CAPS = "http://jabber.org/protocol/caps"
INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"


def arrived(*streams):
    """What each stream has got by now and nobody has looked at (for one stream: its list)."""
    out = []
    for s in streams:
        before = len(s.got)
        s.iq("get", PING, DOMAIN)
        out.append(s.got[before:])
    return out if len(out) > 1 else out[0]


def bodies(elements):
    return [e.findtext("{*}body") for e in elements if raw.local(e.tag) == "message" and e.get("type") != "error"
            and e.find("{*}body") is not None]


def presences(elements, from_, kind=None):
    return [e for e in elements if raw.local(e.tag) == "presence" and (e.get("from") or "").startswith(from_)
            and e.get("type") == kind]


def features_of(result):
    return sorted(f.get("var") for f in result.iter("{%s}feature" % INFO))


class Box(PeerCase):
    """One gateway; every test brings people of its own."""
    settings = ()
    hosted = ()  # further domains

    @classmethod
    def build(cls):
        cls.count = 0
        cls.gh = cls.gatehouse(DOMAIN, settings=cls.settings, domains=[(d, cls.pki.make("good", d)) for d in cls.hosted])
        cls.gh.start()

    def people(self, *names):
        type(self).count += 1
        made = ["%s%d" % (n, self.count) for n in names]
        for m in made:
            self.gh.user(m)
        return made if len(made) > 1 else made[0]

    def client(self, user, resource=None, **options):
        return self.login(self.gh, user, resource=resource, **options)

    def befriend(self, a, b):
        """Both see each other (im approve-local); streams of two people who are signed in."""
        for x, y in ((a, b), (b, a)):
            x.send("<presence to='%s' type='subscribe'/>" % y.bare)
            x.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == y.jid, what="presence of the other")
        arrived(a, b)

    def secured(self):
        """A stream after STARTTLS that has not logged in."""
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN)
        s.features()
        s.starttls(raw.client_context(self.pki.ca), DOMAIN)
        s.open(DOMAIN)
        s.features()
        return s

    def authenticated(self, user):
        """A stream that has logged in and not bound."""
        s = self.secured()
        s.sasl_plain(user, "secret")
        s.open(DOMAIN)
        s.features()
        return s

    def assertError(self, got, condition):
        self.assertEqual((got.get("type"), raw.stanza_error(got)), ("error", condition))

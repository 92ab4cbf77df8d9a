"""One gateway at near.example and its SIP partner at partner.example, which the test plays by hand.

    class Rows(SipBox):
        def test_..(self):
            j, r = self.juliet(), self.romeo()                    XMPP stream, name of a SIP user nobody has used
            self.ask(r, "MESSAGE", "hi", to=j)                    SIP to XMPP
            m = self.reaches(r, "MESSAGE"); self.sip.answer(m, 200)   what has come to the partner for r
"""
import re
import xml.etree.ElementTree as ET

from . import raw
from .case import PeerCase
from .people import DOMAIN, arrived
from .sipclient import Dialog, Party, subscribe

PARTNER = "partner.example"
PIDF = "{urn:ietf:params:xml:ns:pidf}"


class SipBox(PeerCase):
    how = "tls"          # between the partner and us
    peer = {}            # further rows of `sip peer partner.example`
    settings = ()
    options = {}         # of the gateway

    @classmethod
    def build(cls):
        cls.count = 0
        cls.sip = cls.party(PARTNER)
        cls.dns.a(PARTNER, cls.sip.addr)
        port = cls.sip.port
        peer = dict({"action": "allow"}, **cls.peer)
        if cls.how != "tls":
            peer.update({"tls": "optional", "addresses": cls.sip.addr})
        cls.gh = cls.gatehouse(DOMAIN, sip_peers={PARTNER: peer}, settings=cls.settings, sip_routes={"1": {
            "pattern": PARTNER, "type": "domain", "next-hop": cls.sip.addr, "port": port, "protocol": cls.how}},
            **cls.options)
        cls.gh.start()
        cls.sip.server = (cls.gh.addr, port)

    @classmethod
    def party(cls, domain, kind="good", how=None, **options):
        return Party(cls.place, domain, how or cls.how, cert=cls.pki.make(kind, domain), ca=cls.pki.ca,
                     contact_host=options.pop("contact_host", domain), **options)

    def setUp(self):
        super().setUp()
        self.sip.got.clear()
        self.sip.auto = {"NOTIFY": 200}

    # ---- people
    def juliet(self, resource="balcony", name="juliet", **options):
        type(self).count += 1
        name = "%s%d" % (name, self.count)
        self.gh.user(name)
        return self.present(self.login(self.gh, name, resource=resource, **options))

    def romeo(self):
        type(self).count += 1
        return "romeo%d" % self.count

    def again(self, j, resource):
        """Another resource of the same user."""
        return self.login(self.gh, j.bare.split("@")[0], resource=resource)

    # ---- SIP
    def ask(self, user, method="MESSAGE", body=None, to=None, **words):
        uri = words.pop("uri", None) or "sip:" + (to.bare if hasattr(to, "bare") else to)
        return self.sip.ask(method, uri, user=user, body=body, **words)

    def reaches(self, user, method="MESSAGE", seconds=None):
        """The next request for that user at the partner."""
        return self.sip.wait_request(method, seconds, lambda m: re.match(r"sip:%s[@;]" % re.escape(user), m.uri))

    def nothing_reaches(self, user, seconds=1.0):
        return self.sip.quiet(seconds, lambda m: m.is_request and user in m.uri)

    # ---- presence
    def watches(self, j, r, answer=200, headers=("Expires: 3600",)):
        """juliet asks for romeo's presence; our end of the dialog, answered."""
        j.send("<presence to='%s@%s' type='subscribe'/>" % (r, PARTNER))
        m = self.reaches(r, "SUBSCRIBE")
        self.sip.answer(m, answer, headers=list(headers) + [self.sip.contact(r)])
        return Dialog.taken(self.sip, r, m) if answer < 300 else m

    def sees(self, j, r):
        """As watches(), and romeo lets her."""
        d = self.watches(j, r)
        self.assertEqual(d.notify("active;expires=3600").status, 200)
        self.presence(j, r, "subscribed")
        return d

    def watched(self, r, j, state="active", **words):
        """romeo asks for juliet's presence and she lets him; our end of the dialog."""
        got, d = subscribe(self.sip, "sip:" + j.bare, user=r, **words)
        self.assertEqual(got.status, 200, got.data)
        j.wait(lambda e: e.get("type") == "subscribe" and e.get("from") == "%s@%s" % (r, PARTNER), 8, "subscribe")
        self.sip.wait_notify("pending", call_id=d.call_id)
        if state == "active":
            j.send("<presence to='%s@%s' type='subscribed'/>" % (r, PARTNER))
        return d

    def presence(self, j, r, kind=None, seconds=8, want=lambda e: True):
        return j.wait(lambda e: raw.local(e.tag) == "presence" and e.get("type") == kind and
                      (e.get("from") or "").startswith("%s@%s" % (r, PARTNER)) and want(e), seconds,
                      "presence %s of %s" % (kind, r))

    def document(self, d, want=lambda p: True, seconds=8):
        """The next PIDF document in that dialog that want() accepts; the NOTIFY is in document.notify."""
        m = self.sip.wait_notify(call_id=d.call_id, seconds=seconds, state=None) if want is None else \
            self.sip.wait_request("NOTIFY", seconds, lambda m: m.get("call-id") == d.call_id and m.body and want(Pidf(m)))
        return Pidf(m)

    def nothing_comes(self, *streams):
        """Neither messages nor presence from SIP people have come to these streams."""
        got = arrived(*streams) if len(streams) > 1 else [arrived(streams[0])]
        return not [e for g in got for e in g if PARTNER in (e.get("from") or "")]


class Pidf:
    """A PIDF document as the partner sees it."""

    def __init__(self, notify):
        self.notify, self.root = notify, ET.fromstring(notify.body)
        self.entity = self.root.get("entity")
        self.tuples = {t.get("id"): t for t in self.root.iter(PIDF + "tuple")}

    def basic(self, id_):
        t = self.tuples.get(id_)
        return None if t is None else t.findtext(".//%sbasic" % PIDF)

    def show(self, id_):
        return self.tuples[id_].findtext(".//{jabber:client}show")

    def notes(self, id_=None):
        at = self.root if id_ is None else self.tuples[id_]
        return [(n.get("{http://www.w3.org/XML/1998/namespace}lang"), n.text) for n in at.iter(PIDF + "note")]

    def priority(self, id_):
        c = self.tuples[id_].find(PIDF + "contact")
        return None if c is None else c.get("priority")

    def activities(self):
        return [raw.local(a.tag) for e in self.root.iter("{urn:ietf:params:xml:ns:pidf:rpid}activities") for a in e]

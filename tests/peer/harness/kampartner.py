"""One gateway at near.example and Kamailio at partner.example, TLS both ways; romeo's client at Kamailio is
played by hand. They find each other by NAPTR and SRV."""
from .case import PeerCase
from .kamailio import Kamailio
from .people import DOMAIN
from .sipbox import PARTNER
from .sipclient import Party


class KamailioPartner(PeerCase):
    partner_options = {}
    peer = {}
    settings = ()

    @classmethod
    def build(cls):
        cls.count = 0
        near, far = cls.place.addr(), cls.place.addr()
        cls.dns.a(PARTNER, far)
        cls.dns.naptr(PARTNER, "SIPS+D2T", "_sips._tcp." + PARTNER)
        cls.dns.srv(PARTNER, PARTNER, 5061, service="_sips")
        cls.far = Kamailio(cls.place, PARTNER, cls.pki.make("good", PARTNER), cls.pki.ca, addr=far,
                           peers={DOMAIN: "tls:%s:5061" % near}, **cls.partner_options).start()
        cls.gh = cls.gatehouse(DOMAIN, addr=near, sip_peers={PARTNER: dict({"action": "allow"}, **cls.peer)},
                               settings=cls.settings)
        cls.gh.sip_publish()
        cls.gh.start()

    def juliet(self, resource="balcony", **options):
        type(self).count += 1
        name = "juliet%d" % self.count
        self.gh.user(name)
        return self.present(self.login(self.gh, name, resource=resource, **options))

    def romeo(self):
        """A new user's client, registered at Kamailio; its name is .user."""
        type(self).count += 1
        p = Party(self.place, PARTNER, "tcp", server=(self.far.addr, 5060), auto={"NOTIFY": 200})
        p.user = "romeo%d" % self.count
        self.register(p)
        return p

    def register(self, p):
        got = p.ask("REGISTER", "sip:" + PARTNER, user=p.user, to="<sip:%s@%s>" % (p.user, PARTNER),
                    headers=[p.contact(p.user), "Expires: 600"])
        self.assertEqual(got.status, 200)

    def to_romeo(self, j, p, text, seconds=10):
        j.message("%s@%s" % (p.user, PARTNER), text)
        m = p.wait_request("MESSAGE", seconds, lambda m: m.body == text)
        p.answer(m, 200)
        self.assertEqual(m.uri_of("from").split(";")[0], "sip:" + j.bare)
        return m

    def to_juliet(self, p, j, text, seconds=10):
        got = p.ask("MESSAGE", "sip:" + j.bare, seconds, user=p.user, body=text)
        self.assertEqual(got.status, 200, got.data)
        m = j.wait_body(text, seconds)
        self.assertEqual(m.get("from").split("/")[0], "%s@%s" % (p.user, PARTNER))
        return m

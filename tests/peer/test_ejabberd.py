"""ejabberd as the partner."""
from harness.case import PeerCase
from harness.ejabberd import Ejabberd


class EjabberdPartner(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example", peers={
            "erl.example": {"action": "allow"},
            "erldb.example": {"action": "allow", "auth": "dialback-allowed"}}).publish()
        cls.gh.user("juliet")
        cls.gh.start()
        cls.erl = cls.partner("erl.example", "rsa", dialback=False)
        cls.erldb = cls.partner("erldb.example", "self-signed", dialback=True)

    @classmethod
    def partner(cls, domain, kind, **options):
        e = Ejabberd(cls.place, domain, cls.pki.make(kind, domain), cls.pki.ca, cls.dns, **options)
        e.user("romeo")
        cls.dns.a("xmpp." + domain, e.addr)
        cls.dns.srv(domain, "xmpp." + domain, 5269)
        return e.start()

    def test_certificates_both_ways(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.erl, "romeo")
        self.chat(j, r, "to ejabberd", 15)
        self.chat(r, j, "from ejabberd", 15)

    def test_dialback_both_ways(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.erldb, "romeo")
        self.chat(j, r, "to ejabberd by dialback", 15)
        self.chat(r, j, "from ejabberd by dialback", 15)

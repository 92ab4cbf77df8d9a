"""One gateway at near.example and its partners: what the tests of federation stand on."""
from . import raw
from .case import PeerCase
from .prosody import Prosody


class Fed(PeerCase):
    """One gateway at near.example, partners as the test class builds them."""
    peers = {}

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example", peers=cls.peers).publish()
        cls.gh.user("juliet")
        cls.gh.start()
        cls.partners()

    @classmethod
    def partners(cls):
        pass

    @classmethod
    def prosody(cls, domain, kind="good", publish=True, **options):
        p = Prosody(cls.place, domain, cls.pki.make(kind, domain), cls.pki.ca, cls.dns, **options)
        p.user("romeo") if p.c2s else None
        p.start()
        if publish:
            cls.dns.a("xmpp." + domain, p.addr)
            if not p.direct_tls_only:
                cls.dns.srv(domain, "xmpp." + domain, p.port)
        return p

    def bounce(self, domain, seconds=12):
        """Condition and text of the error for a message to that domain."""
        j = self.login(self.gh, "juliet")
        j.message("romeo@" + domain, "are you there", id_="b1")
        e = j.wait_error("b1", seconds)
        return raw.stanza_error(e), raw.stanza_error_text(e)

"""Other proofs than a public authority's: pins and authorities in a partner's row, DANE (RFC 7673) with
a validating unbound, POSH (RFC 7711) over HTTPS."""
import base64
import hashlib
import json
import os

from cryptography.hazmat.primitives.serialization import Encoding

from harness import raw
from harness.case import PeerCase
from harness.place import wait_for
from harness.prosody import Prosody
from harness.signed import SignedDns
from harness.web import Web


class Proofs(PeerCase):
    """A gatehouse at near.example to which partners come with all kinds of certificates."""
    peers, settings = {}, ()

    @classmethod
    def build(cls):
        cls.prepare()
        cls.gh = cls.gatehouse("near.example", peers=cls.peers, settings=cls.settings).publish()
        cls.gh.user("juliet")
        cls.gh.start()

    @classmethod
    def prepare(cls):
        pass

    def come_in(self, domain, cert):
        """A stream with that certificate; True: EXTERNAL was offered and succeeded."""
        try:
            s = raw.s2s_out(self.gh.addr, 5269, raw.client_context(self.pki.ca, cert), domain, "near.example")
        except raw.Closed as e:
            self.assertEqual(e.error, "not-authorized")
            return False
        self.streams.append(s)
        s.sasl_external(domain)
        return True

    def why(self, domain, reason):
        wait_for("log says %s for %s" % (reason, domain), lambda: any(
            "s2s.refused" in l and "domain=%s " % domain in l and reason in l for l in self.gh.log().splitlines()), 5)

    @classmethod
    def prosody(cls, domain, kind):
        p = Prosody(cls.place, domain, cls.pki.make(kind, domain), cls.pki.ca, cls.dns, dialback=False)
        p.user("romeo")
        return p.start()

    def out(self, partner):
        j, r = self.login(self.gh, "juliet"), self.login(partner, "romeo")
        self.chat(j, r, "out", 15)
        return self.gh.federation(partner.domain)


class Rows(Proofs):
    """What the administrator wrote in a partner's row counts, and nothing else."""

    @classmethod
    def prepare(cls):
        cls.settings = ["set trust anchor other " + os.path.join(cls.pki.folder, "other-ca.crt")]
        cls.peers = {"pin%d.example" % i: {"action": "allow"} for i in (1, 2, 3)}
        cls.peers.update({"ca%d.example" % i: {"action": "allow"} for i in (1, 2, 3, 4)})
        for domain, kind in (("pin1.example", "self-signed"), ("pin2.example", "good"), ("pin3.example", "expired")):
            cls.peers[domain]["pin"] = cls.pki.make(kind, domain).pin
        for domain, anchor in (("ca1.example", "test"), ("ca2.example", "test"), ("ca3.example", "other"),
                               ("ca4.example", "other")):
            cls.peers[domain]["authority"] = anchor

    def test_pinned_key_needs_no_authority(self):
        self.assertTrue(self.come_in("pin1.example", self.pki.make("self-signed", "pin1.example")))
        self.assertTrue(self.come_in("pin3.example", self.pki.make("expired", "pin3.example")))

    def test_other_key_than_the_pinned_one(self):
        self.assertFalse(self.come_in("pin2.example", self.pki.make("rsa", "pin2.example")))
        self.why("pin2.example", "cert-pin")

    def test_authority_of_the_row(self):
        self.assertTrue(self.come_in("ca1.example", self.pki.make("good", "ca1.example")))
        self.assertTrue(self.come_in("ca1.example", self.pki.make("intermediate", "ca1.example")))
        self.assertTrue(self.come_in("ca3.example", self.pki.make("unknown-ca", "ca3.example")))

    def test_another_trusted_authority(self):
        self.assertFalse(self.come_in("ca2.example", self.pki.make("unknown-ca", "ca2.example")))
        self.why("ca2.example", "cert-unknown-ca")
        self.assertFalse(self.come_in("ca4.example", self.pki.make("good", "ca4.example")))
        self.why("ca4.example", "cert-unknown-ca")

    def test_its_certificates_need_the_name(self):
        self.assertFalse(self.come_in("ca1.example", self.pki.make("wrong-name", "ca1.example")))
        self.why("ca1.example", "cert-name")


class Dane(Proofs):
    """TLSA records of a signed zone, at the targets of validated SRV records."""
    peers = {"*.signed.example": {"action": "allow"}, "*.plain.example": {"action": "allow"},
             "row.signed.example": {"action": "allow", "authority": "test"}}
    settings = ("set dns validates on",)
    WRONG = "%064x" % 1

    @classmethod
    def prepare(cls):
        zone, plain = [], []
        cls.far_addr = cls.place.addr()
        rows = (("ok", cls.pin("ok", "self-signed")), ("wrong", cls.WRONG), ("bogus", cls.pin("bogus", "good")),
                ("row", cls.pin("row", "self-signed")), ("none", None))
        for name, spki in rows:
            zone += cls.records(name, spki)
        zone += cls.records("full", None)
        zone.append("_5269._tcp.xmpp.full IN TLSA 3 0 1 " + cls.digest(cls.pki.make("self-signed", "full.signed.example")))
        plain += cls.records("liar", cls.pki.make("self-signed", "liar.plain.example").pin)
        own = cls.dns
        cls.dns = SignedDns(cls.place, {"signed.example": zone}, {"plain.example": plain, "near.example": [
            "_xmpp-server._tcp IN SRV 0 0 5269 xmpp", "xmpp IN A 127.0.0.1"]},
            spoil=[(cls.pin("bogus", "good"), cls.WRONG[:-1] + "2")]).start()
        cls.publish_dns = own

    @classmethod
    def build(cls):
        cls.prepare()
        cls.gh = cls.gatehouse("near.example", peers=cls.peers, settings=cls.settings)
        cls.gh.user("juliet")
        cls.gh.start()
        # Prosody asks the other name server: it need not know of signatures to be believed.
        cls.dns, validating = cls.publish_dns, cls.dns
        cls.gh.publish(cls.dns)
        cls.far = Prosody(cls.place, "ok.signed.example", cls.pki.make("self-signed", "ok.signed.example"), cls.pki.ca,
                          cls.dns, addr=cls.far_addr, dialback=False)
        cls.far.user("romeo")
        cls.far.start()
        cls.dns.a("xmpp.ok.signed.example", cls.far.addr)
        cls.dns.srv("ok.signed.example", "xmpp.ok.signed.example", 5269)
        cls.validating = validating

    @classmethod
    def pin(cls, name, kind):
        return cls.pki.make(kind, name + ".signed.example").pin

    @classmethod
    def records(cls, name, spki):
        out = ["_xmpp-server._tcp.%s IN SRV 0 0 5269 xmpp.%s" % (name, name), "xmpp.%s IN A %s" % (name, cls.far_addr)]
        # unbound 1.17 cannot prove that a name below an empty one does not exist
        out += ["%s%s IN TXT here" % (above, name) for above in ("", "_tcp.", "_tcp.xmpp.")]
        if spki:
            out.append("_5269._tcp.xmpp.%s IN TLSA 3 1 1 %s" % (name, spki))
        return out

    @staticmethod
    def digest(cert):
        return hashlib.sha256(cert.x509.public_bytes(Encoding.DER)).hexdigest()

    def arrives(self, name, kind, zone="signed.example"):
        domain = "%s.%s" % (name, zone)
        return self.come_in(domain, self.pki.make(kind, domain))

    def test_record_is_proof_enough(self):
        self.assertTrue(self.arrives("ok", "self-signed"))
        self.assertTrue(self.arrives("full", "self-signed"))

    def test_out_to_a_partner_with_a_record(self):
        self.assertIn("dane", self.out(self.far))

    def test_record_of_another_key_refuses_a_good_certificate(self):
        self.assertFalse(self.arrives("wrong", "good"))
        self.why("wrong.signed.example", "cert-pin")

    def test_without_a_record_the_authorities_count(self):
        self.assertTrue(self.arrives("none", "good"))
        self.assertFalse(self.arrives("none", "self-signed"))

    def test_record_in_a_zone_without_signatures_proves_nothing(self):
        self.assertFalse(self.arrives("liar", "self-signed", "plain.example"))
        self.assertTrue(self.arrives("liar", "good", "plain.example"))

    def test_bogus_record_ends_the_stream(self):
        """RFC 6698 4.1: not as if there were none, or who can spoil DNS takes the proof away."""
        self.assertFalse(self.arrives("bogus", "good"))
        self.why("bogus.signed.example", "dns-bogus")

    def test_row_of_the_administrator_comes_first(self):
        self.assertFalse(self.arrives("row", "self-signed"))
        self.assertTrue(self.arrives("row", "good"))


class Posh(Proofs):
    """A hosted domain: its web server says which certificate of the hoster speaks for it."""
    peers = {"*.hosted.example": {"action": "allow"}}
    settings = ("set federation posh on",)
    PATH = "/.well-known/posh/xmpp-server.json"

    @classmethod
    def document(cls, cert, name="sha-256"):
        digest = hashlib.sha256(cert.x509.public_bytes(Encoding.DER)).digest()
        return json.dumps({"fingerprints": [{name: base64.b64encode(digest).decode()}], "expires": 3600})

    def web(self, domain, page, kind="good"):
        addr = self.place.addr()
        web = Web(addr, self.pki.make(kind, domain, extra=("web." + domain,)), {self.PATH: page} if page else {})
        self.addCleanup(web.close)
        self.dns.a(domain, addr)
        return web

    def hoster(self, domain):
        return self.pki.make("wrong-name", domain)

    def test_accepted(self):
        domain = "in.hosted.example"
        web = self.web(domain, self.document(self.hoster(domain)))
        self.assertTrue(self.come_in(domain, self.hoster(domain)))
        self.assertEqual(web.asked, [(domain, self.PATH)])

    def test_accepted_out(self):
        domain = "out.hosted.example"
        self.web(domain, self.document(self.hoster(domain)))
        far = self.prosody(domain, "wrong-name")
        self.dns.a("xmpp." + domain, far.addr)
        self.dns.srv(domain, "xmpp." + domain, 5269)
        self.assertIn("posh", self.out(far))

    def test_other_certificate(self):
        domain = "other.hosted.example"
        self.web(domain, self.document(self.pki.make("good", domain)))
        self.assertFalse(self.come_in(domain, self.hoster(domain)))
        self.why(domain, "cert-name")

    def test_no_document(self):
        domain = "nothing.hosted.example"
        web = self.web(domain, None)
        self.assertFalse(self.come_in(domain, self.hoster(domain)))
        self.assertEqual(len(web.asked), 1)

    def test_damaged_document(self):
        domain = "damaged.hosted.example"
        self.web(domain, self.document(self.hoster(domain))[:-20])
        self.assertFalse(self.come_in(domain, self.hoster(domain)))

    def test_weak_fingerprint(self):
        domain = "weak.hosted.example"
        self.web(domain, self.document(self.hoster(domain), "sha-1"))
        self.assertFalse(self.come_in(domain, self.hoster(domain)))

    def test_web_server_that_cannot_prove_itself(self):
        for kind in ("self-signed", "wrong-name", "expired"):
            with self.subTest(kind=kind):
                domain = kind + ".hosted.example"
                web = self.web(domain, self.document(self.hoster(domain)), kind=kind)
                self.assertFalse(self.come_in(domain, self.hoster(domain)))
                self.assertEqual(web.asked, [])

    def test_expired_certificate_is_not_asked_about(self):
        domain = "late.hosted.example"
        web = self.web(domain, self.document(self.pki.make("expired", domain)))
        self.assertFalse(self.come_in(domain, self.pki.make("expired", domain)))
        self.assertEqual(web.asked, [])

    def test_switched_off(self):
        domain = "off.hosted.example"
        web = self.web(domain, self.document(self.hoster(domain)))
        self.gh.commit("set federation posh off")
        try:
            self.assertFalse(self.come_in(domain, self.hoster(domain)))
        finally:
            self.gh.commit("set federation posh on")
        self.assertEqual(web.asked, [])

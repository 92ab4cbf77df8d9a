"""Certificates that change while the box runs: ours and what we believe of the partners'."""
import ssl

from cryptography import x509
from harness import raw
from harness.fed import Fed
from harness.place import Failed, wait_for


class OwnCertificates(Fed):
    """What we show: RSA beside ECDSA (B-TLS-05), another one to partners than to clients (B-CRT-05), a name
    that a certificate lacks (lesson 5), and the TLS floor (B-TLS-02)."""
    peers = {"far.example": {"action": "allow"}}

    def shown(self, port=5269, sigalgs=None, version=None):
        """The certificate that a connecting server or client sees."""
        ctx = raw.client_context(cert=self.pki.make("good", "far.example"))
        if version:
            ctx.maximum_version = version
        if sigalgs:
            ctx.set_ciphers(sigalgs)
            ctx.maximum_version = ssl.TLSVersion.TLSv1_2
        if port == 5269:
            s = raw.s2s_out(self.gh.addr, port, ctx, "far.example", "near.example")
        else:
            s = raw.Stream(self.gh.addr, port)
            s.open("near.example")
            s.features()
            s.starttls(ctx, "near.example")
        self.streams.append(s)
        return x509.load_der_x509_certificate(s.sock.getpeercert(True))

    def give(self, name, kind, domain="near.example"):
        cert = self.pki.make(kind, domain)
        pem = self.place.write(name + ".pem", cert.text() + cert.key_text())
        self.gh.ghsh(["certificate import %s %s" % (name, pem), "commit"])
        return cert.x509

    def test_rsa_beside_ecdsa(self):
        rsa = self.give("rsa", "rsa")
        self.gh.commit("set domain near.example second-certificate rsa")
        for port in (5269, 5222):
            self.assertEqual(self.shown(port, "ECDHE-ECDSA-AES128-GCM-SHA256"), self.gh.cert.x509)
            self.assertEqual(self.shown(port, "ECDHE-RSA-AES256-GCM-SHA384"), rsa)
        self.gh.commit("delete domain near.example second-certificate")

    def test_another_to_partners(self):
        other = self.give("public", "p384")
        self.gh.commit("set domain near.example federation-certificate public")
        self.assertEqual(self.shown(5269), other)
        self.assertEqual(self.shown(5222), self.gh.cert.x509)
        self.gh.commit("delete domain near.example federation-certificate")
        self.assertEqual(self.shown(5269), self.gh.cert.x509)

    def test_a_name_that_is_not_covered_is_said(self):
        self.give("elsewhere", "good", "elsewhere.example")
        with self.assertRaisesRegex(Failed, "does not cover the name conference.near.example"):
            self.gh.commit("set domain conference.near.example certificate elsewhere")
        with self.assertRaises(Failed):
            self.gh.commit("set domain near.example second-certificate nosuch")

    def test_floor(self):
        self.shown(version=ssl.TLSVersion.TLSv1_2)
        self.gh.commit("set tls minimum 1.3")
        try:
            for port in (5269, 5222):
                with self.assertRaises(raw.Closed):
                    self.shown(port, version=ssl.TLSVersion.TLSv1_2)
                self.shown(port)
        finally:
            self.gh.commit("delete tls minimum")


class Revoked(Fed):
    """Revocation lists of the partners' authority (FED-09): live, and nobody else is touched."""
    peers = {"stolen.example": {"action": "allow"}, "fine.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.stolen = cls.prosody("stolen.example", dialback=False, secure_auth=False)
        cls.fine = cls.prosody("fine.example", dialback=False)

    def tearDown(self):
        self.gh.commit("delete trust revocation test")
        super().tearDown()

    def test_revoked_is_refused_both_ways_and_others_go_on(self):
        j, s, f = self.login(self.gh, "juliet"), self.login(self.stolen, "romeo"), self.login(self.fine, "romeo")
        self.chat(j, s, "before it was stolen")
        self.gh.commit("set trust revocation test " + self.pki.revoke(self.stolen.cert))
        cond, text = self.bounce("stolen.example")  # its open stream was not kept
        self.assertEqual(cond, "remote-server-timeout", text)
        self.assertIn("revoked", text)
        self.gh.wait_reason("stolen.example", "cert-revoked")
        with self.assertRaises(raw.Closed) as closed:
            raw.s2s_out(self.gh.addr, 5269, raw.client_context(cert=self.stolen.cert), "stolen.example",
                        "near.example")
        self.assertIn("not-authorized", str(closed.exception))
        self.chat(j, f, "another partner")
        self.chat(f, j, "and back")

    def test_an_old_list_proves_nobody(self):
        self.gh.commit("set trust revocation test " + self.pki.revoke(days=-1))
        cond, text = self.bounce("fine.example")
        self.assertEqual(cond, "remote-server-timeout", text)
        self.assertIn("revocation list", text)
        self.gh.commit("set trust revocation test " + self.pki.revoke())
        j, f = self.login(self.gh, "juliet"), self.login(self.fine, "romeo")
        self.chat(j, f, "with the new list")

    def test_what_is_no_list_is_refused(self):
        self.gh.commit("set trust revocation test " + self.pki.revoke())
        with self.assertRaises(Failed):
            self.gh.commit("set trust revocation test " + self.pki.ca)

#!/usr/bin/python3
"""Certificates for the tests: a small authority and a table of kinds of certificates.

    pki = Pki(folder)                      an authority `ca`, and `other-ca` that nobody trusts
    cert = pki.make("good", "a.example")   cert.crt (PEM with chain), cert.key, cert.kind

Serials, keys and times are fresh each run. Only the tests trust these authorities.
"""
import datetime
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID as EKU, NameOID

DAY = datetime.timedelta(days=1)
XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")   # RFC 6120 13.7.1.4
SRV_NAME = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.7")    # RFC 4985

BOTH = (EKU.SERVER_AUTH, EKU.CLIENT_AUTH)

# What differs from an ordinary certificate. names: dns, xmpp (XmppAddr), srv (SRV-ID), wild, sip (URI).
KINDS = {
    "good":         {},
    "rsa":          {"key": "rsa"},
    "rsa-3072":     {"key": "rsa-3072"},
    "p384":         {"key": "p384"},
    "ed25519":      {"key": "ed25519"},
    # Public authorities issue these since 2025: no clientAuth (spec xmpp.md, lesson 1).
    "server-only":  {"eku": (EKU.SERVER_AUTH,)},
    "client-only":  {"eku": (EKU.CLIENT_AUTH,)},
    "no-eku":       {"eku": None},
    "expired":      {"start": -30, "days": 29},
    "ending":       {"days": 9},
    "not-yet":      {"start": 30, "days": 30},
    "wrong-name":   {"domain": "someone-else.example"},
    "self-signed":  {"issuer": "self"},
    "unknown-ca":   {"issuer": "other-ca"},
    "intermediate": {"issuer": "intermediate"},
    "no-chain":     {"issuer": "intermediate", "send_chain": False},
    "wildcard":     {"names": ("wild",)},
    "srv-id":       {"names": ("srv",)},
    "srv-client":   {"names": ("srv-client",)},
    "xmpp-addr":    {"names": ("xmpp",)},
    "sip-uri":      {"names": ("sip",)},
    "sip-other":    {"names": ("dns", "sip-other")},
    "sip-user":     {"names": ("sip-user",)},
    "cn-only":      {"names": ()},
    "no-names":     {"names": (), "cn": "gateway"},
    "must-staple":  {"features": (x509.TLSFeatureType.status_request,)},
}


def ia5(text):
    raw = text.encode("ascii")
    return bytes([0x16, len(raw)]) + raw


def utf8(text):
    raw = text.encode("utf-8")
    return bytes([0x0C, len(raw)]) + raw


def new_key(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "rsa-3072":
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    if kind == "p384":
        return ec.generate_private_key(ec.SECP384R1())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def digest_of(key):
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def cert_pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def spki_sha256(cert):
    """What `federation peer * pin` takes."""
    spki = cert.public_key().public_bytes(serialization.Encoding.DER,
                                          serialization.PublicFormat.SubjectPublicKeyInfo)
    h = hashes.Hash(hashes.SHA256())
    h.update(spki)
    return h.finalize().hex()


class Cert:
    def __init__(self, kind, domain, crt, key, x509_cert):
        self.kind, self.domain, self.crt, self.key, self.x509 = kind, domain, crt, key, x509_cert

    @property
    def pin(self):
        return spki_sha256(self.x509)

    def text(self):
        with open(self.crt, encoding="ascii") as f:
            return f.read()

    def key_text(self):
        with open(self.key, encoding="ascii") as f:
            return f.read()


class Pki:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.now = datetime.datetime.utcnow()
        self.authorities = {}
        self._authority("ca", "Gatehouse test authority", None)
        self._authority("other-ca", "An authority nobody knows", None)
        self._authority("intermediate", "Gatehouse test intermediate", "ca")
        self.made = {}
        self.ocsp_url = None  # in certificates that are made from now on

    @property
    def ca(self):
        return os.path.join(self.folder, "ca.crt")

    def _authority(self, name, cn, issuer):
        key = new_key("p256")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
        issuer_cert, issuer_key = self.authorities[issuer] if issuer else (None, key)
        cert = (x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(issuer_cert.subject if issuer_cert else subject)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(self.now - 60 * DAY).not_valid_after(self.now + 3650 * DAY)
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False),
                               critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .sign(issuer_key, hashes.SHA256()))
        self.authorities[name] = (cert, key)
        self._write(name + ".crt", cert_pem(cert))

    def authority_key(self, name):
        return key_pem(self.authorities[name][1]).decode("ascii")

    def _write(self, name, data, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)
        return path

    def _alt_names(self, domain, names):
        alt = []
        for n in names:
            if n == "dns":
                alt.append(x509.DNSName(domain))
            elif n == "wild":
                alt.append(x509.DNSName("*." + domain.split(".", 1)[1]))
            elif n == "srv":
                alt.append(x509.OtherName(SRV_NAME, ia5("_xmpp-server." + domain)))
            elif n == "srv-client":
                alt.append(x509.OtherName(SRV_NAME, ia5("_xmpp-client." + domain)))
            elif n == "sip":
                alt.append(x509.UniformResourceIdentifier("sip:" + domain))
            elif n == "sip-other":
                alt.append(x509.UniformResourceIdentifier("sip:other." + domain))
            elif n == "sip-user":
                alt += [x509.UniformResourceIdentifier(uri + domain) for uri in ("sip:romeo@", "sips:")]
            elif n == "xmpp":
                alt.append(x509.OtherName(XMPP_ADDR, utf8(domain)))
        return alt

    def make(self, kind, domain, extra=(), address=None):
        """One certificate of a kind. extra: further dNSNames. The same call gives the same one."""
        if (kind, domain, extra) in self.made:
            return self.made[kind, domain, extra]
        row = KINDS[kind]
        subject_domain = row.get("domain", domain)
        key = new_key(row.get("key", "p256"))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, row.get("cn", subject_domain))])
        issuer = row.get("issuer", "ca")
        issuer_cert, issuer_key = (None, key) if issuer == "self" else self.authorities[issuer]
        start = self.now + row.get("start", -1) * DAY
        builder = (x509.CertificateBuilder()
                   .subject_name(subject)
                   .issuer_name(issuer_cert.subject if issuer_cert else subject)
                   .public_key(key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(start).not_valid_after(start + row.get("days", 90) * DAY)
                   .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True))
        eku = row.get("eku", BOTH)
        if eku is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
        alt = self._alt_names(subject_domain, row.get("names", ("dns",)))
        alt += [x509.DNSName(e) for e in extra]
        if address:
            alt.append(x509.IPAddress(ipaddress.ip_address(address)))
        if alt:
            builder = builder.add_extension(x509.SubjectAlternativeName(alt), critical=False)
        if self.ocsp_url:
            where = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(self.ocsp_url))
            builder = builder.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
        if "features" in row:
            builder = builder.add_extension(x509.TLSFeature(row["features"]), critical=False)
        cert = builder.sign(issuer_key, digest_of(issuer_key))
        pem = cert_pem(cert)
        if issuer == "intermediate" and row.get("send_chain", True):
            pem += cert_pem(issuer_cert)
        name = "%s-%s" % (domain, kind) + ("-x%d" % len(self.made) if extra else "")
        crt = self._write(name + ".crt", pem)
        # Servers of other people run as other users in some set-ups: the key is a throw-away.
        keyfile = self._write(name + ".key", key_pem(key), 0o644)
        made = Cert(kind, domain, crt, keyfile, cert)
        self.made[kind, domain, extra] = made
        return made

    def revoke(self, *certs, by="ca", days=7):
        """A revocation list of an authority with these certificates in it; its file. days below 0: old."""
        issuer, key = self.authorities[by]
        builder = (x509.CertificateRevocationListBuilder()
                   .issuer_name(issuer.subject)
                   .last_update(self.now - 10 * DAY).next_update(self.now + days * DAY))
        for cert in certs:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(cert.x509.serial_number)
                .revocation_date(self.now - DAY).build())
        crl = builder.sign(key, hashes.SHA256())
        return self._write("%s-%d-%d.crl" % (by, len(certs), days), crl.public_bytes(serialization.Encoding.PEM))


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: pki.py FOLDER DOMAIN...")
    pki = Pki(sys.argv[1])
    for domain in sys.argv[2:]:
        for kind in KINDS:
            cert = pki.make(kind, domain)
            print(cert.crt, cert.pin)


if __name__ == "__main__":
    main()

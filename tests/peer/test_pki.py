"""Certificates and keys in the forms in which people have them, made by the openssl command (G-PKI-01 to 14, surprise 2)."""
import datetime
import hashlib
import os
import ssl
import struct
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness import raw
from harness.case import PeerCase
from harness.operwire import DONE, NEED, Oper
from harness.place import wait_for

OPENSSL = "/usr/bin/openssl"


def openssl(*words, stdin=None):
    got = subprocess.run([OPENSSL, *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if got.returncode:
        raise AssertionError("openssl %s: %s" % (" ".join(words), got.stderr.decode()))
    return got.stdout


class Authority:
    """A root and an authority below it, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        with open(self.at("ca.ext"), "w") as f:
            f.write("basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.at("root.key"),
                "-out", self.at("root.pem"), "-days", "30", "-subj", "/CN=Test Root")
        self.issue("upper", "/CN=Test Upper", by="root", ext=self.at("ca.ext"))

    def at(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, subject, by="upper", ext=None, names=(), key=None, digest="-sha256", days="20"):
        key = key or ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        openssl("req", *key, "-nodes", "-keyout", self.at(name + ".key"), "-out", self.at(name + ".csr"), "-subj", subject)
        return self.sign(name, by, ext, names, digest, days)

    def sign(self, name, by="upper", ext=None, names=(), digest="-sha256", days="20"):
        if not ext:
            ext = self.at(name + ".ext")
            with open(ext, "w") as f:
                f.write("basicConstraints=CA:FALSE\n" + ("subjectAltName=%s\n" % ",".join("DNS:" + n for n in names) if names else ""))
        openssl("x509", "-req", "-in", self.at(name + ".csr"), "-CA", self.at(by + ".pem"), "-CAkey", self.at(by + ".key"),
                "-set_serial", str(int.from_bytes(os.urandom(8), "big")), "-days", days, digest, "-extfile", ext, "-out", self.at(name + ".pem"))
        return self.at(name + ".pem")

    def join(self, name, *parts):
        path = self.at(name)
        with open(path, "wb") as out:
            for part in parts:
                with open(self.at(part), "rb") as f:
                    out.write(f.read())
        return path


class Pki(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example").start()
        cls.ca = Authority(cls.place.path("authority"))
        cls.ca.issue("leaf", "/CN=near.example", names=("near.example",))

    def served(self):
        s = raw.Stream(self.gh.addr, 5223)
        self.streams.append(s)
        s.wrap(raw.client_context(alpn="xmpp-client"), "near.example")
        return hashlib.sha256(s.sock.getpeercert(True)).hexdigest()

    def digest(self, name):
        with open(self.ca.at(name)) as f:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()

    def good(self, text, **options):
        got = self.gh.operator(text=text, **options)
        self.assertEqual(got.returncode, 0, got.stderr)
        return got

    def bad(self, wanted, text):
        got = self.gh.operator(text=text)
        self.assertNotEqual(got.returncode, 0, got.stdout)
        self.assertIn(wanted, got.stderr)

    def drop(self, name):
        self.good("set domain near.example certificate own\ndelete certificate %s\ncommit\nkey delete %s\n" % (name, name))

    def runs(self, name, first=""):
        """It serves, with its whole chain."""
        self.good(first + "set domain near.example certificate %s\ncommit\n" % name)
        wait_for("the new certificate", lambda: self.served() == self.digest("leaf.pem"), 5)
        shown = self.gh.records("certificate", "show", name)[0]
        self.assertEqual((shown["chain"], shown["names"]), ("3", "dns:near.example"))
        got = openssl("s_client", "-connect", "%s:5223" % self.gh.addr, "-servername", "near.example", "-alpn", "xmpp-client",
                      "-CAfile", self.ca.at("root.pem"), "-verify_return_error", "-brief", stdin=b"")
        self.assertIsNotNone(got)
        self.drop(name)

    def ask(self, *words):
        """Frames of one command, the operator's protocol spoken by hand: (kind, body) up to DONE or NEED."""
        o = Oper(self.gh.socket)
        o.ask(*words)
        out = []
        while not out or out[-1][0] not in (DONE, NEED, None):
            out.append(o.next())
        o.close()
        return out

    def read(self, name):
        with open(self.ca.at(name), "rb") as f:
            return f.read()

    # ---- forms

    def test_pem_in_any_order(self):
        for order in (("leaf.key", "leaf.pem", "upper.pem", "root.pem"), ("root.pem", "upper.pem", "leaf.pem", "leaf.key"),
                      ("upper.pem", "leaf.key", "root.pem", "leaf.pem")):
            self.runs("any", "certificate import any %s\n" % self.ca.join("any.pem", *order))

    def test_several_files_in_der_and_pkcs7(self):
        openssl("x509", "-in", self.ca.at("leaf.pem"), "-outform", "DER", "-out", self.ca.at("leaf.cer"))
        openssl("pkey", "-in", self.ca.at("leaf.key"), "-outform", "DER", "-out", self.ca.at("leaf.der"))
        openssl("crl2pkcs7", "-nocrl", "-certfile", self.ca.at("root.pem"), "-certfile", self.ca.at("upper.pem"),
                "-outform", "DER", "-out", self.ca.at("chain.p7b"))
        self.runs("der", "certificate import der %s\n" % " ".join(self.ca.at(n) for n in ("chain.p7b", "leaf.der", "leaf.cer")))

    def test_pkcs12_asks_for_its_password(self):
        chain = self.ca.join("chain.pem", "upper.pem", "root.pem")
        for words in ((), ("-legacy",)):  # as openssl 3 and as old Windows writes it
            openssl("pkcs12", "-export", *words, "-in", self.ca.at("leaf.pem"), "-inkey", self.ca.at("leaf.key"), "-certfile", chain,
                    "-passout", "pass:open sesame", "-out", self.ca.at("leaf.p12"))
            p12 = self.read("leaf.p12")
            end = self.ask("certificate", "import", "pfx", p12)[-1]
            self.assertEqual((end[0], end[1][0]), (NEED, 5))
            self.assertEqual(struct.unpack(">H", end[1][1:3])[0], 4)
            end = self.ask("certificate", "import", "pfx", p12, b"wrong")[-1]
            self.assertEqual((end[0], Oper.done(end[1])[1]), (DONE, "the password does not open it"))
            self.assertNotIn("pfx", [r["key"] for r in self.gh.records("show", "keys")])
            o = Oper(self.gh.socket)
            for line in (("certificate", "import", "pfx", p12, b"open sesame"), ("commit",)):
                o.ask(*line)
                kind = None
                while kind != DONE:
                    kind, body = o.next()
                self.assertEqual(Oper.done(body)[0], 0, body)
            o.close()
            self.assertNotIn("sesame", self.gh.log())
            self.runs("pfx")

    def test_encrypted_key_in_a_file_of_its_own(self):
        openssl("pkcs8", "-topk8", "-in", self.ca.at("leaf.key"), "-passout", "pass:open sesame", "-out", self.ca.at("sealed.key"))
        files = [self.read(n) for n in ("leaf.pem", "sealed.key")]
        self.assertEqual(self.ask("certificate", "import", "sealed", *files)[-1][0], NEED)
        end = self.ask("certificate", "import", "sealed", *files, b"open sesame")[-1]
        self.assertEqual(Oper.done(end[1]), (0, "key imported"))
        self.assertIn("sealed", [r["key"] for r in self.gh.records("show", "keys")])
        self.good("key delete sealed\n")

    # ---- refusals

    def test_a_mismatch_is_refused_and_the_old_one_stays(self):
        old = self.served()
        self.ca.issue("other", "/CN=near.example", names=("near.example",))
        self.bad("the private key belongs to another certificate",
                 "certificate import mixed %s %s\n" % (self.ca.at("leaf.pem"), self.ca.at("other.key")))
        self.bad("the private key own belongs to another certificate", "certificate import own %s\n" % self.ca.at("leaf.pem"))
        self.bad("near.example runs with this key", "certificate import own %s %s\n" % (self.ca.at("leaf.pem"), self.ca.at("leaf.key")))
        self.assertEqual(self.served(), old)
        self.assertNotIn("mixed", [r["key"] for r in self.gh.records("show", "keys")])

    def test_weak_ones_are_refused(self):
        self.ca.issue("small", "/CN=near.example", key=("-newkey", "rsa:1024"))
        self.ca.issue("sha1", "/CN=near.example", digest="-sha1")
        for name, wanted in (("small", "less than 2048 bits"), ("sha1", "SHA-1")):
            self.bad(wanted, "certificate import weak %s %s\n" % (self.ca.at(name + ".pem"), self.ca.at(name + ".key")))
        self.assertNotIn("weak", [r["key"] for r in self.gh.records("show", "keys")])

    def test_strangers_and_ends_are_told(self):
        self.ca.issue("stranger", "/CN=Nobody Asked", by="root", ext=self.ca.at("ca.ext"))
        self.ca.issue("past", "/CN=past.example", names=("past.example",), days="-1")
        got = self.good("certificate import noted %s %s %s\n" % tuple(self.ca.at(n) for n in ("past.pem", "past.key", "stranger.pem")))
        self.assertIn("note: CN=Nobody Asked: not part of the chain, left out", got.stderr)
        self.assertIn("note: CN=past.example: the certificate has expired", got.stderr)
        self.assertIn("note: CN=Test Upper: the issuer's certificate is not in the files", got.stderr)
        self.good("key delete noted\n")

    # ---- looking at files

    def test_inspect_match_verify(self):
        path = self.ca.join("all.pem", "root.pem", "leaf.pem", "leaf.key", "upper.pem")
        parts = self.gh.records("certificate", "inspect", path)
        self.assertEqual([r["part"] for r in parts], ["certificate", "issuer", "root", "private key"])
        self.assertEqual(parts[0]["sha256"], self.digest("leaf.pem"))
        self.assertEqual(parts[0]["subject"], "CN=near.example")
        got = self.good("certificate match any %s\n" % path)
        self.assertIn("belongs to the certificate", got.stdout + got.stderr)
        self.bad("another certificate", "certificate match own %s\n" % self.ca.at("leaf.pem"))
        got = self.good("certificate verify %s\n" % path)
        self.assertIn("no trust anchor here", got.stdout + got.stderr)
        got = self.good("set trust anchor test %s\ncertificate verify %s\ndiscard\n" % (self.ca.at("root.pem"), self.ca.join("two.pem", "leaf.pem", "upper.pem")))
        self.assertIn("up to a trust anchor", got.stdout + got.stderr)
        self.bad("unable to get", "certificate verify %s\n" % self.ca.at("leaf.pem"))

    def test_verify_looks_at_every_anchor(self):
        """Fifty authorities as settings, the one that is wanted among them."""
        lines = []
        for i in range(50):
            name = "anchor%d" % i
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.ca.at(name + ".key"),
                    "-out", self.ca.at(name + ".pem"), "-days", "30", "-subj", "/CN=Another Root %d" % i)
            lines.append("set trust anchor %s %s\n" % (name, self.ca.at(name + ".pem")))
        chain = self.ca.join("fifty.pem", "leaf.pem", "upper.pem")
        self.bad("unable to get", "".join(lines) + "certificate verify %s\n" % chain)
        lines.insert(25, "set trust anchor wanted %s\n" % self.ca.at("root.pem"))
        got = self.good("".join(lines) + "certificate verify %s\ndiscard\n" % chain)
        self.assertIn("up to a trust anchor", got.stdout + got.stderr)

    # ---- requests, and the classic words

    def test_request_with_all_attributes(self):
        folder = self.place.path("requests")
        os.makedirs(folder)
        got = self.gh.operator("pki", "csr", "example", "CN:example.com", "OU:Accounts UK", "O:My Company", "L:Leeds", "ST:Yorkshire", "C:GB",
                               "emailAddress:post@example.com", "subjectAltName:www.example.com,IP:192.0.2.7", "keyType:ecdsa-p384", cwd=folder)
        self.assertEqual(got.returncode, 0, got.stderr)
        path = os.path.join(folder, "example.csr")
        with open(path) as f:
            self.assertIn(f.read(), got.stdout)
        text = openssl("req", "-in", path, "-noout", "-verify", "-text", "-nameopt", "RFC2253").decode()
        self.assertIn("Subject: emailAddress=post@example.com,C=GB,ST=Yorkshire,L=Leeds,O=My Company,OU=Accounts UK,CN=example.com", text)
        self.assertIn("DNS:www.example.com, IP Address:192.0.2.7, DNS:example.com", text)
        self.assertIn("(384 bit)", text)
        # what an authority makes of it goes with the key
        os.rename(path, self.ca.at("example.csr"))
        self.ca.sign("example", names=("example.com",))
        got = self.good("certificate import example %s\n" % self.ca.at("example.pem"))
        self.assertNotIn("private key is not here", got.stdout + got.stderr)
        for word in ("C:GBR", "X:1", "O:", "not a domain"):
            self.bad("neither a domain name nor an attribute", 'certificate csr example "%s"\n' % word)
        self.bad("there is no key of this name", "certificate csr nokey near.example\n")
        self.good("pki remove example\n")
        self.assertNotIn("example", [r["key"] for r in self.gh.records("show", "keys")])

    def test_self_signed_list_remove(self):
        self.good("pki selfsigned webadmin\ncommit\n", cwd=self.place.path())
        with open(self.place.path("webadmin.crt")) as f:  # G-PKI-04
            self.assertIn("BEGIN CERTIFICATE", f.read())
        listed = self.gh.records("pki", "list")
        self.assertIn("webadmin", [r.get("name") for r in listed])
        self.assertIn("webadmin", [r.get("key") for r in listed])
        self.bad("near.example runs with this key", "pki remove own\n")
        self.good("pki remove webadmin\ncommit\n")
        self.assertNotIn("webadmin", str(self.gh.records("pki", "list")))
        self.bad("not found", "pki remove webadmin\n")
        self.assertIn("belong", self.good("pki match %s %s\n" % (self.ca.at("leaf.key"), self.ca.at("leaf.pem"))).stdout +
                      self.good("pki match %s %s\n" % (self.ca.at("leaf.key"), self.ca.at("leaf.pem"))).stderr)

    # ---- ends

    def standing(self):
        return {(r["alarm"], r["key"]): r["severity"] for r in self.gh.records("show", "alarms")}

    def test_alarms_grow_and_end(self):
        for days, severity in (("25", "warning"), ("10", "minor"), ("5", "major"), ("1", "critical")):
            self.good("set trust anchor ending %s\ncommit\n" % self.aged(int(days)))
            wait_for(severity, lambda: self.standing().get(("TrustAnchorEnding", "ending")) == severity, 5)
        self.good("set trust anchor ending %s\ncommit\n" % self.aged(-1))
        wait_for("ended", lambda: ("TrustAnchorEnded", "ending") in self.standing(), 5)
        self.assertNotIn(("TrustAnchorEnding", "ending"), self.standing())
        self.good("delete trust anchor ending\ncommit\n")
        wait_for("gone", lambda: not [k for k in self.standing() if k[1] == "ending"], 5)

    def test_alarm_of_a_revocation_list(self):
        self.good("set trust revocation list %s\ncommit\n" % self.revocation_list(3))
        wait_for("the alarm", lambda: self.standing().get(("RevocationListEnding", "list")) == "major", 5)
        self.good("set trust revocation list %s\ncommit\n" % self.revocation_list(60))
        wait_for("its end", lambda: ("RevocationListEnding", "list") not in self.standing(), 5)
        self.good("delete trust revocation list\ncommit\n")

    KEY = ec.generate_private_key(ec.SECP256R1())
    NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Old Authority")])

    def aged(self, days):
        """An authority that is old, and ends in so many days."""
        now = datetime.datetime.utcnow()
        cert = (x509.CertificateBuilder().subject_name(self.NAME).issuer_name(self.NAME).public_key(self.KEY.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=400))
                .not_valid_after(now + datetime.timedelta(days=days)).add_extension(x509.BasicConstraints(True, None), True)
                .sign(self.KEY, hashes.SHA256()))
        return self.place.write("aged.pem", cert.public_bytes(serialization.Encoding.PEM).decode())

    def revocation_list(self, days):
        now = datetime.datetime.utcnow()
        crl = (x509.CertificateRevocationListBuilder().issuer_name(self.NAME).last_update(now - datetime.timedelta(days=60))
               .next_update(now + datetime.timedelta(days=days)).sign(self.KEY, hashes.SHA256()))
        return self.place.write("list.pem", crl.public_bytes(serialization.Encoding.PEM).decode())


class AtRest(PeerCase):
    """Keys on the disk: sealed, taken over from older versions, whole after every cut."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example").start()

    def folder(self):
        for where, _, names in os.walk(self.gh.state):
            if "storage.key" in names:
                return where
        raise AssertionError("no storage.key")

    def pin(self):
        return {r["key"]: r["pin"] for r in self.gh.records("show", "keys")}

    def restart(self, word="gh-keys"):
        self.gh.kill(word)
        wait_for("gh-keys is back", lambda: self.gh.operator("show", "keys").returncode == 0, 10)

    def test_nothing_plain_and_old_files_are_taken_over(self):
        folder = self.folder()
        self.assertEqual(os.stat(os.path.join(folder, "storage.key")).st_mode & 0o777, 0o600)
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as f:
                self.assertNotIn(b"PRIVATE KEY", f.read(), name)
        before = self.pin()
        self.assertEqual(before["own"], self.gh.cert.pin)
        # as an older version has left it; killed while it starts, at some moments
        with open(os.path.join(folder, "own.pem"), "w") as f:
            f.write(self.gh.cert.key_text())
        for _ in range(3):
            self.gh.kill("gh-keys")
            wait_for("gh-keys starts again", lambda: "gh-keys/0" in self.gh.pids(), 10, 0.01)
        self.restart()
        self.assertEqual(self.pin(), before)
        with open(os.path.join(folder, "own.pem"), "rb") as f:
            self.assertNotIn(b"PRIVATE KEY", f.read())
        # a write that was cut leaves what was there
        with open(os.path.join(folder, "own.pem.new"), "wb") as f:
            f.write(b"GHSEAL1\nhalf")
        self.restart()
        self.assertEqual(self.pin(), before)
        s = raw.Stream(self.gh.addr, 5223)
        self.streams.append(s)
        s.wrap(raw.client_context(alpn="xmpp-client"), "near.example")  # its signature is good

    def test_a_damaged_file_is_told_and_left_alone(self):
        self.gh.ghsh("certificate generate broken ecdsa-p256\n")
        path = os.path.join(self.folder(), "broken.pem")
        with open(path, "r+b") as f:
            f.seek(30)
            byte = f.read(1)
            f.seek(30)
            f.write(bytes([byte[0] ^ 1]))
        with open(path, "rb") as f:
            content = f.read()
        self.restart()
        self.assertNotIn("broken", self.pin())
        self.assertIn("keys.unreadable file=broken.pem", self.gh.log())
        with open(path, "rb") as f:
            self.assertEqual(f.read(), content)

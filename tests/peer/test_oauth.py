"""Logins with a signed token of an identity provider (OAUTHBEARER, RFC 7628): the provider is this file, with Python's cryptography."""
import base64
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from harness import fast, raw
from harness.people import DOMAIN, Box
from test_front import FrontCase

ISSUER = "https://id.example/realms/near"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(key, text):
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return key.sign(text)


def jwt(key, alg, **claims):
    body = dict({"iss": ISSUER, "aud": ["account", "xmpp"], "exp": int(time.time()) + 300}, **claims)
    text = "%s.%s" % (b64(json.dumps({"alg": alg, "typ": "JWT", "kid": "k1"}).encode()), b64(json.dumps(body).encode()))
    return text + "." + b64(signature(key, text.encode()))


def message(token, authzid=""):
    return ("n,%s,\x01auth=Bearer %s\x01\x01" % (authzid and "a=" + authzid, token)).encode()


def set_up(case):
    case.keys = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1()),
                 "EdDSA": ed25519.Ed25519PrivateKey.generate()}
    pem = b"".join(k.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
                   for k in case.keys.values()).decode()
    case.commands = ("set im oauth-issuer " + ISSUER, "set im oauth-audience xmpp", "set im oauth-claim preferred_username",
                     "set im oauth-key " + case.gh.place.write("oauth.pem", pem))
    case.gh.commit(*case.commands)


class OauthBearer(Box):
    @classmethod
    def build(cls):
        super().build()
        set_up(cls)

    def start(self, initial):
        s = self.secured()
        s.send("<auth xmlns='%s' mechanism='OAUTHBEARER'>%s</auth>" % (raw.NS["sasl"], base64.b64encode(initial).decode()))
        return s, s.next()

    def enter(self, user, alg, **claims):
        s, got = self.start(message(jwt(self.keys[alg], alg, preferred_username=user, **claims)))
        s.sasl_done(got)
        s.open(DOMAIN)
        s.features()
        return s

    def refused(self, initial):
        """RFC 7628 3.2.3: why, then the client's 0x01, then the failure."""
        s, got = self.start(initial)
        self.assertEqual(raw.local(got.tag), "challenge")
        self.assertEqual(json.loads(base64.b64decode(got.text)), {"status": "invalid_token"})
        s.send("<response xmlns='%s'>AQ==</response>" % raw.NS["sasl"])
        with self.assertRaises(raw.SaslFailed) as e:
            s.sasl_done(s.next())
        self.assertEqual(e.exception.condition, "not-authorized")

    def test_each_algorithm(self):
        u = self.people("u")
        for alg in self.keys:
            self.assertTrue(self.enter(u, alg).bind().startswith(u + "@"))
        self.assertTrue(self.enter("%s@%s" % (u, DOMAIN), "ES256").bind().startswith(u + "@"))

    def test_sasl2_in_one_step_without_a_token_of_ours(self):
        """FAST tokens stem from a password here; the provider gives out its own."""
        u = self.people("u")
        s = self.secured()
        initial = base64.b64encode(message(jwt(self.keys["EdDSA"], "EdDSA", preferred_username=u))).decode()
        s.send("<authenticate xmlns='%s' mechanism='OAUTHBEARER'><initial-response>%s</initial-response><user-agent id='%s'/>"
               "<request-token xmlns='%s' mechanism='HT-SHA-256-NONE'/>%s</authenticate>" % (
                   fast.SASL2, initial, fast.AGENT, fast.FAST, fast.BIND2))
        got = s.next()
        self.assertIsNone(fast.token_of(got))
        self.assertIn("%s@%s/fast" % (u, DOMAIN), got.findtext("{*}authorization-identifier"))

    def test_refused(self):
        u, v = self.people("u", "v")
        key = self.keys["EdDSA"]
        good = jwt(key, "EdDSA", preferred_username=u)
        for bad in (jwt(key, "EdDSA", preferred_username=u, aud="account"), jwt(key, "EdDSA", preferred_username=u, iss="https://evil.example"),
                    jwt(key, "EdDSA", preferred_username=u, exp=int(time.time()) - 120),
                    jwt(key, "EdDSA", preferred_username=u, nbf=int(time.time()) + 600),
                    jwt(key, "RS256", preferred_username=u), jwt(key, "none", preferred_username=u), jwt(key, "EdDSA", sub=u),
                    jwt(key, "EdDSA", preferred_username=u + "@other.example"),
                    jwt(ed25519.Ed25519PrivateKey.generate(), "EdDSA", preferred_username=u), good[:-2], good + ".x"):
            self.refused(message(bad))
        for initial, condition in ((message(good, v + "@" + DOMAIN), "invalid-authzid"), (b"n,,\x01\x01", "malformed-request"),
                                   (b"p=tls-exporter,,\x01auth=Bearer x\x01\x01", "malformed-request")):
            s, got = self.start(initial)
            with self.assertRaises(raw.SaslFailed) as e:
                s.sasl_done(got)
            self.assertEqual(e.exception.condition, condition)
        self.assertNotIn(good, self.gh.log())

    def test_nobody(self):
        """The provider may know people who have no account here."""
        s = self.enter("stranger", "EdDSA")
        s.send("<iq type='set' id='b'><bind xmlns='%s'/></iq>" % raw.NS["bind"])
        self.assertError(s.wait(lambda e: e.get("id") == "b"), "not-authorized")

    def test_off(self):
        u = self.people("u")
        self.gh.commit("delete im oauth-issuer")
        self.addCleanup(self.gh.commit, self.commands[0])
        s, got = self.start(message(jwt(self.keys["EdDSA"], "EdDSA", preferred_username=u)))
        with self.assertRaises(raw.SaslFailed) as e:
            s.sasl_done(got)
        self.assertEqual(e.exception.condition, "invalid-mechanism")


class FromOutside(FrontCase):
    @classmethod
    def build(cls):
        super().build()
        set_up(cls)

    def test_policy(self):
        """M-07, mra test 9: with "user credentials off" tokens and application passwords stay; with the table of A-26.05 the reverse."""
        u = self.people("u")
        phone = self.gh.records("user", "app-password", "add", "%s@%s" % (u, DOMAIN), "phone")[0]["password"]

        def by_password(password):
            c = self.ws()
            try:
                c.login(u, password)
            except ValueError:
                return "failure"
            return "success"

        def answer():
            c = self.ws()
            c.open()
            token = jwt(self.keys["EdDSA"], "EdDSA", preferred_username=u)
            c.send("<auth xmlns='%s' mechanism='OAUTHBEARER'>%s</auth>" % (raw.NS["sasl"], base64.b64encode(message(token)).decode()))
            return raw.local(c.next().tag)
        def outcome():
            return answer(), by_password("secret"), by_password(phone)
        self.assertEqual(outcome(), ("success",) * 3)
        row = "im authorise %s " % DOMAIN
        self.addCleanup(self.gh.commit, "delete im authorise")
        self.gh.commit("set im login-outside app-password")
        self.assertEqual(outcome(), ("success", "failure", "success"))
        self.gh.commit("delete im login-outside", "set %suser-credentials off" % row)
        self.assertEqual(outcome(), ("success", "failure", "success"))
        self.gh.commit("set %suser-credentials on" % row, "set %soauth-token off" % row)
        self.assertEqual(outcome(), ("failure", "success", "success"))
        c = self.ws()
        self.assertNotIn("OAUTHBEARER", [m.text for m in c.open()[1].iter("{%s}mechanism" % raw.NS["sasl"])])
        self.gh.commit("set %sapp-password off" % row)
        self.assertEqual(outcome(), ("failure", "success", "failure"))
        self.client(u)  # at the inner door all of it goes on

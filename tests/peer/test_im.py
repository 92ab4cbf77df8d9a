"""The core as a person meets it: rosters, presence, delivery, and what each client is told.

"Nothing came" is proved without waiting: the sender's ping comes back when gh-im has dealt with what
was sent before it, and the receiver's ping comes back behind whatever that brought about.
"""
import base64
import hashlib
import hmac
import os
import signal
import socket
import struct
import time

from OpenSSL import SSL

from harness import raw
from harness.case import PeerCase
from harness.client import SlixClient
from harness.place import port_open, wait_for
from harness.prosody import Prosody

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

    @classmethod
    def build(cls):
        cls.count = 0
        cls.gh = cls.gatehouse(DOMAIN, settings=cls.settings)
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
        """Both see each other; streams of two people who are signed in."""
        for x, y in ((a, b), (b, a)):
            x.send("<presence to='%s' type='subscribe'/>" % y.bare)
            y.wait(lambda e: e.get("type") == "subscribe", what="subscribe")
            y.send("<presence to='%s' type='subscribed'/>" % x.bare)
            x.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == y.jid, what="presence of the other")
        arrived(a, b)

    def authenticated(self, user):
        """A stream that has logged in and not bound."""
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN)
        s.features()
        s.starttls(raw.client_context(self.pki.ca), DOMAIN)
        s.open(DOMAIN)
        s.features()
        s.sasl_plain(user, "secret")
        s.open(DOMAIN)
        s.features()
        return s

    def assertError(self, got, condition):
        self.assertEqual((got.get("type"), raw.stanza_error(got)), ("error", condition))


class Announced(Box):
    """What is announced works; what works is announced."""
    settings = ("set domain near.example contact mailto:abuse@near.example",)

    def test_features_after_login(self):
        f = self.client(self.people("u")).bound_features
        for tag in ("{urn:xmpp:features:rosterver}ver", "{urn:xmpp:features:pre-approval}sub", "{urn:xmpp:csi:0}csi",
                    "{urn:xmpp:sm:3}sm", "{%s}c" % CAPS):
            self.assertIsNotNone(f.find(tag), tag)

    def test_caps_hash_is_that_of_the_answer(self):
        # XEP-0115 5.1, from what disco says, against what the stream features announced.
        s = self.client(self.people("u"))
        c = s.bound_features.find("{%s}c" % CAPS)
        self.assertEqual(c.get("hash"), "sha-1")
        node = c.get("node") + "#" + c.get("ver")
        got = s.iq("get", "<query xmlns='%s' node='%s'/>" % (INFO, node), DOMAIN)
        self.assertEqual(got.find("{%s}query" % INFO).get("node"), node)
        text = "".join(sorted("%s/%s/%s/%s<" % (i.get("category"), i.get("type"), "", i.get("name", ""))
                              for i in got.iter("{%s}identity" % INFO)))
        text += "".join(v + "<" for v in features_of(got))
        fields = {f.get("var"): sorted(v.text for v in f.iter("{jabber:x:data}value"))
                  for f in got.iter("{jabber:x:data}field")}
        text += fields.pop("FORM_TYPE")[0] + "<"
        for var in sorted(fields):
            text += var + "<" + "".join(v + "<" for v in fields[var])
        self.assertEqual(base64.b64encode(hashlib.sha1(text.encode()).digest()).decode(), c.get("ver"))
        self.assertError(s.iq("get", "<query xmlns='%s' node='other'/>" % INFO, DOMAIN), "item-not-found")

    def test_contact_addresses(self):
        # XEP-0157; the hash follows a change of the setting.
        u = self.people("u")
        s = self.client(u)
        form = s.iq("get", "<query xmlns='%s'/>" % INFO, DOMAIN).find(".//{jabber:x:data}x")
        fields = {f.get("var"): f.findtext("{jabber:x:data}value") for f in form}
        self.assertEqual(fields["FORM_TYPE"], "http://jabber.org/network/serverinfo")
        self.assertEqual(fields["abuse-addresses"], "mailto:abuse@near.example")
        self.gh.commit("set domain near.example contact mailto:other@near.example")
        before = s.bound_features.find("{%s}c" % CAPS).get("ver")
        self.assertNotEqual(self.client(u).bound_features.find("{%s}c" % CAPS).get("ver"), before)
        self.gh.commit("set domain near.example contact mailto:abuse@near.example")

    def test_every_announced_feature_answers(self):
        s = self.client(self.people("u"))
        asks = {
            INFO: ("get", "<query xmlns='%s'/>" % INFO, DOMAIN),
            ITEMS: ("get", "<query xmlns='%s'/>" % ITEMS, DOMAIN),
            "jabber:iq:last": ("get", "<query xmlns='jabber:iq:last'/>", DOMAIN),
            "jabber:iq:private": ("get", "<query xmlns='jabber:iq:private'><x xmlns='a:b'/></query>", None),
            "jabber:iq:roster": ("get", "<query xmlns='jabber:iq:roster'/>", None),
            "jabber:iq:version": ("get", "<query xmlns='jabber:iq:version'/>", DOMAIN),
            "urn:xmpp:blocking": ("get", "<blocklist xmlns='urn:xmpp:blocking'/>", None),
            CARBONS: ("set", "<enable xmlns='%s'/>" % CARBONS, None),
            "urn:xmpp:ping": ("get", PING, DOMAIN),
            "urn:xmpp:time": ("get", "<time xmlns='urn:xmpp:time'/>", DOMAIN),
            "vcard-temp": ("set", "<vCard xmlns='vcard-temp'><FN>U</FN></vCard>", None),
        }
        elsewhere = {CAPS, "msgoffline", "urn:xmpp:delay", "jid\\20escaping"}  # have tests of their own
        said = features_of(s.iq("get", "<query xmlns='%s'/>" % INFO, DOMAIN))
        self.assertEqual(sorted(set(asks) | elsewhere), said)
        for name, (kind, payload, to) in asks.items():
            self.assertEqual(s.iq(kind, payload, to).get("type"), "result", name)

    def test_account_disco_is_for_those_who_see_the_presence(self):
        a, b = self.people("a", "b")
        s = self.client(a)
        own = s.iq("get", "<query xmlns='%s'/>" % INFO)
        self.assertEqual(own.find(".//{%s}identity" % INFO).get("category"), "account")
        for to in (b, "nobody"):  # who does not may not tell the two apart
            for ns in (INFO, ITEMS):
                self.assertError(s.iq("get", "<query xmlns='%s'/>" % ns, "%s@near.example" % to), "service-unavailable")
        t = self.client(b)
        self.befriend(s, t)
        items = s.iq("get", "<query xmlns='%s'/>" % ITEMS, t.bare)
        self.assertEqual([i.get("jid") for i in items.iter("{%s}item" % ITEMS)], [t.jid])

    def test_last_activity(self):
        # XEP-0012: online 0; away: since they left; strangers: forbidden; the domain: its uptime.
        a, b, c = (self.client(u) for u in self.people("a", "b", "c"))
        self.befriend(a, b)
        ask = "<query xmlns='jabber:iq:last'/>"
        self.assertEqual(a.iq("get", ask, b.bare).find("{*}query").get("seconds"), "0")
        b.close()
        a.wait(lambda e: e.get("from") == b.jid and e.get("type") == "unavailable", what="unavailable")
        time.sleep(1.1)
        self.assertIn(int(a.iq("get", ask, b.bare).find("{*}query").get("seconds")), range(1, 10))
        self.assertError(c.iq("get", ask, b.bare), "forbidden")
        self.assertGreaterEqual(int(c.iq("get", ask, DOMAIN).find("{*}query").get("seconds")), 0)

    def test_own_things_are_forbidden_to_others(self):
        a, b = self.people("a", "b")
        s = self.client(a)
        for kind, payload in (("get", "<query xmlns='jabber:iq:roster'/>"),
                              ("set", "<query xmlns='jabber:iq:roster'><item jid='x@y.example'/></query>"),
                              ("set", "<vCard xmlns='vcard-temp'/>"),
                              ("get", "<query xmlns='jabber:iq:private'><x xmlns='a:b'/></query>"),
                              ("get", "<blocklist xmlns='urn:xmpp:blocking'/>")):
            self.assertError(s.iq(kind, payload, "%s@near.example" % b), "forbidden")
            self.assertError(s.iq(kind, payload, "nobody@near.example"), "service-unavailable")

    def test_vcard(self):
        # XEP-0054 3.3: no vCard and no account look the same to others.
        a, b = self.people("a", "b")
        s = self.client(a)
        get = "<vCard xmlns='vcard-temp'/>"
        self.assertError(s.iq("get", get), "item-not-found")
        for to in (b, "nobody"):
            self.assertError(s.iq("get", get, "%s@near.example" % to), "service-unavailable")
        self.assertEqual(s.iq("set", "<vCard xmlns='vcard-temp'><FN>A &amp; B</FN></vCard>").get("type"), "result")
        got = self.client(b).iq("get", get, s.bare)
        self.assertEqual(got.findtext("{vcard-temp}vCard/{vcard-temp}FN"), "A & B")

    def test_private_xml(self):
        # XEP-0049: by element and namespace; what is not there comes back empty.
        s = self.client(self.people("u"))
        ask = "<query xmlns='jabber:iq:private'><notes xmlns='urn:%s'/></query>"
        self.assertEqual(len(s.iq("get", ask % "one").find(".//{urn:one}notes")), 0)
        s.iq("set", "<query xmlns='jabber:iq:private'><notes xmlns='urn:one'><n>1</n></notes></query>")
        self.assertEqual(s.iq("get", ask % "one").findtext(".//{urn:one}n"), "1")
        self.assertEqual(len(s.iq("get", ask % "two").find(".//{urn:two}notes")), 0)
        self.assertError(s.iq("get", "<query xmlns='jabber:iq:private'/>"), "bad-request")

    def test_slixmpp_knows_us_by_our_hash(self):
        u = self.people("u")
        c = SlixClient(self.gh, u, ca=self.pki.ca)
        self.addCleanup(c.close)
        info = c.do(lambda: c.x.plugin["xep_0030"].get_info(DOMAIN, cached=False))
        c2 = self.client(u).bound_features.find("{%s}c" % CAPS).get("ver")
        self.assertEqual(c.call(lambda: c.x.plugin["xep_0115"].generate_verstring(info["disco_info"], "sha-1")), c2)


class Streams(Box):
    """RFC 6120 and what comes before a session."""

    def test_header_is_answered_with_the_name(self):
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN, from_="juliet@near.example/home")
        s.features()
        self.assertEqual(s.header.get("to"), "juliet@near.example")
        self.assertEqual(s.header.get("from"), DOMAIN)
        self.assertTrue(s.header.get("id"))

    def test_refused_before_login(self):
        for what, error in (("<message to='a@near.example'><body>x</body></message>", "not-authorized"),
                            ("<x>" + "y" * 70000, "policy-violation"),
                            ("<!-- hidden -->", "restricted-xml"),
                            ("<a><b></a>", "not-well-formed")):
            s = raw.Stream(self.gh.addr, 5222)
            self.streams.append(s)
            s.open(DOMAIN)
            s.features()
            try:
                s.send(what)
            except OSError:
                pass
            self.assertEqual(s.until_closed(), error, what[:40])

    def test_stanza_before_bind(self):
        s = self.authenticated(self.people("u"))
        s.send("<message to='a@near.example'><body>x</body></message>")
        self.assertEqual(s.until_closed(), "not-authorized")

    def test_wrong_from(self):
        s = self.client(self.people("u"))
        s.send("<message from='somebody@near.example' to='a@near.example'/>")
        self.assertEqual(s.until_closed(), "invalid-from")

    def test_malformed(self):
        s = self.client(self.people("u"))
        s.send("<iq type='get' id='none'/>")
        self.assertError(s.wait_error("none"), "bad-request")
        s.send("<message to='@@' id='bad'><body>x</body></message>")
        self.assertError(s.wait_error("bad"), "jid-malformed")

    def test_bind_wrong_resource(self):
        s = self.authenticated(self.people("u"))
        s.send("<iq type='set' id='b'><bind xmlns='%s'><resource>\u200b</resource></bind></iq>" % raw.NS["bind"])
        self.assertError(s.wait(lambda e: e.get("id") == "b"), "bad-request")
        self.assertTrue(s.bind("fine").endswith("/fine"))

    def test_domain_that_goes_ends_its_sessions(self):
        self.gh.ghsh(["set domain gone.example certificate own", "commit", "user add u@gone.example secret"])
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        ctx = raw.client_context()
        s.open("gone.example")
        s.features()
        s.starttls(ctx, DOMAIN)
        s.open("gone.example")
        s.features()
        s.sasl_plain("u", "secret")
        s.open("gone.example")
        s.features()
        s.bind()
        self.gh.commit("delete domain gone.example certificate")
        self.assertEqual(s.until_closed(), "host-gone")


class OpenSslSocket:
    """A TLS socket whose exporter can be used, which Python's own cannot."""

    def __init__(self, sock, name):
        sock.setblocking(True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 10, 0))
        self.tls = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), sock)
        self.tls.set_tlsext_host_name(name.encode())
        self.tls.set_connect_state()
        self.tls.do_handshake()

    def exporter(self):
        return self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")  # RFC 9266

    def settimeout(self, seconds):
        pass  # the descriptor has one

    def sendall(self, data):
        self.tls.sendall(data)

    def recv(self, n):
        return self.tls.recv(n)

    def close(self):
        self.tls.close()


class Login(Box):
    """SASL2, bind2 and the bindings of TLS 1.3."""

    def over_openssl(self):
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN)
        s.features()
        s.send("<starttls xmlns='%s'/>" % raw.NS["tls"])
        s.next()
        s.sock = OpenSslSocket(s.sock, DOMAIN)
        s._restart()
        s.open(DOMAIN)
        return s, s.features()

    def test_tls_exporter(self):
        u = self.people("u")
        for m in ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"):
            s, f = self.over_openssl()
            self.assertIn("tls-exporter", [c.get("type") for c in f.iter("{urn:xmpp:sasl-cb:0}channel-binding")])
            s.sasl_scram(m, u, "secret", binding=("tls-exporter", s.sock.exporter()))
            s.open(DOMAIN)
            s.features()
            self.assertTrue(s.bind().startswith(u))

    def test_tls_exporter_of_another_connection(self):
        u = self.people("u")
        s, _ = self.over_openssl()
        other, _ = self.over_openssl()
        with self.assertRaises(raw.SaslFailed):
            s.sasl_scram("SCRAM-SHA-256-PLUS", u, "secret", binding=("tls-exporter", other.sock.exporter()))

    def sasl2(self, user, inside):
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN)
        s.features()
        s.starttls(raw.client_context(self.pki.ca), DOMAIN)
        s.open(DOMAIN)
        s.features()
        secret = base64.b64encode(("\0%s\0secret" % user).encode()).decode()
        s.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%s</initial-response>%s"
               "</authenticate>" % (secret, inside))
        return s, s.next()

    def test_plain_without_initial_response(self):
        # RFC 6120 6.4.2: an empty challenge asks for it; and a client may think better of it (6.4.4).
        u = self.people("u")
        s = raw.Stream(self.gh.addr, 5223)
        self.streams.append(s)
        s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), DOMAIN)
        s.open(DOMAIN)
        s.features()
        s.send("<auth xmlns='%s' mechanism='PLAIN'/>" % raw.NS["sasl"])
        self.assertEqual(raw.local(s.next().tag), "challenge")
        s.send("<abort xmlns='%s'/>" % raw.NS["sasl"])
        self.assertEqual(raw.condition(s.next()), "aborted")
        s.send("<auth xmlns='%s' mechanism='PLAIN'/>" % raw.NS["sasl"])
        s.next()
        s.send("<response xmlns='%s'>%s</response>" % (raw.NS["sasl"], base64.b64encode(
            ("\0%s\0secret" % u).encode()).decode()))
        self.assertEqual(raw.local(s.next().tag), "success")

    def test_sasl_bad_input(self):
        u = self.people("u")
        good = "\0%s\0secret" % u
        for text, condition in (("!!!", "incorrect-encoding"), (base64.b64encode(b"no zeros").decode(), "malformed-request"),
                                (base64.b64encode(("other@near.example" + good).encode()).decode(), "invalid-authzid"),
                                (base64.b64encode(("%s@near.example" % u + good).encode()).decode(), None)):
            s = raw.Stream(self.gh.addr, 5223)
            self.streams.append(s)
            s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), DOMAIN)
            s.open(DOMAIN)
            s.features()
            s.send("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (raw.NS["sasl"], text))
            got = s.next()
            self.assertEqual(raw.local(got.tag), "failure" if condition else "success")
            if condition:
                self.assertEqual(raw.condition(got), condition)

    def test_sasl2_scram(self):
        # XEP-0388 with a challenge; the proof of the server comes as additional data.
        u = self.people("u")
        s = raw.Stream(self.gh.addr, 5223)
        self.streams.append(s)
        s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), DOMAIN)
        s.open(DOMAIN)
        s.features()
        first = "n=%s,r=abcdefgh" % u
        encode = lambda t: base64.b64encode(t if isinstance(t, bytes) else t.encode()).decode()
        s.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>%s</initial-response>"
               "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>t</software></user-agent>"
               "<bind xmlns='urn:xmpp:bind:0'/></authenticate>" % encode("n,," + first))
        server_first = base64.b64decode(s.next().text).decode()
        f = dict(x.split("=", 1) for x in server_first.split(","))
        final = "c=biws,r=" + f["r"]
        salted = hashlib.pbkdf2_hmac("sha256", b"secret", base64.b64decode(f["s"]), int(f["i"]))
        auth = ",".join((first, server_first, final)).encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), auth, "sha256")
        s.send("<response xmlns='urn:xmpp:sasl:2'>%s</response>" % encode(
            "%s,p=%s" % (final, encode(bytes(a ^ b for a, b in zip(key, signature))))))
        got = s.next()
        self.assertEqual(raw.local(got.tag), "success")
        proof = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), auth, "sha256")
        self.assertEqual(base64.b64decode(got.findtext("{*}additional-data")), b"v=" + encode(proof).encode())
        self.assertIsNotNone(got.find("{urn:xmpp:bind:0}bound"))

    def test_bind2_with_carbons_csi_and_management(self):
        u = self.people("u")
        s, got = self.sasl2(u, "<bind xmlns='urn:xmpp:bind:0'><tag>App</tag><enable xmlns='%s'/><inactive "
                               "xmlns='urn:xmpp:csi:0'/><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>" % CARBONS)
        self.assertEqual(raw.local(got.tag), "success")
        s.jid = got.findtext("{*}authorization-identifier")
        self.assertTrue(s.jid.startswith("%s@near.example/App" % u))
        enabled = got.find(".//{urn:xmpp:sm:3}enabled")
        self.assertTrue(enabled.get("id"))
        f = s.features()
        self.assertIsNone(f.find("{%s}bind" % raw.NS["bind"]))
        self.assertIsNone(f.find("{urn:xmpp:sm:3}sm"))
        self.assertIsNotNone(f.find("{urn:xmpp:features:rosterver}ver"))
        s.send("<presence/>")
        s.send("<active xmlns='urn:xmpp:csi:0'/>")
        other, third = self.client(u, "other"), self.client(self.people("v"))
        third.message(other.jid, "a copy, please")
        s.wait(lambda e: e.find("{%s}received" % CARBONS) is not None, what="carbon")
        # and the way back, in one step
        s.kill()
        again, got = self.sasl2(u, "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='0'/>" % enabled.get("id"))
        self.assertIsNotNone(got.find("{urn:xmpp:sm:3}resumed"))
        self.assertEqual(got.findtext("{*}authorization-identifier"), s.jid)

    def test_failed_resumption_goes_on_to_bind(self):
        u = self.people("u")
        _, got = self.sasl2(u, "<resume xmlns='urn:xmpp:sm:3' previd='none-of-ours' h='0'/>"
                               "<bind xmlns='urn:xmpp:bind:0'/>")
        self.assertEqual(raw.condition(got.find("{urn:xmpp:sm:3}failed")), "item-not-found")
        self.assertIsNotNone(got.find("{urn:xmpp:bind:0}bound"))


class Management(Box):
    """XEP-0198 at its edges, XEP-0352."""

    def test_acknowledging_too_much(self):
        s = self.client(self.people("u"))
        s.sm_enable()
        s.send("<a xmlns='urn:xmpp:sm:3' h='99'/>")
        with self.assertRaises(raw.Closed) as e:
            while True:
                s.next()
        self.assertEqual(e.exception.error, "undefined-condition")
        self.assertIn("handled-count-too-high", e.exception.details)

    def test_resuming_with_too_much(self):
        u = self.people("u")
        s = self.client(u)
        id_ = s.sm_enable().get("id")
        s.kill()
        t = self.authenticated(u)
        t.send("<resume xmlns='urn:xmpp:sm:3' h='99' previd='%s'/>" % id_)
        t.wait(lambda e: e.tag == "{urn:xmpp:sm:3}failed", what="failed")
        self.assertTrue(t.bind())

    def test_resumed_elsewhere(self):
        u, v = self.people("u", "v")
        s, w = self.client(u, "here"), self.client(v)
        id_ = s.sm_enable().get("id")
        t = self.authenticated(u)
        t.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % id_)
        t.wait(lambda e: e.tag == "{urn:xmpp:sm:3}resumed", what="resumed")
        self.assertEqual(s.until_closed(), "conflict")
        w.message(s.jid, "to the new stream")
        t.wait_body("to the new stream")

    def test_session_outlives_its_worker(self):
        u, v = self.people("u", "v")
        s = self.client(u, "here")
        id_ = s.sm_enable().get("id")
        self.gh.kill("gh-access")
        s.until_closed()
        wait_for("a new worker listens", lambda: port_open(self.gh.addr, 5222), 10)
        w = self.client(v)
        w.message(s.jid, "while you were cut off")
        t = self.authenticated(u)
        t.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % id_)
        t.wait(lambda e: e.tag == "{urn:xmpp:sm:3}resumed", what="resumed")
        t.wait_body("while you were cut off")

    def test_hibernation_ends(self):
        u, v = self.people("u", "v")
        s, w = self.client(u, "here"), self.client(v)
        self.befriend(s, w)
        s.send("<enable xmlns='urn:xmpp:sm:3' resume='true' max='1'/>")
        enabled = s.wait(lambda e: e.tag == "{urn:xmpp:sm:3}enabled", what="enabled")
        self.assertEqual(enabled.get("max"), "1")
        s.kill()
        w.wait(lambda e: e.get("from") == s.jid and e.get("type") == "unavailable", 5, "unavailable at the end")
        t = self.authenticated(u)
        t.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % enabled.get("id"))
        got = t.wait(lambda e: e.tag == "{urn:xmpp:sm:3}failed", what="failed")
        self.assertEqual(raw.condition(got), "item-not-found")

    def test_inactive_client_is_woken_by_words_only(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        quiet = ("<presence><show>away</show></presence>",
                 "<message to='%s' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>" % b.jid,
                 "<message to='%s' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>" % b.jid)
        for wake in (lambda: a.message(b.jid, "wake up"), lambda: b.send("<active xmlns='urn:xmpp:csi:0'/>")):
            b.send("<inactive xmlns='urn:xmpp:csi:0'/>")
            for q in quiet:
                a.send(q)
            arrived(a)
            self.assertTrue(b.quiet(0.4))
            wake()
            # what was held comes first, in its order
            self.assertIsNotNone(b.next().find("{*}show"))
            self.assertIsNotNone(b.next().find("{*}composing"))
            self.assertIsNotNone(b.next().find("{*}event"))
            arrived(a, b)


class Roster(Box):
    """RFC 6121 2 and 3."""

    def roster(self, s, ver=None):
        got = s.iq("get", "<query xmlns='jabber:iq:roster'%s/>" % (" ver='%s'" % ver if ver is not None else ""))
        return got.find("{jabber:iq:roster}query")

    def item(self, s, jid):
        for i in self.roster(s):
            if i.get("jid") == jid:
                return i
        return None

    def set(self, s, inside):
        return s.iq("set", "<query xmlns='jabber:iq:roster'>%s</query>" % inside)

    def test_versions(self):
        s = self.client(self.people("u"))
        ver = self.roster(s, "").get("ver")
        self.assertIsNone(self.roster(s, ver))  # nothing has changed
        self.set(s, "<item jid='x@far.example' name='X'><group>G</group></item>")
        push = s.got[-1] if s.got and s.got[-1].get("type") == "set" else s.wait(lambda e: e.get("type") == "set", what="push")
        new = push.find("{jabber:iq:roster}query").get("ver")
        self.assertNotEqual(new, ver)
        self.assertEqual(len(self.roster(s, ver)), 1)
        self.assertIsNone(self.roster(s, new))

    def test_push_goes_to_those_who_asked(self):
        u = self.people("u")
        a, b = self.client(u, "a"), self.client(u, "b")
        self.roster(a)
        self.set(b, "<item jid='x@far.example'/>")
        a.wait(lambda e: e.get("type") == "set" and e.find(".//{jabber:iq:roster}item") is not None, what="push")
        self.assertEqual([e for e in arrived(b) if e.get("type") == "set"], [])

    def test_bad_sets(self):
        u = self.people("u")
        s = self.client(u)
        many = "".join("<group>%d</group>" % i for i in range(50))
        for inside, error in (("<item jid='x@far.example'><group>A</group><group>A</group></item>", "bad-request"),
                              ("<item jid='x@far.example'><group></group></item>", "not-acceptable"),
                              ("<item jid='x@far.example'>%s</item>" % many, "not-acceptable"),
                              ("<item jid='x@far.example' name='%s'/>" % ("n" * 2000), "not-acceptable"),
                              ("<item jid='x@far.example'/><item jid='y@far.example'/>", "bad-request"),
                              ("<item jid='@'/>", "bad-request"), ("<item/>", "bad-request"), ("", "bad-request"),
                              ("<item jid='%s@near.example'/>" % u, "not-allowed"),
                              ("<item jid='nobody@far.example' subscription='remove'/>", "item-not-found")):
            self.assertError(self.set(s, inside), error)
        self.assertEqual(len(self.roster(s)), 0)

    def test_request_waits_for_the_contact(self):
        # RFC 6121 3.1.3: shown at each login until it is answered; the roster shows nothing of it.
        a, b = self.people("a", "b")
        s = self.client(a)
        s.send("<presence to='%s@near.example' type='subscribe'><status>it is me</status></presence>" % b)
        arrived(s)
        self.assertEqual(self.item(s, b + "@near.example").get("ask"), "subscribe")
        for _ in range(2):
            t = self.client(b)
            got = t.wait(lambda e: e.get("type") == "subscribe", what="request")
            self.assertEqual((got.get("from"), got.findtext("{*}status")), (s.bare, "it is me"))
            self.assertIsNone(self.item(t, s.bare))
            t.close()
        t = self.client(b)
        t.send("<presence to='%s' type='unsubscribed'/>" % s.bare)
        s.wait(lambda e: e.get("type") == "unsubscribed", what="unsubscribed")
        self.assertIsNone(self.item(s, t.bare).get("ask"))
        t.close()
        self.assertEqual([e for e in arrived(self.client(b)) if e.get("type") == "subscribe"], [])

    def test_both_ways_and_back(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        self.assertEqual(self.item(a, b.bare).get("subscription"), "both")
        a.send("<presence to='%s' type='unsubscribe'/>" % b.bare)  # 3.3
        b.wait(lambda e: e.get("type") == "unsubscribe", what="unsubscribe")
        a.wait(lambda e: e.get("from") == b.jid and e.get("type") == "unavailable", what="unavailable")
        self.assertEqual((self.item(a, b.bare).get("subscription"), self.item(b, a.bare).get("subscription")),
                         ("from", "to"))
        a.send("<presence to='%s' type='unsubscribed'/>" % b.bare)  # 3.2
        b.wait(lambda e: e.get("from") == a.jid and e.get("type") == "unavailable", what="unavailable")
        b.wait(lambda e: e.get("type") == "unsubscribed", what="unsubscribed")
        self.assertEqual((self.item(a, b.bare).get("subscription"), self.item(b, a.bare).get("subscription")),
                         ("none", "none"))
        a.send("<presence><show>away</show></presence>")
        arrived(a)
        self.assertEqual(presences(arrived(b), a.jid), [])

    def test_already_subscribed_is_answered_for_them(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        a.send("<presence to='%s' type='subscribe'/>" % b.bare)
        a.wait(lambda e: e.get("from") == b.jid, what="presence, again")
        self.assertEqual([e for e in arrived(b) if e.get("type") == "subscribe"], [])
        self.assertEqual(self.item(a, b.bare).get("subscription"), "both")

    def test_approved_beforehand(self):
        # RFC 6121 3.4
        a, b = (self.client(u) for u in self.people("a", "b"))
        b.send("<presence to='%s' type='subscribed'/>" % a.bare)
        arrived(b)
        self.assertEqual(self.item(b, a.bare).get("approved"), "true")
        self.assertEqual([e for e in arrived(a) if e.get("type") == "subscribed"], [])
        a.send("<presence to='%s' type='subscribe'/>" % b.bare)
        a.wait(lambda e: e.get("type") == "subscribed", what="subscribed")
        a.wait(lambda e: e.get("from") == b.jid and not e.get("type"), what="presence")
        self.assertEqual(self.item(b, a.bare).get("subscription"), "from")
        self.assertIsNone(self.item(b, a.bare).get("approved"))

    def test_removal_ends_both_directions(self):
        # RFC 6121 2.5.2
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        self.set(a, "<item jid='%s' subscription='remove'/>" % b.bare)
        for what in ("unavailable", "unsubscribed", "unsubscribe"):
            b.wait(lambda e: e.get("type") == what, what=what)
        self.assertIsNone(self.item(a, b.bare))
        self.assertEqual(self.item(b, a.bare).get("subscription"), "none")


class Presence(Box):
    """RFC 6121 4."""

    def test_login_shows_who_is_there(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        b.send("<presence><show>dnd</show><status>busy</status></presence>")
        got = a.wait(lambda e: e.get("from") == b.jid, what="update")
        self.assertEqual(got.findtext("{*}show"), "dnd")
        second = self.client(a.bare.split("@")[0], "second")
        got = arrived(second)
        self.assertEqual(presences(got, b.jid)[0].findtext("{*}status"), "busy")
        self.assertEqual(len(presences(got, a.jid)), 1)  # one's own other client (4.2.2)
        b.wait(lambda e: e.get("from") == second.jid, what="presence of the new client")
        second.send("<presence type='unavailable'><status>bye</status></presence>")
        got = b.wait(lambda e: e.get("from") == second.jid and e.get("type") == "unavailable", what="unavailable")
        self.assertEqual(got.findtext("{*}status"), "bye")

    def test_directed(self):
        # RFC 6121 4.6: who got it hears the end of it, once, contact or not.
        a, b, c = (self.client(u) for u in self.people("a", "b", "c"))
        self.befriend(a, b)
        for to in (b.jid, c.jid):
            a.send("<presence to='%s'><status>for you</status></presence>" % to)
        c.wait(lambda e: e.get("from") == a.jid and e.findtext("{*}status") == "for you", what="directed presence")
        arrived(a, b)
        a.kill()
        c.wait(lambda e: e.get("from") == a.jid and e.get("type") == "unavailable", what="unavailable")
        b.wait(lambda e: e.get("from") == a.jid and e.get("type") == "unavailable", what="unavailable")
        self.assertEqual(presences(arrived(b), a.jid, "unavailable"), [])

    def test_strangers_see_nothing(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        a.send("<presence to='%s' type='probe'/>" % b.bare)
        arrived(a)
        a.send("<presence><show>xa</show></presence>")
        arrived(a)
        self.assertEqual((presences(arrived(a), b.bare), presences(arrived(b), a.bare)), ([], []))


class Delivery(Box):
    """RFC 6121 8.5, carbons, offline, blocking."""

    def test_types_to_somebody_away(self):
        a = self.client(self.people("a"))
        b = self.people("b") + "@near.example"
        for kind, refused in (("normal", False), ("chat", False), ("headline", False), ("groupchat", True)):
            a.message(b, kind, id_=kind, kind=kind)
            errors = [e.get("id") for e in arrived(a) if e.get("type") == "error"]
            self.assertEqual(errors, [kind] if refused else [], kind)
        t = self.client(b.split("@")[0])
        for kind in ("normal", "chat"):
            t.wait_body(kind)
        self.assertEqual(bodies(arrived(t)), [])  # XEP-0160: no headlines, no rooms

    def test_types_to_a_resource_that_is_not_there(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        for kind, refused in (("normal", True), ("chat", False), ("headline", False), ("groupchat", True)):
            a.message(b.bare + "/nowhere", kind, id_=kind, kind=kind)
            errors = [e.get("id") for e in arrived(a) if e.get("type") == "error"]
            self.assertEqual(errors, [kind] if refused else [], kind)
        self.assertEqual(bodies(arrived(b)), ["chat"])

    def test_types_to_the_bare_address(self):
        a = self.client(self.people("a"))
        u = self.people("b")
        one, two, away = self.client(u, "one"), self.client(u, "two"), self.client(u, "away", presence=False)
        away.send("<presence><priority>-1</priority></presence>")
        arrived(away)
        for kind in ("normal", "chat", "headline", "groupchat", "error"):
            a.message(one.bare, kind, id_=kind, kind=kind)
        self.assertEqual([e.get("id") for e in arrived(a) if e.get("type") == "error"], ["groupchat"])
        for s, wanted in ((one, ["normal", "chat", "headline"]), (two, ["normal", "chat", "headline"]), (away, [])):
            self.assertEqual(bodies(arrived(s)), wanted)

    def test_message_to_oneself(self):
        u = self.people("u")
        a, b = self.client(u, "a"), self.client(u, "b")
        a.send("<message type='chat'><body>note</body></message>")
        for s in (a, b):
            s.wait_body("note")

    def test_who_replies_gets_what_follows(self):
        # all clients, until one replies: then that one, and copies to who wants them.
        a, u = self.client(self.people("a")), self.people("b")
        one, two = self.client(u, "one"), self.client(u, "two")
        a.message(one.bare, "first")
        self.assertEqual([bodies(x) for x in (arrived(a), arrived(one), arrived(two))], [[], ["first"], ["first"]])
        two.message(a.bare, "reply")
        a.wait_body("reply")
        a.message(one.bare, "second")
        arrived(a)
        self.assertEqual((bodies(arrived(one)), bodies(arrived(two))), ([], ["second"]))
        one.iq("set", "<enable xmlns='%s'/>" % CARBONS)
        a.message(one.bare, "third")
        arrived(a)
        copies = [e for e in arrived(one) if e.find("{%s}received" % CARBONS) is not None]
        self.assertEqual((len(copies), bodies(arrived(two))), (1, ["third"]))
        one.iq("set", "<disable xmlns='%s'/>" % CARBONS)
        one.message(a.bare, "now me")  # another client replies
        a.wait_body("now me")
        a.message(one.bare, "fourth")
        arrived(a)
        self.assertEqual((bodies(arrived(one)), bodies(arrived(two))), (["fourth"], []))

    def test_the_reply_counts_until_presence_changes(self):
        a, u = self.client(self.people("a")), self.people("b")
        one, two = self.client(u, "one"), self.client(u, "two")
        two.message(a.bare, "reply")
        a.wait_body("reply")
        one.send("<presence><show>chat</show></presence>")  # RFC 6121 5.1
        arrived(one)
        a.message(one.bare, "to all again")
        arrived(a)
        self.assertEqual((bodies(arrived(one)), bodies(arrived(two))), (["to all again"],) * 2)
        one.message(a.bare, "reply")
        a.wait_body("reply")
        one.send("<presence type='unavailable'/>")
        arrived(one)
        a.message(one.bare, "to who is left")
        two.wait_body("to who is left")

    def test_carbons_leave_private_things_alone(self):
        a, u = self.client(self.people("a")), self.people("b")
        one, two = self.client(u, "one"), self.client(u, "two")
        two.iq("set", "<enable xmlns='%s'/>" % CARBONS)
        body = "<body>x</body>"
        for inside, kind, copied in ((body, "chat", 1), (body + "<private xmlns='%s'/>" % CARBONS, "chat", 0),
                                     (body + "<no-copy xmlns='urn:xmpp:hints'/>", "chat", 0),
                                     (body, "groupchat", 0), (body, "headline", 0), (body, "normal", 1),
                                     ("<composing xmlns='http://jabber.org/protocol/chatstates'/>", "chat", 1),
                                     (body + "<x xmlns='http://jabber.org/protocol/muc#user'/>", "chat", 0)):
            a.send("<message to='%s' type='%s'>%s</message>" % (one.jid, kind, inside))
            arrived(a)
            got = [e for e in arrived(two) if e.find("{%s}received" % CARBONS) is not None]
            self.assertEqual(len(got), copied, (kind, inside))
            if got:
                self.assertEqual(got[0].get("from"), one.bare)
                self.assertEqual(got[0].get("to"), two.jid)

    def test_blocking(self):
        # XEP-0191: pushes, presence, errors.
        a, u = self.client(self.people("a")), self.people("b")
        one, two = self.client(u, "one"), self.client(u, "two")
        self.befriend(a, one)
        arrived(a, two)
        two.iq("get", "<blocklist xmlns='urn:xmpp:blocking'/>")
        one.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='%s'/></block>" % a.bare)
        push = two.wait(lambda e: e.find("{urn:xmpp:blocking}block") is not None, what="push")
        self.assertEqual(push.find(".//{urn:xmpp:blocking}item").get("jid"), a.bare)
        for s in (one, two):
            a.wait(lambda e: e.get("from") == s.jid and e.get("type") == "unavailable", what="unavailable")
        a.message(one.bare, "m", id_="m")
        self.assertError(a.wait_error("m"), "service-unavailable")
        self.assertError(a.iq("get", PING, one.jid), "service-unavailable")
        a.send("<presence><show>away</show></presence>")
        arrived(a)
        self.assertEqual(presences(arrived(one), a.jid), [])
        one.message(a.bare, "out", id_="out")
        e = one.wait_error("out")
        self.assertError(e, "not-acceptable")
        self.assertIsNotNone(e.find(".//{urn:xmpp:blocking:errors}blocked"))
        one.send("<presence><show>away</show></presence>")
        arrived(one)
        self.assertEqual(presences(arrived(a), one.jid), [])
        before = len(one.got)
        one.iq("set", "<unblock xmlns='urn:xmpp:blocking'/>")
        two.wait(lambda e: e.find("{urn:xmpp:blocking}unblock") is not None, what="push")
        a.wait(lambda e: e.get("from") == one.jid and e.findtext("{*}show") == "away", what="presence")
        shown = presences(one.got[before:] + arrived(one), a.jid)  # what was kept back
        self.assertEqual([e.findtext("{*}show") for e in shown], ["away"])
        a.message(one.bare, "again")
        one.wait_body("again")
        self.assertError(one.iq("set", "<block xmlns='urn:xmpp:blocking'/>"), "bad-request")

    def test_blocking_a_domain_and_a_resource(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        other = self.client(a.bare.split("@")[0], "other")
        b.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='%s'/><item jid='far.example'/></block>" % other.jid)
        other.message(b.bare, "no", id_="no")
        self.assertError(other.wait_error("no"), "service-unavailable")
        a.message(b.bare, "yes")
        b.wait_body("yes")
        b.message("x@far.example", "out", id_="out")
        self.assertError(b.wait_error("out"), "not-acceptable")

    def test_offline_storage_is_bounded(self):
        self.gh.commit("set im offline-per-user 2")
        a = self.client(self.people("a"))
        u = self.people("b")
        for i in range(3):
            a.message("%s@near.example" % u, "n%d" % i, id_="n%d" % i)
        self.assertError(a.wait_error("n2"), "service-unavailable")
        t = self.client(u)
        got = t.wait_body("n0")
        delay = got.find("{urn:xmpp:delay}delay")
        self.assertEqual(delay.get("from"), DOMAIN)
        self.assertRegex(delay.get("stamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        t.wait_body("n1")
        self.gh.commit("set im offline off")
        a.message("%s@near.example" % self.people("c"), "x", id_="x")
        self.assertError(a.wait_error("x"), "service-unavailable")
        self.gh.commit("delete im offline", "delete im offline-per-user")

    def test_hints(self):
        # XEP-0334; XEP-0160 3: chat states are not kept, and nobody is told.
        a, u = self.client(self.people("a")), self.people("b")
        to = u + "@near.example"
        a.send("<message to='%s' type='chat'><body>gone</body><no-store xmlns='urn:xmpp:hints'/></message>" % to)
        a.send("<message to='%s' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>" % to)
        a.send("<message to='%s' type='chat'><body>kept</body></message>" % to)
        self.assertEqual([e for e in arrived(a) if e.get("type") == "error"], [])
        t = self.client(u)
        t.wait_body("kept")
        self.assertEqual(bodies(t.got), [])

    def test_more_offline_messages_than_a_page(self):
        # Lesson 19: a backlog is paged, in order, and costs nobody the session.
        self.gh.commit("set im offline-per-user 200")
        a, u = self.client(self.people("a")), self.people("b")
        for i in range(130):
            a.message("%s@near.example" % u, "n%d" % i)
        arrived(a)
        t = self.client(u)
        for i in range(130):
            t.wait_body("n%d" % i)
        self.assertEqual(bodies(t.got), [])
        self.gh.commit("delete im offline-per-user")


class Abroad(Box):
    """Lesson 15: one person's client does not make us try ten thousand domains."""
    settings = ("set im new-domains 3",)

    def test_new_domains_are_counted(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        for i in range(5):
            a.message("x@far%d.example" % i, "spam", id_="m%d" % i)
        errors = [a.wait_error() for _ in range(5)]
        self.assertEqual(sorted(e.get("id") for e in errors if raw.stanza_error(e) == "policy-violation"), ["m3", "m4"])
        for i in range(3):  # known by now, as often as one likes
            a.message("y@far1.example", "more", id_="again%d" % i)
            self.assertNotEqual(raw.stanza_error(a.wait_error("again%d" % i)), "policy-violation")
        b.message("x@far9.example", "mine", id_="b")  # each person for themselves
        self.assertNotEqual(raw.stanza_error(b.wait_error("b")), "policy-violation")
        a.message(b.jid, "here it does not count")
        b.wait_body("here it does not count")


class Certificates(PeerCase):
    """Lesson 6: each domain shows its own certificate, by the stream's `to` and by SNI."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse(DOMAIN, domains=[("other.example", cls.pki.make("good", "other.example"))]).start()

    def names(self, sock):
        return [v for _, v in sock.getpeercert()["subjectAltName"]]

    def test_starttls_by_domain(self):
        for domain in (DOMAIN, "other.example"):
            s = raw.Stream(self.gh.addr, 5222)
            self.streams.append(s)
            s.open(domain)
            s.features()
            s.starttls(raw.client_context(self.pki.ca), domain)
            self.assertIn(domain, self.names(s.sock))

    def test_direct_tls_by_sni(self):
        for domain in (DOMAIN, "other.example"):
            s = raw.Stream(self.gh.addr, 5223)
            self.streams.append(s)
            s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), domain)
            self.assertIn(domain, self.names(s.sock))


class Switches(Box):
    """A-06.02: messages and availability can be switched off for everybody, while all are signed in."""

    def test_messages(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.gh.commit("set im messages off")
        a.message(b.jid, "x", id_="x")
        self.assertError(a.wait_error("x"), "not-allowed")
        self.assertEqual(bodies(arrived(b)), [])
        self.gh.commit("delete im messages")
        a.message(b.jid, "y")
        b.wait_body("y")

    def test_presence(self):
        a, b, c = (self.client(u) for u in self.people("a", "b", "c"))
        self.befriend(a, b)
        a.send("<presence><show>dnd</show></presence>")
        b.wait(lambda e: e.findtext("{*}show") == "dnd", what="presence")
        self.gh.commit("set im presence off")
        for x, y in ((a, b), (b, a)):
            x.wait(lambda e: e.get("from") == y.jid and e.get("type") == "unavailable", what="good-bye")
        a.send("<presence><show>xa</show></presence>")
        a.send("<presence to='%s'/>" % c.jid)
        second = self.client(a.bare.split("@")[0], "second")
        arrived(a)
        self.assertEqual((presences(arrived(b), a.bare), presences(arrived(c), a.bare)), ([], []))
        self.assertEqual({e.get("from") for e in arrived(second) if raw.local(e.tag) == "presence"},
                         {a.jid, second.jid})  # one's own clients go on seeing each other
        b.message(a.jid, "still spoken to")
        a.wait_body("still spoken to")
        self.gh.commit("delete im presence")
        b.wait(lambda e: e.get("from") == a.jid and e.findtext("{*}show") == "xa", what="presence again")
        a.wait(lambda e: e.get("from") == b.jid and not e.get("type"), what="presence again")


class Backlog(Box):
    """Lesson 19: a burst costs nobody the session, and nothing is lost or stuck."""
    settings = ("set im unacknowledged 100", "set im offline-per-user 500")

    def test_burst_to_a_client_that_does_not_acknowledge(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        b.sm_enable()
        for i in range(250):
            a.message(b.bare, "n%d" % i)
        arrived(a)
        h, seen = 0, []
        while len(seen) < 250:
            e = b.next()
            if raw.local(e.tag) == "message":
                seen.append(e.findtext("{*}body"))
            if raw.local(e.tag) in ("message", "presence", "iq"):
                h += 1
                if h % 50 == 0 or h > 240:
                    b.send("<a xmlns='urn:xmpp:sm:3' h='%d'/>" % h)
        self.assertEqual(seen, ["n%d" % i for i in range(250)])


class Accounts(Box):
    def test_deletion(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        name = b.bare.split("@")[0]
        self.gh.ghsh("user delete %s\n" % b.bare)
        self.assertEqual(b.until_closed(), "not-authorized")
        a.wait(lambda e: e.get("from") == b.jid and e.get("type") == "unavailable", what="unavailable")
        a.message(b.bare, "x", id_="x")
        self.assertError(a.wait_error("x"), "service-unavailable")
        with self.assertRaises(raw.SaslFailed):
            self.authenticated(name)
        self.gh.user(name)  # a new person of that name begins with nothing
        c = self.client(name)
        self.assertEqual(len(c.iq("get", "<query xmlns='jabber:iq:roster'/>").find("{*}query")), 0)

    def test_plain_is_for_tls(self):
        u = self.people("u")
        self.gh.commit("set access tls optional")
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN)
        self.assertEqual([m for m in s.mechanisms(s.features()) if m == "PLAIN" or m.endswith("-PLUS")], [])
        with self.assertRaises(raw.SaslFailed):
            s.sasl_plain(u, "secret")
        s.sasl_scram("SCRAM-SHA-256", u, "secret")
        self.gh.commit("delete access tls")

    def test_addresses_with_an_at_sign(self):
        # with XEP-0106: a mail address as the name.
        self.gh.user("amy\\40sales.example")
        s = self.authenticated("amy@sales.example")
        self.assertTrue(s.bind().startswith("amy\\40sales.example@near.example/"))

    def test_sessions_of_one_person_are_counted(self):
        self.gh.commit("set im sessions-per-user 2")
        u = self.people("u")
        self.client(u, "a"), self.client(u, "b")
        s = self.authenticated(u)
        s.send("<iq type='set' id='b'><bind xmlns='%s'/></iq>" % raw.NS["bind"])
        self.assertError(s.wait(lambda e: e.get("id") == "b"), "resource-constraint")
        self.gh.commit("delete im sessions-per-user")


class Ghosts(PeerCase):
    """Lesson 21: people of a dead partner do not stay."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse(DOMAIN, peers={"far.example": {"action": "allow"}},
                               settings=("set im partner-silence 1",)).publish()
        cls.gh.user("juliet")
        cls.gh.start()
        cls.far = Prosody(cls.place, "far.example", cls.pki.make("good", "far.example"), cls.pki.ca, cls.dns,
                          dialback=False)
        cls.far.user("romeo")
        cls.far.start()
        cls.dns.a("xmpp.far.example", cls.far.addr)
        cls.dns.srv("far.example", "xmpp.far.example", cls.far.port)

    def test_partner_hangs_and_comes_back(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        j.send("<presence to='%s' type='subscribe'/>" % r.bare)
        r.wait(lambda e: e.get("type") == "subscribe", 10, "subscribe")
        r.send("<presence to='%s' type='subscribed'/>" % j.bare)
        seen = lambda e: raw.local(e.tag) == "presence" and e.get("from") == r.jid and not e.get("type")
        gone = lambda e: raw.local(e.tag) == "presence" and (e.get("from") or "").startswith(r.bare) and \
            e.get("type") == "unavailable"
        j.wait(seen, 10, "romeo")
        self.assertTrue(j.quiet(3, gone), "a living partner's people stay")
        os.kill(self.far.program.pid, signal.SIGSTOP)
        try:
            j.wait(gone, 15, "withdrawal after silence")
            wait_for("a log line", lambda: "im.partner.lost" in self.gh.log(), 5)
        finally:
            os.kill(self.far.program.pid, signal.SIGCONT)
        j.wait(seen, 20, "romeo again")
        self.gh.commit("set federation peer far.example action deny")
        j.wait(gone, 10, "withdrawal of those not allowed any more")
        self.gh.commit("set federation peer far.example action allow")
        j.wait(seen, 20, "romeo, allowed again")
        os.kill(self.far.program.pid, signal.SIGKILL)
        j.message(r.bare, "are you there", id_="m")
        j.wait(gone, 15, "withdrawal of the unreachable")

"""Whole stories of an administrator, as people live them (docs/architecture/stories.md): the first day of an empty appliance, typed from
docs/admin/quickstart.md at its console; then, with the streams of that day open, a renewed certificate. Root only."""
import datetime
import os
import re

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from harness import raw
from harness.case import PeerCase
from harness.console import PROMPT, Console
from harness.dns import Dns
from harness.netns import Namespace, own_network
from harness.place import TOP, Failed, port_open, wait_for
from harness.prosody import Prosody

BOX, ROUTER, NAMES, PARTNER = "192.0.2.10", "192.0.2.1", "192.0.2.53", "198.51.100.20"
ADMIN, ANNA = "plough horse 9 rain", "correct horse battery"
PAGE = os.path.join(TOP, "docs", "admin", "quickstart.md")
MOST = 20


def commands():
    with open(PAGE, encoding="utf-8") as f:
        return re.search(r"```quickstart\n(.*?)```", f.read(), re.S).group(1).splitlines()


class FirstDay(PeerCase):
    IS_LONG = True
    @classmethod
    def setUpClass(cls):
        if os.getuid() != 0:
            raise Failed("an appliance is played as root only: it needs CAP_NET_ADMIN")
        own_network()
        super().setUpClass()

    @classmethod
    def build(cls):
        """The world around the box: router, name server, partner. The box itself is empty, without one setting."""
        cls.far = Namespace(cls)
        cls.far.wire("eth0", "far0", ROUTER + "/24")
        cls.far.ip("addr", "add", NAMES + "/24", "dev", "far0")
        cls.far.ip("addr", "add", PARTNER + "/32", "dev", "lo")
        with cls.far:
            cls.names = Dns(cls.place, NAMES, 53)
            for domain, addr in (("example.com", BOX), ("partner.example", PARTNER)):
                cls.names.a("xmpp." + domain, addr)
                cls.names.srv(domain, "xmpp." + domain, 5269)
            cls.romeo = Prosody(cls.place, "partner.example", cls.pki.make("good", "partner.example"), cls.pki.ca, cls.names, addr=PARTNER,
                                dialback=False)
            cls.romeo.user("romeo")
            cls.romeo.start()
        cls.gh = cls.gatehouse("example.com")
        cls.gh.super_options = ["--appliance"]
        cls.gh.start(is_empty=True)
        wait_for("gh-priv answers", lambda: cls.gh.operator("show", "interfaces").returncode == 0, 10)

    def sign(self, text):
        """What an authority does with a request: the certificate."""
        request = x509.load_pem_x509_csr(text.encode())
        issuer, key = self.pki.authorities["ca"]
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        now = datetime.datetime.utcnow()
        cert = (x509.CertificateBuilder().subject_name(request.subject).issuer_name(issuer.subject).public_key(request.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(1))
                .not_valid_after(now + datetime.timedelta(90)).add_extension(names.value, critical=False).sign(key, hashes.SHA256()))
        return cert.public_bytes(serialization.Encoding.PEM).decode()

    def first_login(self):
        c = Console(self.gh, "--login", until="login: $")
        self.addCleanup(c.close)
        self.assertIn("no address yet", c.before)
        c.type("admin\n")
        c.wait("Password: $")
        c.type("\n")
        c.wait("New password: $")
        c.type(ADMIN + "\n")
        c.wait("Once more: $")
        c.type(ADMIN + "\n")
        c.wait(PROMPT)
        return c

    def type(self, c, line):
        """One command of the page, and the person's answers to it."""
        c.type(line + "\n")
        if line.startswith("user add"):
            for prompt in ("Password: $", "Once more: $"):
                c.wait(prompt)
                c.type(ANNA + "\n")
        out = c.wait(PROMPT, 30)
        self.assertNotIn("error:", out, line)
        return out

    def test_1_first_login_to_federating_partner(self):
        lines = commands()
        self.assertLess(len(lines), MOST)
        self.assertEqual(self.gh.records("history"), [])
        self.assertEqual(self.gh.records("show", "settings"), [])
        c, chain, out = self.first_login(), None, ""
        with open(self.pki.ca, encoding="ascii") as f:
            anchor = f.read()
        for line in lines:
            out = self.type(c, line.replace("CHAIN", chain or "").replace("ANCHOR", anchor))
            request = re.search(r"-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----\n", out, re.S)
            chain = self.sign(request.group(0)) if request else chain
        self.assertIn("the domain can be reached", out)
        with self.far:  # the partner's people, and Anna from elsewhere
            wait_for("the door", lambda: port_open(BOX, 5222), 10)
            anna = raw.login(BOX, "anna", "example.com", ANNA, ca=self.pki.ca)
            romeo = raw.login(PARTNER, "romeo", "partner.example")
        type(self).held = (anna, romeo)
        self.chat(anna, romeo, "hello from the first day")
        self.chat(romeo, anna, "and back")
        self.assertIn("pkix", self.gh.federation("partner.example"))
        self.assertEqual(self.gh.records("show", "version")[0]["name"], "gate1")

    def test_2_a_renewed_certificate_drops_nobody(self):
        """The day's streams stay; who comes from then on is shown the new one."""
        anna, romeo = self.held
        pids, before = self.gh.pids(), len(self.gh.log())
        old = self.served()
        c = Console(self.gh)
        self.addCleanup(c.close)
        self.type(c, "certificate generate next ecdsa-p256")
        request = self.type(c, "certificate csr next example.com")
        chain = self.sign(re.search(r"-----BEGIN.*?REQUEST-----\n.*?-----END.*?-----\n", request, re.S).group(0))
        for line in ('set certificate next chain "%s"' % chain, "set domain example.com certificate next", "commit"):
            self.type(c, line)
        wait_for("the new certificate", lambda: self.served() != old, 5)
        self.chat(anna, romeo, "on the stream of before")
        self.chat(romeo, anna, "and back on it")
        self.assertEqual(self.gh.pids(), pids)
        log = self.gh.log()[before:]
        self.assertNotIn("s2s.closed", log)
        self.assertNotIn("s2s.ready", log)
        self.assertNotIn("c2s.closed", log)

    def served(self):
        with self.far:
            s = raw.Stream(BOX, 5223)
            try:
                s.wrap(raw.client_context(alpn="xmpp-client"), "example.com")
                return s.sock.getpeercert(True)
            finally:
                s.close()

    def test_3_a_wrong_route_comes_back(self):
        """commit confirm: the administrator who cut the box off waits, and is let in again."""
        anna, romeo = self.held
        c = Console(self.gh)
        self.addCleanup(c.close)
        self.type(c, "set interface a ipv4-address 203.0.113.10/24")
        self.type(c, "set interface a ipv4-gateway 203.0.113.1")
        self.assertIn("goes back in", self.type(c, "commit confirm 1"))
        with self.far:
            wait_for("the box is cut off", lambda: not port_open(BOX, 5222), 10)
            wait_for("and is back by itself", lambda: port_open(BOX, 5222), 75, 1)
        self.chat(anna, romeo, "still there")
        self.assertEqual({r["setting"]: r["value"] for r in self.gh.records("show", "settings", "interface")},
                         {"interface a ipv4": "static", "interface a ipv4-address": BOX + "/24", "interface a ipv4-gateway": ROUTER})

    def test_4_a_lost_password(self):
        """Another admin shows one for a single login; it opens nothing but the choice of one's own."""
        c = Console(self.gh)
        self.addCleanup(c.close)
        c.type("operator add berta admin\n")
        for prompt in ("Password: $", "Once more: $"):
            c.wait(prompt)
            c.type("seven quiet windows 4\n")
        c.wait(PROMPT)
        once = re.search(r"\n\S*berta +(\S+)\n", self.type(c, "operator reset berta")).group(1)
        b = Console(self.gh, "--login", until="login: $")
        self.addCleanup(b.close)
        b.type("berta\n")
        b.wait("Password: $")
        b.type("seven quiet windows 4\n")
        b.wait("wrong name, password or code\n(.*\n)*Password: $")
        b.type(once + "\n")
        b.wait("one login: choose your own\nNew password: $")
        b.type("nine loud doors 5\n")
        b.wait("Once more: $")
        b.type("nine loud doors 5\n")
        b.wait(PROMPT)
        self.assertIn("berta", self.type(b, "show operators"))
        self.assertNotIn(once, self.gh.log())

    @classmethod
    def tearDownClass(cls):
        for s in getattr(cls, "held", ()):
            s.close()
        super().tearDownClass()

"""An edge in a DMZ and a core inside, joined by links that the core dials. This process is outside; the inside's firewall drops
whatever the DMZ begins. Root only."""
import os
import socket

from . import raw
from .case import PeerCase, Pki
from .netns import Namespace, own_network
from .people import DOMAIN
from .place import Failed, port_open, wait_for

EDGE_OUTSIDE, EDGE_INNER, CORE = "10.79.1.2", "10.79.2.1", "10.79.2.2"
FRONT, LINK = 443, 7443
FIREWALL = """
table inet guard {
	counter refused { }
	chain input {
		type filter hook input priority 0; policy accept;
		iif lo accept
		ct state established,related accept
		counter name refused drop
	}
}
"""


class OutOfReach:
    """A name server that there is not: links are dialled by address."""
    addr, port = "127.0.0.1", 5399


class LinkedCase(PeerCase):
    edge_settings = core_settings = ()
    edge_options, core_options = {}, {}  # of Gatehouse

    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("three networks are made as root only")
        own_network()
        cls.count = 0
        cls.dmz, cls.inside = Namespace(cls), Namespace(cls)
        cls.dmz.wire("front0", "outer", EDGE_OUTSIDE + "/24", far=("10.79.1.1/24",))
        cls.inside.wire("inner", "up0", CORE + "/24", to=cls.dmz, far=(EDGE_INNER + "/24",))
        cls.inside.nft(FIREWALL)
        cls.outside_world()
        cls.link_pki = Pki(cls.place.path("link-pki"))
        cls.edge = cls.box(cls.dmz, "edge", EDGE_OUTSIDE, cls.edge_lines(), **cls.edge_options)
        cls.core = cls.box(cls.inside, "core", CORE, cls.core_lines(), **cls.core_options)
        cls.wait_links()

    @classmethod
    def outside_world(cls):
        """What has to be there outside before the boxes are."""

    @classmethod
    def edge_lines(cls):
        return cls.certificate("edge", cls.link_pki.make("good", "one.edge.link.invalid", ("edge.link.invalid",))) + [
            "set link listen v4 %s %d" % (EDGE_INNER, LINK), "set proxy listen v4 %s %d" % (EDGE_OUTSIDE, FRONT),
            "set link authority own " + cls.link_pki.ca] + list(cls.edge_settings)

    @classmethod
    def core_lines(cls):
        return cls.certificate("core", cls.link_pki.make("good", "core.link.invalid")) + [
            "set link edge one address %s %d" % (EDGE_INNER, LINK),
            "set link authority own " + cls.link_pki.ca] + list(cls.core_settings)

    @classmethod
    def certificate(cls, who, cert):
        return ["certificate import link " + cls.place.write("%s/link.pem" % who, cert.text() + cert.key_text())]

    @classmethod
    def box(cls, where, name, addr, lines, dns=OutOfReach, **options):
        gh = cls.gatehouse(DOMAIN, addr=addr, name=name, settings=lines, **options)
        gh.dns = dns
        with where:
            gh.start()
        return gh

    @classmethod
    def links(cls, gh=None, kind=None, state="up"):
        return [r for r in (gh or cls.core).records("show", "links") if r["state"] == state and kind in (None, r["kind"])]

    @classmethod
    def wait_links(cls, n=4, seconds=15):
        wait_for("%d links at the core" % n, lambda: len(cls.links()) == n, seconds, 0.2)
        wait_for("%d links at the edge" % n, lambda: len(cls.links(cls.edge)) == n, seconds, 0.2)
        wait_for("the front", lambda: port_open(EDGE_OUTSIDE, FRONT), 10)

    def people(self, *names):
        type(self).count += 1
        made = ["%s%d" % (n, self.count) for n in names]
        for m in made:
            self.core.user(m)
        return made if len(made) > 1 else made[0]

    def binds_to_its_own_tls(self, user):
        """M-06, on streams of bound(), before a login: what TLS gives holds end to end, and another stream's is refused."""
        s, other = self.bound(), self.bound()
        with self.assertRaises(raw.SaslFailed):
            other.sasl_scram("SCRAM-SHA-256-PLUS", user, "secret", binding=("tls-exporter", s.sock.exporter()))
        s.sasl_scram("SCRAM-SHA-256-PLUS", user, "secret", binding=("tls-exporter", s.sock.exporter()))

    def outside(self, user=None, edge=EDGE_OUTSIDE):
        """A stream through an edge; logged in as a user, when one is named."""
        s = raw.Stream(edge, FRONT)
        self.streams.append(s)
        s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), DOMAIN)
        s.open(DOMAIN)
        s.features()
        if user:
            s.sasl_plain(user, "secret")
            s.open(DOMAIN)
            s.features()
            s.jid = s.bind("outside")
        return s

    @staticmethod
    def counter(gh, name):
        return next(r["value"] for r in gh.records("show", "counters", name.split(":")[0]) if r["counter"] == name.split(":")[1])

    def reached_from_dmz(self, port):
        with self.dmz:
            with socket.socket() as s:
                s.settimeout(1)
                return s.connect_ex((CORE, port)) == 0


class SecondEdge:
    """Beside a LinkedCase, before it: another edge in the DMZ that the core dials, too."""
    OTHER, OTHER_INNER = "10.79.1.3", "10.79.2.3"

    @classmethod
    def build(cls):
        super().build()
        cls.dmz.ip("addr", "add", cls.OTHER + "/24", "dev", "outer")
        cls.dmz.ip("addr", "add", cls.OTHER_INNER + "/24", "dev", "inner")
        cls.second = cls.box(cls.dmz, "edge2", cls.OTHER, cls.certificate(
            "edge2", cls.link_pki.make("good", "two.edge.link.invalid", ("edge.link.invalid",))) + [
            "set link listen v4 %s %d" % (cls.OTHER_INNER, LINK), "set proxy listen v4 %s %d" % (cls.OTHER, FRONT),
            "set link authority own " + cls.link_pki.ca])
        cls.core.commit("set link edge two address %s %d" % (cls.OTHER_INNER, LINK))
        wait_for("eight links", lambda: len(cls.links()) == 8, 10, 0.2)
        wait_for("the second front", lambda: port_open(cls.OTHER, FRONT), 10)

"""The call manager as presence gateway (B-PGW-01 to B-PGW-03): phones of people who are signed in, on the wire."""
import re

from harness import raw
from harness.case import PeerCase
from harness.people import DOMAIN
from harness.place import wait_for
from harness.sipclient import Dialog, Party, pidf

MANAGER = "cucm.example"
ON_THE_PHONE = "<dm:person id='p'><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>"


class Manager(PeerCase):
    """Two nodes behind one SRV name; or one by its address."""
    address = False

    @classmethod
    def build(cls):
        cls.count = 0
        cls.nodes = [cls.node(i) for i in range(1 if cls.address else 2)]
        host = cls.nodes[0].addr if cls.address else MANAGER
        peer = {"action": "allow"}
        if cls.address:
            peer.update({"tls": "optional", "addresses": host})
        for i, n in enumerate(cls.nodes):
            cls.dns.a("node%d.%s" % (i, MANAGER), n.addr)
            cls.dns.srv(MANAGER, "node%d.%s" % (i, MANAGER), n.port, service="_sips", weight=10)
        cls.gh = cls.gatehouse(DOMAIN, sip_peers={host: peer}, settings=["set sip presence-gateway " + host]).start()
        for n in cls.nodes:
            n.server = (cls.gh.addr, 5060 if cls.address else 5061)
        cls.host = host

    @classmethod
    def node(cls, i):
        return Party(cls.place, MANAGER, "udp" if cls.address else "tls", cert=cls.pki.make("good", MANAGER), ca=cls.pki.ca,
                     port=5060 if cls.address else None)

    def juliet(self, name=None, resource="balcony"):
        type(self).count += 1
        name = name or "juliet%d" % self.count
        if name not in self.gh.users:
            self.gh.user(name)
        return self.login(self.gh, name, resource=resource)

    def asked(self, j, node):
        name = j.bare.split("@")[0]
        m = node.wait_request("SUBSCRIBE", 10, lambda m: re.match(r"sips?:%s@%s" % (name, re.escape(self.host)), m.uri))
        node.answer(m, 200, headers=["Expires: 3600", node.contact(name)])
        return Dialog.taken(node, name, m)

    def phone(self, j, want):
        return j.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == j.bare + "/phone" and want(e), 8, "phone")


class Address(Manager):
    address = True

    def test_pgw_01_02_phone_of_who_is_online(self):
        j = self.juliet()
        d = self.asked(j, self.nodes[0])
        entity = "%s@%s" % (j.bare.split("@")[0], self.host)
        self.assertEqual(d.notify("active;expires=3600", pidf(entity, ("l1", "open", "", ""), more=ON_THE_PHONE)).status, 200)
        self.phone(j, lambda e: e.findtext("{*}show") == "dnd")
        self.assertEqual(d.notify("active;expires=3500", pidf(entity, ("l1", "open", "", ""))).status, 200)
        self.phone(j, lambda e: e.get("type") is None and e.findtext("{*}show") is None)
        self.assertEqual(d.notify("terminated;reason=noresource").status, 200)
        self.phone(j, lambda e: e.get("type") == "unavailable")

    def test_pgw_refused_is_not_asked_in_a_circle(self):
        j = self.juliet()
        name = j.bare.split("@")[0]
        m = self.nodes[0].wait_request("SUBSCRIBE", 10, lambda m: name in m.uri)
        self.nodes[0].answer(m, 403)
        self.nodes[0].quiet(5, lambda m: m.is_request and name in m.uri and m.method == "SUBSCRIBE")

    def test_pgw_xlate_dies_and_asks_again(self):
        j = self.juliet()
        d = self.asked(j, self.nodes[0])
        self.gh.kill("gh-xlate")
        name = j.bare.split("@")[0]
        m = self.nodes[0].wait_request("SUBSCRIBE", 90, lambda m: name in m.uri and m.get("call-id") != d.call_id)
        self.nodes[0].answer(m, 200, headers=["Expires: 3600", self.nodes[0].contact(name)])


class Srv(Manager):
    def test_pgw_03_both_nodes_have_their_share(self):
        people = [self.juliet() for _ in range(24)]
        names = [j.bare.split("@")[0] for j in people]
        share = [0, 0]
        for name in names:
            for i, n in enumerate(self.nodes):
                share[i] += any(m.is_request and m.method == "SUBSCRIBE" and name + "@" in m.uri for m in self.until(n, name))
        self.assertEqual(sum(share), 24, share)
        self.assertTrue(min(share) >= 4, share)

    def until(self, node, name):
        """All that has come, once somebody was asked about name."""
        wait_for("SUBSCRIBE for " + name, lambda: any(m.is_request and name + "@" in m.uri for n in self.nodes for m in n.got))
        return list(node.got)

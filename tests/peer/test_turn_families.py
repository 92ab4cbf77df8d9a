"""coturn's client over all transports, address families and options beside those that other files have."""
from harness.relay import CLIENT6, PEER, PEER6, SERVER, SERVER6, StreamRelay
from harness.turnclient import ALLOCATE, REFRESH, TRANSPORT

TICKET = 0x8030  # MOBILITY-TICKET
V6 = dict(local=CLIENT6, server=SERVER6)


class TurnFamilies(StreamRelay):
    """Each transport from IPv4 and IPv6 to peers of IPv4 and IPv6."""
    IS_LONG = True
    SETTINGS = StreamRelay.SETTINGS + ("set turn listen-dtls v4 %s 5349" % SERVER, "set turn listen-dtls v6 %s 5349" % SERVER6,
                                       "set turn allocations-user 0")  # the tool leaves some behind
    DOORS = 9

    def test_clients_and_peers(self):
        ways = (("ipv6 to ipv6", ("-x",), dict(V6, peer=PEER6)), ("ipv4 to ipv6", ("-x",), dict(peer=PEER6)),
                ("ipv6 to ipv4", ("-X",), dict(V6, peer=PEER)), ("ipv4 to ipv4", ("-X",), dict(peer=PEER)))
        for name, words, places in ways:
            for transport, more in (("udp", ()), ("tcp", ("-t",)), ("dtls", ("-S",))):
                for kind in ((), ("-s",)):
                    with self.subTest(way=name, transport=transport, sends=kind):
                        self.passed(self.client(*more, *kind, *words, "-c", "-n", "10", "-m", "4", **places), 40)
            with self.subTest(way=name, transport="tls"):
                self.passed_tls((*words, "-n", "10", "-m", "4"), 40, **places)

    def test_moves(self):
        """RFC 8016: the client takes its allocation along to twelve addresses, which other workers serve too."""
        c, workers = self.own(), set()
        found = c.request(ALLOCATE, (TRANSPORT, b"\x11\0\0\0"), (TICKET, b""))
        c.bind_channel(0x4001, PEER, 3480)
        moved = self.counter("turn.moved")
        for i in range(12):
            c.close()
            c = self.own()
            found = c.request(REFRESH, (TICKET, found[TICKET]))
            c.send(0x4001, b"moved %d" % i)
            self.assertEqual(c.receive(), (0x4001, b"moved %d" % i))
            client = "%s:%d" % c.sock.getsockname()
            workers.update(int(r["number"]) >> 48 for r in self.gh.records("show", "turn", "allocations") if r["client"] == client)
        self.assertEqual(workers, {0, 1})
        self.assertGreaterEqual(self.counter("turn.moved"), moved + 12)
        c.free()

    def test_dont_fragment(self):
        self.passed(self.client("-g", "-c", "-s", "-n", "10", "-m", "4"), 40)

    def test_more_requests(self):
        """Permissions and channels that are asked for again and again; padded ChannelData over UDP."""
        self.passed(self.client("-G", "-D", "-c", "-n", "10", "-m", "4"), 40)

    def test_clients_that_vanish(self):
        """They leave without a word; what is left serves others, and no port is lost."""
        self.client("-B", "-c", "-n", "20", "-m", "10")
        self.client("-O", "-c", "-n", "5", "-m", "20")
        self.passed(self.client("-c", "-n", "10", "-m", "4"), 40)
        self.ports()

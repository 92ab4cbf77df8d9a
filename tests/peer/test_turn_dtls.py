"""Clients of the relay over DTLS."""
import re
import socket
import subprocess

from harness.place import Failed, need, wait_for
from harness.relay import BINDING, CLIENT, CLIENT6, PASSWORD, PEER, PEER6, Relay, SERVER, SERVER6, USER, echo_peer
from harness.turnclient import DtlsClient


class TurnDtls(Relay):
    """Clients over DTLS, IPv4 and IPv6, on listeners of their own and on those of UDP."""
    IS_LONG = True
    SETTINGS = ("set turn listen-dtls v4 %s 5349" % SERVER, "set turn listen-dtls v6 %s 5349" % SERVER6,
                "set turn listen-udp v6 %s 3478" % SERVER6, "set turn relay-address v6 " + SERVER6,
                "set turn allow-peer peer6 %s/128" % PEER6)

    @classmethod
    def build(cls):
        super().build()
        cls.echo6 = echo_peer(cls.place, PEER6)
        wait_for("all doors are open", lambda: {int(r["doors"]) for r in cls.gh.records("show", "turn")} == {4}, 10)

    def dtls(self, **words):
        c = DtlsClient(need("openssl"), words.pop("server", SERVER), words.pop("local", CLIENT), USER, PASSWORD, **words)
        self.addCleanup(c.close)
        return c

    def associations(self):
        return sum(int(r["associations"]) for r in self.gh.records("show", "turn"))

    def relays(self, c):
        c.allocate()
        c.bind_channel(0x4001, PEER, 3480)
        for size in (0, 1, 160, 1201, 4001):
            c.send(0x4001, bytes([size & 255]) * size)
            self.assertEqual(c.receive(), (0x4001, bytes([size & 255]) * size))

    # ---- coturn's client
    def test_channels(self):
        self.passed(self.client("-S", "-c", "-s", "-n", "50", "-m", "10"), 500)

    def test_even_ports(self):
        self.passed(self.client("-S", "-s", "-n", "20", "-m", "8"), 160)

    def test_large(self):
        self.passed(self.client("-S", "-c", "-s", "-n", "20", "-m", "2", "-l", "1400"), 40)

    def test_on_the_port_of_udp(self):
        """RFC 7983, both at once."""
        before = self.counter("turn.dtls.secured")
        self.passed(self.client("-S", "-p", "3478", "-c", "-s", "-n", "20", "-m", "4"), 80)
        self.passed(self.client("-c", "-s", "-n", "20", "-m", "4"), 80)
        self.assertGreaterEqual(self.counter("turn.dtls.secured"), before + 4)

    def test_ipv6(self):
        for words in (("-S",), ("-S", "-p", "3478")):
            with self.subTest(words=words):
                self.passed(self.client(*words, "-c", "-s", "-x", "-n", "20", "-m", "4", local=CLIENT6, peer=PEER6, server=SERVER6), 80)

    def test_certificate_is_proved(self):
        self.passed(self.client("-S", "-E", self.pki.ca, "-c", "-s", "-n", "5", "-m", "2"), 10)

    # ---- ours, over OpenSSL's
    def test_relays(self):
        for words in (dict(), dict(port=3478), dict(server=SERVER6, local=CLIENT6), dict(server=SERVER6, local=CLIENT6, port=3478)):
            with self.subTest(**{k: str(v) for k, v in words.items()}):
                before = self.ports()
                c = self.dtls(words=("-CAfile", self.pki.ca, "-verify_return_error"), **words)
                self.relays(c)
                rows = self.gh.records("show", "turn", "allocations")
                self.assertIn("dtls", [r["transport"] for r in rows])
                c.shut()  # the allocation ends with its association
                wait_for("the port is free", lambda: self.ports() == before, 5)

    def test_begins_anew(self):
        """From the same address and port, without a word before (RFC 6347 4.2.8)."""
        before, restarted = self.ports(), self.counter("turn.dtls.restarted")
        for port in (5349, 3478):
            for _ in range(3):
                c = self.dtls(port=port, local_port=40404)
                self.relays(c)
                self.assertEqual(self.ports(), before + 1)
                c.vanish()
            self.assertGreaterEqual(self.counter("turn.dtls.restarted"), restarted + 2)
            restarted = self.counter("turn.dtls.restarted")
            last = self.dtls(port=port, local_port=40404)
            last.allocate()
            last.free()
            self.assertEqual(self.ports(), before)
            last.close()

    def test_alpn(self):
        self.assertNotEqual(self.alpn("-dtls1_2")("-dtls1", "-cipher", "DEFAULT@SECLEVEL=0")[0], 0)
        self.assertIn("DTLS handshake", self.gh.log())

    def test_another_certificate(self):
        """It is shown from the commit on; who is there stays."""
        def shown():
            got = subprocess.run([need("openssl"), "s_client", "-dtls1_2", "-connect", SERVER + ":5349"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20).stdout
            return re.sub(r"\s", "", got[got.index("-----BEGIN CERT"):got.index("-----END CERT")])
        c = self.dtls()
        self.relays(c)
        before = shown()
        cert = self.pki.make("good", "near.example", ("next.example",))
        pem = self.place.write("next.pem", cert.text() + cert.key_text())
        self.gh.commit("certificate import next " + pem, "set domain near.example certificate next")
        wait_for("the new one is shown", lambda: shown() != before, 10)
        self.assertIn(shown(), re.sub(r"\s", "", cert.text()))
        c.send(0x4001, b"still here")
        self.assertEqual(c.receive(), (0x4001, b"still here"))
        c.free()

    def test_most_associations(self):
        self.gh.commit("set turn connections-address 4")
        try:
            before, others = self.counter("turn.dtls.refused-address"), self.associations()
            for _ in range(10):
                self.dtls(local=PEER)
            wait_for("some are refused", lambda: self.counter("turn.dtls.refused-address") > before, 5)
            self.assertLessEqual(self.associations(), others + 4)
            self.relays(self.dtls(local=SERVER))
            self.assertIn("turn connections-address", self.gh.log())
        finally:
            self.gh.commit("delete turn connections-address")

    def test_strangers(self):
        """Garbage, and ClientHellos that nobody follows up: an answer at most as long, and no memory of them."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as catcher, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            catcher.bind((PEER, 0))
            catcher.settimeout(5)
            self.dtls(server=PEER, port=catcher.getsockname()[1])
            hello = catcher.recv(2000)
            s.bind((CLIENT, 0))
            s.connect((SERVER, 5349))
            s.settimeout(2)
            before = self.associations()
            for first in (b"", b"\x16", BINDING, hello[:40], bytes([23]) + hello[1:], hello[:13] + b"\xff" * 40):
                s.send(first)
            with self.assertRaises(TimeoutError):
                s.recv(2000)
            for _ in range(100):
                s.send(hello)
                self.assertLessEqual(len(s.recv(2000)), len(hello))
            self.assertLessEqual(self.associations(), before)  # those of others may end

    def test_tls_13_alone_leaves_no_dtls(self):
        with self.assertRaises(Failed) as e:
            self.gh.commit("set tls minimum 1.3")
        self.assertIn("DTLS 1.3", str(e.exception))

"""The outside of an edge: what is open, whose TLS a login is bound to, another certificate (mra.md tests 6, 23, 26)."""
import select
import socket
import ssl
import threading

from harness import raw
from harness.linked import EDGE_OUTSIDE, FRONT, LinkedCase
from harness.people import DOMAIN
from test_c2s import OpenSslSocket

AT_A_TIME = 500


class Face(LinkedCase):
    edge_options = {"role": "edge"}
    edge_settings = ("set proxy listen-starttls v4 %s 5222" % EDGE_OUTSIDE, "set proxy listen sip %s 5061" % EDGE_OUTSIDE,
                     "set turn listen-udp v4 %s 3478" % EDGE_OUTSIDE, "set turn listen-tls v4 %s 5349" % EDGE_OUTSIDE,
                     "set turn relay-address v4 " + EDGE_OUTSIDE, "set turn realm " + DOMAIN, "set turn fast-path off")

    def test_ports(self):
        """Mra test 26: all TCP ports are tried from outside, UDP's are read from the kernel's table; the box's own list says the same."""
        shown = {(r["transport"], r["address"], int(r["port"])) for r in self.edge.records("show", "listeners")}
        told = {port for t, address, port in shown if t != "udp" and address in (EDGE_OUTSIDE, "0.0.0.0")}
        self.assertEqual(self.open_tcp(EDGE_OUTSIDE), told)
        self.assertEqual(told, {FRONT, 5222, 5061, 5349, 5269, 5270})  # the last two are partners'; M-25
        self.assertEqual(self.bound_udp(), {port for t, address, port in shown if t == "udp"})

    def test_records(self):
        """M-01: the port of phones has its own record, and none of XMPP's; a core elsewhere does not matter."""
        rows = [r["detail"].split() for r in self.edge.records("discovery", "check", DOMAIN, check=False) if r["step"] == "record"]
        told = {(r[0].partition("." + DOMAIN)[0], int(r[6])) for r in rows if len(r) > 6}
        self.assertEqual(told & {(x, p) for x in ("_sips._tcp", "_xmpps-client._tcp", "_xmpp-client._tcp") for p in range(65536)},
                         {("_sips._tcp", 5061), ("_xmpps-client._tcp", FRONT), ("_xmpp-client._tcp", 5222)})

    @staticmethod
    def open_tcp(address):
        found, left = set(), list(range(1, 65536))
        while left:
            batch, left = left[:AT_A_TIME], left[AT_A_TIME:]
            tries = {}
            for port in batch:
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex((address, port))
                tries[s.fileno()] = (s, port)
            poll = select.poll()
            for fd in tries:
                poll.register(fd, select.POLLOUT)
            while tries:
                ready = poll.poll(10000)
                if not ready:
                    raise AssertionError("ports without an answer: %s" % sorted(p for _, p in tries.values())[:20])
                for fd, _ in ready:
                    s, port = tries.pop(fd)
                    poll.unregister(fd)
                    if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                        found.add(port)
                    s.close()
        return found

    def bound_udp(self):
        out = set()
        with open("/proc/%d/net/udp" % self.dmz.holder.pid) as f:
            for line in f.readlines()[1:]:
                address, port = line.split()[1].split(":")
                remote = line.split()[2]
                if socket.inet_ntoa(bytes.fromhex(address)[::-1]) in (EDGE_OUTSIDE, "0.0.0.0") and remote == "00000000:0000":
                    out.add(int(port, 16))
        return out

    def test_another_certificate(self):
        """Mra test 23: who comes sees the new one at once, who is there stays."""
        s = self.outside(self.people("u"))
        old = self.seen()
        new = self.pki.make("good", DOMAIN, ("newer." + DOMAIN,))
        text = new.text() + new.key_text()
        self.edge.commit("certificate import newer " + self.place.write("newer.pem", text), "set domain %s certificate newer" % DOMAIN)
        self.assertNotEqual(self.seen(), old)
        self.assertEqual(self.seen(), ssl.PEM_cert_to_DER_cert(new.text()[:new.text().index("-----END") + 25]))
        s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", DOMAIN)
        self.outside(self.people("v"))

    def seen(self):
        with socket.create_connection((EDGE_OUTSIDE, FRONT), 10) as s, raw.client_context(self.pki.ca).wrap_socket(s, server_hostname=DOMAIN) as t:
            return t.getpeercert(True)

    def test_somebody_between(self):
        """Mra test 6: a proxy with a certificate that the client trusts, which ends TLS and begins its own, cannot pass a bound login on."""
        u = self.people("u")
        middle = self.middle()
        for direct, port in ((True, FRONT), (False, middle)):
            s = raw.Stream(EDGE_OUTSIDE if direct else "10.79.1.1", port)
            self.streams.append(s)
            s.sock = OpenSslSocket(s.sock, DOMAIN)
            s._restart()
            s.open(DOMAIN)
            self.assertIn("SCRAM-SHA-256-PLUS", [m.text for m in s.features().iter("{%s}mechanism" % raw.NS["sasl"])])
            login = ("SCRAM-SHA-256-PLUS", u, "secret")
            if direct:
                s.sasl_scram(*login, binding=("tls-exporter", s.sock.exporter()))
            else:
                with self.assertRaises(raw.SaslFailed):
                    s.sasl_scram(*login, binding=("tls-exporter", s.sock.exporter()))

    def middle(self):
        """One connection: TLS with another trusted certificate of the same name here, TLS of its own to the edge."""
        cert = self.pki.make("good", DOMAIN, ("middle." + DOMAIN,))
        listener = socket.create_server(("10.79.1.1", 0))
        self.addCleanup(listener.close)

        def run():
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ctx.load_cert_chain(cert.crt, cert.key)
            s, _ = listener.accept()
            with ctx.wrap_socket(s, server_side=True) as near, raw.client_context(self.pki.ca, alpn="xmpp-client").wrap_socket(
                    socket.create_connection((EDGE_OUTSIDE, FRONT), 10), server_hostname=DOMAIN) as far:
                back = threading.Thread(target=self.pump, args=(far, near), daemon=True)
                back.start()
                self.pump(near, far)
                back.join()
        t = threading.Thread(target=run, daemon=True)
        t.start()
        return listener.getsockname()[1]

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except (OSError, ssl.SSLError):
            pass
        try:
            b.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

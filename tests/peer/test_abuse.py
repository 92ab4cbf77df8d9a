"""Strangers who mean no good, at both doors: issue "Bad input", spec xmpp.md section 5 (memory)."""
import os
import random
import re
import resource
import socket
import subprocess
import threading
import time

from harness import raw
from harness.case import PeerCase
from harness.crowd import Crowd
from harness.place import Failed, need, wait_for

TIMEOUT = 4  # seconds until a stranger must have proved something
C2S, S2S = 5222, 5269


class Doors(PeerCase):
    """A gatehouse at near.example that waits a short time for strangers, and a proven partner."""
    files, timeout = None, TIMEOUT

    @classmethod
    def build(cls):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        cls.gh = cls.gatehouse("near.example", peers={"far.example": {"action": "allow"}}, settings=(
            "set access auth-timeout %d" % cls.timeout, "set federation setup-timeout %d" % cls.timeout),
            files=cls.files).publish()
        for u in ("juliet", "romeo"):
            cls.gh.user(u)
        cls.gh.start()

    def crowd(self, port, addresses):
        c = Crowd([self.place.addr() for _ in range(addresses)], self.gh.addr, port)
        self.addCleanup(c.go)
        return c

    def partner(self):
        """A stream of far.example, proved by its certificate."""
        ctx = raw.client_context(self.pki.ca, self.pki.make("good", "far.example"))
        s = raw.s2s_out(self.gh.addr, S2S, ctx, "far.example", "near.example")
        self.streams.append(s)
        s.sasl_external("far.example")
        s.open("near.example", "far.example", "server")
        s.features()
        return s


class Strangers(Doors):
    """Thousands of half-open connections: who is logged in does not notice, and they are closed in time."""

    def besiege(self, crowd, work):
        """work() goes on, each time within a second, until the whole crowd has been put out."""
        slowest, over, errors = [0.0], threading.Event(), []

        def worker():
            while not over.is_set():
                began = time.monotonic()
                try:
                    work()
                except Exception as e:
                    errors.append(e)
                    return
                slowest[0] = max(slowest[0], time.monotonic() - began)
                over.wait(0.05)
        thread = threading.Thread(target=worker)
        thread.start()
        try:
            for say in (b"", b"<stream:str", b"<?xml version='1.0'?><stream:stream to='near.example' "
                        b"xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"):
                crowd.come(1700, say)
            wait_for("5,100 strangers are put out", lambda: crowd.left() == 0, TIMEOUT * 2 + 4, 0.2)
        finally:
            over.set()
            thread.join()
        if errors:
            raise errors[0]
        self.assertLess(slowest[0], 1.0)

    def test_clients(self):
        j = self.login(self.gh, "juliet")
        self.besiege(self.crowd(C2S, 6), lambda: j.iq("get", "<ping xmlns='urn:xmpp:ping'/>", "near.example"))
        r = self.login(self.gh, "romeo")
        self.chat(j, r, "afterwards")

    def test_partners(self):
        j, far = self.login(self.gh, "juliet"), self.partner()
        n = [0]

        def work():
            n[0] += 1
            far.send("<message from='a@far.example' to='%s' type='chat'><body>%d</body></message>" % (j.jid, n[0]))
            j.wait_body(str(n[0]), 5)
        self.besiege(self.crowd(S2S, 14), work)
        self.partner()  # and a new one may come

    def test_one_address_cannot_take_all_places(self):
        crowd = self.crowd(S2S, 1)
        crowd.come(200)
        time.sleep(0.5)
        self.assertLessEqual(crowd.left(), 60)
        self.partner()
        crowd = self.crowd(C2S, 1)
        crowd.come(1200)
        time.sleep(0.5)
        self.assertLessEqual(crowd.left(), 1000)
        self.login(self.gh, "juliet")


class Memory(Doors):
    """After thousands have come and gone, memory is back where it was, and the log is not full."""

    def own_kib(self, program):
        """Without what it shares with others: that part depends on who else runs."""
        with open("/proc/%d/smaps_rollup" % self.gh.pid(program)) as f:
            return int(re.search(r"^Pss_Anon:\s+(\d+)", f.read(), re.M).group(1))

    def wait_back(self, program, before, most):
        seen = []

        def look():
            seen.append(self.own_kib(program))
            return seen[-1] <= most
        try:
            wait_for("memory", look, 8, 0.5)
        except Failed:
            self.fail("%s had %d KiB before, %r after" % (program, before, seen))

    def comes_back(self, program, port, say, from_=None):
        crowd = self.crowd(port, 3)
        crowd.come(500, b"<stream:str")  # what a program needs once, for many at a time
        crowd.go()
        crowd.pass_by(2000, say)
        crowd.pass_by_tls(100, "near.example", from_)
        time.sleep(3)
        before, lines = self.own_kib(program), len(self.gh.log().splitlines())
        crowd.pass_by(20000, say)
        crowd.pass_by_tls(300, "near.example", from_)
        self.wait_back(program, before, before * 1.03 + 64)
        self.assertLess(len(self.gh.log().splitlines()) - lines, 1500)

    def test_clients(self):
        self.comes_back("gh-access", C2S, lambda i: b"<stream:stream to='near.example' xmlns='jabber:client' "
                        b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")

    HEADER = ("<stream:stream to='near.example' from='%s' xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
              "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")

    def test_partners(self):
        self.comes_back("gh-s2s", S2S, lambda i: (self.HEADER % "far.example").encode(), "far.example")

    def test_names_that_strangers_invent(self):
        """Of some hundred names it is remembered why they were refused; the others leave nothing behind."""
        crowd, n = self.crowd(S2S, 3), iter(range(100000))

        def say(_):
            return (self.HEADER % ("x%d.example" % next(n))).encode()
        crowd.pass_by(1000, say)
        time.sleep(3)
        before = self.own_kib("gh-s2s")
        crowd.pass_by(10000, say)
        self.wait_back("gh-s2s", before, before + 2500)

    def test_logins_without_a_session(self):
        crowd = self.crowd(C2S, 1)

        def login():
            s = raw.Stream(self.gh.addr, C2S, sock=crowd.connect())
            s.open("near.example")
            s.features()
            s.starttls(raw.client_context(), "near.example")
            s.open("near.example")
            s.features()
            s.sasl_plain("romeo", "secret")
            s.kill()
        self.gh.commit("set im scram-iterations 4096")
        for _ in range(60):
            login()
        time.sleep(3)
        before = self.own_kib("gh-im")
        for _ in range(240):
            login()
        self.wait_back("gh-im", before, before * 1.02 + 48)


class Slow(Doors):
    """A byte now and then: the time for a login is one time for all of it."""

    def drip(self, port, before=b"", direct=False):
        s = raw.Stream(self.gh.addr, port)
        self.streams.append(s)
        if direct:
            s.wrap(raw.client_context(), "near.example")
        s.send(before)
        began = time.monotonic()
        text = b"<?xml version='1.0'?>" + b" " * 200
        s.sock.settimeout(0.2)
        for byte in text:
            try:
                s.send(bytes([byte]))
                if s.sock.recv(4096) == b"":
                    break
            except socket.timeout:
                continue
            except OSError:
                break
        else:
            self.fail("still open")
        self.assertLess(time.monotonic() - began, TIMEOUT + 3)

    def test_clients(self):
        self.drip(C2S)

    def test_clients_within_tls(self):
        self.drip(5223, direct=True)

    def test_partners(self):
        self.drip(S2S)

    def test_partners_within_tls(self):
        self.drip(5270, direct=True)

    def test_handshake(self):
        hello = b"\x16\x03\x01\x02\x00\x01"  # a record of 512 bytes, of which the rest comes slowly
        for port in (5223, 5270):
            self.drip(port, hello)


class Garbage(Doors):
    """What is no XMPP is closed at once, with an error where one can be understood."""
    WORDS = {
        "http": b"GET / HTTP/1.1\r\nHost: near.example\r\n\r\n",
        "tls": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160),
        "zeros": bytes(300),
        "noise": random.Random(1).randbytes(5000),
        "smtp": b"EHLO near.example\r\n",
        "long": b"<stream:stream " + b"a" * 100000,
    }

    def closed(self, port, data, seconds=3):
        with socket.create_connection((self.gh.addr, port), 5) as s:
            s.settimeout(seconds)
            try:
                s.sendall(data)
                while s.recv(65536):
                    pass
            except ConnectionError:
                pass  # reset: closed as well

    def test_before_tls(self):
        for name, data in self.WORDS.items():
            for port in (C2S, S2S):
                with self.subTest(what=name, port=port):
                    self.closed(port, data)
        self.login(self.gh, "juliet")
        self.partner()

    def test_at_direct_tls_ports(self):
        for name, data in self.WORDS.items():
            if name == "tls":
                continue  # a hello that is cut short: waits for more, see Slow
            for port in (5223, 5270):
                with self.subTest(what=name, port=port):
                    self.closed(port, data)

    def test_starttls_injection(self):
        """RFC 6120 5.4.3.3, RFC 7590 7: what came in clear before TLS is not believed after it."""
        login = "<auth xmlns='%s' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>" % raw.NS["sasl"]
        for port, ns, more in ((C2S, "client", login), (S2S, "server", "<db:result from='far.example' "
                                                        "to='near.example'>00</db:result>")):
            with self.subTest(port=port):
                s = raw.Stream(self.gh.addr, port, 4)
                self.streams.append(s)
                s.open("near.example", "far.example" if ns == "server" else None, ns)
                s.features()
                header = ("<stream:stream to='near.example' xmlns='%s' xmlns:db='%s' xmlns:stream='%s' version='1.0'>"
                          % (raw.NS[ns], raw.NS["db"], raw.NS["stream"]))
                s.send("<starttls xmlns='%s'/>" % raw.NS["tls"] + header + more)
                try:
                    if raw.local(s.next().tag) != "proceed":
                        continue
                    s.wrap(raw.client_context(cert=self.pki.make("good", "far.example")), "near.example")
                except raw.Closed:
                    continue  # the door ended it: as good
                s.open("near.example", "far.example" if ns == "server" else None, ns)
                self.assertEqual(raw.local(s.next().tag), "features")
                self.assertTrue(s.quiet(1), "an answer to what was injected")


class Renegotiation(Doors):
    def refused(self, port, *more):
        """s_client asks for it by the line R; TLS 1.3 has none (RFC 8446 4.1.2)."""
        p = subprocess.Popen([need("openssl"), "s_client", "-connect", "%s:%d" % (self.gh.addr, port), "-tls1_2",
                              "-servername", "near.example"] + list(more), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(p.kill)
        time.sleep(1)
        p.stdin.write(b"R\n")
        p.stdin.flush()
        try:
            out = p.communicate(timeout=8)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            self.fail("renegotiation did not end the connection")
        self.assertIn("RENEGOTIATING", out)
        self.assertRegex(out, "no renegotiation|handshake failure|unexpected eof|errno=104|closed")

    def test_clients(self):
        self.refused(5223, "-alpn", "xmpp-client")

    def test_partners(self):
        self.refused(5270, "-alpn", "xmpp-server")


class NoDescriptors(Doors):
    """No descriptor left: newcomers wait with the kernel, the program does not run in a circle."""
    files, timeout = 200, 30  # of gh-super, too, which holds both ends of many links while all programs start

    def cpu_s(self, pid):
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def starve(self, program, port, newcomer):
        pid = self.gh.pid(program)
        crowd = self.crowd(port, 4)
        crowd.come(3 * self.files // 2)
        wait_for("no descriptor is left", lambda: len(os.listdir("/proc/%d/fd" % pid)) >= self.files - 1, 3)
        began = self.cpu_s(pid)
        time.sleep(2)
        self.assertLess(self.cpu_s(pid) - began, 0.3, "it runs in a circle")
        crowd.go()
        newcomer()

    def test_clients(self):
        self.starve("gh-access", C2S, lambda: self.login(self.gh, "juliet"))

    def test_partners(self):
        self.starve("gh-s2s", S2S, self.partner)

"""Chat sessions between SIP and XMPP on the wire (RFC 7573): refused, with a Lync-like peer, and over MSRP."""
import base64
import re
import socket
import time

from harness import raw
from harness.people import arrived
from harness.sipbox import PARTNER, SipBox
from harness.sipclient import Dialog

SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=session\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
LYNC = SDP + "m=message 5060 sip null\r\na=accept-types:text/plain multipart/alternative image/gif text/rtf\r\n"


def msrp(path):
    return SDP + "m=message %d TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:%s\r\n" % (
        int(re.search(r":(\d+)/", path).group(1)), path)


class Calls(SipBox):
    def invite(self, user, j, body, headers=()):
        """An INVITE; the response and, when it was accepted and acknowledged, the dialog."""
        got = self.ask(user, "INVITE", body, to=j, content_type="application/sdp", headers=[self.sip.contact(user)] + list(headers))
        if got.status != 200:
            return got, None
        d = Dialog.called(self.sip, user, got)
        self.sip.send(d.compose("ACK", cseq=got.cseq))
        return got, d

    def called(self, user, body):
        """Their end of the INVITE that comes for user, accepted and acknowledged."""
        m = self.reaches(user, "INVITE")
        self.sip.answer(m, 200, headers=[self.sip.contact(user)], body=body, content_type="application/sdp")
        ack = self.reaches(user, "ACK")
        self.assertEqual(ack.cseq, m.cseq)  # BUG-04
        return m, Dialog.taken(self.sip, user, m)

    def gone(self, j):
        j.wait(lambda e: e.find("{http://jabber.org/protocol/chatstates}gone") is not None, 8, "gone")


class WithoutMsrp(Calls):
    def test_ses_00(self):
        j, r = self.juliet(), self.romeo()
        for body in (msrp("msrp://192.0.2.1:2855/x;tcp"), SDP + "m=audio 4000 RTP/AVP 0\r\n"):
            got, _ = self.invite(r, j, body)
            self.assertEqual(got.status, 488)
            self.assertIn("304", got.get("warning"))
        j.message("%s@%s" % (r, PARTNER), "by page")
        m = self.reaches(r)
        self.assertEqual(m.body, "by page")
        self.sip.answer(m, 200)

    def test_muc_00_direct(self):
        j, r = self.juliet(), self.romeo()
        j.send("<message to='%s@%s' id='i1'><x xmlns='jabber:x:conference' jid='room@conf.near.example'/></message>" % (r, PARTNER))
        self.assertEqual(raw.stanza_error(j.wait_error("i1")), "service-unavailable")
        self.assertTrue(self.nothing_reaches(r))


class Lync(Calls):
    peer = {"type": "lync"}

    def test_msg_s22_they_call(self):
        j, r = self.juliet(), self.romeo()
        first = base64.b64encode("Guten Tag ü".encode()).decode()
        got, d = self.invite(r, j, LYNC, ["ms-text-format: text/plain; charset=UTF-8;ms-body=" + first])
        self.assertEqual(got.status, 200)
        self.assertIn("m=message 5060 sip null", got.body)
        e = j.wait_body("Guten Tag ü")
        self.assertEqual(e.findtext("{*}thread"), d.call_id)
        self.assertEqual(d.ask("MESSAGE", body="in the dialog").status, 200)
        j.wait_body("in the dialog")
        self.assertEqual(d.ask("MESSAGE", body="{\\rtf1}", content_type="text/rtf").status, 415)  # MSG-S23
        j.message(e.get("from"), "back")
        m = self.reaches(r)
        self.assertEqual((m.body, m.get("call-id"), m.tag_of("to")), ("back", d.call_id, d.local_tag))
        self.sip.answer(m, 200)
        kind = "<KeyboardActivity><status status=\"type\"/></KeyboardActivity>"
        self.assertEqual(d.ask("INFO", body=kind, content_type="application/xml").status, 200)  # CMP-12
        j.wait(lambda e: e.find("{http://jabber.org/protocol/chatstates}composing") is not None, 8, "composing")
        self.assertEqual(d.ask("BYE").status, 200)
        self.gone(j)
        self.assertEqual(d.ask("MESSAGE", body="too late").status, 481)

    def test_msg_x20_we_call(self):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "hello")
        _, d = self.called(r, LYNC)
        m = self.reaches(r)
        self.assertEqual((m.body, m.get("call-id"), m.tag_of("to")), ("hello", d.call_id, d.local_tag))
        self.sip.answer(m, 200)
        self.assertEqual(d.ask("MESSAGE", body="hi").status, 200)
        j.wait_body("hi")
        self.assertEqual(d.ask("BYE").status, 200)
        self.gone(j)

    def test_a_second_fork_is_hung_up(self):
        """RFC 3261 13.2.2.4: the first has the session; the other one has ACK and BYE."""
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "hello")
        invite = self.reaches(r, "INVITE")
        words = dict(headers=[self.sip.contact(r)], body=LYNC, content_type="application/sdp")
        self.sip.answer(invite, 200, **words)
        first = Dialog.taken(self.sip, r, invite)
        self.sip.wait_request("ACK", 8, lambda m: m.tag_of("to") == first.local_tag)
        self.sip.answer(self.reaches(r), 200)
        self.sip.answer(invite, 200, **words)  # only again: its ACK comes again
        self.sip.wait_request("ACK", 8, lambda m: m.tag_of("to") == first.local_tag)
        invite.headers = [(n, re.sub(";tag=.*", "", v) if n == "to" else v) for n, v in invite.headers]
        self.sip.answer(invite, 200, tag="second", **words)
        ack = self.sip.wait_request("ACK", 8, lambda m: m.tag_of("to") == "second")
        bye = self.sip.wait_request("BYE")
        self.assertEqual((bye.tag_of("to"), bye.get("call-id"), ack.cseq), ("second", invite.get("call-id"), invite.cseq))
        self.assertGreater(bye.cseq, invite.cseq)
        self.sip.answer(bye, 200)
        self.assertEqual(first.ask("MESSAGE", body="still here").status, 200)
        j.wait_body("still here")
        self.assertEqual(first.ask("BYE").status, 200)

    def test_msg_x20_refused(self):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "hello", id_="m1")
        self.sip.answer(self.reaches(r, "INVITE"), 480)
        self.assertEqual(raw.stanza_error(j.wait_error("m1")), "recipient-unavailable")


class Device:
    """One end of an MSRP connection."""

    def __init__(self, sock, ours, theirs):
        self.sock, self.ours, self.theirs, self.left = sock, ours, theirs, b""
        sock.settimeout(8)

    def send(self, tid, text, more="", to=None):
        n = len(text.encode())
        self.sock.sendall(("MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: m%s\r\nByte-Range: 1-%d/%d\r\n%s"
                           "Content-Type: text/plain\r\n\r\n%s\r\n-------%s$\r\n" % (
                               tid, to or self.theirs, self.ours, tid, n, n, more, text, tid)).encode())

    def chunk(self, tid, text, first, total, more):
        """A piece of the message "whole" (RFC 4975 5.1)."""
        self.sock.sendall(("MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: whole\r\nByte-Range: %d-%d/%d\r\n"
                           "Content-Type: text/plain\r\n\r\n%s\r\n-------%s%s\r\n" % (
                               tid, self.theirs, self.ours, first, first + len(text) - 1, total, text, tid, more)).encode())

    def frame(self):
        while True:
            m = re.match(rb"MSRP (\S+) (.*?)-------\1[$+#]\r\n", self.left, re.S)
            if m:
                self.left = self.left[m.end():]
                return m.group(0).decode()
            got = self.sock.recv(65536)
            if not got:
                raise AssertionError("closed: %r" % self.left)
            self.left += got


class Msrp(Calls):
    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set gateway msrp on", "set sip listen-msrp a %s 2855" % cls.gh.addr, "set sip msrp-host %s 2855" % cls.gh.addr)

    def calls(self, r, j):
        """Their session with juliet: the answer, the dialog, the device that has connected."""
        ours = "msrp://%s:7777/%s;tcp" % (self.sip.addr, r)
        got, d = self.invite(r, j, msrp(ours))
        self.assertEqual(got.status, 200)
        theirs = re.search(r"a=path:(\S+)", got.body).group(1)
        return got, d, Device(socket.create_connection((self.gh.addr, 2855), 8, (self.sip.addr, 0)), ours, theirs)


class OverMsrp(Msrp):
    def test_ses_04_they_call(self):
        j, r = self.juliet(), self.romeo()
        got, d, dev = self.calls(r, j)
        sock, theirs = dev.sock, dev.theirs
        self.assertIn("a=max-size:", got.body)
        dev.send("t000", "lost", to=theirs.replace(";tcp", "x;tcp"))  # SES-10
        self.assertIn("MSRP t000 481", dev.frame())
        dev.send("t001", "hello, Juliet", "Success-Report: yes\r\n")
        self.assertIn("MSRP t001 200", dev.frame())
        e = j.wait_body("hello, Juliet")
        self.assertEqual(e.findtext("{*}thread"), d.call_id)
        self.assertIsNotNone(e.find("{urn:xmpp:receipts}request"))  # RCP-03
        j.send("<message to='%s' type='chat'><received xmlns='urn:xmpp:receipts' id='%s'/></message>" % (e.get("from"), e.get("id")))
        report = dev.frame()
        self.assertIn(" REPORT\r\n", report)  # RCP-04
        self.assertIn("Message-ID: mt001", report)
        j.message(e.get("from"), "back")
        back = dev.frame()
        self.assertIn(" SEND\r\n", back)
        self.assertIn("\r\n\r\nback\r\n-------", back)
        self.assertEqual(d.ask("BYE").status, 200)
        self.gone(j)
        self.assertEqual(sock.recv(10), b"")

    def test_ses_05_pieces_are_joined(self):
        j, r = self.juliet(), self.romeo()
        _, d, dev = self.calls(r, j)
        dev.chunk("c001", "Wherefore ", 1, 23, "+")
        dev.chunk("c003", "Romeo", 19, 23, "$")  # before the one in the middle
        self.assertTrue(self.nothing_comes(j))
        dev.chunk("c002", "art thou", 11, 23, "+")
        for tid in ("c001", "c003", "c002"):
            self.assertIn("MSRP %s 200" % tid, dev.frame())
        j.wait_body("Wherefore art thouRomeo")
        dev.chunk("c004", "never mi", 1, 20, "+")
        dev.chunk("c005", "", 9, 20, "#")
        dev.send("c006", "instead")
        j.wait_body("instead")
        self.assertEqual([e for e in arrived(j) if "never" in (e.findtext("{*}body") or "")], [])
        d.ask("BYE")

    def test_ses_06_too_large(self):
        j, r = self.juliet(), self.romeo()
        got, d, dev = self.calls(r, j)
        size = int(re.search(r"a=max-size:(\d+)", got.body).group(1))
        dev.chunk("c001", "abc", 1, size + 1, "+")
        self.assertIn("MSRP c001 413", dev.frame())
        dev.send("c002", "smaller")
        j.wait_body("smaller")
        d.ask("BYE")

    def test_ses_07_unknown_type(self):
        j, r = self.juliet(), self.romeo()
        _, d, dev = self.calls(r, j)
        dev.sock.sendall(("MSRP p001 SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: picture\r\nByte-Range: 1-3/3\r\n"
                          "Content-Type: image/png\r\n\r\nPNG\r\n-------p001$\r\n" % (dev.theirs, dev.ours)).encode())
        self.assertIn("MSRP p001 415", dev.frame())
        self.assertTrue(self.nothing_comes(j))
        d.ask("BYE")

    def test_ses_11_user_unknown(self):
        r = self.romeo()
        got, d, dev = self.calls(r, "ghost%s@near.example" % r)
        dev.send("g001", "anybody there?")
        self.assertIn("MSRP g001 200", dev.frame())
        bye = self.sip.wait_request("BYE", 8, lambda m: m.get("call-id") == d.call_id)
        self.assertTrue(bye.get("reason", "").startswith("SIP"), bye.get("reason"))
        self.sip.answer(bye, 200)
        self.assertEqual(dev.sock.recv(10), b"")

    def test_ses_12_refresh_keeps_the_connection(self):
        j, r = self.juliet(), self.romeo()
        got, d, dev = self.calls(r, j)
        again = d.ask("INVITE", body=msrp(dev.ours), content_type="application/sdp", headers=[self.sip.contact(r)])
        self.assertEqual(again.status, 200)
        self.assertIn(dev.theirs, again.body)
        self.sip.send(d.compose("ACK", cseq=again.cseq))
        dev.send("t001", "still here")
        self.assertIn("MSRP t001 200", dev.frame())
        j.wait_body("still here")
        d.ask("BYE")

    def test_ses_13_they_wait(self):
        j, r = self.juliet(), self.romeo()
        with socket.create_server((self.sip.addr, 0)) as listener:
            listener.settimeout(8)
            ours = "msrp://%s:%d/%s;tcp" % (self.sip.addr, listener.getsockname()[1], r)
            got, d = self.invite(r, j, msrp(ours) + "a=setup:passive\r\n")
            self.assertIn("a=setup:active", got.body)
            dev = Device(listener.accept()[0], ours, re.search(r"a=path:(\S+)", got.body).group(1))
        self.assertIn("Byte-Range: 1-0/0", dev.frame())  # who connects speaks first (RFC 4975 5.4)
        dev.send("t001", "here I am")
        j.wait_body("here I am")
        d.ask("BYE")

    def test_ses_01_we_call(self):
        j, r = self.juliet(), self.romeo()
        listener = socket.create_server((self.sip.addr, 0))
        listener.settimeout(8)
        ours = "msrp://%s:%d/%s;tcp" % (self.sip.addr, listener.getsockname()[1], r)
        j.send("<message to='%s@%s' type='chat' id='abcd1'><body>first</body><thread>T1</thread></message>" % (r, PARTNER))
        m, d = self.called(r, msrp(ours))
        self.assertIn("TCP/MSRP *", m.body)
        self.assertTrue(m.get("call-id").startswith("T1"))
        sock, _ = listener.accept()
        dev = Device(sock, ours, re.search(r"a=path:(\S+)", m.body).group(1))
        first = dev.frame()
        self.assertIn("MSRP abcd1 SEND\r\n", first)  # SES-03
        self.assertIn("Byte-Range: 1-5/5\r\n", first)
        dev.send("t001", "answer")
        self.assertIn("MSRP t001 200", dev.frame())
        self.assertEqual(j.wait_body("answer").findtext("{*}thread"), "T1")
        j.send("<message to='%s@%s' type='chat'><gone xmlns='http://jabber.org/protocol/chatstates'/></message>" % (r, PARTNER))
        self.sip.answer(self.reaches(r, "BYE"), 200)  # CMP-03
        self.assertEqual(sock.recv(10), b"")
        listener.close()

    def test_rcp_01_report(self):
        j, r = self.juliet(), self.romeo()
        _, d, dev = self.calls(r, j)
        dev.send("t001", "hello")
        e = j.wait_body("hello")
        j.send("<message to='%s' type='chat' id='ask1'><body>got it?</body><request xmlns='urn:xmpp:receipts'/></message>" % e.get("from"))
        asked = dev.frame()
        while " SEND\r\n" not in asked:
            asked = dev.frame()
        self.assertIn("Success-Report: yes\r\n", asked)
        self.assertIn("Failure-Report: no\r\n", asked)  # RCP-05
        dev.sock.sendall(("MSRP rep01 REPORT\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: %s\r\nByte-Range: 1-7/7\r\n"
                          "Status: 000 200 OK\r\n-------rep01$\r\n" % (
                              dev.theirs, dev.ours, re.search(r"Message-ID: (\S+)", asked).group(1))).encode())
        got = j.wait(lambda e: e.find("{urn:xmpp:receipts}received") is not None, 8, "receipt")  # RCP-02, BUG-05
        self.assertEqual(got.find("{urn:xmpp:receipts}received").get("id"), "ask1")
        d.ask("BYE")

    def test_ses_02_refused(self):
        j, r = self.juliet(), self.romeo()
        for text in ("one", "two"):
            j.send("<message to='%s@%s' type='chat'><body>%s</body><thread>T2</thread></message>" % (r, PARTNER, text))
            if text == "one":
                self.sip.answer(self.reaches(r, "INVITE"), 488)
                self.reaches(r, "ACK")
            m = self.reaches(r)
            self.assertEqual(m.body, text)
            self.sip.answer(m, 200)
        self.assertTrue(self.nothing_reaches(r, 0.5))


class Idle(Msrp):
    """SES-09: a minute is the least that can be set."""

    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set gateway session-idle 60")

    def test_ses_09_idle(self):
        j, r = self.juliet(), self.romeo()
        _, d, dev = self.calls(r, j)
        dev.send("t001", "last words")
        j.wait_body("last words")
        began = time.monotonic()
        self.sip.answer(self.sip.wait_request("BYE", 80, lambda m: m.get("call-id") == d.call_id), 200)
        self.assertTrue(55 <= time.monotonic() - began <= 75)
        self.gone(j)


class OverMsrps(Calls):
    """SES-01, SES-04 over TLS."""

    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set gateway msrp on", "set sip listen-msrp-tls a %s 2855" % cls.gh.addr, "set sip msrp-host near.example 2855")

    def offer(self, path):
        return msrp(path).replace(" TCP/MSRP ", " TCP/TLS/MSRP ")

    def test_they_call(self):
        j, r = self.juliet(), self.romeo()
        ours = "msrps://%s:7777/%s;tcp" % (PARTNER, r)
        got, d = self.invite(r, j, self.offer(ours))
        self.assertEqual(got.status, 200)
        self.assertIn(" TCP/TLS/MSRP ", got.body)
        theirs = re.search(r"a=path:(msrps://\S+)", got.body).group(1)
        sock = self.sip.context(False).wrap_socket(socket.create_connection((self.gh.addr, 2855), 8, (self.sip.addr, 0)),
                                               server_hostname="near.example")
        dev = Device(sock, ours, theirs)
        dev.send("t001", "under seal")
        self.assertIn("MSRP t001 200", dev.frame())
        j.message(j.wait_body("under seal").get("from"), "and back")
        self.assertIn("\r\n\r\nand back\r\n-------", dev.frame())
        d.ask("BYE")
        self.gone(j)

    def test_we_call(self):
        j, r = self.juliet(), self.romeo()
        with socket.create_server((self.sip.addr, 0)) as listener:
            listener.settimeout(8)
            ours = "msrps://%s:%d/%s;tcp" % (PARTNER, listener.getsockname()[1], r)
            j.send("<message to='%s@%s' type='chat'><body>first</body><thread>T9</thread></message>" % (r, PARTNER))
            m, d = self.called(r, self.offer(ours))
            self.assertIn(" TCP/TLS/MSRP ", m.body)
            sock = self.sip.context(True).wrap_socket(listener.accept()[0], server_side=True)
        dev = Device(sock, ours, re.search(r"a=path:(msrps://\S+)", m.body).group(1))
        self.assertIn("\r\n\r\nfirst\r\n-------", dev.frame())
        dev.send("t001", "answer")
        j.wait_body("answer")
        d.ask("BYE")

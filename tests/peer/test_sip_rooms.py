"""SIP users in rooms of XMPP (RFC 7702 6), on the wire. The room is played by a client of ours that is signed in as
"capulet" with one resource for each nickname, so that its stanzas come from where a room's would."""
import re
import socket

from harness import raw
from harness.sipbox import SipBox
from harness.sipclient import Dialog, subscribe
from test_sip_sessions import SDP, Device

SERVICE = "rooms.example"
ROOM = "capulet@" + SERVICE
USER = "http://jabber.org/protocol/muc#user"


def chatroom(path):
    return SDP + "m=message 7777 TCP/MSRP *\r\na=accept-types:message/cpim\r\na=accept-wrapped-types:text/plain\r\n" \
        "a=path:%s\r\na=chatroom:nickname private-messages\r\n" % path


def cpim(to, text):
    return "From: <sip:romeo@partner.example>\r\nTo: <%s>\r\nDateTime: 2026-11-25T20:00:00Z\r\n\r\n" \
        "Content-Type: text/plain; charset=utf-8\r\n\r\n%s" % (to, text)


class Rooms(SipBox):
    msrp = True

    @classmethod
    def build(cls):
        cls.options = {"domains": [(SERVICE, cls.pki.make("good", SERVICE))]}
        super().build()
        cls.gh.commit("set gateway room-service %s on" % SERVICE)
        if cls.msrp:
            cls.gh.commit("set gateway msrp on", "set sip listen-msrp a %s 2855" % cls.gh.addr, "set sip msrp-host %s 2855" % cls.gh.addr)
        cls.gh.ghsh("user add %s secret\n" % ROOM)

    def room(self, nick):
        s = raw.login(self.gh.addr, "capulet", SERVICE, "secret", ca=self.pki.ca, resource=nick)
        self.streams.append(s)
        return s

    def invite(self, r):
        ours = "msrp://%s:7777/%s;tcp" % (self.sip.addr, r)
        got = self.ask(r, "INVITE", chatroom(ours), uri="sip:" + ROOM, content_type="application/sdp", headers=[self.sip.contact(r) + ";gr=dr4"],
                       from_='"%s" <sip:%s@partner.example>' % (r.capitalize(), r))
        return got, ours

    def enter(self, r):
        """The room as romeo's place in it, his dialog and his device; the room has let him in."""
        place = self.room(r.capitalize())
        got, ours = self.invite(r)
        self.assertEqual(got.status, 200, got.data)
        self.assertIn("isfocus", got.get("contact"))
        self.assertIn("a=chatroom:nickname private-messages", got.body)
        d = Dialog.called(self.sip, r, got)
        self.sip.send(d.compose("ACK", cseq=got.cseq))
        theirs = re.search(r"a=path:(\S+)", got.body).group(1)
        dev = Device(socket.create_connection((self.gh.addr, 2855), 8, (self.sip.addr, 0)), ours, theirs)
        dev.sock.sendall(("MSRP h000 SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: mh000\r\n-------h000$\r\n" % (theirs, ours)).encode())
        e = place.wait(lambda e: raw.local(e.tag) == "presence" and e.find("{http://jabber.org/protocol/muc}x") is not None, 8, "join")
        self.member = e.get("from")
        self.assertTrue(self.member.startswith(r + "@partner.example/"), self.member)
        place.send("<presence to='%s'><x xmlns='%s'><item affiliation='none' role='participant'/><status code='110'/></x></presence>" % (self.member, USER))
        got, _ = subscribe(self.sip, "sip:" + ROOM, user=r, headers=["Event: conference", "Accept: application/conference-info+xml"])
        self.assertEqual(got.status, 200)
        self.shown("<display-text>%s</display-text>" % r.capitalize())
        return place, d, dev

    def shown(self, what):
        return self.sip.wait_request("NOTIFY", 8, lambda m: m.get("event") == "conference" and m.body and what in m.body)

    def frame(self, dev, want):
        """The next frame with this in it."""
        for _ in range(8):
            f = dev.frame()
            if want in f:
                return f
        self.fail("no %r" % want)


class Inside(Rooms):
    def test_muc_s01_s02_s08_join_and_leave(self):
        r = self.romeo()
        nurse = self.room("Nurse")
        place, d, dev = self.enter(r)
        nurse.send("<presence to='%s'><x xmlns='%s'><item affiliation='none' role='moderator'/></x></presence>" % (self.member, USER))
        m = self.shown("Nurse")
        self.assertIn("<entry>moderator</entry>", m.body)
        self.assertIn("<display-text>%s</display-text>" % r.capitalize(), m.body)
        nurse.send("<message to='%s' type='groupchat' id='g1'><body>Madam!</body></message>" % self.member)
        f = self.frame(dev, "Madam!")
        self.assertIn("From: <sip:%s;gr=Nurse>" % ROOM, f)
        self.assertEqual(d.ask("BYE").status, 200)
        place.wait(lambda e: raw.local(e.tag) == "presence" and e.get("type") == "unavailable", 8, "leave")
        self.sip.wait_request("NOTIFY", 8, lambda m: "terminated" in m.get("subscription-state"))

    def test_muc_s05_private_and_s07_refer(self):
        r = self.romeo()
        nurse = self.room("Nurse")
        _, d, dev = self.enter(r)
        text = cpim("sip:%s;gr=Nurse" % ROOM, "psst")
        n = len(text)
        dev.sock.sendall(("MSRP p001 SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: mp001\r\nByte-Range: 1-%d/%d\r\n"
                          "Content-Type: message/cpim\r\n\r\n%s\r\n-------p001$\r\n" % (dev.theirs, dev.ours, n, n, text)).encode())
        self.frame(dev, "MSRP p001 200")
        self.assertEqual(nurse.wait_body("psst").get("from"), self.member)
        self.assertEqual(d.ask("REFER", ["Refer-To: <sip:benvolio@partner.example>"]).status, 202)
        m = self.sip.wait_request("NOTIFY", 8, lambda m: m.get("event") == "refer")
        self.assertIn("SIP/2.0 100 Trying", m.body)

    def test_muc_s09_removed(self):
        r = self.romeo()
        place, _, _ = self.enter(r)
        place.send("<presence to='%s' type='unavailable'><x xmlns='%s'><item affiliation='none' role='none'><reason>Avaunt</reason></item>"
                   "<status code='307'/><status code='110'/></x></presence>" % (self.member, USER))
        bye = self.reaches(r, "BYE")
        self.assertIn("Avaunt", bye.get("reason"))
        self.sip.answer(bye, 200)

    def test_muc_s03_refused(self):
        r = self.romeo()
        place = self.room(r.capitalize())
        got, ours = self.invite(r)
        d = Dialog.called(self.sip, r, got)
        self.sip.send(d.compose("ACK", cseq=got.cseq))
        theirs = re.search(r"a=path:(\S+)", got.body).group(1)
        dev = Device(socket.create_connection((self.gh.addr, 2855), 8, (self.sip.addr, 0)), ours, theirs)
        dev.sock.sendall(("MSRP h000 SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: mh000\r\n-------h000$\r\n" % (theirs, ours)).encode())
        e = place.wait(lambda e: raw.local(e.tag) == "presence" and e.find("{http://jabber.org/protocol/muc}x") is not None, 8, "join")
        place.send("<presence to='%s' type='error'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>" % e.get("from"))
        bye = self.reaches(r, "BYE")
        self.assertIn("cause=403", bye.get("reason"))
        self.sip.answer(bye, 200)


class Off(Rooms):
    msrp = False

    def test_muc_00_no_rooms_without_msrp(self):
        r = self.romeo()
        got, _ = self.invite(r)
        self.assertEqual(got.status, 488)
        got = self.ask(r, "MESSAGE", "hi", uri="sip:" + ROOM)
        self.assertEqual(got.status, 405)

"""Users of ours in rooms of a SIP conference focus (RFC 7702 5, MUC-X01 to MUC-X10), on the wire."""
import socket
import time

import slixmpp

from harness import raw
from harness.client import SlixClient
from harness.focus import Focus
from harness.sipbox import PARTNER, SipBox

MUC = "<x xmlns='http://jabber.org/protocol/muc'/>"
USER = "{http://jabber.org/protocol/muc#user}"


class Rooms(SipBox):
    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set gateway msrp on", "set sip listen-msrp a %s 2855" % cls.gh.addr, "set sip msrp-host %s 2855" % cls.gh.addr)

    def focus(self, **options):
        type(self).count += 1
        f = Focus(self.sip, "room%d" % self.count, **options)
        f.jid = "%s@%s" % (f.room, PARTNER)
        self.addCleanup(f.close)
        return f

    def from_(self, j, jid, kind=None):
        return j.wait(lambda e: raw.local(e.tag) == "presence" and e.get("from") == jid and e.get("type") == kind, 8,
                      "presence %s of %s" % (kind, jid))

    def codes(self, e):
        return [s.get("code") for s in e.iter(USER + "status")]

    def join(self, j, f, nick):
        j.send("<presence to='%s/%s' id='join'>%s</presence>" % (f.jid, nick, MUC))
        e = self.from_(j, "%s/%s" % (f.jid, nick))
        self.assertIn("110", self.codes(e))
        j.wait(lambda e: e.find("{*}subject") is not None and e.get("from") == f.jid, 8, "subject")
        return e

    def said(self, j, text, kind="groupchat"):
        return j.wait(lambda e: e.get("type") == kind and e.findtext("{*}body") == text, 8, text)


class Unanswered(Rooms):
    """A focus that does not answer yet (RFC 3261 9.1): who leaves cancels the call."""

    def called(self):
        j, r = self.juliet(), self.romeo()
        j.send("<presence to='%s@%s/JuliC'>%s</presence>" % (r, PARTNER, MUC))
        invite = self.reaches(r, "INVITE")
        self.sip.answer(invite, 180)
        time.sleep(0.3)
        j.send("<presence to='%s@%s/JuliC' type='unavailable'/>" % (r, PARTNER))
        cancel = self.reaches(r, "CANCEL")
        self.assertEqual((cancel.branch, cancel.cseq), (invite.branch, invite.cseq))
        self.sip.answer(cancel, 200)
        return invite

    def test_cancelled(self):
        invite = self.called()
        self.sip.answer(invite, 487)
        self.sip.wait_request("ACK", 8, lambda m: m.get("call-id") == invite.get("call-id"))

    def test_answered_meanwhile(self):
        invite = self.called()
        sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 7394 TCP/MSRP *\r\n" \
              "a=accept-types:message/cpim\r\na=path:msrp://192.0.2.1:7394/s;tcp\r\na=chatroom:nickname\r\n"
        self.sip.answer(invite, 200, headers=[self.sip.contact("room")], body=sdp, content_type="application/sdp")
        self.sip.wait_request("ACK", 8, lambda m: m.get("call-id") == invite.get("call-id"))
        self.sip.answer(self.sip.wait_request("BYE", 8, lambda m: m.get("call-id") == invite.get("call-id")), 200)


class Focused(Rooms):
    def test_muc_x01_x02_x03_join(self):
        j, f = self.juliet(), self.focus()
        f.people["romeo"], f.subject = "Romeo", "Balconies"
        j.send("<presence to='%s/JuliC' id='join'>%s</presence>" % (f.jid, MUC))
        romeo = self.from_(j, f.jid + "/Romeo")
        item = romeo.find(".//%sitem" % USER)
        self.assertEqual((item.get("role"), item.get("affiliation")), ("participant", "none"))
        self.assertIn("110", self.codes(self.from_(j, f.jid + "/JuliC")))
        self.assertEqual(j.wait(lambda e: e.find("{*}subject") is not None, 8, "subject").findtext("{*}subject"), "Balconies")
        member = list(f.members.values())[0]
        self.assertIn("a=chatroom:nickname private-messages", member.invite.body)
        self.assertIn("message/cpim", member.invite.body)
        self.assertIn('"JuliC"', member.invite.get("from"))
        self.assertNotIn("Content-Type", member.frames[0])
        self.assertIn(" NICKNAME\r\n", member.frames[1])

    def test_muc_x04_x05_x06_talk(self):
        j, f = self.juliet(), self.focus()
        f.people["romeo"] = "Romeo"
        self.join(j, f, "JuliC")
        f.add("nurse", "Nurse")
        self.from_(j, f.jid + "/Nurse")
        j.send("<message to='%s' type='groupchat' id='g1'><body>O Romeo</body></message>" % f.jid)
        back = self.said(j, "O Romeo")
        self.assertEqual((back.get("from"), back.get("id")), (f.jid + "/JuliC", "g1"))
        self.assertEqual(f.said[-1][1:], (f.uri, "O Romeo"))
        f.say("romeo", "I take thee at thy word")
        self.assertEqual(self.said(j, "I take thee at thy word").get("from"), f.jid + "/Romeo")
        j.send("<message to='%s/Romeo' type='chat' id='p1'><body>psst</body></message>" % f.jid)
        f.wait(lambda: f.said[-1][1:] == (f.uri + ";gr=Romeo", "psst"), "private message")
        f.say("romeo", "psst back", to=list(f.members)[0])
        self.assertEqual(self.said(j, "psst back", "chat").get("from"), f.jid + "/Romeo")
        j.send("<message to='%s/Nobody' type='chat' id='p2'><body>psst</body></message>" % f.jid)
        self.assertEqual(raw.stanza_error(j.wait_error("p2")), "item-not-found")
        f.drop("nurse")
        self.from_(j, f.jid + "/Nurse", "unavailable")

    def test_muc_x07_nicknames(self):
        j, f = self.juliet(), self.focus()
        f.people["romeo"] = "Romeo"
        self.join(j, f, "JuliC")
        j.send("<presence to='%s/Romeo' id='n1'/>" % f.jid)
        self.assertEqual(raw.stanza_error(j.wait_error("n1")), "conflict")
        j.send("<presence to='%s/CapuletGirl' id='n2'/>" % f.jid)
        self.assertIn("303", self.codes(self.from_(j, f.jid + "/JuliC", "unavailable")))
        self.assertIn("110", self.codes(self.from_(j, f.jid + "/CapuletGirl")))
        self.assertEqual(list(f.members.values())[0].nick, "CapuletGirl")

    def test_muc_x08_x09_invite_and_leave(self):
        j, f = self.juliet(), self.focus()
        self.join(j, f, "JuliC")
        j.send("<message to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='benvolio@far.example'/></x></message>" % f.jid)
        f.wait(lambda: f.referred == ["<sip:benvolio@far.example>"], "REFER")
        j.send("<presence to='%s/JuliC' type='unavailable'/>" % f.jid)
        self.assertIn("110", self.codes(self.from_(j, f.jid + "/JuliC", "unavailable")))
        f.wait(lambda: not f.members, "BYE")

    def test_muc_x09_the_stream_ends(self):
        j, f = self.juliet(), self.focus()
        self.join(j, f, "JuliC")
        j.close()
        f.wait(lambda: not f.members, "BYE")

    def test_muc_x10_refused(self):
        for status, error in ((403, "forbidden"), (404, "item-not-found"), (486, "service-unavailable"), (488, "not-acceptable")):
            j, f = self.juliet(), self.focus(refuse=status)
            j.send("<presence to='%s/JuliC' id='join'>%s</presence>" % (f.jid, MUC))
            self.assertEqual(raw.stanza_error(j.wait_error("join")), error)

    def test_the_focus_hangs_up(self):
        j, f = self.juliet(), self.focus()
        self.join(j, f, "JuliC")
        self.assertEqual(list(f.members.values())[0].dialog.ask("BYE").status, 200)
        self.assertIn("307", self.codes(self.from_(j, f.jid + "/JuliC", "unavailable")))

    def test_the_media_is_lost(self):
        j, f = self.juliet(), self.focus()
        self.join(j, f, "JuliC")
        list(f.members.values())[0].sock.shutdown(socket.SHUT_RDWR)
        self.assertIn("333", self.codes(self.from_(j, f.jid + "/JuliC", "unavailable")))
        f.wait(lambda: not f.members, "BYE")

    def test_two_of_ours_and_a_client(self):
        j, f = self.juliet(), self.focus()
        self.join(j, f, "JuliC")
        type(self).count += 1
        name = "benvolio%d" % self.count
        self.gh.user(name)
        c = SlixClient(self.gh, name, ca=self.pki.ca)
        try:
            c.call(c.x.register_plugin, "xep_0045")
            got = c.do(lambda: c.x.plugin["xep_0045"].join_muc_wait(slixmpp.JID(f.jid), "Benvolio"))
            self.assertEqual(str(got[0]["from"]), f.jid + "/Benvolio")  # its own presence
            self.assertEqual([str(p["from"]) for p in got[2]], [f.jid + "/JuliC", f.jid + "/Benvolio"])
            self.from_(j, f.jid + "/Benvolio")
            j.send("<message to='%s' type='groupchat' id='g1'><body>hello, cousin</body></message>" % f.jid)
            c.wait_body("hello, cousin")
            c.call(c.x.send_message, f.jid, "well met", mtype="groupchat")
            self.assertEqual(self.said(j, "well met").get("from"), f.jid + "/Benvolio")
        finally:
            c.close()


class Off(SipBox):
    def test_muc_00(self):
        j = self.juliet()
        j.send("<presence to='room@%s/JuliC' id='join'>%s</presence>" % (PARTNER, MUC))
        began = time.monotonic()
        self.assertEqual(raw.stanza_error(j.wait_error("join")), "service-unavailable")
        self.assertLess(time.monotonic() - began, 2)

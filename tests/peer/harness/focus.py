"""A conference focus by hand (RFC 4579, RFC 7701): calls, nicknames, who is there, and what is said, on a SIP Party.

    f = Focus(party, "capulet"); f.add("romeo", "Romeo")     somebody who is there without a call
    f.say("romeo", "hi"); f.members["juliet1"].nick; f.said   [(from, to, text)]
"""
import re
import socket
import threading
import time

from .place import Failed
from .sipclient import Dialog

INFO = "application/conference-info+xml"


class Member:
    """Whoever has called: the dialogs, and the MSRP connection once it is there."""

    def __init__(self, uri, dialog, path):
        self.uri, self.dialog, self.path = uri, dialog, path
        self.nick = self.watch = self.sock = None
        self.frames = []


class Focus:
    def __init__(self, party, room, features="a=chatroom:nickname private-messages\r\n", refuse=None):
        self.party, self.room, self.features, self.refuse = party, room, features, refuse
        self.uri = "sip:%s@%s" % (room, party.domain)
        self.people, self.members, self.said, self.referred = {}, {}, [], []
        self.version, self.subject, self.changed = 0, "", threading.Condition()
        self.listener = socket.create_server((party.addr, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        party.auto.update({"INVITE": self._invite, "SUBSCRIBE": self._subscribe, "BYE": self._bye, "REFER": self._refer})

    def close(self):
        self.listener.close()

    def wait(self, want, what, seconds=8):
        with self.changed:
            if not self.changed.wait_for(want, seconds):
                raise Failed("%s did not happen; said: %r" % (what, self.said))

    # ---- calls
    def contact(self):
        return "Contact: <%s:%d;transport=%s>;isfocus" % (self.uri, self.party.port, self.party.how)

    def _invite(self, party, m):
        if self.refuse:
            party.answer(m, self.refuse)
            return
        user = re.match(r"sip:([^@]*)@", m.uri_of("from")).group(1)
        ours = "msrp://%s:%d/%s;tcp" % (party.addr, self.port, user)
        m.local_tag = "focus" + user
        sdp = ("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message %d TCP/MSRP *\r\n"
               "a=accept-types:message/cpim\r\na=accept-wrapped-types:text/plain\r\na=path:%s\r\n%s" % (self.port, ours, self.features))
        member = Member(m.uri_of("from"), Dialog.taken(party, self.room, m), re.search(r"a=path:(\S+)", m.body).group(1))
        member.ours, member.invite = ours, m
        with self.changed:
            self.members[user] = member
        party.answer(m, 200, headers=[self.contact()], body=sdp, content_type="application/sdp")

    def _of(self, m):
        user = re.match(r"sip:([^@]*)@", m.uri_of("from")).group(1)
        return user, self.members.get(user)

    def _bye(self, party, m):
        user, _ = self._of(m)
        party.answer(m, 200)
        with self.changed:
            self.members.pop(user, None)
            self.people.pop(user, None)
            self.changed.notify_all()

    def _refer(self, party, m):
        party.answer(m, 202, headers=[self.contact()])
        with self.changed:
            self.referred.append(m.get("refer-to"))
            self.changed.notify_all()

    def _subscribe(self, party, m):
        _, member = self._of(m)
        if not member:
            party.answer(m, 404)
            return
        party.answer(m, 200, headers=[self.contact(), "Expires: %s" % m.get("expires")])
        if m.get("expires") != "0":
            if not m.tag_of("to"):
                member.watch = Dialog.taken(party, self.room, m)
            self.notify(member, self.document("full", self.everybody()))

    # ---- who is there
    def entry(self, uri, nick, state="full"):
        return "<user entity='%s' state='%s'><display-text>%s</display-text></user>" % (uri, state, nick)

    def everybody(self):
        return "".join([self.entry("sip:%s@%s" % (u, self.party.domain), n) for u, n in self.people.items()] +
                       [self.entry(m.uri, m.nick) for m in self.members.values() if m.nick])

    def document(self, state, users):
        self.version += 1
        about = "<conference-description><subject>%s</subject></conference-description>" % self.subject
        return ("<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='%s' state='%s' version='%d'>%s"
                "<users state='%s'>%s</users></conference-info>" % (self.uri, state, self.version, about, state, users))

    def notify(self, member, document, state="active;expires=600"):
        self.party.send(member.watch.compose("NOTIFY", ["Event: conference", "Subscription-State: " + state], body=document,
                                             content_type=INFO))

    def tell(self, users, state="partial"):
        document = self.document(state, users)
        for m in list(self.members.values()):
            if m.watch:
                self.notify(m, document)

    def add(self, user, nick):
        self.people[user] = nick
        self.tell(self.entry("sip:%s@%s" % (user, self.party.domain), nick))

    def drop(self, user):
        self.people.pop(user)
        self.tell("<user entity='sip:%s@%s' state='deleted'/>" % (user, self.party.domain))

    # ---- MSRP
    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(sock,), daemon=True).start()

    def _read(self, sock):
        left = b""
        try:
            while True:
                got = sock.recv(65536)
                if not got:
                    return
                left += got
                while True:
                    m = re.match(rb"MSRP (\S+) (.*?)-------\1[$+#]\r\n", left, re.S)
                    if not m:
                        break
                    left = left[m.end():]
                    self._frame(sock, m.group(1).decode(), m.group(0).decode())
        except OSError:
            pass

    def _frame(self, sock, tid, text):
        session = re.search(r"To-Path: msrp://[^/]*/([^;]*);tcp", text).group(1)
        with self.changed:
            member = self.members.get(session)
        if not member:
            return
        member.sock = sock
        method = text.split()[2]
        with self.changed:
            member.frames.append(text)
            status = 0
            if method == "NICKNAME":
                status = self._name(member, re.search(r'Use-Nickname: "(.*)"', text).group(1))
            elif method == "SEND" and "Content-Type" in text:
                status = self._said(member, text)
        if status:
            sock.sendall(("MSRP %s %d x\r\nTo-Path: %s\r\nFrom-Path: %s\r\n-------%s$\r\n" % (
                tid, status, member.path, member.ours, tid)).encode())
        with self.changed:
            self.changed.notify_all()

    def _name(self, member, nick):
        if nick in self.people.values() or nick in [m.nick for m in self.members.values() if m is not member]:
            return 425
        member.nick = nick
        for m in self.members.values():
            if m is not member and m.watch:
                self.notify(m, self.document("full", self.everybody()))
        return 200

    def _said(self, member, text):
        from_, to = re.search(r"\r\nFrom: <(.*?)>", text).group(1), re.search(r"\r\nTo: <(.*?)>", text).group(1)
        words = text.split("\r\n\r\n", 2)[2].rsplit("\r\n-------", 1)[0]
        private = re.search(r";gr=(.*)", to)
        if private and private.group(1) not in list(self.people.values()) + [m.nick for m in self.members.values()]:
            return 404
        self.said.append((from_, to, words.split("\r\n\r\n", 1)[-1]))
        for m in self.members.values():
            if m is not member and m.sock and (not private or m.nick == private.group(1)):
                self._send(m, from_, to, self.said[-1][2])
        return 200

    def _send(self, member, from_, to, text):
        cpim = "From: <%s>\r\nTo: <%s>\r\n\r\nContent-Type: text/plain\r\n\r\n%s" % (from_, to, text)
        self.count = getattr(self, "count", 0) + 1
        tid, n = "foc%05d" % self.count, len(cpim.encode())
        member.sock.sendall(("MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: m%s\r\nByte-Range: 1-%d/%d\r\n"
                             "Content-Type: message/cpim\r\n\r\n%s\r\n-------%s$\r\n" % (
                                 tid, member.path, member.ours, tid, n, n, cpim, tid)).encode())

    def say(self, user, text, to=None):
        """Somebody of add() says it: to all, or to one member."""
        for name, m in list(self.members.items()):
            if m.sock and to in (None, name):
                self._send(m, "sip:%s@%s" % (user, self.party.domain), self.uri + (";gr=" + m.nick if to else ""), text)

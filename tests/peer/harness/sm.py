"""A client that keeps a ledger: stream management (XEP-0198) with resumption, reconnecting by itself.

    j = SmClient(gh, "juliet", ca=pki.ca); j.say("romeo@b.example", "m1"); j.settle(20)
    j.acked   ids that the server acknowledged      j.errors    {id: condition} that came back
    j.received  [(id, session number)]              j.broken    what the server did against XEP-0198

A message's body is its id. One thread drives the connection; a lost one is resumed, or when the
server does not know the session any more, replaced, and what was not acknowledged is sent again.
"""
import collections
import select
import socket
import ssl
import threading
import time
import xml.etree.ElementTree as ET

from . import raw
from .place import Failed, wait_for

LOST = (OSError, raw.Closed, Failed, ET.ParseError)
SM = raw.NS["sm"]


class SmClient:
    def __init__(self, server, user, ca=None, resource="sm", address=None, ack_s=0.0, back_s=0.1):
        self.server, self.user, self.ca, self.resource = server, user, ca, resource
        self.address = address or server.addr
        self.back_s = back_s                  # how soon after a loss it comes back
        self.ack_s, self.acked_at, self.h_told = ack_s, 0.0, 0  # acknowledges at most so often
        self.bare = "%s@%s" % (user, server.domain)
        self.jid = self.bare + "/" + resource
        self.todo = collections.deque()       # (to, id) not yet on the wire
        self.unacked = collections.deque()    # (id or None, stanza), oldest first
        self.said, self.acked, self.errors = [], set(), {}
        self.received, self.broken = [], []
        self.session = 0                      # counts up with each session that was not resumed
        self.dead_sessions = set()            # ended without resumption: what they got may come again
        self.maybe_twice = set()              # ids sent again in another session
        self.n_resumed = 0
        self.previd, self.h_in, self.h_out = None, 0, 0
        self.stopping = False
        self.wake_r, self.wake_w = socket.socketpair()
        self.online = threading.Event()
        self.thread = threading.Thread(target=self._main, daemon=True)
        self.thread.start()
        if not self.online.wait(15):
            raise Failed("%s did not log in" % self.jid)

    # ---- for tests
    def say(self, to, id_):
        self.said.append((id_, to))
        self.todo.append((to, id_))
        self._wake()

    def settle(self, seconds=20):
        """Until the server has acknowledged everything that was said."""
        wait_for("%s has all acknowledged" % self.jid,
                 lambda: not self.todo and not any(i for i, _ in list(self.unacked)), seconds)

    def got(self):
        return [i for i, _ in self.received]

    def cut(self):
        """As a cable that is cut; it comes back by itself."""
        self.cutting = True
        self._wake()

    def close(self):
        self.stopping = True
        self._wake()
        self.thread.join(10)

    def _wake(self):
        try:
            self.wake_w.send(b"x")
        except OSError:
            pass

    # ---- the connection
    def _main(self):
        while not self.stopping:
            try:
                self._connect()
                self.online.set()
                self._serve()
            except LOST:
                self.online.clear()
                time.sleep(self.back_s)
            finally:
                if getattr(self, "s", None):
                    self.s.kill()

    def _connect(self):
        self.cutting = False
        s = self.s = raw.Stream(self.address, 5222, 5)
        domain = self.server.domain
        s.open(domain)
        s.features()
        s.starttls(raw.client_context(self.ca), domain)
        s.open(domain)
        s.features()
        try:
            s.sasl_plain(self.user, self.server.users[self.user])
        except raw.SaslFailed as e:
            if e.condition != "temporary-auth-failure":
                self.broken.append("login: " + e.condition)
            raise Failed(str(e)) from None
        s.open(domain)
        s.features()
        if not self.previd or not self._resume():
            self._begin()

    def _resume(self):
        self.s.send("<resume xmlns='%s' h='%d' previd='%s'/>" % (SM, self.h_in, self.previd))
        got = self.s.next()
        kind = raw.local(got.tag)
        if kind == "resumed":
            self._take_ack(int(got.get("h")))
            self.n_resumed += 1
            self._again()
            return True
        if kind != "failed":
            raise Failed("answer to resume: " + kind)
        if got.get("h"):
            self._take_ack(int(got.get("h")))
        return False

    def _begin(self):
        s = self.s
        if self.previd:
            self.dead_sessions.add(self.session)
            self.maybe_twice.update(i for i, _ in self.unacked)
        s.bind(self.resource)
        self.previd = s.sm_enable().get("id")
        self.session += 1
        self.h_in = self.h_out = self.h_told = 0
        self.unacked = collections.deque(x for x in self.unacked if x[0])
        self.unacked.append((None, "<presence/>"))
        self._again()

    def _again(self):
        if self.unacked:
            self.s.send("".join(x for _, x in self.unacked) + "<r xmlns='%s'/>" % SM)

    def _take_ack(self, h):
        n = h - self.h_out
        if n < 0 or n > len(self.unacked):
            self.broken.append("acknowledged %d after %d with %d under way" % (h, self.h_out, len(self.unacked)))
            return
        for _ in range(n):
            self.acked.add(self.unacked.popleft()[0])
        self.h_out = h

    # ---- while it lasts
    def _serve(self):
        s, wake = self.s, self.wake_r
        s.sock.settimeout(5)
        asked = time.monotonic()
        while not self.stopping:
            ready = select.select([s.sock, wake], [], [], 0.1)[0]
            if wake in ready:
                wake.recv(4096)
            if self.cutting:
                raise Failed("cut")
            if s.sock in ready:
                self._read()
            self._put_todo()
            self._put_ack()
            if self.unacked and time.monotonic() > asked + 0.5:
                asked = time.monotonic()
                s.send("<r xmlns='%s'/>" % SM)
        s.send("<a xmlns='%s' h='%d'/></stream:stream>" % (SM, self.h_in))
        s.until_closed(3)

    def _read(self):
        while True:
            self.s._read(time.monotonic() + 5)
            if not self.s.sock.pending():
                break
        while self.s.pending:
            self._take(self.s.next())
        if self.s.is_over:
            raise raw.Closed("end of stream")

    def _take(self, e):
        name = raw.local(e.tag)
        if e.tag == "{%s}a" % SM:
            self._take_ack(int(e.get("h")))
        elif name in ("message", "presence", "iq"):
            self.h_in += 1
            if e.get("type") == "error":
                self.errors[e.get("id")] = raw.stanza_error(e)
            elif name == "message":
                self.received.append((e.findtext("{*}body"), self.session))

    def _put_ack(self):
        now = time.monotonic()
        if self.h_in != self.h_told and now >= self.acked_at + self.ack_s:
            self.s.send("<a xmlns='%s' h='%d'/>" % (SM, self.h_in))
            self.h_told, self.acked_at = self.h_in, now

    def _put_todo(self):
        out = []
        while self.todo:
            to, id_ = self.todo.popleft()
            stanza = "<message to='%s' type='chat' id='%s'><body>%s</body></message>" % (to, id_, id_)
            self.unacked.append((id_, stanza))
            out.append(stanza)
        if out:
            self.s.send("".join(out) + "<r xmlns='%s'/>" % SM)

"""A SIP party by hand: UDP, TCP or TLS, its every byte chosen by the test. Has no transactions of its own.

    p = Party(place, "partner.example", "tls", cert=cert, ca=ca); p.server = (gh.addr, 5061)
    r = p.ask("MESSAGE", "sip:juliet@near.example", user="romeo", body="hi")     r.status
    m = p.wait_request("MESSAGE"); p.answer(m, 200)

What comes is in order of arrival; wait() takes the first that fits and leaves the others. auto: methods
that are answered at once ({"NOTIFY": 200}); they can be waited for all the same.
"""
import os
import re
import socket
import ssl
import threading
import time

from .place import Failed

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
           "c": "content-type", "s": "subject", "k": "supported", "e": "content-encoding", "o": "event",
           "u": "allow-events", "r": "refer-to", "b": "referred-by", "x": "session-expires"}
REASONS = {100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 302: "Moved Temporarily", 400: "Bad Request",
           401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 407: "Proxy Authentication Required",
           408: "Request Timeout", 415: "Unsupported Media Type", 423: "Interval Too Brief",
           480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 486: "Busy Here",
           487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 500: "Server Internal Error",
           503: "Service Unavailable", 603: "Decline"}


def token():
    return os.urandom(5).hex()


class Msg:
    """A message as it came: start, headers [(name in lower case, value)], body; way: what answers it."""

    def __init__(self, data, way=None):
        self.data, self.way, self.at = data, way, time.monotonic()
        head, _, self.body_bytes = data.partition(b"\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
        self.start, self.headers = lines[0], []
        for l in lines[1:]:
            name, _, value = l.partition(":")
            name = name.strip().lower()
            self.headers.append((COMPACT.get(name, name), value.strip()))
        words = self.start.split(" ", 2)
        self.is_request = not self.start.startswith("SIP/2.0 ")
        self.method = words[0] if self.is_request else (self.get("cseq") or " ").split()[-1]
        self.uri = words[1] if self.is_request and len(words) > 1 else None
        self.status = 0 if self.is_request else int(words[1])
        self.reason = "" if self.is_request or len(words) < 3 else words[2]

    @property
    def body(self):
        return self.body_bytes.decode("utf-8", "replace")

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    def get(self, name, default=None):
        got = self.all(name)
        return got[0] if got else default

    def uri_of(self, name):
        v = self.get(name, "")
        m = re.search(r"<([^>]*)>", v)
        return m.group(1) if m else v.split(";")[0]

    def tag_of(self, name):
        m = re.search(r";\s*tag=([^;\s>]+)", re.sub(r"<[^>]*>", "", self.get(name, "")))
        return m.group(1) if m else None

    @property
    def branch(self):
        m = re.search(r"branch=([^;,\s]+)", self.get("via", ""))
        return m.group(1) if m else None

    @property
    def cseq(self):
        return int(self.get("cseq").split()[0])

    @property
    def state(self):
        """Subscription-State without parameters."""
        return (self.get("subscription-state") or "").split(";")[0].strip()

    def __repr__(self):
        return "<%s>" % self.start


class Stream:
    """One TCP or TLS connection, cut into messages."""

    def __init__(self, party, sock):
        self.party, self.sock, self.is_open = party, sock, True
        self.lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, data):
        with self.lock:
            self.sock.sendall(data)

    def _read(self):
        data = b""
        try:
            while True:
                more = self.sock.recv(65536)
                if not more:
                    break
                data += more
                data = self._cut(data)
        except (OSError, ssl.SSLError, ValueError):
            pass
        self.is_open = False
        self.party._lost(self)
        try:
            self.sock.close()
        except OSError:
            pass

    def _cut(self, data):
        while True:
            data = data.lstrip(b"\r\n")
            head, sep, rest = data.partition(b"\r\n\r\n")
            if not sep:
                return data
            m = re.search(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", head, re.I)
            n = int(m.group(1)) if m else 0
            if len(rest) < n:
                return data
            self.party._came(Msg(head + sep + rest[:n], self))
            data = rest[n:]

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Datagrams:
    """The way back to where a datagram came from."""

    def __init__(self, sock, to):
        self.sock, self.to, self.is_open = sock, to, True

    def send(self, data):
        self.sock.sendto(data, self.to)


class Party:
    def __init__(self, place, domain, how="tls", addr=None, port=None, cert=None, ca=None, server=None, auto=None,
                 listen=True, contact_host=None, seconds=8):
        self.domain, self.how, self.cert, self.ca = domain, how, cert, ca
        self.addr = addr or place.addr()
        self.port = port or (5061 if how == "tls" else 5060)
        self.server, self.auto, self.seconds = server, dict(auto or {}), seconds
        self.contact_host = contact_host or self.addr
        self.got, self.new = [], threading.Condition()
        self.streams, self.lost, self.closed, self.out = [], 0, False, None
        self.udp = self.listener = None
        if how == "udp":
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind((self.addr, self.port))
            threading.Thread(target=self._read_udp, daemon=True).start()
        elif listen:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((self.addr, self.port))
            self.listener.listen(16)
            threading.Thread(target=self._accept, daemon=True).start()
        place.on_close(self.close)

    # ---- sockets
    def context(self, is_server):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname = False
        ctx.verify_mode = ssl.CERT_NONE
        if self.cert:
            ctx.load_cert_chain(self.cert.crt, self.cert.key)
        if self.ca:
            ctx.load_verify_locations(self.ca)
            ctx.verify_mode = ssl.CERT_OPTIONAL if is_server else ssl.CERT_REQUIRED
        return ctx

    def _accept(self):
        while not self.closed:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            sock.settimeout(10)
            if self.how == "tls":
                sock = self.context(True).wrap_socket(sock, server_side=True)
            sock.settimeout(None)
        except (OSError, ssl.SSLError) as e:
            self.handshake_error = e
            sock.close()
            return
        self.streams.append(Stream(self, sock))

    def connect(self, to=None, sni=None, timeout=5):
        """A connection of ours to the server."""
        sock = socket.socket()
        sock.settimeout(timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((self.addr, 0))
        sock.connect(to or self.server)
        if self.how == "tls":
            sock = self.context(False).wrap_socket(sock, server_hostname=sni or "near.example")
        sock.settimeout(None)
        s = Stream(self, sock)
        self.streams.append(s)
        return s

    def _read_udp(self):
        while not self.closed:
            try:
                data, who = self.udp.recvfrom(65536)
            except OSError:
                return
            if data.strip():
                self._came(Msg(data, Datagrams(self.udp, who)))

    def _came(self, m):
        with self.new:
            self.got.append(m)
            self.new.notify_all()
        if m.is_request and m.method in self.auto:
            what = self.auto[m.method]
            self.answer(m, what) if isinstance(what, int) else what(self, m)

    def _lost(self, stream):
        with self.new:
            self.lost += 1
            self.new.notify_all()

    def way(self):
        """How we send: our socket, or the one connection (made again when it has gone)."""
        if self.udp:
            return Datagrams(self.udp, self.server)
        if self.out is None or not self.out.is_open:
            self.out = self.connect()
        return self.out

    def send(self, text, way=None):
        """Exactly these bytes."""
        (way or self.way()).send(text.encode() if isinstance(text, str) else text)

    def close(self):
        self.closed = True
        for s in [self.udp, self.listener]:
            if s:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()
        for s in list(self.streams):
            s.close()

    # ---- reading
    def wait(self, want, seconds=None, what="SIP message"):
        end = time.monotonic() + (self.seconds if seconds is None else seconds)
        with self.new:
            while True:
                for i, m in enumerate(self.got):
                    if want(m):
                        return self.got.pop(i)
                left = end - time.monotonic()
                if left <= 0:
                    raise Failed("%s did not come to %s; there is %r" % (what, self.domain, self.got))
                self.new.wait(left)

    def wait_request(self, method, seconds=None, want=lambda m: True):
        return self.wait(lambda m: m.is_request and m.method == method and want(m), seconds, method)

    def wait_notify(self, state=None, seconds=None, call_id=None):
        return self.wait_request("NOTIFY", seconds, lambda m: state in (None, m.state) and
                                 call_id in (None, m.get("call-id")))

    def quiet(self, seconds, want=lambda m: True):
        """True if nothing that want() accepts comes for so long."""
        try:
            self.wait(want, seconds)
        except Failed:
            return True
        return False

    # ---- writing
    def via(self, branch=None):
        return "Via: SIP/2.0/%s %s:%d;branch=%s;rport" % (self.how.upper(), self.addr, self.port,
                                                         branch or "z9hG4bK" + token())

    def contact(self, user):
        return "Contact: <sip:%s@%s:%d;transport=%s>" % (user, self.contact_host, self.port, self.how)

    def compose(self, method, uri, user="romeo", from_=None, to=None, to_tag=None, from_tag=None, call_id=None, cseq=1,
                headers=(), body=None, content_type="text/plain", branch=None, max_forwards=70):
        """A whole request as text. headers: further lines; a line of ours of the same name gives way."""
        body = (body or "").encode() if not isinstance(body, bytes) else body
        lines = ["%s %s SIP/2.0" % (method, uri), self.via(branch), "Max-Forwards: %d" % max_forwards,
                 "From: %s;tag=%s" % (from_ or "<sip:%s@%s>" % (user, self.domain), from_tag or token()),
                 "To: %s%s" % (to or "<%s>" % uri.split(";")[0], ";tag=" + to_tag if to_tag else ""),
                 "Call-ID: %s" % (call_id or token() + "@" + self.addr), "CSeq: %d %s" % (cseq, method)]
        if body:
            lines.append("Content-Type: " + content_type)
        ours = {h.split(":")[0].lower() for h in headers}
        lines = lines[:1] + [l for l in lines[1:] if l.split(":")[0].lower() not in ours] + list(headers)
        if "content-length" not in ours:
            lines.append("Content-Length: %d" % len(body))
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def final(self, request, seconds=None):
        """The final response to a request that we sent (by its branch); sent again on UDP meanwhile."""
        m = Msg(request if isinstance(request, bytes) else request.encode())
        want = (lambda r: not r.is_request and r.status >= 200 and r.branch == m.branch and r.method == m.method)
        end = time.monotonic() + (self.seconds if seconds is None else seconds)
        while self.udp and time.monotonic() < end - 0.6:
            try:
                return self.wait(want, 0.6)
            except Failed:
                self.send(request)
        return self.wait(want, max(0.01, end - time.monotonic()), "final response to %s" % m.method)

    def ask(self, method, uri, seconds=None, **words):
        text = self.compose(method, uri, **words)
        self.send(text)
        r = self.final(text, seconds)
        r.request = Msg(text)
        return r

    def answer(self, m, status, reason=None, headers=(), body=None, tag=None, content_type=None):
        body = body.encode() if isinstance(body, str) else body or b""
        lines = ["SIP/2.0 %d %s" % (status, reason or REASONS.get(status, "Whatever"))]
        lines += ["Via: " + v for v in m.all("via")]
        if status > 100:
            lines += ["Record-Route: " + v for v in m.all("record-route")]
        to = m.get("to")
        if status > 100 and not m.tag_of("to"):
            m.local_tag = tag or getattr(m, "local_tag", None) or token()
            to += ";tag=" + m.local_tag
        lines += ["From: " + m.get("from"), "To: " + to, "Call-ID: " + m.get("call-id"), "CSeq: " + m.get("cseq")]
        lines += list(headers)
        if content_type:
            lines.append("Content-Type: " + content_type)
        lines.append("Content-Length: %d" % len(body))
        m.way.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


class Dialog:
    """Our end of a dialog (RFC 3261 12), of a request that we sent or took."""

    def __init__(self, party, user):
        self.party, self.user, self.cseq = party, user, 1

    @classmethod
    def called(cls, party, user, response):
        """From the 2xx to our request."""
        d = cls(party, user)
        q = response.request
        d.call_id, d.local_tag, d.remote_tag = q.get("call-id"), q.tag_of("from"), response.tag_of("to")
        d.local, d.remote = "<%s>" % q.uri_of("from"), "<%s>" % q.uri_of("to")
        d.target, d.route = response.uri_of("contact") or q.uri, list(reversed(response.all("record-route")))
        d.cseq = q.cseq
        return d

    @classmethod
    def taken(cls, party, user, request):
        """From a request that we have answered."""
        d = cls(party, user)
        d.call_id, d.local_tag, d.remote_tag = request.get("call-id"), request.local_tag, request.tag_of("from")
        d.local, d.remote = "<%s>" % request.uri_of("to"), "<%s>" % request.uri_of("from")
        d.target, d.route = request.uri_of("contact"), request.all("record-route")
        d.cseq = 0
        return d

    def compose(self, method, headers=(), **words):
        if method != "ACK":
            self.cseq += 1
        return self.party.compose(method, self.target, from_=self.local, to=self.remote, from_tag=self.local_tag,
                                  to_tag=self.remote_tag, call_id=self.call_id, cseq=words.pop("cseq", self.cseq),
                                  headers=["Route: " + r for r in self.route] + [self.party.contact(self.user)] +
                                  list(headers), **words)

    def ask(self, method, headers=(), seconds=None, **words):
        text = self.compose(method, headers, **words)
        self.party.send(text)
        r = self.party.final(text, seconds)
        r.request = Msg(text)
        return r

    def subscribe(self, expires, seconds=None):
        return self.ask("SUBSCRIBE", ["Event: presence", "Accept: application/pidf+xml", "Expires: %d" % expires], seconds)

    def notify(self, state, body=None, seconds=None, event="presence", content_type="application/pidf+xml", headers=()):
        return self.ask("NOTIFY", ["Event: " + event, "Subscription-State: " + state] + list(headers), seconds, body=body,
                        content_type=content_type)


def subscribe(party, uri, user="romeo", expires=3600, headers=(), seconds=None, **words):
    """An initial SUBSCRIBE; (response, Dialog, or None when refused). A header "Name: -" is left out."""
    given = {h.split(":")[0].lower() for h in headers}
    lines = [party.contact(user), "Event: presence", "Accept: application/pidf+xml", "Expires: %s" % expires]
    lines = [l for l in lines if l.split(":")[0].lower() not in given] + [h for h in headers if not h.endswith(": -")]
    r = party.ask("SUBSCRIBE", uri, seconds, user=user, headers=lines, **words)
    return (r, Dialog.called(party, user, r)) if 200 <= r.status < 300 else (r, None)


PIDF = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="pres:%s">%s</presence>"""


def pidf(entity, *tuples, more=""):
    """tuples: (id, "open"|"closed", further elements of status, further elements of the tuple)."""
    out = []
    for t in tuples:
        id_, basic, status, rest = (list(t) + ["", ""])[:4]
        out.append('<tuple id="%s"><status>%s%s</status>%s</tuple>' % (
            id_, "<basic>%s</basic>" % basic if basic else "", status, rest))
    return PIDF % (entity, "".join(out) + more)

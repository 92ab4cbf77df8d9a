"""A SIP client by hand: registers with digest, sends requests, answers those that come (RFC 3261)."""
import hashlib
import os
import re
import socket
import ssl
import time

from .place import Failed


def header(text, name):
    got = re.search(r"^%s[ \t]*:[ \t]*(.*?)\r?$" % re.escape(name), text, re.I | re.M)
    return got.group(1) if got else ""


def headers(text, name):
    return re.findall(r"^%s[ \t]*:[ \t]*(.*?)\r?$" % re.escape(name), text, re.I | re.M)


def body(text):
    return text.partition("\r\n\r\n")[2]


def status(text):
    return int(text.split(" ", 2)[1]) if text.startswith("SIP/2.0 ") else 0


def method(text):
    return "" if text.startswith("SIP/2.0 ") else text.split(" ", 1)[0]


def tag(value):
    got = re.search(r";tag=([^;>\s]+)", value)
    return got.group(1) if got else ""


class Phone:
    """transport: tcp, udp, tls. on_request: answers what comes: {method: status} or 200."""

    def __init__(self, addr, port, user, domain, password="secret", transport="tcp", ca=None, instance=None,
                 algorithm="SHA-256", source=None, alpn=None, reg_id=None):
        self.user, self.domain, self.password, self.transport = user, domain, password, transport
        self.server = (addr, port)
        self.instance, self.algorithm, self.reg_id = instance, algorithm, reg_id
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect(self.server)
        if transport == "tls":
            context = ssl.create_default_context(cafile=ca)
            if alpn:
                context.set_alpn_protocols([alpn])
            self.sock = context.wrap_socket(self.sock, server_hostname=domain)
        self.local = self.sock.getsockname()
        self.buffer = b""
        self.requests, self.answers, self.inbox = {}, {}, []
        self.call_id, self.cseq, self.nonces = os.urandom(8).hex(), 0, {}
        self.tag = os.urandom(4).hex()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    # ---- wire
    @property
    def contact(self):
        return "sip:%s@%s:%d;transport=%s" % (self.user, self.local[0], self.local[1], self.transport)

    @property
    def aor(self):
        return "sip:%s@%s" % (self.user, self.domain)

    def send(self, text):
        self.sock.sendall(text.encode())

    def _one(self):
        """A whole message out of the buffer, or None."""
        if self.transport == "udp":
            data, self.buffer = self.buffer, b""
            return data.decode() or None
        self.buffer = self.buffer.lstrip(b"\r\n")
        head, sep, rest = self.buffer.partition(b"\r\n\r\n")
        if not sep:
            return None
        n = int(header(head.decode() + "\r\n", "Content-Length") or 0)
        if len(rest) < n:
            return None
        self.buffer = rest[n:]
        return (head + sep + rest[:n]).decode()

    def receive(self, seconds=5):
        """The next message of any kind, or None."""
        end = time.monotonic() + seconds
        while True:
            got = self._one()
            if got:
                return got
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65536)
            except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
                return None
            if not data:
                raise Failed("%s: the server closed the connection" % self.user)
            self.buffer += data

    # ---- requests
    def build(self, method_, uri, to=None, extra=(), text="", call_id=None, from_tag=None, cseq=None, branch=None):
        self.cseq += 1
        lines = ["%s %s SIP/2.0" % (method_, uri),
                 "Via: SIP/2.0/%s %s:%d;rport;branch=z9hG4bK%s" % (self.transport.upper(), self.local[0], self.local[1],
                                                                    branch or os.urandom(6).hex()),
                 "Max-Forwards: 70", "From: <%s>;tag=%s" % (self.aor, from_tag or self.tag),
                 "To: %s" % (to or "<%s>" % uri), "Call-ID: %s" % (call_id or self.call_id),
                 "CSeq: %d %s" % (cseq or self.cseq, method_)] + list(extra)
        return "\r\n".join(lines + ["Content-Length: %d" % len(text.encode()), "", text])

    def credentials(self, challenge, method_, uri):
        word = lambda k: (re.search(r'%s="?([^",]+)' % k, challenge) or [None, ""])[1]
        h = (hashlib.sha256 if word("algorithm") == "SHA-256" else hashlib.md5)
        digest = lambda s: h(s.encode()).hexdigest()
        nonce, realm = word("nonce"), word("realm")
        nc = "%08x" % self.nonces.setdefault(nonce, 1)
        self.nonces[nonce] += 1
        cnonce = os.urandom(4).hex()
        response = digest(":".join([digest("%s:%s:%s" % (self.user, realm, self.password)), nonce, nc, cnonce, "auth",
                                    digest("%s:%s" % (method_, uri))]))
        return ('Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=%s, qop=auth, nc=%s, '
                'cnonce="%s"' % (self.user, realm, nonce, uri, response, word("algorithm"), nc, cnonce))

    def answer_of(self, text, seconds=10):
        """The final response to a request sent as text; what else comes is dealt with on the way."""
        branch, cseq = re.search(r"branch=([^;\s]+)", text)[1], header(text, "CSeq")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            got = self.receive(end - time.monotonic())
            if got is None:
                break
            if status(got) and header(got, "CSeq") == cseq and branch in header(got, "Via"):
                if status(got) >= 200:
                    return got
                self.inbox.append(got)
            else:
                self.take(got)
        raise Failed("%s: no answer to %s" % (self.user, text.split("\r\n")[0]))

    def request(self, method_, uri, extra=(), text="", authenticate=True, **more):
        """Sends it, answers one challenge (and a stale one); the final response."""
        extra = list(extra)
        for _ in range(3):
            sent = self.build(method_, uri, extra=extra, text=text, **more)
            self.send(sent)
            got = self.answer_of(sent)
            if status(got) not in (401, 407) or not authenticate:
                return got
            name = "WWW-Authenticate" if status(got) == 401 else "Proxy-Authenticate"
            fits = [c for c in headers(got, name) if "algorithm=" + self.algorithm in c]
            if not fits:
                return got
            mine = "Authorization" if status(got) == 401 else "Proxy-Authorization"
            extra = [e for e in extra if not e.startswith(mine)] + ["%s: %s" % (mine, self.credentials(fits[0], method_, uri))]
            if more.get("cseq"):
                more["cseq"] += 1
        return got

    def register(self, expires=600, contact=None, extra=(), **more):
        c = contact or "<%s>%s%s" % (self.contact, ';+sip.instance="<%s>"' % self.instance if self.instance else "",
                                     ";reg-id=%d" % self.reg_id if self.reg_id else "")
        outbound = ["Supported: outbound, path, gruu"] if self.reg_id else []
        return self.request("REGISTER", "sip:" + self.domain, to="<%s>" % self.aor,
                            extra=["Contact: " + c, "Expires: %d" % expires, "User-Agent: phone by hand"] + outbound + list(extra), **more)

    def ping(self, seconds=1):
        """A keep-alive (RFC 5626 3.5.1): how long its answer takes."""
        begin = time.monotonic()
        self.sock.sendall(b"\r\n\r\n")
        self.sock.settimeout(seconds)
        got = self.sock.recv(65536)
        if got != b"\r\n":
            raise Failed("%s: not a pong: %r" % (self.user, got))
        return time.monotonic() - begin

    @staticmethod
    def stun_request(attributes=b""):
        return b"\x00\x01" + len(attributes).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + os.urandom(12) + attributes

    def stun(self, seconds=2):
        """A keep-alive by UDP (RFC 5626 4.4.2): the address that its answer says."""
        sent = self.stun_request()
        self.sock.send(sent)
        self.sock.settimeout(seconds)
        got = self.sock.recv(2048)
        if got[:2] != b"\x01\x01" or got[4:20] != sent[4:20] or got[20:26] != b"\x00\x20\x00\x08\x00\x01":
            raise Failed("%s: not an answer to STUN: %r" % (self.user, got))
        port, address = got[26:28], got[28:32]
        plain = bytes(a ^ b for a, b in zip(port + address, sent[4:6] + sent[4:8]))
        return socket.inet_ntoa(plain[2:6]), int.from_bytes(plain[:2], "big")

    def closed_after(self, seconds):
        """How long it takes until the server closes the connection; what comes until then is read."""
        begin = time.monotonic()
        self.sock.settimeout(seconds)
        while self.sock.recv(65536):
            self.sock.settimeout(max(0.01, begin + seconds - time.monotonic()))
        return time.monotonic() - begin

    # ---- what comes
    def take(self, got):
        """A request is answered 200 and kept; its answer can be another one by answers[method]."""
        if not got.startswith("SIP/2.0 ") and method(got) != "ACK":
            how = self.answers.get(method(got), 200)
            if how:
                self.send(self.response(got, how))
        self.inbox.append(got)

    def response(self, request, code, extra=(), text=""):
        keep = [l for l in request.partition("\r\n\r\n")[0].split("\r\n")[1:]
                if re.match(r"(Via|From|Call-ID|CSeq|Record-Route)\s*:", l, re.I)]
        to = header(request, "To")
        if not tag(to):
            to += ";tag=" + self.tag
        return "\r\n".join(["SIP/2.0 %d Said By Hand" % code] + keep + ["To: " + to] + list(extra) +
                           ["Content-Length: %d" % len(text), "", text])

    def wait(self, fits, seconds=10, what="a message"):
        """The first of the inbox that fits; it leaves the inbox."""
        end = time.monotonic() + seconds
        while True:
            for m in self.inbox:
                if fits(m):
                    self.inbox.remove(m)
                    return m
            got = self.receive(max(0, end - time.monotonic()))
            if got is None:
                raise Failed("%s: %s has not come; there is: %r" % (self.user, what, self.inbox))
            self.take(got)

    def wait_method(self, name, seconds=10, part=""):
        return self.wait(lambda m: method(m) == name and part in m, seconds, name + " " + part)

"""XMPP by hand: one TCP connection whose every byte a test can choose.

    s = Stream(addr, 5222); s.open(to="a.example"); s.features(); s.starttls(ctx, "a.example")
    s.sasl_plain("juliet", "secret"); jid = s.bind("balcony"); s.send("<presence/>"); s.next()
"""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import time
import xml.etree.ElementTree as ET

from .place import Failed

NS = {
    "client": "jabber:client", "server": "jabber:server", "stream": "http://etherx.jabber.org/streams",
    "tls": "urn:ietf:params:xml:ns:xmpp-tls", "sasl": "urn:ietf:params:xml:ns:xmpp-sasl",
    "bind": "urn:ietf:params:xml:ns:xmpp-bind", "sm": "urn:xmpp:sm:3", "db": "jabber:server:dialback",
    "stanzas": "urn:ietf:params:xml:ns:xmpp-stanzas", "streams": "urn:ietf:params:xml:ns:xmpp-streams",
    "bidi": "urn:xmpp:bidi",
}


class Closed(Exception):
    """The other side closed the stream or the connection; `error` is the stream error's condition,
    `details` the names of all elements in it."""

    def __init__(self, why, error=None, details=()):
        super().__init__("%s%s" % (why, ", stream error " + error if error else ""))
        self.error, self.details = error, list(details)


def client_context(ca=None, cert=None, alpn=None, version=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    if ca:
        ctx.load_verify_locations(ca)
        ctx.verify_mode = ssl.CERT_REQUIRED
    if cert:
        ctx.load_cert_chain(cert.crt, cert.key)
    if alpn:
        ctx.set_alpn_protocols([alpn])
    if version:
        ctx.minimum_version = ctx.maximum_version = version
    return ctx


def local(tag):
    return tag.rsplit("}", 1)[-1]


def condition(element):
    """The defined condition of an <error/> or <failure/> element."""
    for child in element:
        if local(child.tag) != "text":
            return local(child.tag)
    return None


def stanza_error(stanza):
    for child in stanza:
        if local(child.tag) == "error":
            return condition(child)
    return None


def stanza_error_text(stanza):
    for child in stanza:
        if local(child.tag) == "error":
            for c in child:
                if local(c.tag) == "text":
                    return c.text or ""
    return ""


class Stream:
    def __init__(self, addr, port, timeout=10.0, source=None, sock=None):
        self.timeout = timeout
        if sock is None:
            family = socket.AF_INET6 if ":" in addr else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(timeout)
            if source:
                sock.bind((source, 0))
            sock.connect((addr, port))
        self.sock = sock
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(timeout)
        self.header = None
        self.got = []
        self._restart()

    def _restart(self):
        self.parser = ET.XMLPullParser(events=("start", "end"))
        self.depth = 0
        self.header = None
        self.pending = []
        self.is_over = False

    # ---- bytes
    def send(self, data):
        self.sock.sendall(data.encode("utf-8") if isinstance(data, str) else data)

    def kill(self):
        """As a cable that is cut: no stream end, no TLS close."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        except OSError:
            pass
        self.sock.close()

    def close(self):
        try:
            self.send("</stream:stream>")
        except OSError:
            pass
        self.sock.close()

    def _read(self, end):
        left = end - time.monotonic()
        if left <= 0:
            raise Failed("no answer in time")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(65536)
        except (socket.timeout, ssl.SSLWantReadError):
            raise Failed("no answer in time") from None
        except (ConnectionError, ssl.SSLError, OSError) as e:
            raise Closed("connection: %s" % e) from None
        if not data:
            raise Closed("end of connection")
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            if event == "start":
                self.depth += 1
                if self.depth == 1:
                    self.header = element
            else:
                self.depth -= 1
                if self.depth == 1:
                    self.pending.append(element)
                elif self.depth == 0:
                    self.is_over = True

    def next(self, timeout=None):
        """The next element of the stream; Closed when it ends, Failed when nothing comes."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not self.pending:
            if self.is_over:
                raise Closed("end of stream")
            self._read(end)
        element = self.pending.pop(0)
        if element.tag == "{%s}error" % NS["stream"]:
            raise Closed("stream error", condition(element), (local(e.tag) for e in element))
        return element

    def wait(self, want, timeout=None, what="element"):
        """Skips elements until want(element) is true."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise Failed("%s did not come" % what)
            element = self.next(left)
            if want(element):
                return element
            self.got.append(element)

    def quiet(self, seconds, want=lambda e: True):
        """True if no element that want() accepts comes for so long."""
        try:
            self.wait(want, seconds)
        except Failed:
            return True
        return False

    def until_closed(self, seconds=10):
        """Reads until the other side closes; the stream error's condition or None."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.next(max(0.01, end - time.monotonic()))
            except Closed as c:
                return c.error
            except ET.ParseError:
                return None

    # ---- stream
    def open(self, to, from_=None, ns="client", extra="", version="1.0"):
        self._restart()
        head = "<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' to='%s'" % (
            NS[ns], NS["stream"], to)
        if ns == "server":
            head += " xmlns:db='%s'" % NS["db"]
        if from_:
            head += " from='%s'" % from_
        if version:
            head += " version='%s'" % version
        self.send(head + " " + extra + ">")

    def features(self, timeout=None):
        f = self.next(timeout)
        if f.tag != "{%s}features" % NS["stream"]:
            raise Failed("wanted features, got %s" % f.tag)
        return f

    @staticmethod
    def mechanisms(features):
        return [m.text for m in features.iter("{%s}mechanism" % NS["sasl"])]

    def starttls(self, ctx, name, session=None):
        self.send("<starttls xmlns='%s'/>" % NS["tls"])
        got = self.next()
        if local(got.tag) != "proceed":
            raise Failed("STARTTLS: %s" % got.tag)
        self.wrap(ctx, name, session)

    def wrap(self, ctx, name, session=None):
        self.sock.settimeout(self.timeout)
        try:
            self.sock = ctx.wrap_socket(self.sock, server_hostname=name, session=session)
        except (OSError, ssl.SSLError) as e:
            raise Closed("TLS: %s" % e) from None
        self._restart()

    def sasl_done(self, got):
        if local(got.tag) == "success":
            return base64.b64decode(got.text or "")
        if local(got.tag) == "failure":
            raise SaslFailed(condition(got))
        raise Failed("SASL: %s" % got.tag)

    def sasl_plain(self, user, password):
        raw = base64.b64encode(("\0%s\0%s" % (user, password)).encode()).decode()
        self.send("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (NS["sasl"], raw))
        return self.sasl_done(self.next())

    def sasl_external(self, domain="", timeout=None):
        raw = base64.b64encode(domain.encode()).decode() or "="
        self.send("<auth xmlns='%s' mechanism='EXTERNAL'>%s</auth>" % (NS["sasl"], raw))
        return self.sasl_done(self.next(timeout))

    def end_point(self):
        """tls-server-end-point (RFC 5929 4.1), for certificates signed with SHA-256."""
        return hashlib.sha256(self.sock.getpeercert(True)).digest()

    def sasl_scram(self, mechanism, user, password, binding=None, gs2=None):
        """binding: (name, data) for -PLUS. gs2: what to claim instead of the truth."""
        digest = hashlib.sha256 if "SHA-256" in mechanism else hashlib.sha1
        nonce = base64.b64encode(os.urandom(18)).decode()
        header = gs2 or ("p=%s,," % binding[0] if binding else "n,,")
        first = "n=%s,r=%s" % (user.replace("=", "=3D").replace(",", "=2C"), nonce)
        self.send("<auth xmlns='%s' mechanism='%s'>%s</auth>" % (
            NS["sasl"], mechanism, base64.b64encode((header + first).encode()).decode()))
        got = self.next()
        if local(got.tag) != "challenge":
            return self.sasl_done(got)
        server_first = base64.b64decode(got.text).decode()
        fields = dict(f.split("=", 1) for f in server_first.split(","))
        if not fields["r"].startswith(nonce):
            raise Failed("SCRAM: server's nonce does not begin with ours")
        cbind = base64.b64encode(header.encode() + (binding[1] if binding else b"")).decode()
        final = "c=%s,r=%s" % (cbind, fields["r"])
        salted = hashlib.pbkdf2_hmac(digest().name, password.encode(), base64.b64decode(fields["s"]),
                                     int(fields["i"]))
        auth = ",".join((first, server_first, final)).encode()
        client_key = hmac.digest(salted, b"Client Key", digest)
        signature = hmac.digest(digest(client_key).digest(), auth, digest)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.send("<response xmlns='%s'>%s</response>" % (NS["sasl"], base64.b64encode(
            ("%s,p=%s" % (final, base64.b64encode(proof).decode())).encode()).decode()))
        done = self.sasl_done(self.next())
        server_key = hmac.digest(salted, b"Server Key", digest)
        wanted = b"v=" + base64.b64encode(hmac.digest(server_key, auth, digest))
        if done != wanted:
            raise Failed("SCRAM: the server did not prove that it knows the password")
        return done

    # ---- client
    def bind(self, resource=None):
        res = "<resource>%s</resource>" % resource if resource else ""
        self.send("<iq type='set' id='bind'><bind xmlns='%s'>%s</bind></iq>" % (NS["bind"], res))
        got = self.wait(lambda e: e.get("id") == "bind", what="answer to bind")
        jid = got.find(".//{%s}jid" % NS["bind"])
        if jid is None:
            raise Failed("bind: %s" % stanza_error(got))
        return jid.text

    def iq(self, kind, payload, to=None, id_=None, timeout=None):
        id_ = id_ or "q" + os.urandom(4).hex()
        self.send("<iq type='%s' id='%s'%s>%s</iq>" % (kind, id_, " to='%s'" % to if to else "", payload))
        return self.wait(lambda e: local(e.tag) == "iq" and e.get("id") == id_ and
                         e.get("type") in ("result", "error"), timeout, "answer to iq")

    def message(self, to, body, id_=None, kind="chat"):
        self.send("<message to='%s' type='%s' id='%s'><body>%s</body></message>" % (
            to, kind, id_ or os.urandom(4).hex(), body))

    def wait_body(self, body, timeout=None):
        def want(e):
            b = e.find("{*}body")
            return local(e.tag) == "message" and e.get("type") != "error" and b is not None and b.text == body
        return self.wait(want, timeout, "message '%s'" % body)

    def wait_error(self, id_=None, timeout=None):
        return self.wait(lambda e: e.get("type") == "error" and id_ in (None, e.get("id")), timeout,
                         "error stanza")

    def sm_enable(self, resume=True):
        self.send("<enable xmlns='%s'%s/>" % (NS["sm"], " resume='true'" if resume else ""))
        return self.wait(lambda e: e.tag == "{%s}enabled" % NS["sm"], what="enabled")

    def sm_request(self, timeout=None):
        self.send("<r xmlns='%s'/>" % NS["sm"])
        return int(self.wait(lambda e: e.tag == "{%s}a" % NS["sm"], timeout, "ack").get("h"))


class SaslFailed(Exception):
    def __init__(self, cond):
        super().__init__("SASL: %s" % cond)
        self.condition = cond


def login(addr, user, domain, password="secret", port=5222, resource=None, tls=True, direct=False,
          mechanism="PLAIN", ca=None, timeout=10.0, presence=True):
    """A client, logged in and bound. Its full JID is s.jid."""
    s = Stream(addr, port, timeout)
    ctx = client_context(ca, alpn="xmpp-client" if direct else None)
    if direct:
        s.wrap(ctx, domain)
    s.open(domain)
    f = s.features()
    if tls and not direct:
        s.starttls(ctx, domain)
        s.open(domain)
        f = s.features()
    if mechanism == "PLAIN":
        s.sasl_plain(user, password)
    else:
        s.sasl_scram(mechanism, user, password)
    s.open(domain)
    s.bound_features = s.features()
    s.auth_features = f
    s.jid = s.bind(resource)
    s.bare = s.jid.split("/")[0]
    if presence:
        s.send("<presence/>")
    return s


def s2s_out(addr, port, ctx, from_, to, direct=False, timeout=10.0, source=None):
    """An outgoing server stream up to the features after TLS; the features are s.auth_features."""
    s = Stream(addr, port, timeout, source)
    if direct:
        s.wrap(ctx, to)
    else:
        s.open(to, from_, "server")
        s.features()
        s.starttls(ctx, to)
    s.open(to, from_, "server")
    s.auth_features = s.features()
    return s

"""BOSH (XEP-0124) by hand: one request after another, or bytes that no client would send."""
import base64
import http.client
import random
import xml.etree.ElementTree as ET

from . import raw

BOSH = "http://jabber.org/protocol/httpbind"
XBOSH = "urn:xmpp:xbosh"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


class BoshClient:
    def __init__(self, dial, host, rid=None):
        """dial(): a new socket with TLS to the front."""
        self.dial, self.host, self.t = dial, host, None
        self.rid, self.sid = rid or random.randrange(1, 1 << 40), None

    def http(self, text, t=None):
        """Status, fields and body of the answer to these bytes."""
        self.put(text, t)
        return self.get(t)

    def put(self, text, t=None):
        if t is None and self.t is None:
            self.t = self.dial()
        (t or self.t).sendall(text.encode() if isinstance(text, str) else text)

    def get(self, t=None):
        r = http.client.HTTPResponse(t or self.t)
        r.begin()
        body = r.read()
        if t is None and r.will_close:
            self.t = None
        return r.status, {k.lower(): v for k, v in r.getheaders()}, body.decode()

    def head(self, length, method="POST", more=""):
        return "%s /http-bind HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n" % (method, self.host, length, more)

    def post(self, body, t=None):
        status, _, text = self.http(self.head(len(body.encode())) + body, t)
        if status != 200:
            raise ValueError(status)
        return ET.fromstring(text)

    def text(self, payload="", attributes="", rid=None):
        """A body of this session; the next rid, unless one is named."""
        if rid is None:
            self.rid += 1
        return "<body xmlns='%s' xmlns:xmpp='%s' rid='%d' sid='%s' %s>%s</body>" % (
            BOSH, XBOSH, self.rid if rid is None else rid, self.sid, attributes, payload)

    def say(self, payload="", attributes="", rid=None, t=None):
        return self.post(self.text(payload, attributes, rid), t)

    def open(self, attributes="wait='20' hold='1'", to=None, ver="1.11"):
        self.rid += 1
        got = self.post("<body xmlns='%s' xmlns:xmpp='%s' rid='%d' to='%s' xmpp:version='1.0' ver='%s' %s/>" % (
            BOSH, XBOSH, self.rid, to or self.host, ver, attributes))
        self.sid = got.get("sid")
        return got

    def login(self, user, password, resource="bosh", **options):
        self.open(**options)
        got = self.say("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (
            SASL, base64.b64encode(("\0%s\0%s" % (user, password)).encode()).decode()))
        if [raw.local(e.tag) for e in got] != ["success"]:
            raise ValueError(ET.tostring(got))
        self.say("", "xmpp:restart='true' to='%s'" % self.host)
        got = self.say("<iq xmlns='jabber:client' id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                       "<resource>%s</resource></bind></iq>" % resource)
        self.jid = next(e.text for e in got.iter() if e.tag.endswith("}jid"))
        return self.jid

    def until(self, name):
        """Asks until such a payload comes."""
        while True:
            for e in self.say():
                if raw.local(e.tag) == name:
                    return e

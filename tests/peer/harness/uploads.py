"""Places for files (XEP-0363), asked for by hand, and HTTP by hand at the front."""
import http.client
import socket

from . import raw
from .people import DOMAIN

UPLOAD = "urn:xmpp:http:upload:0"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
MB = 1 << 20


class Uploads:
    """For a case that has `front`: address and port, and `pki`."""

    def ask(self, s, name, size, type_="text/plain"):
        kind = " content-type='%s'" % type_ if type_ else ""
        return s.iq("get", "<request xmlns='%s' filename='%s' size='%s'%s/>" % (UPLOAD, name, size, kind), DOMAIN)

    def slot(self, s, name="a.txt", size=5, type_="text/plain"):
        """The paths to put and to get."""
        got = self.ask(s, name, size, type_)
        self.assertEqual(got.get("type"), "result", got.find("{*}error/{*}text"))
        urls = [got.find(".//{%s}%s" % (UPLOAD, k)).get("url") for k in ("put", "get")]
        for u in urls:
            self.assertTrue(u.startswith("https://%s/upload/" % DOMAIN), u)
        return [u[len("https://" + DOMAIN):] for u in urls]

    def condition(self, got):
        self.assertEqual(got.get("type"), "error")
        return got.find("{*}error")[0].tag.replace(STANZAS, "")

    def tls(self):
        s = socket.create_connection(self.front, 20)
        t = raw.client_context(self.pki.ca, alpn="http/1.1").wrap_socket(s, server_hostname=DOMAIN)
        self.addCleanup(t.close)
        return t

    def http(self, method, path, body=b"", headers=(), t=None, length=True):
        """Status, fields and body; fields in lower case."""
        t = t or self.tls()
        text = "%s %s HTTP/1.1\r\nHost: %s\r\n" % (method, path, DOMAIN)
        if method == "PUT" and length:
            text += "Content-Length: %d\r\n" % len(body)
        text += "".join(h + "\r\n" for h in headers) + "\r\n"
        t.sendall(text.encode())
        try:
            t.sendall(body)
        except OSError:
            pass  # it has its answer already
        return self.answer(t, method)

    @staticmethod
    def answer(t, method="GET"):
        r = http.client.HTTPResponse(t, method=method)
        r.begin()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()

    def put(self, s, content, name="a.txt", type_="text/plain"):
        """Uploads; the path to get it."""
        put, get = self.slot(s, name, len(content), type_)
        status, _, _ = self.http("PUT", put, content, ("Content-Type: " + type_,) if type_ else ())
        self.assertEqual(status, 201)
        return get

"""What an authority publishes: files on a web server (revocation lists), and the OCSP responder of the openssl command."""
import http.server
import subprocess
import threading

from .place import need


class Web:
    """files: {path: bytes}, changed while it runs. hits: paths that were asked for."""

    def __init__(self, addr, port=8080):
        self.addr, self.port, self.files, self.hits = addr, port, {}, []
        self.server = None

    def url(self, path):
        return "http://%s:%d%s" % (self.addr, self.port, path)

    def start(self):
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                web.hits.append(self.path)
                body = web.files.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer((self.addr, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Responder:
    """The responder of the openssl command for the authority "ca" of a Pki, behind a web server of ours: by itself it
    listens on all addresses."""

    def __init__(self, place, pki, addr, port=8888):
        self.place, self.pki, self.addr, self.port = place, pki, addr, port
        self.index, self.key = place.path("ocsp-index.txt"), place.write("ocsp-ca.key", pki.authority_key("ca"))
        self.server, self.minutes, self.asked = None, 60, 0

    @property
    def url(self):
        return "http://%s:%d/" % (self.addr, self.port)

    def start(self, good=(), revoked=(), minutes=60):
        """Anew, with what it says of these certificates."""
        self.stop()
        self.minutes = minutes
        with open(self.index, "w", encoding="ascii") as f:
            for state, certs in (("V", good), ("R", revoked)):
                for c in certs:
                    f.write("%s\t%s\t%s\t%X\tunknown\t/CN=%s\n" % (
                        state, "491231235959Z", "240101000000Z" if state == "R" else "", c.x509.serial_number, c.domain))
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = responder.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer((self.addr, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def answer(self, question):
        self.asked += 1
        asked, said = self.place.path("ocsp-%d.req" % self.asked), self.place.path("ocsp-%d.resp" % self.asked)
        with open(asked, "wb") as f:
            f.write(question)
        subprocess.run([need("openssl"), "ocsp", "-index", self.index, "-CA", self.pki.ca, "-rsigner", self.pki.ca, "-rkey", self.key,
                        "-nmin", str(self.minutes), "-reqin", asked, "-respout", said], check=True, timeout=20,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(said, "rb") as f:
            return f.read()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None

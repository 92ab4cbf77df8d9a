"""Web services inside: nginx, and one by hand that keeps each byte that it got."""
import hashlib
import http.server
import os
import ssl
import threading

from .place import Program, need, port_open, wait_for


class Service:
    """HTTPS by Python's own server. seen: (method, target, fields, body or its length) of each request; raw heads as they came."""

    def __init__(self, addr, port, cert):
        self.addr, self.port, self.cert, self.seen = addr, port, cert, []
        self.release = threading.Event()

    def start(self):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def body(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while True:
                        n = int(self.rfile.readline().split(b";")[0], 16)
                        if n:
                            yield self.rfile.read(n)
                        self.rfile.readline()
                        if not n:
                            return
                left = int(self.headers.get("Content-Length") or 0)
                while left:
                    piece = self.rfile.read(min(left, 65536))
                    if not piece:
                        return
                    left -= len(piece)
                    yield piece

            def answer(self, status, body, fields=()):
                self.send_response(status)
                for name, value in fields:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def any(self):
                digest, n = hashlib.sha256(), 0
                row = [self.command, self.path, [(k.lower(), v) for k, v in self.headers.items()], None]
                if "/early" in self.path:
                    service.seen.append(row)
                    self.answer(403, b"no\n")
                    self.close_connection = True
                    return
                for piece in self.body():
                    digest.update(piece)
                    n += len(piece)
                row[3] = (n, digest.hexdigest())
                service.seen.append(row)
                if "/slow" in self.path:
                    service.release.wait(30)
                if "/hopped" in self.path:
                    self.answer(200, b"x", (("Connection", "x-inner"), ("X-Inner", "1"), ("Keep-Alive", "timeout=5"), ("Alt-Svc", "h3"), ("X-Kept", "yes")))
                elif "/broken" in self.path:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
                    self.close_connection = True
                elif "/mad" in self.path:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy")
                    self.close_connection = True
                elif "/large-head" in self.path:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(50)) + b"\r\n")
                    self.close_connection = True
                elif "/until-close" in self.path:
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nto the end")
                    self.close_connection = True
                    if "cut" not in self.path:
                        self.connection.unwrap()  # close_notify: else it could be cut off
                elif "/chunks" in self.path:
                    self.send_response(200)
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for i in range(3):
                        self.wfile.write(b"5\r\nchunk\r\n")
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.answer(200, ("%s %d %s" % (self.path, n, digest.hexdigest())).encode())

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = any

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # probes go at once

        self.server = Server((self.addr, self.port), Handler)
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(self.cert.crt, self.cert.key)
        self.server.socket = ctx.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


class Nginx:
    """Debian's nginx with files below `root`."""
    CONFIG = """
daemon off; pid %(at)s/nginx.pid; error_log %(at)s/error.log; worker_processes 1;
events { worker_connections 256; }
http {
	access_log %(at)s/access.log; client_body_temp_path %(at)s/body; proxy_temp_path %(at)s/p; fastcgi_temp_path %(at)s/f;
	uwsgi_temp_path %(at)s/u; scgi_temp_path %(at)s/s; default_type application/octet-stream; keepalive_timeout %(keep)ds;
	server { listen %(addr)s:%(port)d ssl; ssl_certificate %(crt)s; ssl_certificate_key %(key)s; root %(at)s/root; }
}
"""

    def __init__(self, place, addr, port, cert, keep=60, name="nginx"):
        self.place, self.addr, self.port, self.name = place, addr, port, name
        self.at = place.path(name)
        os.makedirs(os.path.join(self.at, "root"), exist_ok=True)
        os.chmod(self.at, 0o755)
        self.config = place.write(name + "/nginx.conf", self.CONFIG % {
            "at": self.at, "addr": addr, "port": port, "crt": cert.crt, "key": cert.key, "keep": keep})

    def file(self, path, content):
        path = os.path.join(self.at, "root", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)

    def start(self):
        self.program = Program(self.place, self.name, [need("nginx"), "-c", self.config])
        wait_for("nginx listens", lambda: port_open(self.addr, self.port), 10)
        return self

    def stop(self):
        self.program.stop()

"""A client of gh-admin's API: cookies as a browser keeps them, or none."""
import http.client
import json
import socket
import ssl

FIRST, OWN = "First-of-all-9x", "Quiet-river-lamp-58"


class Reply:
    def __init__(self, r):
        self.status, self.headers, self.body = r.status, r.headers, r.read()

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json().get("code") if self.headers["Content-Type"] == "application/problem+json" else None


def context(ca=None):
    c = ssl.create_default_context(cafile=ca)
    if not ca:
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c


class Web:
    """login() makes a session. source: the address that it comes from."""

    def __init__(self, addr, port=443, source=None):
        self.addr, self.port, self.source = addr, port, source
        self.cookie = self.csrf = self.token = self.basic = None

    def connection(self):
        return http.client.HTTPSConnection(self.addr, self.port, timeout=20, context=context(),
                                           source_address=(self.source, 0) if self.source else None)

    def ask(self, method, path, body=None, **fields):
        headers = {k.replace("_", "-"): v for k, v in fields.items() if v is not None}
        if self.cookie:
            headers.setdefault("Cookie", "__Host-session=" + self.cookie)
        if self.csrf and "X-CSRF-Token" not in headers:
            headers["X-CSRF-Token"] = self.csrf
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        if self.basic:
            headers["Authorization"] = "Basic " + self.basic
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        c = self.connection()
        try:
            c.request(method, path if path.startswith("/") else "/api/v1/" + path, data,
                      {k: v for k, v in headers.items() if v != ""})
            return Reply(c.getresponse())
        finally:
            c.close()

    def login(self, user, password=OWN, **more):
        r = self.ask("POST", "session", dict(user=user, password=password, **more))
        if r.status == 201:
            got = r.json()
            self.csrf, self.token = got["csrf"], got.get("token")
            if r.headers["Set-Cookie"]:
                self.cookie = r.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
            if self.token:
                self.csrf = None
        return r

    def command(self, *words):
        return self.ask("POST", "commands", {"words": list(words)})


def raw(addr, data, port=443, source=None, seconds=5, half_close=False):
    """Sends bytes over TLS; everything that comes back until the other side ends or is silent."""
    s = socket.create_connection((addr, port), 5, source_address=(source, 0) if source else None)
    t = context().wrap_socket(s, server_hostname="x")
    t.settimeout(seconds)
    got = b""
    try:
        t.sendall(data)
        while True:
            more = t.recv(65536)
            if not more:
                return got, True
            got += more
    except socket.timeout:
        return got, False
    except (ConnectionError, ssl.SSLError):
        return got, True
    finally:
        t.close()

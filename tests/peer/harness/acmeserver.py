"""An ACME server (RFC 8555) of our own, for what Pebble does not do: refuse, stay silent, forget, lie, and end in the middle.

Messages are read and verified by python3-acme and josepy, which others wrote; challenges are really looked at, over the
network, by the addresses of the test's name server. Faults are scripted:

    server.fault("new-order", problem("rateLimited", 429, retry=7200))      once; times=3: three times; times=None: always
    server.on["finalize"] = lambda: gh.kill("gh-pki")                       runs before the answer, once
"""
import base64
import datetime
import hashlib
import http.server
import json
import os
import secrets
import socket
import ssl
import threading
import time

import josepy
from acme import jws as acme_jws
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PORT = 14443
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
DIGEST = hashes.SHA256()


def problem(kind, status=400, detail="scripted", retry=None, **more):
    body = {"type": "urn:ietf:params:acme:error:" + kind, "detail": detail, "status": status}
    body.update(more)
    return status, "application/problem+json", json.dumps(body).encode(), {"Retry-After": str(retry)} if retry is not None else {}


class Refused(Exception):
    def __init__(self, kind, status=400, detail=""):
        super().__init__(kind, detail)
        self.answer = problem(kind, status, detail or kind)


class Authority:
    """Issues; life: (seconds before now, seconds after now)."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scripted authority")])
        now = datetime.datetime.utcnow()
        self.cert = (x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name).public_key(self.key.public_key())
                     .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
                     .not_valid_after(now + datetime.timedelta(days=100)).add_extension(x509.BasicConstraints(True, None), True)
                     .sign(self.key, DIGEST))
        self.life = (3600, 90 * 86400)

    def issue(self, public, names):
        now = datetime.datetime.utcnow().replace(microsecond=0)
        cert = (x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(self.name).public_key(public)
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(seconds=self.life[0]))
                .not_valid_after(now + datetime.timedelta(seconds=self.life[1]))
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), True).sign(self.key, DIGEST))
        return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (cert, self.cert))


class AcmeServer:
    def __init__(self, place, pki, dns, http_port=5002, tls_port=5001, name="acme", external=None, terms=None):
        self.addr, self.dns, self.http_port, self.tls_port = place.addr(), dns, http_port, tls_port
        self.host, self.external, self.terms = name + ".authority.example", external or {}, terms
        dns.a(self.host, self.addr)
        self.authority = Authority()
        self.kinds = ("http-01", "tls-alpn-01")
        self.accounts, self.orders, self.authorizations, self.certificates = {}, {}, {}, {}
        self.nonces, self.faults, self.on, self.asked, self.troubles = set(), {}, {}, [], []
        self.renewal = None          # what is said of when to renew (RFC 9773): an object or bytes; None: nobody is told where to ask
        self.renewal_asked, self.replaced = [], []
        self.processing = 0          # how often an order that is finalized is "processing" first
        self.lock = threading.RLock()
        cert = pki.make("good", self.host)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(place.write(name + "/cert.pem", cert.text()), place.write(name + "/key.pem", cert.key_text()))
        self.http = None
        self.start()
        place.on_close(self.stop)

    def start(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def log_message(self, *args):
                pass

            def setup(self):
                self.request = outer.context.wrap_socket(self.request, server_side=True)
                super().setup()

            def do_GET(self):
                outer.answer(self)
            do_HEAD = do_POST = do_GET

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request, client_address):
                pass
        self.http = Server((self.addr, PORT), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        if self.http:
            self.http.shutdown()
            self.http.server_close()
            self.http = None

    # ---- script
    @property
    def directory(self):
        return self.url("directory")

    def url(self, *words):
        return "https://%s:%d/%s" % (self.host, PORT, "/".join(words))

    def fault(self, step, answer, times=1):
        """answer: what problem() gives, or "close", or seconds of silence."""
        self.faults[step] = [answer, times]

    def count(self, step):
        return sum(1 for s in self.asked if s == step)

    def roots(self):
        return self.authority.cert.public_bytes(serialization.Encoding.PEM).decode()

    # ---- HTTP
    def _take_fault(self, step):
        with self.lock:
            hook = self.on.pop(step, None)
            fault = self.faults.get(step)
            if fault and fault[1] is not None:
                fault[1] -= 1
                if fault[1] == 0:
                    del self.faults[step]
        if hook:
            hook()
        return fault[0] if fault else None

    def answer(self, h):
        words = h.path.strip("/").split("/")
        step = words[0]
        self.asked.append(step)
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        fault = self._take_fault(step)
        if fault == "close":
            h.close_connection = True
            h.connection.close()
            return
        if isinstance(fault, (int, float)):
            time.sleep(fault)
            fault = None
        try:
            with self.lock:
                got = fault or self._serve(h, step, words[1:], body)
        except Refused as e:
            got = e.answer
        except Exception as e:  # a message that python3-acme does not take
            self.troubles.append("%s: %r" % (step, e))
            got = problem("malformed", 400, repr(e))
        status, kind, content, fields = got
        h.send_response(status)
        nonce = secrets.token_urlsafe(16)
        self.nonces.add(nonce)
        if step == "directory":
            fields = dict(fields, **{"Replay-Nonce": ""})  # none: it has to be asked for
        for name, value in dict({"Replay-Nonce": nonce, "Content-Type": kind, "Content-Length": str(len(content))}, **fields).items():
            h.send_header(name, value)
        h.end_headers()
        if h.command != "HEAD":
            h.wfile.write(content)

    def _serve(self, h, step, rest, body):
        if step == "directory":
            meta = {"externalAccountRequired": bool(self.external)}
            if self.terms:
                meta["termsOfService"] = self.terms
            more = {"renewalInfo": self.url("renewal-info")} if self.renewal is not None else {}
            return self._json(200, dict(more, newNonce=self.url("new-nonce"), newAccount=self.url("new-account"),
                                        newOrder=self.url("new-order"), meta=meta))
        if step == "renewal-info":
            self.renewal_asked.append(rest[0])
            if rest[0] not in [certificate_id(c) for c in self.certificates.values()]:
                raise Refused("malformed", 404, "no certificate of ours")
            return self._json(200, self.renewal, **{"Retry-After": "21600"}) if isinstance(self.renewal, dict) else \
                (200, "application/json", self.renewal, {})
        if step == "new-nonce":
            return 200, "text/plain", b"", {}
        if "Gatehouse/" not in h.headers.get("User-Agent", ""):
            raise Refused("malformed", detail="no user agent (RFC 8555 6.1)")
        if h.headers.get("Content-Type") != "application/jose+json":
            raise Refused("malformed", 415, "content type")
        account, payload = self._verify(step, rest, body)
        return getattr(self, "_" + step.replace("-", "_"))(account, rest, payload)

    @staticmethod
    def _json(status, what, **fields):
        return status, "application/json", json.dumps(what).encode(), fields

    def _verify(self, step, rest, body):
        message = acme_jws.JWS.from_json(json.loads(body))
        header = message.signature.combined
        if header.nonce is None or josepy.b64encode(header.nonce).decode() not in self.nonces:
            raise Refused("badNonce")
        self.nonces.discard(josepy.b64encode(header.nonce).decode())
        if header.url != self.url(*([step] + rest)):
            raise Refused("unauthorized", 401, "url %s" % header.url)
        if step == "new-account":
            if header.jwk is None or header.kid:
                raise Refused("malformed", detail="jwk is wanted")
            account, key = None, header.jwk
        else:
            if header.jwk is not None:
                raise Refused("malformed", detail="kid is wanted")
            account = self.accounts.get(header.kid)
            if not account:
                raise Refused("accountDoesNotExist")
            key = account["key"]
        if header.alg.name != "ES256" or not message.verify(key):
            raise Refused("malformed", detail="signature")
        if account and account["status"] != "valid":
            raise Refused("unauthorized", 401, "the account is " + account["status"])
        return account or key, message.payload

    # ---- the resources
    def _new_account(self, key, rest, payload):
        wanted = json.loads(payload)
        thumb = josepy.b64encode(key.thumbprint()).decode()
        url = self.url("account", thumb)
        if url in self.accounts:
            return self._json(200, {"status": self.accounts[url]["status"]}, Location=url)
        if self.terms and not wanted.get("termsOfServiceAgreed"):
            raise Refused("userActionRequired", 403, "agree first")
        kid = None
        if self.external:
            kid = self._binding(wanted.get("externalAccountBinding"), key)
        self.accounts[url] = {"key": key, "status": "valid", "contact": wanted.get("contact"), "external": kid, "url": url}
        return self._json(201, {"status": "valid"}, Location=url)

    def _binding(self, binding, key):
        if not binding:
            raise Refused("externalAccountRequired", 403)
        message = acme_jws.JWS.from_json(binding)
        protected = json.loads(josepy.b64decode(binding["protected"]))
        secret = self.external.get(protected["kid"])
        if not secret or protected["alg"] != "HS256" or protected["url"] != self.url("new-account") or "nonce" in protected:
            raise Refused("unauthorized", 403, "binding")
        if not message.verify(josepy.JWKOct(key=josepy.b64decode(secret))) or josepy.JWK.from_json(json.loads(message.payload)) != key:
            raise Refused("unauthorized", 403, "binding does not verify")
        return protected["kid"]

    def _new_order(self, account, rest, payload):
        wanted = json.loads(payload)
        names = [i["value"] for i in wanted["identifiers"] if i["type"] == "dns"]
        if "replaces" in wanted:
            if wanted["replaces"] in self.replaced or self.renewal is None:
                raise Refused("alreadyReplaced", 409)
            self.replaced.append(wanted["replaces"])
        number = secrets.token_hex(6)
        authorizations = []
        for name in names:
            z = secrets.token_hex(6)
            self.authorizations[z] = {"name": name, "status": "pending", "account": account, "error": None,
                                      "tokens": {k: josepy.b64encode(os.urandom(32)).decode() for k in self.kinds}}
            authorizations.append(z)
        self.orders[number] = {"names": names, "status": "pending", "authorizations": authorizations, "certificate": None,
                               "processing": self.processing, "account": account}
        return self._json(201, self._order_json(number), Location=self.url("order", number))

    def _order_json(self, number):
        o = self.orders[number]
        states = [self.authorizations[z]["status"] for z in o["authorizations"]]
        if o["status"] == "pending" and "invalid" in states:
            o["status"] = "invalid"
        elif o["status"] == "pending" and all(s == "valid" for s in states):
            o["status"] = "ready"
        elif o["status"] == "processing":
            o["processing"] -= 1
            if o["processing"] <= 0:
                o["status"] = "valid"
        out = {"status": o["status"], "identifiers": [{"type": "dns", "value": n} for n in o["names"]],
               "authorizations": [self.url("authorization", z) for z in o["authorizations"]], "finalize": self.url("finalize", number)}
        if o["status"] == "valid":
            out["certificate"] = self.url("certificate", o["certificate"])
        return out

    def _order(self, account, rest, payload):
        return self._json(200, self._order_json(rest[0]), **{"Retry-After": "1"})

    def _authorization(self, account, rest, payload):
        z = self.authorizations[rest[0]]
        challenges = []
        for kind, token in z["tokens"].items():
            c = {"type": kind, "url": self.url("challenge", rest[0], kind), "token": token, "status": z["status"]}
            if z["error"] and z["kind"] == kind:
                c["error"] = z["error"]
            challenges.append(c)
        return self._json(200, {"identifier": {"type": "dns", "value": z["name"]}, "status": z["status"], "challenges": challenges},
                          **{"Retry-After": "1"})

    def _challenge(self, account, rest, payload):
        z, kind = self.authorizations[rest[0]], rest[1]
        if json.loads(payload) != {}:
            raise Refused("malformed")
        if z["status"] == "pending":
            z["kind"] = kind
            threading.Thread(target=self._look, args=(z, kind, account), daemon=True).start()
        return self._json(200, {"type": kind, "url": self.url("challenge", *rest), "token": z["tokens"][kind], "status": "processing"})

    def _finalize(self, account, rest, payload):
        o = self.orders[rest[0]]
        self._order_json(rest[0])
        if o["status"] != "ready":
            raise Refused("orderNotReady", 403)
        csr = x509.load_der_x509_csr(josepy.b64decode(json.loads(payload)["csr"]))
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        if not csr.is_signature_valid or sorted(names) != sorted(o["names"]):
            raise Refused("badCSR")
        o["certificate"] = secrets.token_hex(6)
        self.certificates[o["certificate"]] = self.authority.issue(csr.public_key(), names)
        o["status"] = "processing" if o["processing"] else "valid"
        return self._json(200, self._order_json(rest[0]), Location=self.url("order", rest[0]))

    def _certificate(self, account, rest, payload):
        return 200, "application/pem-certificate-chain", self.certificates[rest[0]], {}

    # ---- looking
    def _look(self, z, kind, account):
        answer = "%s.%s" % (z["tokens"][kind], josepy.b64encode(account["key"].thumbprint()).decode())
        try:
            addr = self._address(z["name"])
            (self._look_http if kind == "http-01" else self._look_tls)(addr, z["name"], z["tokens"][kind], answer)
            z["status"] = "valid"
        except Exception as e:
            z["error"] = {"type": "urn:ietf:params:acme:error:" + ("connection" if isinstance(e, OSError) else "incorrectResponse"),
                          "detail": repr(e), "status": 403}
            z["status"] = "invalid"

    def _address(self, name):
        with self.dns.lock:
            found = self.dns.records.get((name, "A"))
        if not found:
            raise OSError("no address of " + name)
        return ".".join(str(x) for x in found[0].data)

    def _look_http(self, addr, name, token, answer):
        with socket.create_connection((addr, self.http_port), timeout=5) as s:
            s.sendall(("GET /.well-known/acme-challenge/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (token, name)).encode())
            got = b""
            while True:
                piece = s.recv(4096)
                if not piece:
                    break
                got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0] or body.decode() != answer:
            raise ValueError("got %r" % got[:200])

    def _look_tls(self, addr, name, token, answer):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["acme-tls/1"])
        with socket.create_connection((addr, self.tls_port), timeout=5) as raw, context.wrap_socket(raw, server_hostname=name) as s:
            chosen, der = s.selected_alpn_protocol(), s.getpeercert(True)
        cert = x509.load_der_x509_certificate(der)
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        mark = cert.extensions.get_extension_for_oid(ACME_IDENTIFIER)
        wanted = b"\x04\x20" + hashlib.sha256(answer.encode()).digest()
        if chosen != "acme-tls/1" or names != [name] or not mark.critical or mark.value.value != wanted:
            raise ValueError("another certificate")


def certificate_id(pem):
    """RFC 9773 4.1."""
    cert = x509.load_pem_x509_certificate(pem)
    key = cert.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    number = cert.serial_number.to_bytes(cert.serial_number.bit_length() // 8 + 1, "big")  # DER: signed
    return "%s.%s" % (josepy.b64encode(key).decode(), josepy.b64encode(number).decode())


def foreign_chain(authority, names):
    """Of a key that nobody has."""
    return authority.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), names)


def secret():
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()

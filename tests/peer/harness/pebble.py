"""Pebble, Let's Encrypt's small ACME server for tests: an authority that somebody else wrote."""
import json
import ssl
import urllib.request

from .place import Program, need, port_open, wait_for

PORT, MANAGEMENT = 14000, 15000


class Pebble:
    """http_port, tls_port: where it looks for challenges, at the address that dns gives for the name."""

    def __init__(self, place, pki, dns, http_port=5002, tls_port=5001, external=None, reject=20, name="pebble"):
        self.place, self.addr, self.name = place, place.addr(), name
        self.host = name + ".authority.example"
        dns.a(self.host, self.addr)
        cert = pki.make("good", self.host)
        self.ca = pki.ca
        config = {
            "listenAddress": "%s:%d" % (self.addr, PORT),
            "managementListenAddress": "%s:%d" % (self.addr, MANAGEMENT),
            "certificate": place.write(name + "/cert.pem", cert.text()),
            "privateKey": place.write(name + "/key.pem", cert.key_text()),
            "httpPort": http_port, "tlsPort": tls_port, "ocspResponderURL": "",
            "externalAccountBindingRequired": external is not None,
            "externalAccountMACKeys": external or {},
        }
        path = place.write(name + "/config.json", json.dumps({"pebble": config}))
        self.env = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(reject), "PEBBLE_AUTHZREUSE": "0", "PEBBLE_VA_ALWAYS_VALID": "0"}
        self.argv = [need("pebble"), "-strict", "-config", path, "-dnsserver", "%s:%d" % (dns.addr, dns.port)]
        self.program = None

    @property
    def directory(self):
        return "https://%s:%d/dir" % (self.host, PORT)

    def start(self):
        self.program = Program(self.place, self.name, self.argv, env=self.env)
        wait_for("pebble listens", lambda: port_open(self.addr, PORT), 15)
        return self

    def stop(self):
        self.program.stop()

    def root(self):
        """The root that issues from now on, in PEM."""
        context = ssl.create_default_context(cafile=self.ca)
        context.check_hostname = False
        with urllib.request.urlopen("https://%s:%d/roots/0" % (self.addr, MANAGEMENT), context=context, timeout=10) as got:
            return got.read().decode()

    def log(self):
        return self.program.text()

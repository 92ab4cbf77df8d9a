"""What an administrator waits for, and what a box costs that does nothing: one Gatehouse, with foreign tools on the other side."""
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "peer"))

from cryptography.hazmat.primitives import serialization  # noqa: E402
from harness.authority import Web  # noqa: E402
from harness.pebble import Pebble  # noqa: E402
from harness.place import need, wait_for  # noqa: E402
from harness.snmp import ROOT, Manager  # noqa: E402
from servers import Site  # noqa: E402

NAMES = ("gatehouse",)
REVOKED, HTTP, SNMP = 392000, 5002, 16161  # so many numbers of 16 bytes: 13.7 MB
USER = ("ops", "SHA-256", "auth words 1", "AES", "privacy words 1")


def timed(what):
    begin = time.monotonic()
    what()
    return time.monotonic() - begin


def revocation_list(place, pki, n):
    """A new list of so many numbers by `openssl ca`, later than those before it; its DER."""
    issuer, key = pki.authorities["ca"]
    place.write("crl/ca.pem", issuer.public_bytes(serialization.Encoding.PEM).decode())
    place.write("crl/ca.key", key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(), 0o600)
    place.write("crl/number", "%08X\n" % int(time.time()))
    place.write("crl/index.txt", "".join("R\t400101000000Z\t250101000000Z\t%032X\tunknown\t/CN=x\n" % (1 << 120 | i) for i in range(n)))
    config = place.write("crl/ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=%s\ncrlnumber=%s\ndefault_md=sha256\ndefault_crl_days=7\ncertificate=%s\nprivate_key=%s\n" % tuple(
        place.path("crl", n) for n in ("index.txt", "number", "ca.pem", "ca.key")))
    subprocess.run([need("openssl"), "ca", "-gencrl", "-config", config, "-out", place.path("crl", "list.pem")], check=True, timeout=300, stderr=subprocess.DEVNULL)
    subprocess.run([need("openssl"), "crl", "-in", place.path("crl", "list.pem"), "-outform", "DER", "-out", place.path("crl", "list.der")], check=True, timeout=60)
    with open(place.path("crl", "list.der"), "rb") as f:
        return f.read()


class Box:
    def __init__(self):
        self.site = Site()
        self.place, self.pki, self.dns = self.site.place, self.site.pki, self.site.dns
        self.gh = self.site.server("gatehouse", 1)

    def revoked(self, n):
        rows = [r for r in self.gh.records("show", "revocation") if r["name"] == "test"]
        return rows and rows[0]["state"] == "in-force" and rows[0]["revoked"] == str(n)

    def first_paint(self):
        """Bytes on the wire of a page and all that it names, as a browser asks for them."""
        total, paths = 0, ["/"]
        for path in paths:
            body = subprocess.run([need("curl"), "-sk", "-H", "Accept-Encoding: gzip", "https://%s:8443%s" % (self.gh.addr, path)], check=True,
                                  stdout=subprocess.PIPE, timeout=30).stdout
            total += len(body)
            if path == "/":
                text = subprocess.run([need("gzip"), "-dc"], input=body, stdout=subprocess.PIPE, check=True).stdout.decode()
                paths += re.findall(r'(?:src|href)="(/[^"]+)"', text)
        return total


def idle(box, out, rounds):
    time.sleep(20)
    for _ in range(rounds):
        out.add(("firmware", len(box.gh.pids()), "all programs, idle", "memory (PSS), MiB"), NAMES[0], box.gh.memory_kib() / 1024)
        time.sleep(1)


def shell(box, out, rounds):
    for _ in range(10 * rounds):
        out.add(("firmware", 1, "ghsh show version", "start to end, ms"), NAMES[0], 1000 * timed(lambda: box.gh.operator("show", "version")))
    for i in range(10 * rounds):
        out.add(("firmware", 1, "ghsh: set, commit", "commit of one row, ms"), NAMES[0], 1000 * timed(lambda: box.gh.commit("set im resume %d" % (700 + i))))


def web(box, out, rounds):
    box.gh.commit("set web certificate own", "set web listen v4 %s 8443" % box.gh.addr)
    wait_for("the page is there", lambda: subprocess.run([need("curl"), "-skf", "https://%s:8443/" % box.gh.addr], stdout=subprocess.DEVNULL).returncode == 0, 10)
    for _ in range(rounds):
        out.add(("firmware", 1, "web, compressed", "first paint, kB"), NAMES[0], box.first_paint() / 1000)


def snmp(box, out, rounds):
    box.gh.commit("set snmp listen v4 %s %d" % (box.gh.addr, SNMP), 'set snmp user ops auth-secret "%s"' % USER[2], 'set snmp user ops privacy-secret "%s"' % USER[4])
    options = Manager(box.place, box.gh.addr, SNMP, user=USER)
    argv = [need("snmpbulkwalk"), "-m", "", "-On"] + options.options + [options.to, ROOT]

    def walk():
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60).stdout
    wait_for("it answers", lambda: "Timeout" not in walk() and ROOT in walk(), 20)
    for _ in range(rounds):
        time.sleep(6)  # what it gathered is old then
        n = []
        took = timed(lambda: n.append(len(walk().splitlines())))
        out.add(("firmware", 1, "snmpbulkwalk, SNMPv3", "whole MIB, ms"), NAMES[0], 1000 * took)
        out.add(("firmware", 1, "snmpbulkwalk, SNMPv3", "objects"), NAMES[0], n[0])


def acme(box, out, rounds):
    gh = box.gh
    pebble = Pebble(box.place, box.pki, box.dns, HTTP, 5001, reject=0).start()
    box.dns.a("one.bench.example", gh.addr)
    gh.commit("set fetch allow lo 127.0.0.0/8", "set acme directory " + pebble.directory, "set acme terms-agreed on", "set acme listen v4 %s %d" % (gh.addr, HTTP),
              "set certificate one names one.bench.example", "set certificate one acme on")

    def chain():
        got = gh.records("certificate", "show", "one", check=False)
        return got[0]["sha256"] if got else None
    wait_for("the first chain", chain, 60)
    for _ in range(rounds):
        old = chain()

        def order():
            gh.ghsh("acme renew one\n")
            wait_for("a new chain", lambda: chain() != old, 60, 0.02)
        out.add(("firmware", 1, "acme renew, http-01 at Pebble", "asked to in force, s"), NAMES[0], timed(order))
        wait_for("it is over", lambda: gh.records("show", "acme", "one")[0]["state"] == "good", 20)


def revocation(box, out, rounds):
    gh, site = box.gh, Web(box.place.addr()).start()
    site.files["/ca.crl"] = revocation_list(box.place, box.pki, 0)
    gh.commit("set fetch allow lo 127.0.0.0/8", "set trust revocation-url test " + site.url("/ca.crl"))
    wait_for("the small list", lambda: box.revoked(0), 30)
    for _ in range(rounds):
        time.sleep(2)
        site.files["/ca.crl"] = revocation_list(box.place, box.pki, REVOKED)
        out.add(("firmware", REVOKED, "revocation list", "size, MB"), NAMES[0], len(site.files["/ca.crl"]) / 1e6)

        def fetch():
            gh.ghsh("revocation fetch\n")
            wait_for("the large list", lambda: box.revoked(REVOKED), 120, 0.02)
        out.add(("firmware", REVOKED, "revocation list", "asked to in force, s"), NAMES[0], timed(fetch))
        time.sleep(2)
        site.files["/ca.crl"] = revocation_list(box.place, box.pki, 0)
        gh.ghsh("revocation fetch\n")
        wait_for("the small list", lambda: box.revoked(0), 60)
    site.stop()


def bench(is_quick, out):
    rounds = 1 if is_quick else 3
    box = Box()
    try:
        for part in (idle, shell, web, snmp, acme, revocation):
            print("firmware: %s" % part.__name__, file=sys.stderr, flush=True)
            part(box, out, rounds)
    finally:
        box.site.close()

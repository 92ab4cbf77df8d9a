#!/usr/bin/python3
"""gh-s2s against itself and against Prosody, without the rest of the box (see s2s_rig.py).
Usage: s2s_alone.py [NAME...]   prints one line a case and "N passed, N failed"."""
import base64
import hashlib
import http.server
import json
import os
import ssl
import sys
import threading
import time
import traceback

from cryptography.hazmat.primitives import serialization

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path[:0] = [os.path.join(TOP, p) for p in ("tests/peer", "tests/pki", "tests/play")]
from harness.dns import Dns  # noqa: E402
from harness.place import Place, free_port6  # noqa: E402
from harness.prosody import Prosody  # noqa: E402
from pki import Pki  # noqa: E402
from s2s_rig import Rig, wait  # noqa: E402

A, B = "a.example", "b.example"
U, V = "u@a.example/r", "v@b.example"


class World:
    """Two domains with name service and certificates; who serves them is the case's choice."""

    def __init__(self, name):
        self.place = Place(name)
        self.rigs = []
        self.pki = Pki(self.place.path("pki"))
        self.dns = Dns(self.place)
        self.addr = {d: self.place.addr() for d in (A, B)}
        for d, addr in self.addr.items():
            self.dns.a("x." + d, addr)
            self.dns.srv(d, "x." + d, 5269)

    def rig(self, domain, kind="good", settings=(), name=None, addr=None, **more):
        s = {"federation mode": "open", "dns server 1": "%s %d" % (self.dns.addr, self.dns.port),
             "trust anchor ca": open(self.pki.ca).read(), "federation backoff-min": "1"}
        s.update(dict(settings))
        r = Rig(self.place, domain, self.pki.make(kind, domain), s, addr or self.addr[domain], name=name, **more)
        self.rigs.append(r)
        return r

    def check_sanitizers(self):
        """Every program has ended in order, and no sanitizer found anything."""
        for r in self.rigs:
            code = r.stop()
            assert code == 0 or code == -9, "exit %d of %s\n%s" % (code, r.domain, r.text()[-3000:])
            for bad in ("ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:"):
                assert bad not in r.text(), r.text()[-4000:]

    def prosody(self, domain, kind="good", **more):
        p = Prosody(self.place, domain, self.pki.make(kind, domain), self.pki.ca, self.dns, addr=self.addr[domain],
                    **more)
        p.start()
        return p


def row(domain, **values):
    return {"federation peer %s %s" % (domain, k.replace("_", "-")): v for k, v in values.items()}


DIALBACK = {**row(A, auth="dialback-allowed"), **row(B, auth="dialback-allowed")}


def chat(a, b, text="hi"):
    i = a.send(U, V, body=text)
    e = b.wait_in(lambda e: text.encode() in e["stanza"])
    assert e["from"] == U and e["to"] == V, e
    a.wait_done(i)


def bounced(a, to=V, condition=b"remote-server-timeout", text=b"", seconds=15):
    i = a.send(U, to)
    e = a.wait_in(lambda e: e["type"] == "error" and e["sid"] == "s%d" % i, seconds)
    assert condition in e["stanza"], e["stanza"]
    assert text in e["stanza"], e["stanza"]
    assert e["from"] == to and e["to"] == U, e
    a.wait_done(i)
    return e


def case_external(w):
    a, b = w.rig(A), w.rig(B)
    chat(a, b)
    i = b.send(V, U, body="back")
    a.wait_in(lambda e: b"back" in e["stanza"])
    b.wait_done(i)
    streams = [r for r in a.command("show federation", B)[0] if r["type"] == "stream"]
    assert len(streams) == 1 and streams[0]["direction"] == "both" and streams[0]["sm"] == "on", streams


def case_kinds_of_keys(w):
    for kind in ("rsa", "ed25519", "p384", "server-only", "no-eku", "intermediate", "srv-id", "xmpp-addr"):
        one, other = "a%s.example" % kind, "b%s.example" % kind
        for d in (one, other):
            w.addr[d] = w.place.addr()
            w.dns.a("x." + d, w.addr[d])
            w.dns.srv(d, "x." + d, 5269)
        a, b = w.rig(one, kind), w.rig(other, kind)
        i = a.send("u@" + one, "v@" + other)
        b.wait_in(lambda e: b"hi" in e["stanza"])
        a.wait_done(i)
        a.stop()
        b.stop()


def case_dialback(w):
    a, b = w.rig(A, "self-signed", DIALBACK), w.rig(B, "self-signed", DIALBACK)
    chat(a, b)
    i = b.send(V, U, body="back")
    a.wait_in(lambda e: b"back" in e["stanza"])
    b.wait_done(i)
    assert "rung=" not in "".join(x for x in a.text().splitlines() if "s2s.refused" in x)


def case_direct_tls(w):
    w.dns.clear("_tcp.b.example")
    w.dns.srv(B, "x.b.example", 5270, service="_xmpps-server")
    a, b = w.rig(A), w.rig(B)
    chat(a, b)
    assert "SASL" not in a.text() and "starttls" not in a.text()


def case_bad_certificates(w):
    for kind, reason in (("expired", "has expired"), ("wrong-name", "not valid for this name"),
                         ("self-signed", "self-signed"), ("unknown-ca", "unknown authority"),
                         ("not-yet", "not valid yet")):
        d = "b-%s.example" % kind
        w.addr[d] = w.place.addr()
        w.dns.a("x." + d, w.addr[d])
        w.dns.srv(d, "x." + d, 5269)
        a, b = w.rig(A, name="a-" + kind), w.rig(d, kind)
        bounced(a, "v@" + d, b"remote-server-timeout", reason.encode())
        assert "s2s.refused domain=%s rung=certificate" % d in a.text(), a.text()
        # and the other way: it comes to us and is told why
        i = b.send("v@" + d, U)
        b.wait_in(lambda e: e["type"] == "error")
        b.wait_done(i)
        assert not any(e["type"] != "error" for e in a.inbound)
        assert "direction=in domain=%s" % d in a.text()
        a.stop()
        b.stop()


def case_dns(w):
    a = w.rig(A, settings={"dns query-timeout": "500", "dns budget": "2000", "federation queue age": "3"})
    bounced(a, "v@nowhere.example", b"remote-server-not-found")
    bounced(a, "system", b"remote-server-not-found")
    assert w.dns.count("system") == 0  # never asked
    w.dns.srv("none.example", ".", 0)
    bounced(a, "v@none.example", b"remote-server-not-found", b"not offered")
    w.dns.fault("_xmpp-server._tcp.fail.example", "SRV", "servfail")
    w.dns.fault("_xmpps-server._tcp.fail.example", "SRV", "servfail")
    w.dns.a("fail.example", w.addr[B])
    bounced(a, "v@fail.example", b"remote-server-timeout", b"tcp")  # by address, where nothing listens


def case_dead_first_target(w):
    w.dns.clear("_tcp.b.example")
    w.dns.srv(B, "dead.b.example", 5269, priority=1)
    w.dns.a("dead.b.example", w.place.addr())
    w.dns.srv(B, "x.b.example", 5269, priority=2)
    a, b = w.rig(A), w.rig(B)
    chat(a, b)


def case_ipv6(w):
    port = free_port6()
    w.dns.clear("_tcp.b.example")
    w.dns.a("six.b.example", "::1")
    w.dns.srv(B, "six.b.example", port)
    a, b = w.rig(A), w.rig(B, addr="::1", port=port, tls_port=free_port6())
    chat(a, b)


def case_static_route(w):
    w.dns.clear("_tcp.b.example")
    a, b = w.rig(A, settings=row(B, host="%s 5270" % w.addr[B], host_direct_tls="on")), w.rig(B)
    chat(a, b)
    assert w.dns.count("_xmpp-server._tcp." + B) == 0


def case_policy(w):
    a, b = w.rig(A), w.rig(B)
    chat(a, b)
    b.apply(**{"federation peer a.example action": "deny"})
    wait(lambda: "s2s.closed" in b.text(), 5, "closed")
    n = len(b.inbound)
    bounced(a, V, b"", b"policy-violation", seconds=15)
    assert len(b.inbound) == n
    a.apply(**{"federation mode": "allow-list"})
    bounced(a, V, b"forbidden", b"policy")
    assert "advice=" in a.text()


def case_switch_restarts(w):
    a, b = w.rig(A), w.rig(B)
    b.auto_done = False
    i = a.send(U, V)
    b.wait_in(lambda e: b"hi" in e["stanza"])
    time.sleep(0.3)
    assert i not in a.done  # b's core has not taken it, so a's peer has not acknowledged
    b.rejoin_switch()
    wait(lambda: len(b.inbound) == 2, 5, "sent again")
    assert b.inbound[0]["id"] == b.inbound[1]["id"]
    b.switch.put("ROUTE_DONE", b.inbound[0]["id"].to_bytes(8, "big") + bytes(4))
    a.wait_done(i)
    # a's switch repeats what it had no answer to: no second copy goes out
    b.auto_done = True
    n = len(b.inbound)
    a.rejoin_switch()
    del a.done[i]
    a.next_id = i - 1
    assert a.send(U, V) == i
    a.wait_done(i)
    time.sleep(0.3)
    assert len(b.inbound) == n


def case_peer_dies(w):
    """In flight when the stream ends: goes out once more on a fresh one (lesson 20)."""
    a, b = w.rig(A), w.rig(B, name="b1")
    b.auto_done = False
    i = a.send(U, V)
    b.wait_in(lambda e: b"hi" in e["stanza"])
    b.child.kill()
    b.child.wait()
    b2 = w.rig(B, name="b2")
    a.command("federation retry", B)
    b2.wait_in(lambda e: b"hi" in e["stanza"], 20)
    a.wait_done(i)


def case_two_local_domains(w):
    """Several pairs on one stream, by dialback without dialback where the certificate has both."""
    cert = w.pki.make("good", A, extra=("a2.example",))
    w.dns.srv("a2.example", "x.a.example", 5269)
    a, b = w.rig(A, settings={"domain a2.example certificate": "own"}), None
    a.cert = cert
    a.key = __import__("cryptography.hazmat.primitives.serialization", fromlist=["x"]).load_pem_private_key(
        open(cert.key, "rb").read(), None)
    a.apply(**{"certificate own chain": open(cert.crt).read()})
    b = w.rig(B)
    chat(a, b)
    i = a.send("w@a2.example", V, body="second")
    b.wait_in(lambda e: b"second" in e["stanza"])
    a.wait_done(i)
    streams = [r for r in a.command("show federation", B)[0] if r["type"] == "stream" and r["state"] == "ready"]
    assert len(streams) == 1, streams
    assert "a2.example" in streams[0]["pairs"], streams


def case_check(w):
    a, b = w.rig(A), w.rig(B, "expired")
    records, end = a.command("federation check", B)
    steps = {r["step"]: r["result"] for r in records}
    assert steps["dns"] == "ok" and steps["tcp"] == "ok" and steps["tls"] == "ok" and steps["certificate"] == "failed"
    assert "renew" in records[-1]["advice"] and end[0] != 0, records
    assert sum(r["result"] == "failed" for r in records) == 1, records  # each failure is said once
    records, end = a.command("federation check", "nowhere.example")
    assert records[-1]["step"] == "dns" and records[-1]["result"] == "failed", records


def case_user_writes_to_many_domains(w):
    a, b = w.rig(A, settings={"federation user-attempts": "5"}), w.rig(B)
    ids = [a.send(U, "v@d%d.example" % i) for i in range(12)]
    for i in ids:
        a.wait_done(i, 15)
    errors = [e["stanza"] for e in a.inbound if e["type"] == "error"]
    assert sum(b"too many new partners" in e for e in errors) == 7, errors
    assert sum(b"remote-server-not-found" in e for e in errors) == 5, errors
    assert a.text().count("s2s.user-limited") == 1
    i = a.send("other@a.example", V)  # not this user
    b.wait_in(lambda e: b"hi" in e["stanza"])
    a.wait_done(i)
    chat(a, b, "on the stream that stands")


def case_many_stanzas_one_attempt(w):
    """Lesson 13: one attempt a domain pair, each stanza once and in order."""
    a, b = w.rig(A), w.rig(B)
    ids = [a.send(U, V, body="n%03d" % i) for i in range(50)]
    for i in ids:
        a.wait_done(i)
    bodies = [e["stanza"].split(b"<body>")[1][:4] for e in b.inbound]
    assert bodies == [b"n%03d" % i for i in range(50)], bodies
    assert a.text().count("event=connected") == 1, a.text()
    assert w.dns.count("_xmpp-server._tcp." + B) <= 2, w.dns.count("_xmpp-server._tcp." + B)  # where, and DANE


def case_dane(w):
    """RFC 7673, both directions: the record decides, and only from a resolver that validates."""
    a, b = w.rig(A, settings={"dns validates": "on"}), w.rig(B, "self-signed")
    bounced(a, V, b"remote-server-timeout", b"self-signed")
    w.dns.tlsa("x.b.example", 5269, 3, 1, 1, bytes.fromhex(b.cert.pin))
    a.command("federation retry", B)
    bounced(a, V, b"remote-server-timeout", b"self-signed")  # nobody has validated it
    w.dns.is_validated = True
    a.command("federation retry", B)
    chat(a, b)
    streams = [r for r in a.command("show federation", B)[0] if r["type"] == "stream"]
    assert [r["proof"] for r in streams] == ["dane"], streams
    a.command("federation close", B)
    w.dns.clear("_5269._tcp.x.b.example")
    w.dns.tlsa("x.b.example", 5269, 3, 1, 1, bytes(32))
    a.command("federation retry", B)
    i = b.send(V, U)  # it comes to us, and is not who DNS says
    b.wait_in(lambda e: e["type"] == "error")
    b.wait_done(i)
    assert "reason=cert-pin" in a.text()


def posh_server(w, addr, document, kind="good"):
    """The domain's web server."""
    cert = w.pki.make(kind, B)
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert.crt, cert.key)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            is_it = self.path == "/.well-known/posh/xmpp-server.json"
            self.send_response(200 if is_it else 404)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode() if is_it else b"")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer((addr, 443), Handler)
    server.socket = ctx.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    w.place.on_close(lambda: (server.shutdown(), server.server_close()))


def case_posh(w):
    """RFC 7711: a hoster's certificate, vouched for by the domain's own web server."""
    a, b = w.rig(A, settings={"federation posh": "on"}), w.rig(B, "wrong-name")
    w.dns.a(B, w.place.addr())
    bounced(a, V, b"remote-server-timeout", b"not valid for this name")  # no web server
    der = b.cert.x509.public_bytes(serialization.Encoding.DER)
    posh_server(w, str(w.dns.records[B, "A"][0]), {
        "fingerprints": [{"sha-256": base64.b64encode(hashlib.sha256(der).digest()).decode()}], "expires": 60})
    a.command("federation retry", B)
    chat(a, b)
    streams = [r for r in a.command("show federation", B)[0] if r["type"] == "stream"]
    assert [r["proof"] for r in streams] == ["posh"], streams


def case_posh_of_a_stranger(w):
    """A web server that cannot prove to be the domain's vouches for nobody."""
    a, b = w.rig(A, settings={"federation posh": "on"}), w.rig(B, "wrong-name")
    w.dns.a(B, w.place.addr())
    der = b.cert.x509.public_bytes(serialization.Encoding.DER)
    posh_server(w, str(w.dns.records[B, "A"][0]), {
        "fingerprints": [{"sha-256": base64.b64encode(hashlib.sha256(der).digest()).decode()}], "expires": 60},
        "unknown-ca")
    bounced(a, V, b"remote-server-timeout", b"not valid for this name")


def case_source_address_is_live(w):
    """Open streams stay where they are; the next one comes from the new address."""
    a, b = w.rig(A), w.rig(B)
    chat(a, b)
    a.apply(**{"federation source v4": a.addr})
    chat(a, b, "as before")
    assert len(ready(b)) == 1, ready(b)
    a.command("federation close", B)
    wait(lambda: not ready(b), 5, "the stream is closed")
    chat(a, b, "from there")
    assert [r["address"] for r in ready(b)] == [a.addr], ready(b)
    assert a.child.poll() is None, a.text()


def ready(b):
    return [r for r in b.command("show federation", A)[0] if r["type"] == "stream" and r["state"] == "ready"]


def debug_lines(text):
    return [x for x in text.splitlines() if x.split()[1:2] == ["debug"]]


def case_debug_of_one_domain(w):
    a, b = w.rig(A, settings={"log level": "info", "log debug domain b.example": "on"}), w.rig(B)
    bounced(a, "v@nowhere.example", b"remote-server-not-found")
    assert not debug_lines(a.text()), a.text()
    chat(a, b)
    lines = debug_lines(a.text())
    assert all("domain=b.example" in x for x in lines), lines
    for event in ("s2s.connect", "s2s.certificate", "s2s.step"):
        assert any(event in x for x in lines), (event, lines)
    a.apply(**{"log debug domain b.example": "off"})
    n = len(lines)
    a.command("federation close", B)
    chat(a, b, "again")
    assert len(debug_lines(a.text())) == n, debug_lines(a.text())[n:]


def case_queue_is_bounded(w):
    a = w.rig(A, settings={"federation queue stanzas": "5", "federation queue age": "2"})
    w.dns.fault("_xmpp-server._tcp.b.example", "SRV", "silence")
    w.dns.fault("_xmpps-server._tcp.b.example", "SRV", "silence")
    ids = [a.send(U, V) for _ in range(8)]
    for i in ids:
        a.wait_done(i, 15)
    errors = [e for e in a.inbound if e["type"] == "error"]
    assert len(errors) == 8
    assert sum(b"resource-constraint" in e["stanza"] for e in errors) == 3
    assert sum(b"remote-server-timeout" in e["stanza"] for e in errors) == 5


PING = "<iq type='get' id='p1' from='a.example' to='b.example'><ping xmlns='urn:xmpp:ping'/></iq>"


def ping_prosody(a, name=b"p1"):
    """Prosody answers a ping to its domain: both directions at once."""
    stanza = PING.replace("p1", name.decode())
    i = a.send("a.example", "b.example", kind="iq", type_="get", stanza=stanza)
    a.wait_in(lambda e: e["kind"] == "iq" and e["sid"] == name.decode() and e["type"] == "result", 20)
    a.wait_done(i)


def case_prosody_external(w):
    w.prosody(B)
    a = w.rig(A)
    ping_prosody(a)
    streams = [r for r in a.command("show federation", B)[0] if r["type"] == "stream"]
    assert any(r["sm"] == "on" for r in streams), streams
    assert all(r["tls"].startswith("TLSv1") for r in streams), streams


def case_prosody_two_streams(w):
    w.prosody(B, bidi=False, smacks=False)
    a = w.rig(A)
    ping_prosody(a)
    streams = {r["direction"] for r in a.command("show federation", B)[0] if r["type"] == "stream"}
    assert streams == {"in", "out"}, streams


def case_prosody_dialback(w):
    w.prosody(B, "self-signed", secure_auth=False)
    a = w.rig(A, "self-signed", DIALBACK)
    ping_prosody(a)


def case_prosody_dialback_two_streams(w):
    w.prosody(B, "self-signed", secure_auth=False, bidi=False)
    a = w.rig(A, "self-signed", DIALBACK)
    ping_prosody(a)


def case_prosody_direct_tls(w):
    w.dns.clear("_tcp.b.example")
    w.dns.srv(B, "x.b.example", 5270, service="_xmpps-server")
    w.prosody(B, direct_tls_only=True)
    a = w.rig(A)
    ping_prosody(a)


def case_prosody_refuses_us(w):
    w.prosody(B)
    a = w.rig(A, "expired")
    bounced(a, V, b"remote-server-timeout", b"certificate has expired")


def may_take_443():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
        return os.geteuid() == 0 or int(f.read()) <= 443


def main():
    names = sys.argv[1:]
    if not names and not may_take_443():
        print("without posh*: an ordinary user may not take port 443 here")
        for n in ("case_posh", "case_posh_of_a_stranger"):
            del globals()[n]
    cases = [(n[5:], f) for n, f in globals().items() if n.startswith("case_") and (not names or n[5:] in names)]
    passed = failed = 0
    for name, fn in cases:
        start = time.monotonic()
        w = World(name)
        try:
            fn(w)
            w.check_sanitizers()
            print("pass  %s (%.1f s)" % (name, time.monotonic() - start))
            passed += 1
        except Exception:
            failed += 1
            print("FAIL  %s" % name)
            traceback.print_exc(file=sys.stdout)
            if names:
                print(w.place.logs(40))
        finally:
            w.place.close()
        sys.stdout.flush()
    print("%d passed, %d failed" % (passed, failed))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())

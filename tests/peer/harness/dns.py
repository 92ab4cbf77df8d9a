"""A name server whose faults are scripted.

    dns = Dns(place)
    dns.a("xmpp.a.example", "127.9.1.2"); dns.srv("a.example", "xmpp.a.example", 5269)
    dns.fault("_xmpp-server._tcp.a.example", "SRV", "servfail")

Faults: servfail, refused, silence, late:SECONDS, nodata, truncate (UDP only: come by TCP), garbage.
"""
import socket
import struct
import threading
import time

from dnslib import A, AAAA, CNAME, NAPTR, DNSRecord, QTYPE, RCODE, RD, RR, SRV

PORT = 5353


class Dns:
    def __init__(self, place, addr=None, port=PORT):
        self.addr = addr or place.addr()
        self.port = port
        self.records = {}      # (name, type) -> [rdata]
        self.faults = {}       # (name, type or "*") -> what
        self.asked = []        # (monotonic time, name, type), in order
        self.lock = threading.Lock()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.addr, self.port))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((self.addr, self.port))
        self.tcp.listen(64)
        self.is_validated = False  # answers carry AD, as of a validating resolver (RFC 4035 3.2.3)
        self.closed = False
        for fn in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=fn, daemon=True).start()
        place.on_close(self.close)

    # ---- the zone
    def _add(self, name, kind, rdata):
        with self.lock:
            self.records.setdefault((name.lower().rstrip("."), kind), []).append(rdata)

    def a(self, name, *addrs):
        for x in addrs:
            if ":" in x:
                self._add(name, "AAAA", AAAA(x))
            else:
                self._add(name, "A", A(x))

    def cname(self, name, target):
        self._add(name, "CNAME", CNAME(target))

    def srv(self, domain, target, port, service="_xmpp-server", priority=0, weight=0, proto="_tcp"):
        self._add("%s.%s.%s" % (service, proto, domain), "SRV", SRV(priority, weight, port, target))

    def naptr(self, domain, service, replacement, order=10, preference=10, flags="s"):
        self._add(domain, "NAPTR", NAPTR(order, preference, flags.encode(), service.encode(), b"", replacement))

    def tlsa(self, host, port, usage, selector, matching, data):
        self._add("_%d._tcp.%s" % (port, host), "TLSA", RD(bytes([usage, selector, matching]) + data))

    def fault(self, name, kind, what):
        with self.lock:
            self.faults[name.lower().rstrip("."), kind] = what

    def clear(self, name=None):
        """Forgets records and faults of a name and what is below it; of all without a name."""
        with self.lock:
            for table in (self.records, self.faults):
                for key in list(table):
                    if name is None or key[0] == name or key[0].endswith("." + name):
                        del table[key]

    def count(self, name, kind=None):
        with self.lock:
            return sum(1 for _, n, k in self.asked if n == name and kind in (None, k))

    # ---- answers
    def _answer(self, raw, is_udp):
        """(seconds to wait, bytes) or None for silence."""
        q = DNSRecord.parse(raw)
        name = str(q.q.qname).lower().rstrip(".")
        kind = QTYPE.get(q.q.qtype)
        r = q.reply()
        r.header.ad = int(self.is_validated)
        delay = 0.0
        with self.lock:
            self.asked.append((time.monotonic(), name, kind))
            what = self.faults.get((name, kind)) or self.faults.get((name, "*"))
            if what == "silence":
                return None
            if what == "garbage":
                return 0.0, struct.pack("!H", q.header.id) + b"\x81\x80" + b"\xc0" * 40
            if what and what.startswith("late:"):
                delay = float(what[5:])
            if what in ("servfail", "refused"):
                r.header.rcode = RCODE.SERVFAIL if what == "servfail" else RCODE.REFUSED
                return 0.0, r.pack()
            if what == "truncate" and is_udp:
                r.header.tc = 1
                return 0.0, r.pack()
            if what != "nodata":
                self._fill(r, name, kind)
        return delay, r.pack()

    def _fill(self, r, name, kind):
        at, hops = name, 0
        while (at, "CNAME") in self.records and kind != "CNAME" and hops < 8:
            target = self.records[at, "CNAME"][0]
            r.add_answer(RR(at, QTYPE.CNAME, ttl=1, rdata=target))
            at = str(target.label).lower().rstrip(".")
            hops += 1
        for rd in self.records.get((at, kind), []):
            r.add_answer(RR(at, getattr(QTYPE, kind), ttl=1, rdata=rd))
        exists = any(n == at or n.endswith("." + at) for n, _ in self.records)
        if not exists:
            r.header.rcode = RCODE.NXDOMAIN

    # ---- sockets
    def _serve_udp(self):
        while not self.closed:
            try:
                raw, who = self.udp.recvfrom(4096)
                if not raw:
                    continue  # close() woke us
                got = self._answer(raw, True)
            except OSError:
                return
            except Exception as e:  # a malformed question is not answered
                print('dns: %r' % e, raw)
                continue
            if got is None:
                continue
            delay, data = got
            if delay:
                threading.Timer(delay, self._send_udp, (data, who)).start()
            else:
                self._send_udp(data, who)

    def _send_udp(self, data, who):
        try:
            self.udp.sendto(data, who)
        except OSError:
            pass

    def _serve_tcp(self):
        while not self.closed:
            try:
                c, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_conn, args=(c,), daemon=True).start()

    def _serve_conn(self, c):
        with c:
            c.settimeout(5)
            try:
                while True:
                    head = c.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    got = self._answer(c.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL), False)
                    if got is None:
                        return
                    time.sleep(got[0])
                    c.sendall(struct.pack("!H", len(got[1])) + got[1])
            except Exception:
                return

    def close(self):
        self.closed = True
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

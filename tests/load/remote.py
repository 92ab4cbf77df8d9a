"""Remote access: what an edge and its core cost with thousands of people outside, what a chat notices of a large upload, and HTTPS through
the front beside nginx and HAProxy as reverse proxies. Edge and core are two boxes on this machine, joined by gh-link over loopback."""
import json
import os
import re
import resource
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("GATEHOUSE_BIN", os.path.join(HERE, "..", "..", "build", "release", "bin"))

from servers import PASSWORD, Site, for_gatehouse  # noqa: E402
from harness import raw  # noqa: E402
from harness.gatehouse import Gatehouse  # noqa: E402
from harness.inside import Nginx  # noqa: E402
from harness.place import Program, need, port_open, wait_for  # noqa: E402
from pki import Pki  # noqa: E402

NAMES, HTTP_NAMES = ("gatehouse",), ("gatehouse", "nginx", "haproxy")
HTTP_PAIRS = (("gatehouse", "nginx"), ("gatehouse", "haproxy"))
DOMAIN, WIKI, FRONT, LINK, FILES = "near.example", "wiki.near.example", 443, 7443, 100000
PHONES, CHATS, SPARE, PAUSE_MS, UPLOAD_MB, MB = 400, 100, 100, 100, 4096, 1 << 20
QUICK = {"sessions": [4000], "registrations": 4000, "pairs": 3, "seconds": 5, "rest_s": 5, "http_s": 3, "rounds": 1}
FULL = {"sessions": [4000, 20000], "registrations": 4000, "pairs": 7, "seconds": 10, "rest_s": 20, "http_s": 5, "rounds": 3}


def say(text):
    print("remote: " + text, file=sys.stderr, flush=True)


def room_for(n):
    """So many sessions as there are descriptors for, and on how many edges: the front of an edge holds two a client, the core's gh-link one."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    except ValueError:
        pass
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE
    if n > most:
        say("%d sessions instead of %d: the limit of descriptors (ulimit -Hn) allows no more" % (most, n))
    n = min(n, most)
    return n, -(-2 * n // most)


def share(n, parts, k):
    return n // parts + (k < n % parts)


class Boxes:
    """Edges, one mostly, and the core behind them."""

    def __init__(self, sessions, registrations, edges=1):
        self.site = Site()
        place = self.site.place
        self.link_pki = Pki(place.path("link-pki"))
        most = sessions + registrations + CHATS + SPARE
        names = ["e%d" % k for k in range(edges)]
        self.edges, dial = [], []
        for name in names:
            addr = place.addr()
            self.edges.append(self.box("edge", addr, name, (name + ".edge.link.invalid", ("edge.link.invalid",)), [
                "set link listen v4 %s %d" % (addr, LINK), "set proxy listen v4 %s %d" % (addr, FRONT), "set proxy connections-max %d" % most,
                "set proxy strangers-address 10000", "set link sessions-max %d" % most, "set upload enabled on"]))
            dial.append("set link edge %s address %s %d" % (name, addr, LINK))
        self.edge = self.edges[0]
        self.core = self.box("core", place.addr(), "core", ("core.link.invalid",), dial + [
            "set link sessions-max %d" % most, "set access connections-max %d" % most, "set line registrations-per-user 20", "set upload enabled on",
            "set upload file-max 5000", "set upload user-quota 6000", "set upload free 1"])
        wait_for("the links", lambda: len([r for r in self.core.records("show", "links") if r["state"] == "up"]) == 4 * edges, 20, 0.2)
        self.people(sessions)

    def box(self, role, addr, name, names, lines):
        s = self.site
        cert = self.link_pki.make("good", *names)
        pem = s.place.write(name + "-link.pem", cert.text() + cert.key_text())
        return Gatehouse(s.place, DOMAIN, s.pki.make("good", DOMAIN), s.pki.ca, s.dns, addr=addr, name=name, role=role, settings=[
            "certificate import link " + pem, "set link authority own " + self.link_pki.ca] + lines).start()

    def people(self, n):
        say("%d accounts" % n)
        verifiers = " ".join(for_gatehouse(d, k) for d, k in (("sha1", "SCRAM-SHA-1"), ("sha256", "SCRAM-SHA-256")))
        names = ["%s%d" % (self.prefix(k), i) for k in range(len(self.edges)) for i in range(share(n, len(self.edges), k))] + ["chat%d" % i for i in range(CHATS)]
        self.core.ghsh(["user import %s@%s %s" % (x, DOMAIN, verifiers) for x in names], timeout=600)
        self.core.ghsh(["user add phone%d@%s %s" % (i, DOMAIN, PASSWORD) for i in range(PHONES)], timeout=600)

    @staticmethod
    def prefix(k):
        """Of the users who come by that edge."""
        return "user" + "x" * k

    def argv(self, mode, edge=0, **options):
        words = [os.path.join(BIN, "gh-load"), "--server", "%s:%d" % (self.edges[edge].addr, FRONT), "--domain", DOMAIN,
                 "--password", PASSWORD, "--mechanism", "SCRAM-SHA-1", "--tls", "direct", "--timeout", "900",
                 "--pids", ",".join(str(box.program.pid) for box in self.edges + [self.core])]
        for k, v in options.items():
            words += ["--" + k.replace("_", "-"), str(v)]
        return words + [mode]

    def load(self, mode, **options):
        got = subprocess.run(self.argv(mode, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=1000)
        if got.returncode != 0:
            sys.exit("bench: %s failed: %s%s" % (mode, got.stdout, got.stderr))
        return json.loads(got.stdout)

    def mib(self, out, key):
        for name, boxes in (("edge" if len(self.edges) == 1 else "%d edges" % len(self.edges), self.edges), ("core", [self.core])):
            out.add(key + ("%s, all programs, MiB" % name,), NAMES[0], sum(box.memory_kib() for box in boxes) / 1024)

    def close(self):
        self.site.close()


class Held:
    """Clients that are logged in and silent until close()."""

    def __init__(self, boxes, **options):
        self.child = subprocess.Popen(boxes.argv("hold", **options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.child.stdout.readline()
        self.figures = json.loads(line) if line else {"clients": 0}
        if self.figures["clients"] != options["users"]:
            self.child.kill()
            sys.exit("bench: %d of %d clients are in" % (self.figures["clients"], options["users"]))

    def close(self):
        self.child.stdin.close()
        if self.child.wait(60) != 0:
            sys.exit("bench: clients that should have stayed were lost")


def held(boxes, out, n, what, rest_s, **options):
    """By all edges, one after the other: a generator has a limit of descriptors, too."""
    parts = len(boxes.edges)
    all_held = []
    for k in range(parts):
        say("%d %s, edge %d of %d" % (share(n, parts, k), what, k + 1, parts))
        all_held.append(Held(boxes, edge=k, users=share(n, parts, k), wait=rest_s, **{"prefix": boxes.prefix(k), **options}))
    figures = [h.figures for h in all_held]
    key = ("remote", n, what)
    for figure, value in (("logins/s by the clock", n / sum(f["clients"] / f["per_s"] for f in figures)),
                          ("logins per CPU second of all boxes", n / sum(f["clients"] / f["per_cpu_s"] for f in figures)),
                          ("KiB each, all boxes", (figures[-1]["rested_kib"] - figures[0]["empty_kib"]) / n),
                          ("processor while silent, % of one", figures[-1]["idle_cpu_share"] * 100)):
        out.add(key + (figure,), NAMES[0], value)
    boxes.mib(out, key)
    return all_held


def chats(boxes, out, label, plan):
    """50 pairs that answer each other after a tenth of a second: what a message takes from one client outside to another."""
    for r in boxes.load("pairs", users=CHATS, prefix="chat", pairs=CHATS // 2, window=1, pause=PAUSE_MS, seconds=plan["seconds"], alpn="xmpp-client",
                        rounds=1)["rounds"]:
        for p in ("p50_ms", "p99_ms"):
            out.add(("remote-upload", CHATS, "50 chats, " + label, "%s of a message, ms" % p[:3]), NAMES[0], r[p])
        return r["p99_ms"]


def slot(boxes, size):
    s = raw.login(boxes.core.addr, "user0", DOMAIN, PASSWORD, ca=boxes.site.pki.ca, resource="upload")
    got = s.iq("get", "<request xmlns='urn:xmpp:http:upload:0' filename='big.bin' size='%d'/>" % size, DOMAIN)
    s.close()
    return next(got.iter("{urn:xmpp:http:upload:0}put")).get("url")


def read_bytes(pid):
    with open("/proc/%d/io" % pid) as f:
        return int(re.search(r"^wchar: (\d+)", f.read(), re.M).group(1))


class Upload:
    """curl sends a file that is too large to be whole before it is stopped."""

    def __init__(self, boxes, path):
        self.files, self.began = boxes.core.pid("gh-files"), time.monotonic()
        self.before = read_bytes(self.files)
        self.curl = subprocess.Popen([need("curl"), "-sk", "--http1.1", "--resolve", "%s:%d:%s" % (DOMAIN, FRONT, boxes.edge.addr), "-T", path,
                                      slot(boxes, os.path.getsize(path))], stdout=subprocess.DEVNULL)
        wait_for("the upload goes", lambda: read_bytes(self.files) - self.before > 4 * MB, 20)

    def stop(self):
        """Its MB/s."""
        if self.curl.poll() is not None:
            sys.exit("bench: the upload was over before the chats")
        rate = (read_bytes(self.files) - self.before) / (time.monotonic() - self.began) / 1e6
        self.curl.kill()
        self.curl.wait()
        return rate


def upload(is_quick, out):
    """The same chats before and while a large file comes over the edge to the core, in turn."""
    plan = QUICK if is_quick else FULL
    boxes = Boxes(20, 0)
    try:
        path = boxes.site.place.path("big")
        with open(path, "wb") as f:
            f.truncate(UPLOAD_MB * MB)
        for i in range(plan["pairs"]):
            say("chats, then chats beside an upload: %d of %d" % (i + 1, plan["pairs"]))
            idle = chats(boxes, out, "nothing else", plan)
            beside = Upload(boxes, path)
            busy = chats(boxes, out, "beside an upload", plan)
            key = ("remote-upload", CHATS, "an upload beside them")
            out.add(key + ("MB/s",), NAMES[0], beside.stop())
            out.add(key + ("p99 of a message to that without",), NAMES[0], busy / idle)
    finally:
        boxes.close()


def people(is_quick, out):
    plan = QUICK if is_quick else FULL
    first = plan["sessions"][0]
    for n in plan["sessions"]:
        registrations = plan["registrations"] if n == first else 0
        room, edges = room_for(n + registrations)
        n = room - registrations
        boxes = Boxes(n, registrations, edges)
        try:
            boxes.mib(out, ("remote", 0, "nobody"))
            all_held = held(boxes, out, n, "XMPP sessions", plan["rest_s"], alpn="xmpp-client")
            if registrations:
                all_held += held(boxes, out, registrations, "SIP registrations beside them", plan["rest_s"], alpn="sip/2", sip=PHONES, prefix="phone")
            for h in all_held:
                h.close()
        finally:
            boxes.close()


# ---- HTTPS
class ReverseNginx(Nginx):
    CONFIG = Nginx.CONFIG.replace("access_log %(at)s/access.log", "access_log off").replace("server {", "upstream up { server %(to)s; keepalive 64; }\n\tserver {").replace(
        "root %(at)s/root;", 'keepalive_requests 1000000; location / { proxy_pass https://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_ssl_verify on; '
        "proxy_ssl_trusted_certificate %(ca)s; proxy_ssl_name inside.example; proxy_ssl_server_name on; }")

    def __init__(self, place, addr, port, cert, to, ca):
        self.CONFIG = type(self).CONFIG.replace("%(to)s", to).replace("%(ca)s", ca)
        super().__init__(place, addr, port, cert, name="reverse-nginx")


class Inside(Nginx):
    CONFIG = Nginx.CONFIG.replace("access_log %(at)s/access.log", "access_log off").replace("root %(at)s/root;", "keepalive_requests 1000000; root %(at)s/root;")


HAPROXY = """
global
	nbthread 1
	maxconn 2000
defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
frontend front
	bind %(addr)s:443 ssl crt %(pem)s alpn http/1.1
	default_backend inside
backend inside
	http-reuse always
	server one %(to)s ssl verify required ca-file %(ca)s verifyhost inside.example sni str(inside.example)
"""


class Http:
    """The same service of an nginx inside, published by our front, by nginx and by HAProxy; one worker each."""

    def __init__(self):
        self.site = s = Site()
        place, ca, cert = s.place, s.pki.ca, s.pki.make("good", WIKI)
        inside = Inside(place, place.addr(), 8443, s.pki.make("good", "inside.example")).start()
        s.dns.a("inside.example", inside.addr)
        to = "%s:8443" % inside.addr
        pem = place.write("wiki.pem", cert.text() + cert.key_text())
        self.gh = Gatehouse(place, DOMAIN, s.pki.make("good", DOMAIN), ca, s.dns)
        self.gh.start().commit(
            "set proxy listen v4 %s %d" % (self.gh.addr, FRONT), "certificate import wiki " + pem, "set publish target wiki certificate wiki",
            "set publish target wiki name " + WIKI, "set publish target wiki url https://inside.example:8443", "set publish rule all url https://%s/" % WIKI)
        wait_for("the service is up", lambda: [r["state"] for r in self.gh.records("show", "publish", check=False) or []] == ["up"], 20, 0.2)
        wait_for("the front", lambda: port_open(self.gh.addr, FRONT), 10)
        document = subprocess.run([need("curl"), "-skf", "--resolve", "%s:%d:%s" % (DOMAIN, FRONT, self.gh.addr), "https://%s/.well-known/host-meta" % DOMAIN],
                                  stdout=subprocess.PIPE, check=True).stdout
        inside.file(".well-known/host-meta", document)
        inside.file("page", os.urandom(2000))
        nginx = ReverseNginx(place, place.addr(), FRONT, cert, to, ca).start()
        haddr = place.addr()
        haproxy = Program(place, "haproxy", [need("haproxy"), "-db", "-f", place.write("haproxy.cfg", HAPROXY % {"addr": haddr, "pem": pem, "to": to, "ca": ca})])
        wait_for("HAProxy listens", lambda: port_open(haddr, FRONT), 10)
        self.doors = {"gatehouse": (self.gh.addr, self.gh.program.pid), "nginx": (nginx.addr, nginx.program.pid), "haproxy": (haddr, haproxy.pid)}


def cpu_s(root):
    """Of a process and all below it."""
    stats = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % entry) as f:
                words = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        stats[int(entry)] = (int(words[1]), int(words[11]) + int(words[12]))
    total, front = 0, [root]
    while front:
        total += sum(stats[p][1] for p in front if p in stats)
        front = [p for p, (parent, _) in stats.items() if parent in front]
    return total / os.sysconf("SC_CLK_TCK")


def requests(addr, pid, host, path, seconds, connections):
    """Requests a second by the clock, and by our processor time."""
    before, began = cpu_s(pid), time.monotonic()
    got = subprocess.run([need("h2load"), "--h1", "-D", str(seconds), "-c", str(connections), "-t", "1", "--connect-to=%s:%d" % (addr, FRONT), "https://%s%s" % (host, path)],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    wall, cpu = time.monotonic() - began, cpu_s(pid) - before
    counts = re.search(r"(\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", got.stdout)
    if not counts or int(counts.group(1)) == 0 or any(int(counts.group(i)) for i in (2, 3, 4)):
        sys.exit("bench: h2load at %s%s: %s" % (host, path, got.stdout[-1500:]))
    return int(counts.group(1)) / wall, int(counts.group(1)) / cpu


def http(is_quick, out):
    plan = QUICK if is_quick else FULL
    h = Http()
    try:
        for label, path in (("host-meta", "/.well-known/host-meta"), ("published page of 2 kB", "/page")):
            for _ in range(plan["rounds"]):
                for name, (addr, pid) in h.doors.items():
                    say("%s by %s" % (label, name))
                    host = DOMAIN if (name, label) == ("gatehouse", "host-meta") else WIKI
                    clock, cpu = requests(addr, pid, host, path, plan["http_s"], 32)
                    out.add(("remote-http", 32, label, "HTTPS requests/s by the clock"), name, clock)
                    out.add(("remote-http", 32, label, "HTTPS requests per CPU second"), name, cpu)
    finally:
        h.site.close()

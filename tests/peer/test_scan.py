"""Uploads that a virus scanner judges: clamd and c-icap of Debian, scanners that are played (silent, slow, garbage), one after the other, and
none at all."""
import json
import os
import signal
import socket
import tempfile
import threading

from harness.people import Box
from harness.place import port_open, wait_for
from harness.scanners import EICAR, MARK, CIcap, Clamd
from harness.uploads import MB, Uploads

PORT = 443


class Played:
    """A scanner by hand: each connection goes to `serve`, in a thread of its own, until close."""

    def __init__(self, addr, port, serve):
        self.where, self.serve = "%s:%d" % (addr, port), serve
        self.sock = socket.create_server((addr, port), reuse_port=False)
        self.heard = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(s,), daemon=True).start()

    def _one(self, s):
        s.settimeout(60)
        with s:
            try:
                self.serve(self, s)
            except OSError:
                pass

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def read_until(s, end):
    got = b""
    while end not in got:
        more = s.recv(65536)
        if not more:
            break
        got += more
    return got


def clamd_that(says):
    """A clamd that answers PING, and each file with these bytes, at once; None: with nothing."""
    def serve(me, s):
        got = read_until(s, b"\0")
        if got.startswith(b"zPING\0"):
            s.sendall(b"PONG\0")
            return
        me.heard.append(got)
        if says is not None:
            s.sendall(says)
        while s.recv(65536):
            pass
    return serve


class ScanCase(Uploads, Box):
    settings = ("set upload enabled on", "set upload slots-minute 1000", "set upload free 1", "set upload rate 0")

    @classmethod
    def build(cls):
        super().build()
        cls.front = cls.gh.addr, PORT
        cls.gh.commit("set proxy listen all %s %d" % cls.front)
        wait_for("the front listens", lambda: port_open(*cls.front), 10)
        wait_for("the files are counted", lambda: (cls.gh.records("show", "uploads", check=False) or [{}])[0].get("state") == "ready", 15, 0.2)

    def setUp(self):
        super().setUp()
        self.user = self.people("u")
        self.s = self.client(self.user)

    def set(self, *lines):
        self.gh.commit(*["set upload " + line for line in lines])

    def scan_by(self, kind, *where, lines=()):
        self.set("scan-servers \"%s\"" % " ".join(where), "scan " + kind, *lines)
        self.addCleanup(self.scan_off)

    def scan_off(self):
        have = [r["setting"] for r in self.gh.records("show", "settings") if r["setting"].startswith("upload scan")]
        if have:
            self.gh.commit(*["delete " + s for s in have])

    def servers(self):
        return {r["server"]: r for r in self.gh.records("show", "upload", "scan", check=False) or []}

    def is_up(self, where):
        return self.servers().get(where, {}).get("state") == "up"

    def wait_up(self, *where):
        for w in where:
            wait_for("%s answers" % w, lambda w=w: self.is_up(w), 20, 0.1)

    def alarms(self):
        return {(r["alarm"], r["key"]) for r in self.gh.records("show", "alarms")}

    def counter(self, counter, program="gh-files"):
        return next((int(r["value"]) for r in self.gh.records("show", "counters", program) if r["counter"] == counter), 0)

    def try_put(self, content, name="a.bin", type_=""):
        """Status, fields and text of the PUT; the path to get it."""
        put, get = self.slot(self.s, name, len(content), type_)
        return self.http("PUT", put, content) + (get,)

    def nothing_half(self):
        wait_for("no draft is left", lambda: os.listdir(os.path.join(self.gh.state, "files", "new")) == [], 10)

    def clean_and_infected(self):
        """What must hold whichever protocol it is."""
        big = os.urandom(1000) * 9000
        for content in (b"x", b"hello" * 100, big):
            status, _, _, get = self.try_put(content)
            self.assertEqual(status, 201)
            self.assertEqual(self.http("GET", get)[2], content)
        before = self.counter("files.infected")
        for content, virus in ((EICAR, "Own.Eicar.UNOFFICIAL"), (MARK, "Own.Mark.UNOFFICIAL"), (b"a" * 3 * MB + MARK + b"b" * MB, "Own.Mark.UNOFFICIAL")):
            status, _, text, get = self.try_put(content)
            self.assertEqual((status, text), (422, b"the virus scanner refuses it: %s\n" % virus.encode()))
            self.assertEqual(self.http("GET", get)[0], 404)
            self.assertEqual(self.http("HEAD", get)[0], 404)
        self.assertEqual(self.counter("files.infected"), before + 3)
        self.nothing_half()


class ByClamd(ScanCase):
    @classmethod
    def build(cls):
        super().build()
        cls.clamd = Clamd(cls.place, "clamd").start()

    def test_clean_and_infected(self):
        self.scan_by("clamd", self.clamd.where)
        self.wait_up(self.clamd.where)
        self.clean_and_infected()
        log = self.gh.log()
        line = next(x for x in log.splitlines() if "files.infected" in x)
        for part in ("user=%s@" % self.user, "virus=Own.Eicar.UNOFFICIAL", "action=delete", "size=68"):
            self.assertIn(part, line)
        self.assertNotIn(EICAR.decode(), log)

    def test_facts_in_the_archive(self):
        """What came of each file stands in the compliance archive: C-MFT-17, C-MFT-08."""
        self.scan_by("clamd", self.clamd.where)
        self.wait_up(self.clamd.where)
        self.gh.commit("set compliance mode fast")
        self.addCleanup(self.gh.commit, "delete compliance mode")
        wait_for("gh-comply runs", lambda: (self.gh.records("show", "compliance", check=False) or [{}])[0].get("state") == "ready", 20, 0.1)
        before = self.counter("comply.files", "gh-comply")
        _, _, _, get = self.try_put(b"hello" * 1000, "a.txt", "text/plain")
        self.assertEqual(self.http("GET", get)[0], 200)
        self.assertEqual(self.http("GET", get, headers=("Range: bytes=0-9",))[0], 206)
        self.assertEqual(self.http("HEAD", get)[0], 200)
        self.try_put(EICAR, "bad.com")
        wait_for("all are noted", lambda: self.counter("comply.files", "gh-comply") >= before + 6, 10, 0.1)  # two of them places
        with tempfile.TemporaryDirectory() as folder:
            got = self.gh.operator("compliance", "export", "json", "all", cwd=folder)
            self.assertEqual(got.returncode, 0, got.stderr)
            with open(os.path.join(folder, "compliance.jsonl"), encoding="utf-8") as f:
                facts = [r for r in map(json.loads, f) if r["kind"] == "transfer"]
        self.assertEqual([(r["method"], r["name"], r["size"], r["bytes-transferred"], r.get("detail")) for r in facts],
                         [("put", "a.txt", 5000, 5000, None), ("get", "a.txt", 5000, 5000, None), ("get", "a.txt", 5000, 10, None),
                          ("infected", "bad.com", 68, 68, "Own.Eicar.UNOFFICIAL")])
        for r in facts:
            self.assertTrue(r["owner"].startswith(self.user + "@"), r)
            self.assertRegex(r["file"], "^[0-9]{8}/[0-9]{2}/[0-9a-f]{32}$")
            self.assertRegex(r["address"], r"^127\.")
        self.assertEqual(facts[0]["media-type"], "text/plain")

    def test_quarantine(self):
        """It is kept, counted and deleted as files are, and nobody gets it."""
        self.scan_by("clamd", self.clamd.where, lines=("scan-infected quarantine",))
        self.wait_up(self.clamd.where)
        status, _, _, get = self.try_put(EICAR, "bad.com")
        self.assertEqual((status, self.http("GET", get)[0]), (422, 404))
        jid = self.user + "@" + self.s.jid.split("@")[1].split("/")[0]
        (row,) = self.gh.records("upload", "list", jid)
        self.assertEqual((row["name"], row["virus"], row["bytes"]), ("bad.com", "Own.Eicar.UNOFFICIAL", "68"))
        self.assertEqual(self.gh.records("show", "uploads")[0]["quarantined"], "1")
        self.gh.kill("gh-files")
        wait_for("they are counted again", lambda: (self.gh.records("show", "uploads", check=False) or [{}])[0].get("state") == "ready", 15, 0.2)
        self.assertEqual(self.gh.records("show", "uploads")[0]["quarantined"], "1")
        self.assertEqual(self.http("GET", get)[0], 404)
        self.gh.records("upload", "delete", "file", row["file"])
        self.assertEqual(self.gh.records("show", "uploads")[0]["quarantined"], "0")
        self.assertEqual([f for _, _, fs in os.walk(os.path.join(self.gh.state, "files", "quarantine")) for f in fs], [])

    def test_too_large_for_it(self):
        small = Clamd(self.place, "small", stream_max=1).start()
        self.addCleanup(small.stop)
        self.scan_by("clamd", small.where)
        self.wait_up(small.where)
        status, _, text, get = self.try_put(b"z" * 2 * MB)
        self.assertEqual((status, text), (413, b"the virus scanner takes no file of this size\n"))
        self.assertEqual(self.http("GET", get)[0], 404)
        self.set("scan-failure give")
        status, _, _, get = self.try_put(b"z" * 2 * MB)
        self.assertEqual((status, self.http("GET", get)[0]), (201, 200))

    def test_no_scanner_then_one(self):
        """503 and an alarm; what waits is scanned when it comes, and what is infected is not given out for that."""
        addr = self.place.addr()
        where = addr + ":3310"
        self.scan_by("clamd", where, lines=("scan-timeout 2",))
        wait_for("alarms", lambda: {("UploadsNotScanned", ""), ("VirusScannerUnreachable", where)} <= self.alarms(), 20, 0.2)
        put, get = self.slot(self.s, "a.bin", len(EICAR), "")
        status, fields, text = self.http("PUT", put, EICAR)
        self.assertEqual((status, fields["retry-after"], text), (503, "30", b"no virus scanner answers: try again later\n"))
        self.assertEqual(self.http("GET", get)[0], 404)
        self.nothing_half()
        self.set("scan-timeout 120")
        got = []
        t = self.tls()
        thread = threading.Thread(target=lambda: got.append(self.http("PUT", put, EICAR, t=t)))  # the same slot: it is not used
        thread.start()
        wait_for("it waits", lambda: self.servers()[where]["waiting"] == "1", 10, 0.1)
        self.assertEqual(self.http("GET", get)[0], 404)
        late = Clamd(self.place, "late", addr=addr).start()
        self.addCleanup(late.stop)
        thread.join(60)
        self.assertEqual(got[0][0], 422)
        wait_for("the alarms are over", lambda: not {a for a, _ in self.alarms()} & {"UploadsNotScanned", "VirusScannerUnreachable"}, 20, 0.2)
        self.set("scan-failure give", "scan-timeout 2")
        late.stop()
        status, _, _, get = self.try_put(b"hello")
        self.assertEqual((status, self.http("GET", get)[2]), (201, b"hello"))
        self.assertIn("files.unscanned", self.gh.log())

    def test_killed_while_it_scans(self):
        """Whichever program ends, nothing unscanned is there afterwards; a new gh-scan is asked again."""
        silent = Played(self.place.addr(), 3310, clamd_that(None))
        self.addCleanup(silent.close)
        self.scan_by("clamd", silent.where, lines=("scan-timeout 120",))
        self.wait_up(silent.where)
        put, get = self.slot(self.s, "a.bin", 5, "")
        t = self.tls()
        got = []
        thread = threading.Thread(target=lambda: got.append(self.http("PUT", put, b"hello", t=t)))
        thread.start()
        wait_for("the scanner has it", lambda: len(silent.heard) == 1, 10)
        self.gh.kill("gh-scan")
        wait_for("the scanner has it again", lambda: len(silent.heard) == 2, 30)
        self.assertEqual(self.http("GET", get)[0], 404)
        self.gh.kill("gh-files")
        thread.join(30)
        self.assertEqual(got[0][0], 503)
        wait_for("gh-files is back", lambda: (self.gh.records("show", "uploads", check=False) or [{}])[0].get("state") == "ready", 15, 0.2)
        self.assertEqual(self.http("GET", get)[0], 404)
        self.nothing_half()
        wait_for("nothing is scanned for nobody", lambda: self.servers()[silent.where]["scanning"] == "0", 10, 0.1)

    def test_queue_and_clients_that_are_gone(self):
        """One at a time; who stands behind it waits; with the front all end, and nothing is scanned for nobody."""
        silent = Played(self.place.addr(), 3310, clamd_that(None))
        self.addCleanup(silent.close)
        self.scan_by("clamd", silent.where, lines=("scan-timeout 120", "scan-jobs 1"))
        self.wait_up(silent.where)
        ways = []
        for _ in range(3):
            put, _ = self.slot(self.s, "a.bin", 5, "")
            t = self.tls()
            t.sendall(("PUT %s HTTP/1.1\r\nHost: near.example\r\nContent-Length: 5\r\n\r\nhello" % put).encode())
            ways.append(t)
        wait_for("one is scanned, two wait", lambda: (self.servers()[silent.where]["scanning"], self.servers()[silent.where]["waiting"]) == ("1", "2"), 10, 0.1)
        self.gh.kill("gh-proxy")
        wait_for("no more", lambda: (self.servers()[silent.where]["scanning"], self.servers()[silent.where]["waiting"]) == ("0", "0"), 10, 0.1)
        self.nothing_half()
        wait_for("the front is back", lambda: port_open(*self.front), 15)

    def test_fail_over(self):
        """The first is silent, speaks nonsense, or is not there: the second has the word."""
        addr = self.place.addr()
        for says in (None, b"stream: maybe\0", b"x" * 5000, b"stream: OK\0more", b"stream: OK\0", b"lib failure ERROR\0"):
            with self.subTest(says):
                first = Played(addr, 3310, clamd_that(says))
                try:
                    self.scan_by("clamd", first.where, self.clamd.where, lines=("scan-timeout %d" % (6 if says is None else 60),))
                    self.wait_up(first.where, self.clamd.where)
                    # a clean word is none before the end: more than sockets hold, so that there is no end
                    status, _, _, get = self.try_put(b"c" * (16 if says == b"stream: OK\0" else 1) * MB + MARK)
                    self.assertEqual((status, self.http("GET", get)[0]), (422, 404))
                    self.assertEqual(len(first.heard), 1)
                    self.assertEqual(self.servers()[first.where]["state"], "down")
                finally:
                    self.scan_off()
                    first.close()
        self.scan_by("clamd", addr + ":3310", self.clamd.where)
        self.wait_up(self.clamd.where)
        self.assertEqual(self.try_put(EICAR)[0], 422)

    def test_frozen(self):
        """A clamd that is stopped takes connections and says nothing: the next one answers, in time."""
        other = Clamd(self.place, "other").start()
        self.addCleanup(other.stop)
        self.scan_by("clamd", other.where, self.clamd.where, lines=("scan-timeout 8",))
        self.wait_up(other.where, self.clamd.where)
        os.kill(other.program.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, other.program.pid, signal.SIGCONT)
        self.assertEqual(self.try_put(EICAR)[0], 422)
        self.assertEqual(self.try_put(b"clean")[0], 201)
        os.kill(other.program.pid, signal.SIGCONT)
        self.wait_up(other.where)


class ByIcap(ScanCase):
    @classmethod
    def build(cls):
        super().build()
        cls.clamd = Clamd(cls.place, "clamd").start()
        cls.icap = CIcap(cls.place, "c-icap", cls.clamd).start()

    def test_clean_and_infected(self):
        self.scan_by("icap", self.icap.where, lines=("scan-service avscan",))
        self.wait_up(self.icap.where)
        self.clean_and_infected()
        self.assertEqual(self.servers()[self.icap.where]["infected"], "3")

    def test_service_that_is_not_there(self):
        self.scan_by("icap", self.icap.where, lines=("scan-service nothing", "scan-timeout 2"))
        wait_for("it is of no use", lambda: "status 404" in self.servers().get(self.icap.where, {}).get("trouble", ""), 20, 0.1)
        self.assertEqual(self.try_put(b"hello")[0], 503)

    OPTIONS = b"ICAP/1.0 200 OK\r\nMethods: %s\r\nAllow: 204\r\n%sOptions-TTL: 3600\r\nEncapsulated: null-body=0\r\n\r\n"

    def played(self, answer, options):
        """A service by hand: answer(heard) gives what it says of a file once that is whole; what it has of files stands in `bodies`."""
        def serve(me, s):
            head = read_until(s, b"\r\n\r\n")
            if head.startswith(b"OPTIONS "):
                s.sendall(options)
                return
            while not head.endswith((b"\r\n0\r\n\r\n", b"\r\n0; ieof\r\n\r\n")):
                head += s.recv(65536)
            if b"\r\nPreview: " in head and not head.endswith(b"ieof\r\n\r\n"):
                s.sendall(b"ICAP/1.0 100 Continue\r\n\r\n")
                rest = b"\r\n"
                while not rest.endswith(b"\r\n0\r\n\r\n"):
                    rest += s.recv(65536)
                head += rest
            me.heard.append(head)
            s.sendall(answer)
            while s.recv(65536):
                pass
        me = Played(self.place.addr(), 1344, serve)
        self.addCleanup(me.close)
        return me

    def test_words(self):
        """What services say, and what that means; REQMOD where there is no RESPMOD, with a preview and without."""
        clean, other = b"ICAP/1.0 204 No Content\r\nISTag: x\r\n\r\n", b"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=0\r\n"
        for methods, preview, answer, status, text in (
                (b"RESPMOD", b"", clean, 201, b""), (b"REQMOD", b"", clean, 201, b""), (b"REQMOD, RESPMOD", b"Preview: 3\r\n", clean, 201, b""),
                (b"RESPMOD", b"Preview: 1024\r\n", clean, 201, b""), (b"RESPMOD", b"Preview: 0\r\n", clean, 201, b""),
                (b"RESPMOD", b"", other + b"X-Infection-Found: Type=0; Resolution=2; Threat=Evil <b>;\r\n\r\n", 422, b"Evil ?b?"),
                (b"RESPMOD", b"", other + b"X-Violations-Found: 1\r\n\t-\r\n\tEvil\r\n\t0\r\n\t0\r\nX-Virus-ID: Evil.2\r\n\r\n", 422, b"Evil.2"),
                (b"REQMOD", b"", other + b"\r\n", 422, b"changed by the scanner"),
                (b"RESPMOD", b"", b"ICAP/1.0 500 No\r\n\r\n", 503, b""), (b"RESPMOD", b"", b"HTTP/1.1 204 No\r\n\r\n", 503, b""),
                (b"RESPMOD", b"", b"ICAP/1.0 204 No\nX: y\n\n", 503, b""), (b"RESPMOD", b"", b"ICAP/1.0 100 Continue\r\n\r\n", 503, b"")):
            with self.subTest((methods, preview, answer)):
                service = self.played(answer, self.OPTIONS % (methods, preview))
                self.scan_by("icap", service.where, lines=("scan-service scan?x=1", "scan-timeout %d" % (2 if status == 503 else 30)))
                self.wait_up(service.where)
                got = self.try_put(b"hello", type_="text/plain")
                self.assertEqual(got[0], status)
                self.assertIn(text, got[2])
                heard = service.heard[0]
                self.assertTrue(heard.startswith((b"RESPMOD" if b"RESPMOD" in methods else b"REQMOD") + b" icap://%s/scan?x=1 ICAP/1.0\r\n" % service.where.encode()))
                self.assertIn(b"Allow: 204\r\n", heard)
                self.assertIn(b"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n", heard)
                self.assertNotIn(self.user.encode(), heard)
                self.assertNotIn(b"a.bin", heard)
                self.scan_off()

"""A box whose disk is full: it stays manageable, says so, loses nothing that it took, and goes on when there is room. Root only:
the state folder is a small file system of its own."""
import ctypes
import os

from harness.case import PeerCase
from harness.place import Failed, port_open, wait_for
from harness.uploads import MB, Uploads

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
libc = ctypes.CDLL(None, use_errno=True)


class FullDisk(Uploads, PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
            raise Failed("no mount namespace: a full disk is tried as root only")
        if libc.mount(b"tmpfs", cls.gh.state.encode(), b"tmpfs", 0, b"size=48m,mode=0755"):
            raise Failed("no file system of its own: errno %d" % ctypes.get_errno())
        cls.gh.user("romeo")
        cls.gh.user("juliet")
        cls.gh.start()
        cls.gh.ghsh("set log free 1\ncommit\n", check=False)
        cls.front = (cls.gh.addr, 443)
        cls.gh.commit("set proxy listen v4 %s %d" % cls.front, "set upload enabled on")
        wait_for("the front listens", lambda: port_open(*cls.front), 10)
        wait_for("gh-files", lambda: cls.gh.records("show", "uploads", check=False), 15)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        libc.umount2(cls.gh.state.encode(), 2)

    def setUp(self):
        super().setUp()
        self.filler = os.path.join(self.gh.state, "filler")

    def tearDown(self):
        super().tearDown()
        if os.path.exists(self.filler):
            os.unlink(self.filler)

    def fill(self):
        """To the last block."""
        size = 1 << 20
        with open(self.filler, "ab", buffering=0) as f:
            while size:
                try:
                    if f.write(b"x" * size) < size:
                        size //= 2
                except OSError:
                    size //= 2

    def test_a_commit_is_refused_and_nothing_has_changed(self):
        generation = self.gh.records("show", "version")[0]["generation"]
        self.fill()
        got = self.gh.operator(text="set system name full\ncommit\n")
        self.assertNotEqual(got.returncode, 0)
        self.assertRegex(got.stdout + got.stderr, "(?i)written|disk|space")
        self.assertEqual(self.gh.records("show", "version")[0]["generation"], generation)
        self.assertNotIn("full", self.gh.ghsh("show settings system\n"))
        wait_for("an alarm says so", lambda: [r for r in self.gh.records("show", "alarms") if "Disk" in r["alarm"]], 20)
        os.unlink(self.filler)
        self.gh.ghsh("set system name roomy\ncommit\n")
        self.assertIn("roomy", self.gh.ghsh("show settings system\n"))

    def test_programs_start_again_on_a_full_disk(self):
        self.fill()
        for program in ("gh-conf", "gh-keys", "gh-store", "gh-log"):
            self.gh.kill(program)
        wait_for("all run", lambda: all(r["state"] == "running" for r in self.gh.records("show", "processes", check=False) or [{"state": ""}]), 20)
        self.assertIn("near.example", self.gh.ghsh("show settings domain\n"))
        self.assertTrue(self.gh.records("show", "keys"))
        romeo = self.login(self.gh, "romeo")
        juliet = self.login(self.gh, "juliet")
        self.chat(romeo, juliet, "who is there needs no disk")

    def test_what_cannot_be_kept_is_not_taken(self):
        romeo = self.login(self.gh, "romeo")
        self.fill()
        romeo.message("juliet@near.example", "kept nowhere")
        romeo.wait_error(timeout=15)
        os.unlink(self.filler)
        romeo.message("juliet@near.example", "kept now")
        juliet = self.login(self.gh, "juliet")
        juliet.wait_body("kept now", 10)
        self.assertTrue(juliet.quiet(0.5, lambda e: "kept nowhere" in "".join(e.itertext())))
        self.assertNotIn("kept nowhere", "".join("".join(e.itertext()) for e in juliet.got))

    def test_an_upload_that_finds_no_room(self):
        """It has begun when the disk fills up: its client is told, nothing of it stays, and what is there is served."""
        romeo = self.login(self.gh, "romeo")
        get = self.put(romeo, b"hello")
        put, other = self.slot(romeo, "a.bin", 20 * MB, "")
        new = os.path.join(self.gh.state, "files", "new")
        t = self.tls()
        t.sendall(("PUT %s HTTP/1.1\r\nHost: near.example\r\nContent-Length: %d\r\n\r\n" % (put, 20 * MB)).encode() + b"x" * MB)
        wait_for("it comes", lambda: os.listdir(new), 10)
        self.fill()
        try:
            t.sendall(b"x" * 19 * MB)
        except OSError:
            pass  # it has its answer already
        self.assertEqual(self.answer(t)[0], 507)
        wait_for("nothing is left", lambda: not os.listdir(new), 10)
        self.fill()
        self.assertEqual((self.http("GET", get)[2], self.http("GET", other)[0]), (b"hello", 404))
        self.assertEqual(self.condition(self.ask(romeo, "b", 1)), "resource-constraint")
        wait_for("an alarm says so", lambda: [r for r in self.gh.records("show", "alarms") if r["alarm"] == "UploadStoreFull"], 10)
        os.unlink(self.filler)
        self.put(romeo, b"again")

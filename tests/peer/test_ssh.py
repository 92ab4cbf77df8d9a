"""Operators over SSH: OpenSSH's own server as gh-sshd sets it up, its clients, real users. Root only, in a mount namespace of
its own, where the system's users come from libnss-extrausers."""
import ctypes
import os
import pty
import re
import select
import shutil
import subprocess
import time

from harness.case import PeerCase
from harness.netns import own_network
from harness.place import BIN, Failed, Program, need, port_open, wait_for

ADDR, PORT = "127.0.0.1", 2222
PASSWORD = "a long enough pass phrase 7"
CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_BIND = 0x20000, 0x4000, 1 << 18, 4096
libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind=None, flags=0):
    if libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, None):
        raise Failed("mount %s: errno %d" % (target, ctypes.get_errno()))


class Ssh(PeerCase):
    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("SSH is tried as root only: it needs users and mounts of its own")
        own_network()
        if libc.unshare(CLONE_NEWNS):
            raise Failed("no mount namespace")
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        os.makedirs("/var/lib/extrausers", exist_ok=True)
        os.makedirs("/run/sshd", exist_ok=True)
        mount("tmpfs", "/var/lib/extrausers", "tmpfs")
        with open("/etc/nsswitch.conf") as f:
            text = re.sub(r"(?m)^(passwd|group|shadow):.*$", r"\1: files extrausers", f.read())
        mount(cls.place.write("nsswitch.conf", text), "/etc/nsswitch.conf", flags=MS_BIND)
        # where nobody but root may write, as sshd and its helpers want it
        cls.root = "/run/gh-test-ssh"
        os.makedirs(cls.root, exist_ok=True)
        mount("tmpfs", cls.root, "tmpfs")
        os.chmod(cls.root, 0o755)
        for name in ("ghsh", "gh-ssh-keys", "gh-sftp", "pam_gatehouse.so"):
            shutil.copy(os.path.join(BIN, name), cls.root)
        os.chmod(cls.place.path(), 0o755)
        cls.gh = cls.gatehouse("near.example").start(is_empty=True)
        for d in (cls.gh.run,):
            while d != "/":
                os.chmod(d, os.stat(d).st_mode | 0o011) if d.startswith("/tmp/") else None
                d = os.path.dirname(d)
        os.makedirs("/run/gatehouse", exist_ok=True)  # a login shell knows no other place
        mount(cls.gh.run, "/run/gatehouse", flags=MS_BIND)
        line = "%s/pam_gatehouse.so socket=%s" % (cls.root, cls.gh.socket)
        mount(cls.place.write("pam-sshd", "auth required %s\naccount required %s\nsession required pam_permit.so\n" % (line, line)),
              "/etc/pam.d/sshd", flags=MS_BIND)
        cls.files = cls.root + "/files"
        cls.sshd = Program(cls.place, "gh-sshd", [
            os.path.join(BIN, "gh-sshd"), "--socket", cls.gh.socket, "--bin", cls.root, "--keys", cls.root + "/keys", "--files", cls.files,
            "--run", cls.root + "/run", "--users", "/var/lib/extrausers"])
        cls.key = cls.place.path("id")
        subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", cls.key], check=True)
        for name, role in (("alice", "admin"), ("bob", "auditor")):
            cls.account(name, role)
            cls.gh.ghsh("operator key add %s %s.pub\n" % (name, cls.key))
        cls.is_off = not port_open(ADDR, PORT)
        cls.gh.commit("set ssh listen v4 %s %d" % (ADDR, PORT))
        wait_for("sshd listens", lambda: port_open(ADDR, PORT), 20)

    @classmethod
    def account(cls, name, role):
        """An account that has had its first login."""
        first = "the first password 1"
        cls.gh.ghsh('operator add %s %s "%s"\n' % (name, role, first))
        got = cls.gh.operator("--user", name, "show", "version", text="%s\n%s\n" % (first, PASSWORD))
        if got.returncode:
            raise Failed("first login of %s: %s%s" % (name, got.stdout, got.stderr))

    @staticmethod
    def is_user(name):
        with open("/var/lib/extrausers/passwd") as f:
            return any(line.startswith(name + ":") for line in f)

    def options(self, key=True):
        out = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10"]
        return out + (["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", self.key] if key else ["-o", "PubkeyAuthentication=no"])

    def ssh(self, user, *words, extra=(), stdin=""):
        return subprocess.run([need("ssh"), "-p", str(PORT)] + self.options() + list(extra) + ["%s@%s" % (user, ADDR)] + list(words),
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)

    def sftp(self, user, *lines):
        return subprocess.run([need("sftp"), "-P", str(PORT), "-b", "-"] + self.options() + ["%s@%s" % (user, ADDR)], cwd=self.place.path(),
                              input="\n".join(lines) + "\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)

    def test_nothing_listens_before_it_is_set(self):
        self.assertTrue(self.is_off)

    def test_key_gives_ghsh_with_the_accounts_role(self):
        got = self.ssh("alice", "show operator-sessions")
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertRegex(got.stdout, r"alice +admin +ssh ")
        got = self.ssh("bob", "set system name x")
        self.assertEqual(got.returncode, 1)
        self.assertIn("your role", got.stderr)

    def test_no_shell_but_ghsh(self):
        for line in ("sh", "/bin/sh", "id", "scp -t .", "sh -c id", "../bin/sh", "gh-sftp; id", "exec sh", "internal-sftp"):
            got = self.ssh("alice", line)
            self.assertNotEqual(got.returncode, 0, line)
            self.assertNotIn("uid=", got.stdout, line)

    def test_no_forwarding(self):
        p = subprocess.Popen([need("ssh"), "-p", str(PORT)] + self.options() + ["-N", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:7777:127.0.0.1:1", "alice@" + ADDR],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(p.kill)
        self.assertNotEqual(p.wait(20), 0)
        got = self.ssh("alice", extra=["-W", "127.0.0.1:%d" % PORT])
        self.assertNotEqual(got.returncode, 0)

    def test_strangers(self):
        self.assertNotEqual(self.ssh("root", "show version").returncode, 0)
        self.assertNotEqual(self.ssh("nobody", "show version").returncode, 0)
        self.gh.ghsh('operator add fresh admin "the first password 1"\noperator key add fresh %s.pub\n' % self.key)
        wait_for("its user", lambda: self.is_user("fresh"), 10)
        self.assertNotEqual(self.ssh("fresh", "show version").returncode, 0, "a key before the password was changed")
        self.gh.ghsh("operator delete fresh\n")
        wait_for("no user", lambda: not self.is_user("fresh"), 10)

    def test_sftp_in_its_folder_only(self):
        with open(self.place.path("mine.txt"), "w") as f:
            f.write("content")
        got = self.sftp("alice", "cd certificates", "put mine.txt", "ls -l", "get mine.txt back.txt", "rename mine.txt other.txt", "rm other.txt", "mkdir d", "rmdir d")
        self.assertEqual(got.returncode, 0, got.stdout)
        with open(self.place.path("back.txt")) as f:
            self.assertEqual(f.read(), "content")
        for line in ("get /etc/hosts", "get /etc/group", "ls /", "ls /etc", "get /proc/self/status", "put mine.txt /tmp/x", "get ../../../../../../../etc/shadow",
                     "symlink /etc/passwd p", "ls %s/.." % self.files, "put mine.txt /run/x"):
            got = self.sftp("alice", line)
            self.assertNotEqual(got.returncode, 0, line + got.stdout)

    def test_commands_read_and_write_the_folder(self):
        with open(self.place.path("settings.txt"), "w") as f:
            f.write("set system name over-sftp\n")
        self.assertEqual(self.sftp("alice", "put settings.txt backups/settings.txt").returncode, 0)
        got = self.ssh("alice", stdin="merge backups/settings.txt\ndiff\ndiscard\n")
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertIn("over-sftp", got.stdout)
        self.assertNotEqual(self.ssh("alice", "load /etc/passwd").returncode, 0)

    def test_algorithms(self):
        out = subprocess.run([need("ssh"), "-F", "none", "-vv", "-p", str(PORT), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
                              "UserKnownHostsFile=/dev/null", "alice@" + ADDR], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=30).stderr
        offer = out.partition("peer server KEXINIT proposal")[2]
        for bad in ("sha1,", "-sha1", "-cbc", "-ctr", "arcfour", "3des", "hmac-md5", "group1-", "group14", "ssh-dss", "ssh-rsa\n", "umac-64", "zlib"):
            self.assertNotIn(bad, offer.partition("debug2: compression stoc")[0].replace("none,zlib@openssh.com", ""), bad)
        self.assertIn("chacha20-poly1305@openssh.com", offer)
        self.assertIn("curve25519-sha256", offer)

    def test_terminal_by_key(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "vt100"
            os.execv(need("ssh"), [need("ssh"), "-tt", "-p", str(PORT)] + self.options() + ["alice@" + ADDR])
        try:
            self.read(fd, r"> $")
            os.write(fd, b"show version\n")
            self.assertIn("version", self.read(fd, r"(?s)generation.*> $"))
            os.write(fd, b"!sh\n")
            self.assertIn("error", self.read(fd, r"(?s)error.*> $"))
            os.write(fd, b"exit\n")
        finally:
            os.waitpid(pid, 0)
            os.close(fd)

    @staticmethod
    def read(fd, pattern, seconds=15):
        text, end = "", time.monotonic() + seconds
        while not re.search(pattern, text):
            if time.monotonic() > end:
                raise Failed("no %s in %r" % (pattern, text[-400:]))
            if select.select([fd], [], [], 0.2)[0]:
                text += os.read(fd, 65536).decode(errors="replace").replace("\r", "")
        return text

    def test_deleted_account_is_out(self):
        self.account("gone", "auditor")
        self.gh.ghsh("operator key add gone %s.pub\n" % self.key)
        wait_for("its user", lambda: self.is_user("gone"), 10)
        self.assertEqual(self.ssh("gone", "show version").returncode, 0)
        self.gh.ghsh("operator delete gone\n")
        self.assertNotEqual(self.ssh("gone", "show version").returncode, 0)

    def terminal(self, user):
        pid, fd = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "vt100"
            os.execv(need("ssh"), [need("ssh"), "-tt", "-p", str(PORT)] + self.options(key=False) + ["%s@%s" % (user, ADDR)])

        def end():
            os.close(fd)
            os.waitpid(pid, 0)
        self.addCleanup(end)
        return fd

    def type(self, fd, text):
        os.write(fd, text.encode() + b"\n")

    def test_password_over_pam(self):
        fd = self.terminal("alice")
        self.read(fd, r"Password: $")
        self.type(fd, "not it at all")
        self.read(fd, r"(?s)Password: $")
        self.type(fd, PASSWORD)
        self.assertNotIn(PASSWORD, self.read(fd, r"> $"))
        self.type(fd, "show operator-sessions")
        self.assertRegex(self.read(fd, r"(?s)mine.*> $"), r"alice +admin +ssh ")
        self.type(fd, "exit")
        self.assertNotIn(PASSWORD, self.sshd.text() + self.gh.log())
        self.assertRegex(self.gh.log(), r"audit\.login\.refused by=alice source=127\.0\.0\.1 ")  # not the console's
        self.assertRegex(self.gh.log(), r"audit\.login by=alice source=127\.0\.0\.1 ")
        self.assertEqual([r["last_from"] for r in self.gh.records("show", "operators") if r["name"] == "alice"], ["127.0.0.1"])

    def test_first_login_over_pam_changes_the_password(self):
        first, new = "the first password 1", "another long pass phrase 8"
        self.gh.ghsh('operator add dora auditor "%s"\n' % first)
        wait_for("her user", lambda: self.is_user("dora"), 10)
        fd = self.terminal("dora")
        self.read(fd, r"Password: $")
        self.type(fd, first)
        self.read(fd, r"New password: $")
        self.type(fd, new)
        self.read(fd, r"New password once more: $")
        self.type(fd, new)
        self.read(fd, r"> $")
        self.type(fd, "exit")
        self.assertEqual(self.gh.operator("--user", "dora", "show", "version", text=new + "\n").returncode, 0)
        self.gh.ghsh("operator delete dora\n")

    def test_passwords_can_be_off(self):
        self.gh.commit("set ssh passwords off")
        try:
            wait_for("sshd has no passwords", lambda: "publickey)" in subprocess.run(
                [need("ssh"), "-p", str(PORT)] + self.options(key=False) + ["alice@" + ADDR], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, start_new_session=True, timeout=20, env=dict(os.environ, SSH_ASKPASS_REQUIRE="never")).stderr, 20)
            self.assertEqual(self.ssh("alice", "show version").returncode, 0)
        finally:
            self.gh.commit("delete ssh passwords")

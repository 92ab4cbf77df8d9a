"""What others do to the door: ends of programs, strangers in crowds."""
import os
import re
import socket
import time

from harness.fed import Fed
from harness.place import wait_for


class Killed(Fed):
    """kill -9 of a program between a user here and a partner, under traffic: nothing is lost. A stanza may
    come twice (docs/architecture/stanza.md)."""
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)

    def talk(self, victim, from_, to):
        self.chat(from_, to, "before %s" % victim)
        missing = {"%s %d" % (victim, i) for i in range(40)}
        for i in range(40):
            from_.message(to.jid, "%s %d" % (victim, i))
            if i == 20:
                self.gh.kill(victim)
        end = time.monotonic() + 20
        while missing and time.monotonic() < end:
            e = to.wait(lambda e: e.find("{*}body") is not None and e.get("type") != "error",
                        max(0.1, end - time.monotonic()), "one of %d messages" % len(missing))
            missing.discard(e.find("{*}body").text)
        self.assertFalse(missing)

    def test_gh_s2s_outward(self):
        self.talk("gh-s2s", self.login(self.gh, "juliet"), self.login(self.far, "romeo"))

    def test_gh_switch_outward(self):
        self.talk("gh-switch", self.login(self.gh, "juliet"), self.login(self.far, "romeo"))

    def test_gh_switch_inward(self):
        self.talk("gh-switch", self.login(self.far, "romeo"), self.login(self.gh, "juliet"))

    def test_gh_keys_and_gh_conf_are_not_missed(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        for victim in ("gh-keys", "gh-conf"):
            self.talk(victim, j, r)
            self.talk(victim, r, j)
        self.gh.ghsh("federation close far.example\n")
        self.chat(j, r, "a new stream, signed by the new gh-keys", 15)


class Strangers(Fed):
    """Who has proved nothing gets little, for a short time, and partners do not notice."""
    peers = {"far.example": {"action": "allow"}}
    HEADER = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' from='x.example' to='near.example' "
              b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")

    @classmethod
    def partners(cls):
        cls.gh.commit("set federation mode open", "set federation setup-timeout 3",
                      "set federation unauthenticated-max 200")
        cls.far = cls.prosody("far.example", dialback=False)

    def connect(self, source):
        return socket.create_connection((self.gh.addr, 5269), 5, (source, 0))

    @staticmethod
    def is_open(sock):
        sock.setblocking(False)
        try:
            while True:
                if not sock.recv(4096):
                    return False
        except BlockingIOError:
            return True
        except OSError:
            return False

    def test_half_open_in_hundreds(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "before")
        source = self.place.addr()
        many = [self.connect(source) for _ in range(70)]
        wait_for("one address has its share", lambda: sum(map(self.is_open, many)) == 50, 5)
        for _ in range(6):
            source = self.place.addr()
            many += [self.connect(source) for _ in range(50)]
        wait_for("and all together theirs", lambda: sum(map(self.is_open, many)) == 200, 5)
        for s in many[::7]:
            try:
                s.send(self.HEADER)
            except OSError:
                pass  # one of those that were refused
        self.chat(j, r, "meanwhile")
        self.chat(r, j, "and back")
        wait_for("their time is over", lambda: not sum(map(self.is_open, many)), 10)
        for s in many:
            s.close()
        late = self.connect(self.place.addr())
        late.send(self.HEADER)
        self.assertIn(b"starttls", late.recv(4096))
        late.close()

    def memory_kib(self):
        with open("/proc/%d/status" % self.gh.pid("gh-s2s")) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def come_and_go(self, times):
        """Each under another name: neither connections nor names leave anything behind."""
        source = self.place.addr()
        for i in range(times):
            s = self.connect(source)
            if i % 2:
                s.send(self.HEADER.replace(b"x.example", b"x%d.example" % i))
                s.recv(100)
            s.close()

    def test_memory_comes_back(self):
        """LEAK_CYCLES=100000 for the long form (spec xmpp.md 5)."""
        self.come_and_go(500)
        time.sleep(1)
        before = self.memory_kib()
        self.come_and_go(int(os.environ.get("LEAK_CYCLES", "4000")))
        wait_for("memory is back", lambda: self.memory_kib() < before + 256, 5)
        lines = [l for l in self.gh.log().splitlines() if "gh-s2s" in l and ".example" in l]
        self.assertLess(len(lines), 200)  # and nobody owns the disk

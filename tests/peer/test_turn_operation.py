"""The relay as its operator sees it: users, secrets, tokens, drains, records of usage, changes while calls go on."""
import base64
import hmac
import os
import re
import socket
import struct
import subprocess
import time
from xml.etree import ElementTree

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness.case import PeerCase
from harness.client import SlixClient
from harness.console import Console
from harness.netns import own_network
from harness.place import need, wait_for
from harness.relay import CLIENT, PASSWORD, PEER, REALM, SERVER, USER, echo_peer
from harness.turnclient import ALTERNATE, PEER as TURN_PEER, THIRD_PARTY, Refused, TurnClient, keys, parse, unxor_address

WORKERS = 2
ICMP = 0x8004  # RFC 8656 18.13


def timed(secret, tag, seconds=600):
    """A name that expires, and its password."""
    name = "%d:%s" % (time.time() + seconds, tag)
    return name, base64.b64encode(hmac.new(secret.encode(), name.encode(), "sha1").digest()).decode()


def token(key, server, mac_key, lifetime=600):
    """A self-contained token (RFC 7635 6.2)."""
    plain = struct.pack("!H", len(mac_key)) + mac_key + struct.pack("!QI", int(time.time()) - 60 << 16, lifetime + 60)
    nonce = os.urandom(12)
    return struct.pack("!H", 12) + nonce + AESGCM(key).encrypt(nonce, plain, server.encode())


class TurnOperation(PeerCase):
    @classmethod
    def build(cls):
        own_network(*(a + "/24" for a in (SERVER, PEER, CLIENT)))
        cls.gh = cls.gatehouse("near.example", settings=(
            "set turn listen-udp v4 %s 3478" % SERVER, "set turn realm " + REALM,
            "set turn relay-address v4 " + SERVER, "set turn port-min 50000", "set turn port-max 50999",
            "set turn workers %d" % WORKERS, 'set turn user %s key "%s"' % (USER, keys(USER, PASSWORD, REALM)),
            "set turn allow-peer test %s/32" % PEER, "set turn allow-peer client %s/32" % CLIENT))
        cls.gh.user("juliet")
        cls.gh.start()
        wait_for("all workers listen", lambda: len(set(re.findall(r"gh-turn\[(\d+)\] turn.listening", cls.gh.log()))) == WORKERS, 10)
        cls.echo = echo_peer(cls.place)

    def client(self, user=USER, password=PASSWORD, token=None):
        c = TurnClient(SERVER, CLIENT, user, password, token=token)
        self.addCleanup(c.close)
        return c

    def call(self, **who):
        """A client with an allocation and a channel to the peer."""
        c = self.client(**who)
        c.port = c.allocate()
        c.bind_channel(0x4001, PEER, 3480)
        self.assert_passes(c)
        return c

    def assert_passes(self, c):
        text = os.urandom(8)
        c.send(0x4001, text)
        self.assertEqual(c.receive(), (0x4001, text))

    def assert_refused(self, code, do, *args):
        with self.assertRaises(Refused) as e:
            do(*args)
        self.assertEqual(e.exception.code, code)
        return e.exception.found

    def good(self, *lines):
        """A commit that says which generation runs."""
        self.assertRegex(self.gh.commit(*lines), r"generation \d+ runs")

    def log_after(self, word, do, seconds=5):
        """The first line with the word that do() leads to."""
        was = len(self.gh.log())
        do()
        wait_for(word, lambda: word in self.gh.log()[was:], seconds)
        return next(l for l in self.gh.log()[was:].splitlines() if word in l)

    def drains(self):
        rows = self.gh.records("show", "turn")
        self.assertEqual(len(rows), WORKERS)
        return {r["drains"] for r in rows}

    # ---- users
    def test_a_user_by_password(self):
        self.assert_refused(401, self.client("bob@near.example", "pass-of-bob").allocate)
        self.good("turn user add bob@near.example pass-of-bob", 'turn user add ñandú "two words"')
        self.call(user="bob@near.example", password="pass-of-bob").free()
        self.call(user="ñandú", password="two words").free()
        self.assert_refused(401, self.client("bob@near.example", "pass-of-Bob").allocate)
        rows = {r["setting"]: r["value"] for r in self.gh.records("show", "settings", "turn", "user")}
        self.assertNotIn("md5", rows["turn user bob@near.example key"])
        self.assertNotIn("pass-of-bob", self.gh.log())
        found = subprocess.run(["grep", "-rl", "pass-of-bob", self.gh.state], stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(found, "", "the password is kept")

    def test_a_password_that_is_asked_for(self):
        c = Console(self.gh)
        self.addCleanup(c.close)
        c.type("turn user add carol\n")
        for prompt in ("Password: ", "Once more: "):
            c.wait(prompt)
            c.type("hidden-pass-1\n")
        out = c.wait(r"\(1\)# $")
        self.assertIn("in your candidate", out)
        self.assertNotIn("hidden", out)
        c.say("commit")
        self.call(user="carol", password="hidden-pass-1").free()

    def test_names_that_nobody_may_have(self):
        for name in ('"two words"', '"tab\there"', "a=b", "x" * 64):
            got = self.gh.operator(text="turn user add %s secret\n" % name)
            self.assertNotEqual(got.returncode, 0, name)
            self.assertIn("a user's name", got.stdout + got.stderr)

    def test_keys_go_with_their_realm(self):
        out = self.gh.ghsh("set turn realm other.example\ncheck\ndiscard\n")
        self.assertRegex(out, r"turn user u1 key.*made for the realm that changes")

    # ---- secrets and tokens
    def test_secrets_follow_each_other(self):
        """No call ends while one secret takes another's place."""
        self.good("set turn secret first one-secret-text")
        old, new = timed("one-secret-text", "juliet"), timed("two-secret-text", "romeo")
        c = self.call(user=old[0], password=old[1])
        self.assert_refused(401, self.client(*new).allocate)
        self.good("set turn secret second two-secret-text")
        self.call(user=new[0], password=new[1]).free()
        self.call(user=old[0], password=old[1]).free()
        self.good("delete turn secret first")
        self.assert_passes(c)
        line = self.log_after("turn.refused", lambda: self.assert_refused(401, self.client(*old).allocate))
        self.assertIn('user=' + old[0], line)
        self.assertIn("secret of ours", line)
        self.call(user=new[0], password=new[1]).free()
        self.assertIn("juliet", [r["user"] for r in self.gh.records("show", "turn", "allocations")])
        refused = self.gh.operator(text='set turn secret third ""\ncommit\n')
        self.assertNotEqual(refused.returncode, 0)
        self.gh.ghsh("discard\n")
        self.assert_passes(c)

    def test_tokens_of_an_authorization_server(self):
        key, mac_key, name = os.urandom(32), os.urandom(20), "turn.near.example"
        self.assertNotIn(THIRD_PARTY, self.assert_refused(401, self.client("x", "x").allocate))
        self.good("set turn oauth-key 17 " + base64.b64encode(key).decode(), "set turn server-name " + name)
        found = self.assert_refused(401, self.client("x", "x").allocate)
        self.assertEqual(found[THIRD_PARTY].decode(), name)
        c = self.call(user="17", password="", token=(token(key, name, mac_key), mac_key))
        c.token = (None, mac_key)  # the key signs what comes after (4.2)
        c.permit(CLIENT)
        c.refresh()
        c.token = (None, os.urandom(20))
        self.assert_refused(401, c.permit, CLIENT)
        next_key = os.urandom(20)
        c.token = (token(key, name, next_key), next_key)  # and gives way to the next token's
        c.refresh()
        c.token = (None, next_key)
        c.refresh()
        c.token = (None, mac_key)
        self.assert_refused(401, c.refresh)
        third = os.urandom(20)
        other = self.call(user="17", password="", token=(token(key, name, third), third))
        users = {r["user"] for r in self.gh.records("show", "turn", "allocations") if r["user"].startswith("17/")}
        self.assertEqual(len(users), 2)  # an account is a token, by its key
        other.token = (None, third)
        other.free()
        c.token = (None, next_key)
        c.free()
        for what, signed_by in ((token(os.urandom(32), name, mac_key), mac_key), (token(key, "elsewhere.example", mac_key), mac_key),
                                (token(key, name, mac_key, -10), mac_key), (token(key, name, mac_key), os.urandom(20))):
            self.assert_refused(401, self.client("17", "", token=(what, signed_by)).allocate)
        self.good("delete turn oauth-key 17", "delete turn server-name")
        self.assertNotIn(THIRD_PARTY, self.assert_refused(401, self.client("x", "x").allocate))

    def test_tokens_of_coturns_client(self):
        """It has three keys of its own tests, and makes a token for each request with any of them, for the server name
        that the 401 tells: tokens follow each other while an allocation lives."""
        texts = {"north": "01234567890123456789012345678901", "union": "1234567890123456", "oldempire": "12345678901234567890123456789012"}
        self.good("set turn server-name turn.near.example", *(
            "set turn oauth-key %s %s" % (kid, base64.b64encode(text.encode()).decode()) for kid, text in texts.items()))
        self.addCleanup(self.gh.ghsh, "delete turn oauth-key\ndelete turn server-name\ncommit\n", False)
        was = len(self.gh.log())
        got = subprocess.run([need("turnutils_uclient"), "-J", "-c", "-L", CLIENT, "-e", PEER, "-n", "20", "-m", "4", SERVER],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(got.returncode, 0, got.stdout[-2000:])
        self.assertEqual(re.findall(r"tot_recv_msgs=(\d+)", got.stdout)[-1:], ["80"], got.stdout[-2000:])
        self.assertRegex(self.gh.log()[was:], r"turn.ended .*user=(north|union|oldempire)/[0-9a-f]{8} ")

    # ---- XEP-0215
    def services(self, person, inner="<services xmlns='urn:xmpp:extdisco:2'/>"):
        iq = person.x.make_iq_get(ito="near.example")
        iq.append(ElementTree.fromstring(inner))
        got = person.do(iq.send)
        return [s.attrib for s in got.xml.iter("{urn:xmpp:extdisco:2}service")]

    def test_people_are_told_of_the_relay(self):
        p = SlixClient(self.gh, "juliet", ca=self.pki.ca)
        self.addCleanup(p.close)
        self.assertIn("urn:xmpp:extdisco:2", p.do(lambda: p.x.plugin["xep_0030"].get_info("near.example", cached=False))["disco_info"]["features"])
        self.assertEqual(self.services(p), [])
        self.good("set turn service-host relay.near.example", "set turn secret shared some-shared-secret")
        line = self.log_after("im.relay.credentials", lambda: self.services(p))
        self.assertIn("user=juliet@near.example", line)
        told = {s["type"]: s for s in self.services(p)}
        self.assertEqual(set(told), {"stun", "turn"})
        turn = told["turn"]
        self.assertEqual((turn["host"], turn["port"], turn["transport"]), ("relay.near.example", "3478", "udp"))
        self.assertNotIn("juliet", turn["username"])
        c = self.call(user=turn["username"], password=turn["password"])
        tag = turn["username"].partition(":")[2]
        self.assertIn("as=" + tag, line)
        self.assertIn(tag, [r["user"] for r in self.gh.records("show", "turn", "allocations")])
        c.free()
        self.good("delete turn service-host", "delete turn secret shared")
        self.assertEqual(self.services(p), [])
        self.assert_refused(401, self.client(turn["username"], turn["password"]).allocate)

    # ---- drain
    def named(self):
        try:
            return self.assert_refused(300, self.client().allocate)
        except AssertionError:
            return None

    def test_drain(self):
        c = self.call()
        self.assertEqual(self.drains(), {"no"})
        was = len(self.gh.log())
        self.good("set turn drain on")
        self.addCleanup(self.gh.ghsh, "delete turn drain\ndelete turn alternate-server\ncommit\n", False)
        self.assertEqual(self.drains(), {"draining"})
        self.assert_refused(508, self.client().allocate)
        self.good("set turn alternate-server 192.0.2.9 3479")
        found = wait_for("the other server is named", self.named, 5)  # each worker hears of it by itself
        self.assertEqual(found[ALTERNATE], b"\0\1" + struct.pack("!H", 3479) + socket.inet_aton("192.0.2.9"))
        self.assert_passes(c)
        self.assertNotIn("turn.drained", self.gh.log()[was:])
        for row in self.gh.records("show", "turn", "allocations"):
            if not row["relayed"].endswith(":%d" % c.port):
                self.gh.records("turn", "end", str(row["number"]))
        line = self.log_after("turn.drained", c.free)
        self.assertIn("allocations=0", line)
        wait_for("both workers know", lambda: self.drains() == {"drained"}, 5)
        self.good("set turn drain off")
        self.call().free()
        self.assertEqual(self.drains(), {"no"})

    # ---- records
    def test_usage(self):
        c = self.call()
        c.send(0x4001, b"x" * 100)
        c.receive()
        line = self.log_after("turn.ended", c.free)
        for want in ("user=" + USER, "client=%s:%d" % c.sock.getsockname(), "relayed=%s:%d" % (SERVER, c.port),
                     "to-peer-bytes=108", "to-client-bytes=108", "to-peer=2", "reason=client", "transport=udp"):
            self.assertIn(want, line)
        self.good("set turn usage-log off")
        self.addCleanup(self.gh.ghsh, "delete turn usage-log\ncommit\n")
        was = len(self.gh.log())
        self.call().free()
        self.assertNotIn("turn.ended", self.gh.log()[was:])

    def test_a_failed_login_is_named(self):
        line = self.log_after("turn.refused", lambda: self.assert_refused(401, self.client("no\nbody " + "x" * 300, "y").allocate))
        name = re.search(r'user="((?:[^"\\]|\\.)*)"', line).group(1)
        self.assertTrue(name.startswith("no\\x0abody x"), line)
        self.assertLess(len(name), 70)

    # ---- what a peer's side says, and how fast peers are added
    def test_icmp_comes_back_to_the_client(self):
        """A port where nobody listens (RFC 8656 11.5): type 3, code 3, of that peer."""
        c = self.client()
        c.allocate()
        c.permit(PEER)
        c.send_indication(PEER, 3999, b"anybody?")
        got = c.sock.recv(2000)
        found = parse(got)
        self.assertEqual(unxor_address(found[TURN_PEER], got[8:20])[0], PEER)
        self.assertEqual(found[ICMP][2:4], bytes((3, 3)))
        c.free()

    def test_new_peers_come_slowly(self):
        """Four times a second's worth at once; what it has goes on, and time brings more."""
        self.good("set turn new-peers 1", "set turn allow-peer more 10.77.1.0/24")
        self.addCleanup(self.gh.ghsh, "delete turn new-peers\ndelete turn allow-peer more\ncommit\n")
        c = self.client()
        c.allocate()
        for i in range(4):
            c.permit("10.77.1.%d" % (i + 1))
        line = self.log_after("turn.refused", lambda: self.assert_refused(508, c.permit, "10.77.1.9"))
        self.assertIn("turn new-peers", line)
        c.permit("10.77.1.1")
        wait_for("a second later one more", lambda: self.allowed(c, "10.77.1.9"), 5)
        c.free()

    def allowed(self, c, addr):
        try:
            c.permit(addr)
            return True
        except Refused as e:
            self.assertEqual(e.code, 508)
            return False

    def test_metrics(self):
        """Ports in use go up and down; what the kernel dropped is there too."""
        c = self.call()
        self.assertEqual(self.metric("gatehouse_turn_ports_used"), 1)
        c.free()
        self.assertEqual(self.metric("gatehouse_turn_ports_used"), 0)
        self.assertGreaterEqual(self.metric("gatehouse_turn_kernel_drops_total"), 0)

    def metric(self, name):
        """Of all workers."""
        found = re.findall(r"(?m)^%s\{[^}]*\} (\d+)$" % name, self.gh.operator("show", "metrics").stdout)
        self.assertEqual(len(found), WORKERS, name)
        return sum(int(n) for n in found)

    # ---- clients of RFC 5766
    def test_channels_of_coturns_client(self):
        """It draws its numbers from 0x4000 to 0x7FFF and asks for pairs of ports."""
        for words in (("-c",), ()):
            got = subprocess.run([need("turnutils_uclient"), "-u", USER, "-w", PASSWORD, "-L", CLIENT, "-e", PEER, "-n", "20",
                                  "-m", "8", *words, SERVER], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
            self.assertEqual(got.returncode, 0, got.stdout[-2000:])
            self.assertEqual(re.findall(r"tot_recv_msgs=(\d+)", got.stdout)[-1:], ["160"], got.stdout[-2000:])

    def test_old_channels_can_be_refused(self):
        self.good("set turn old-channels off")
        self.addCleanup(self.gh.ghsh, "delete turn old-channels\ncommit\n", False)
        c = self.client()
        c.allocate()
        self.assert_refused(400, c.bind_channel, 0x5000, PEER, 3480)
        self.good("set turn old-channels on")
        c.bind_channel(0x5000, PEER, 3480)
        c.send(0x5000, b"old")
        self.assertEqual(c.receive(), (0x5000, b"old"))
        c.free()

    # ---- everything live
    def test_changes_while_a_call_goes_on(self):
        """Each setting of the relay says that it is live, and one commit of many ends no call and no worker."""
        rows = [r for r in self.gh.records("describe", "turn") if r["setting"].startswith("turn ")]
        self.assertGreater(len(rows), 30)
        self.assertEqual({r["change"] for r in rows}, {"live"})
        pids = lambda: sorted(r["pid"] for r in self.gh.records("show", "processes") if r["program"] == "gh-turn")
        c, was = self.call(), pids()
        changes = ("algorithms md5", "answers 300", "binding authenticated", "mobility off", "lifetime-max 1200",
                   "allocations-max 1000", "allocations-user 20", "allocations-address 100", "bandwidth-user 100000",
                   "bandwidth-total 1000000", "deny-peer bad 198.51.100.0/24", "drain-deadline 10", "drain-threshold 3",
                   "port-max 50900", "secret z some-secret-text", "usage-log off", "old-channels off")
        self.good(*("set turn " + x for x in changes))
        self.addCleanup(self.gh.ghsh, "\n".join("delete turn " + x.rsplit(" ", 1)[0] for x in changes) +
                        "\nset turn port-max 50999\ncommit\n")
        self.assert_passes(c)
        c.free()
        self.call().free()
        self.assertEqual(pids(), was)

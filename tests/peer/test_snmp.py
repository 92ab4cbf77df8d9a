"""SNMP: net-snmp's tools read what `show` says, are refused where they must be, and hear of alarms."""
import os
import random
import socket
import subprocess

from harness.case import PeerCase
from harness.place import need, wait_for
from harness.snmp import Manager, OUR_MIBS, ROOT, TrapReceiver, below, environment, mib_folders, no_answer, text_index

OPS = ("ops", "SHA-256", "authentic words", "AES", "private words")
BIG = ("big", "SHA-512", "bigger authentic words", "AES-256", "bigger private words")
CLEAR = ("clear", "SHA-384", "clear authentic words", None, None)
STATES = {"starting": "2", "running": "3", "waiting": "4", "restarting": "5", "stopping": "6"}


def user_rows(user, level=None):
    name, auth, auth_word, privacy, privacy_word = user
    out = ["set snmp user %s auth %s" % (name, auth.replace("-", "").lower()), 'set snmp user %s auth-secret "%s"' % (name, auth_word)]
    if privacy:
        out += ["set snmp user %s privacy %s" % (name, "aes256" if "256" in privacy else "aes128"),
                'set snmp user %s privacy-secret "%s"' % (name, privacy_word)]
    return out + (["set snmp user %s level %s" % (name, level)] if level else [])


class Case(PeerCase):
    @classmethod
    def start(cls, *settings, users=(OPS, BIG)):
        cls.gh = cls.gatehouse("near.example")
        cls.gh.start()
        cls.port = 16161
        rows = [r for u in users for r in user_rows(u)]
        cls.gh.commit("set snmp listen v4 %s %d" % (cls.gh.addr, cls.port), *(rows + list(settings)))
        wait_for("it answers", lambda: not cls.manager().refused(), 15)

    @classmethod
    def manager(cls, user=OPS, **options):
        return Manager(cls.place, cls.gh.addr, cls.port, user=user, **options)

    def counter(self, name):
        return [int(r["value"]) for r in self.gh.records("show", "counters", "gh-snmp") if r["counter"] == name][0]


class Nothing(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        cls.gh.start()

    def test_nothing_runs_before_it_is_set(self):
        self.assertNotIn("gh-snmp/0", self.gh.pids())
        self.assertEqual([r for r in self.gh.records("show", "listeners") if r["listener"] == "snmp"], [])

    def test_the_module_is_right(self):
        """smilint up to its fourth level (the fifth is style); every object has a name that the tools know."""
        got = subprocess.run([need("smilint"), "-l", "4", os.path.join(OUR_MIBS, "GATEHOUSE-MIB.txt")], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env=dict(os.environ, SMIPATH=mib_folders()))
        self.assertEqual([l for l in got.stdout.splitlines() if "GATEHOUSE-MIB" in l], [])
        names = subprocess.run([need("snmptranslate"), "-On", "GATEHOUSE-MIB::ghNumberValue"], text=True, stdout=subprocess.PIPE,
                               env=environment(self.place)).stdout.strip()
        self.assertEqual(names, ROOT + ".1.11.1.1.2")

    def test_what_cannot_work_is_refused(self):
        for rows, why in (
                (['set snmp user a auth-secret "short"', 'set snmp user a privacy-secret "long enough"'], "8 letters"),
                (['set snmp user a privacy-secret "long enough"'], "no auth-secret"),
                (['set snmp user a auth-secret "long enough"'], "privacy-secret"),
                (['set snmp community c name "public"'], "source"),
                (['set snmp community c name "public"', "set snmp community c source everywhere"], "range"),
                (["set snmp manager m 10.0.0.1/8"], "range"),
                (["set snmp trap-receiver r address 192.0.2.1"], "no user"),
                (["set snmp trap-receiver r address 192.0.2.1", "set snmp trap-receiver r user ghost"], "no snmp user ghost"),
                (['set snmp user %s auth-secret "long enough"' % ("a" * 33), "set snmp user %s level auth" % ("a" * 33)], "32 letters")):
            with self.subTest(why):
                got = self.gh.operator(text="\n".join(rows) + "\ncommit\n")
                self.assertNotEqual(got.returncode, 0, got.stdout)
                self.assertIn(why, got.stdout + got.stderr)


class Reading(Case):
    @classmethod
    def build(cls):
        cls.start('set snmp contact "noc@near.example"', "set snmp location here", "set system name thisbox")

    def test_programs_ports_and_certificates_are_those_of_show(self):
        walk = self.manager().walk()
        names, states = below(walk, "2.1.1.3"), below(walk, "2.1.1.4")
        shown = {(r["program"], r["instance"]): r for r in self.gh.records("show", "processes")}
        self.assertEqual(sorted((names[i], i.split(".")[1]) for i in names), sorted(shown))
        for i, name in names.items():
            r = shown[name, i.split(".")[1]]
            self.assertEqual((states[i], below(walk, "2.1.1.5")[i], below(walk, "2.1.1.6")[i]), (STATES[r["state"]], r["pid"], r["restarts"]))
        shown = self.gh.records("show", "listeners")
        self.assertGreater(len(shown), 4)
        columns = [below(walk, "3.1.1.%d" % c) for c in (2, 3, 4, 5, 6, 7)]
        self.assertEqual([[c[str(i + 1)] for c in columns] for i in range(len(columns[0]))],
                         [[r["listener"], r["program"], {"udp": "1", "tcp": "2"}[r["transport"]], r["address"], r["port"], r["setting"]] for r in shown])
        shown = self.gh.records("certificate", "show")
        days, later = below(walk, "8.1.1.5"), {text_index(r["name"]): r["days"] for r in shown}
        self.assertEqual(days.keys(), later.keys())
        for i in days:  # the one is asked after the other, and a day may have ended between
            self.assertIn(int(days[i]) - int(later[i]), (0, 1))
        self.assertEqual(below(walk, "8.1.1.2"), {text_index(r["name"]): r["subject"] for r in shown})

    def test_every_counter_is_there_with_its_value(self):
        def shown():
            return {(r["program"], r["instance"], r["counter"]): r["value"] for r in self.gh.records("show", "counters")}
        before = shown()
        walk = self.manager().walk()
        after = shown()
        names = {v: i for i, v in below(walk, "2.1.1.3").items()}
        number = {r[0]: [i for n, i in names.items() if n == r[0]][0].split(".")[0] for r in before}
        values = below(walk, "11.1.1.2")
        self.assertEqual(set(values), {"%s.%s.%s" % (number[p], i, text_index(c)) for p, i, c in before})
        still = {k for k in before if before[k] == after[k]}
        self.assertGreater(len(still), 100)
        for p, i, c in still:
            self.assertEqual(values["%s.%s.%s" % (number[p], i, text_index(c))], before[p, i, c], (p, i, c))

    def test_the_box_and_what_it_does(self):
        self.gh.user("juliet")
        j = self.login(self.gh, "juliet")
        self.assertTrue(j.jid)
        m = self.manager()
        version = self.gh.records("show", "version")[0]
        self.assertEqual(m.get("GATEHOUSE-MIB::ghVersion.0"), version["version"])
        self.assertEqual(m.get("GATEHOUSE-MIB::ghRole.0"), "combined")
        self.assertEqual(m.get("GATEHOUSE-MIB::ghGeneration.0"), version["generation"])
        wait_for("the session is counted", lambda: m.get("GATEHOUSE-MIB::ghImSessions.0") == "1", 10, 0.5)
        self.assertEqual(m.get("SNMPv2-MIB::sysName.0", "SNMPv2-MIB::sysContact.0", "SNMPv2-MIB::sysLocation.0").split("\n"),
                         ["thisbox", "noc@near.example", "here"])
        size, free = int(m.get("GATEHOUSE-MIB::ghDiskSize.0").split()[0]), int(m.get("GATEHOUSE-MIB::ghDiskFree.0").split()[0])
        fs = os.statvfs(self.gh.state)
        self.assertAlmostEqual(size, fs.f_blocks * fs.f_frsize >> 20, delta=2)
        self.assertAlmostEqual(free, fs.f_bavail * fs.f_frsize >> 20, delta=2048)

    def test_the_machine(self):
        walk = self.manager().walk(".1.3.6.1.2.1")
        links = {v: k.rsplit(".", 1)[1] for k, v in walk.items() if k.startswith(".1.3.6.1.2.1.31.1.1.1.1.")}
        self.assertEqual(set(links), {n for n in os.listdir("/sys/class/net") if os.path.isdir("/sys/class/net/" + n)})
        with open("/sys/class/net/lo/statistics/rx_bytes") as f:
            now = int(f.read())
        self.assertTrue(0 < int(walk[".1.3.6.1.2.1.31.1.1.1.6." + links["lo"]]) <= now)
        with open("/proc/meminfo") as f:
            self.assertEqual(walk[".1.3.6.1.2.1.25.2.2.0"], f.readline().split()[1])
        loads = [k for k in walk if k.startswith(".1.3.6.1.2.1.25.3.3.1.2.")]
        self.assertEqual(len(loads), len([n for n in os.listdir("/sys/devices/system/cpu") if n[3:].isdigit()]))

    def test_walking_by_one_and_by_many_is_the_same(self):
        one, many = (set(self.manager().walk(".1", tool)) for tool in ("snmpwalk", "snmpbulkwalk"))
        self.assertGreater(len(many), 500)
        self.assertEqual(one - many, set())

    def test_what_is_not_there(self):
        m = self.manager()
        self.assertIn("No Such Instance", m.run("snmpget", "GATEHOUSE-MIB::ghVersion.1").stdout)
        self.assertIn("No Such Object", m.run("snmpget", ".1.3.6.1.4.1.9.9").stdout)
        got = m.run("snmpbulkget", ".1", options=["-Cr100000"])
        self.assertEqual(got.returncode, 0, got.stdout)
        self.assertTrue(10 < len(got.stdout.splitlines()) < 200)


class Partners(Case):
    """Two boxes that federate."""
    @classmethod
    def build(cls):
        allow = {"action": "allow"}
        cls.far = cls.gatehouse("far.example", peers={"near.example": allow})
        cls.gh = cls.gatehouse("near.example", peers={"far.example": allow})
        for box in (cls.gh, cls.far):
            box.publish()
            box.user("a")
            box.start()
        cls.port = 16161
        cls.gh.commit("set snmp listen v4 %s %d" % (cls.gh.addr, cls.port), *user_rows(OPS))
        wait_for("it answers", lambda: not cls.manager().refused(), 15)

    def test_streams_and_stanzas(self):
        a, b = self.present(self.login(self.gh, "a")), self.present(self.login(self.far, "a"))
        for i in range(5):
            self.chat(a, b, "there %d" % i)
            self.chat(b, a, "back %d" % i)
        index = text_index("far.example")

        def agree():
            streams = [r for r in self.gh.records("show", "federation") if r["type"] == "stream" and r["domain"] == "far.example"]
            walk = self.manager().walk()
            row = [below(walk, "4.10.1.%d" % c).get(index) for c in (2, 3, 4)]
            return row == [str(len(streams))] + [str(sum(int(r[k]) for r in streams)) for k in ("in", "out")] and (walk, streams)
        walk, streams = wait_for("the partner's row is what show federation says", agree, 20, 0.5)
        self.assertGreaterEqual(sum(int(r["out"]) for r in streams), 5)
        counters = {r["counter"]: r["value"] for r in self.gh.records("show", "counters", "gh-s2s")}
        self.assertEqual(below(walk, "4.1"), {"0": "1"})
        self.assertEqual(below(walk, "4.2"), {"0": str(len(streams))})
        self.assertEqual((below(walk, "4.4")["0"], below(walk, "4.5")["0"]), (counters["s2s.stanzas.in"], counters["s2s.stanzas.out"]))


class Refusing(Case):
    @classmethod
    def build(cls):
        cls.start(*user_rows(CLEAR, "auth"))

    def test_1_only_who_knows_both_passwords(self):
        self.assertEqual(self.manager(BIG).refused(), "")
        self.assertEqual(self.manager(CLEAR).refused(), "")
        self.assertIn("authorizationError", self.manager(OPS, level="authNoPriv").refused())
        self.assertIn("authorizationError", self.manager(OPS, level="noAuthNoPriv").refused())
        self.assertIn("authorizationError", self.manager(CLEAR, level="noAuthNoPriv").refused())
        self.assertRegex(self.manager(("ops", "SHA-256", "wrong words", "AES", OPS[4])).refused(), "Authentication failure")
        self.assertTrue(no_answer(self.manager(("ops", "SHA-256", OPS[2], "AES", "wrong words")).refused()) or
                        "Decryption" in self.manager(("ops", "SHA-256", OPS[2], "AES", "wrong words")).refused())
        self.assertIn("Unknown user", self.manager(("ghost",) + OPS[1:]).refused())
        self.assertRegex(self.manager(("ops", "MD5", OPS[2], "DES", OPS[4])).refused(), "Authentication failure|Timeout|upport")
        self.assertGreater(self.counter("snmp.refused.authentication"), 0)
        self.assertGreater(self.counter("snmp.refused.level"), 0)
        self.assertIn("snmp.refused from=127.0.0.1", self.gh.log())

    def test_2_other_versions_only_where_a_community_says_so(self):
        other = self.gh.addr.rsplit(".", 1)[0] + ".77"
        for version in ("1", "2c"):
            self.assertTrue(no_answer(self.manager(community="public", version=version).refused()))
        pids = self.gh.pids()
        self.gh.commit('set snmp community c name "a long word"', "set snmp community c source %s/32" % other)
        for version in ("1", "2c"):
            self.assertEqual(self.manager(community="a long word", version=version, source=other).refused(), "")
            self.assertTrue(no_answer(self.manager(community="a long word", version=version).refused()), "from elsewhere")
            self.assertTrue(no_answer(self.manager(community="public", version=version, source=other).refused()))
        walk = self.manager(community="a long word", version="1", source=other).walk(tool="snmpwalk")
        self.assertTrue(below(walk, "2.1.1.3"))
        self.assertEqual(below(walk, "11.1.1.2"), {})  # version 1 has no 64 bits
        self.assertIn("noAccess", self.manager(community="a long word", source=other).run("snmpset", "SNMPv2-MIB::sysName.0", "s", "x").stdout)
        self.gh.commit("delete snmp community c")
        self.assertTrue(no_answer(self.manager(community="a long word", source=other).refused()))
        self.assertEqual(self.gh.pids(), pids)

    def test_3_nothing_is_changed(self):
        got = self.manager().run("snmpset", "SNMPv2-MIB::sysName.0", "s", "mine")
        self.assertIn("noAccess", got.stdout)
        self.assertNotEqual(self.manager().get("SNMPv2-MIB::sysName.0"), "mine")

    def test_4_a_password_changes_live(self):
        pids = self.gh.pids()
        new = ("ops", "SHA-512", "fresh authentic words", "AES-256", "fresh private words")
        self.gh.commit(*user_rows(new))
        self.assertRegex(self.manager(OPS).refused(), "Authentication failure|Timeout|upport")
        self.assertEqual(self.manager(new).refused(), "")
        self.gh.commit("delete snmp user ops")
        self.assertIn("Unknown user", self.manager(new).refused())
        self.gh.commit(*user_rows(OPS))
        self.assertEqual(self.manager(OPS).refused(), "")
        self.assertEqual(self.gh.pids(), pids)

    def test_5_managers_from_their_networks(self):
        other = self.gh.addr.rsplit(".", 1)[0] + ".78"
        self.gh.commit("set snmp manager noc %s/32" % other)
        self.assertTrue(no_answer(self.manager().refused()))
        self.assertEqual(self.manager(source=other).refused(), "")
        self.gh.commit("delete snmp manager noc")
        self.assertEqual(self.manager().refused(), "")

    def test_6_the_context_is_the_one_that_there_is(self):
        self.assertIn("ontext", self.manager().run("snmpget", "SNMPv2-MIB::sysName.0", options=["-n", "other"]).stdout)

    def test_7_any_bytes(self):
        pid = self.gh.pid("gh-snmp")
        heads = (b"", b"\x30", b"\x30\x82\xff\xff\x02\x01\x03", b"\x30\x3e\x02\x01\x03\x30\x11\x02\x04\x01\x02\x03\x04\x02\x03\x00\xff\xe3\x04\x01\x04\x02\x01\x03")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for i in range(3000):
                s.sendto(heads[i % len(heads)] + random.randbytes(random.randint(0, 2000)), (self.gh.addr, self.port))
        wait_for("it answers", lambda: not self.manager().refused(), 15)
        self.assertEqual(self.gh.pid("gh-snmp"), pid)

    def test_8_passwords_are_nowhere(self):
        words = [w.encode() for u in (OPS, BIG, CLEAR) for w in (u[2], u[4]) if w]
        for folder, _, files in os.walk(self.gh.state):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    has = any(w in f.read() for w in words)
                self.assertFalse(has and os.stat(path).st_mode & 0o077, path)
                self.assertFalse(has and os.path.basename(folder) != "conf", path)  # where all settings are
        said = self.gh.log() + self.gh.operator("show", "settings", "snmp").stdout + self.gh.operator("show", "log", "last=5000").stdout
        self.assertFalse([w for w in words if w.decode() in said])
        with open("/proc/%d/cmdline" % self.gh.pid("gh-snmp"), "rb") as f:
            self.assertFalse([w for w in words if w in f.read()])


class Dying(Case):
    @classmethod
    def build(cls):
        cls.start()

    def engine(self):
        m = self.manager()
        return m.get("SNMP-FRAMEWORK-MIB::snmpEngineID.0"), int(m.get("SNMP-FRAMEWORK-MIB::snmpEngineBoots.0"))

    def test_1_it_comes_back_as_who_it_was(self):
        before = self.engine()
        for i in range(2):
            self.gh.kill("gh-snmp")
            wait_for("it answers", lambda: not self.manager().refused(), 20)
            self.assertEqual(self.engine(), (before[0], before[1] + 1 + i))

    def test_2_others_die(self):
        for program in ("gh-conf", "gh-log", "gh-s2s"):
            with self.subTest(program):
                self.gh.kill(program)
                wait_for("it answers with all programs", lambda: not self.manager().refused() and set(
                    below(self.manager().walk(), "2.1.1.4").values()) == {"3"}, 20, 0.5)
        alarms = below(self.manager().walk(), "9.5.1.2")
        self.assertIn("ProgramRestarts", alarms.values())
        self.assertEqual(sorted(below(self.manager().walk(), "9.5.1.3").values()), sorted(r["key"] for r in self.gh.records("show", "alarms")))

    def test_3_a_lost_count_of_starts_makes_another_engine(self):
        """Otherwise old requests could be played again (RFC 3414 2.2)."""
        before = self.engine()
        with open(os.path.join(self.gh.state, "snmp", "boots"), "w") as f:
            f.write("many")
        self.gh.kill("gh-snmp")
        wait_for("it answers", lambda: not self.manager().refused(), 20)
        after = self.engine()
        self.assertNotEqual(after[0], before[0])
        self.assertEqual(after[1], 1)

    def test_4_it_ends_with_its_settings(self):
        self.gh.commit("delete snmp listen")
        wait_for("it has ended", lambda: "gh-snmp/0" not in self.gh.pids(), 10)
        self.gh.commit("set snmp listen v4 %s %d" % (self.gh.addr, self.port))
        wait_for("it answers", lambda: not self.manager().refused(), 15)


class Telling(Case):
    """Alarms at snmptrapd."""
    @classmethod
    def build(cls):
        cls.start()
        cls.addr = cls.place.addr()
        engine = cls.manager().run("snmpget", "SNMP-FRAMEWORK-MIB::snmpEngineID.0", options=["-OxqvU"]).stdout
        cls.informs = TrapReceiver(cls.place, "informs", cls.addr, 16162, OPS).start()
        cls.traps = TrapReceiver(cls.place, "traps", cls.addr, 16163, BIG, "0x" + "".join(engine.replace('"', "").split())).start()
        cls.gh.commit("set snmp trap-receiver a address %s 16162" % cls.addr, "set snmp trap-receiver a user ops",
                      "set snmp trap-receiver b address %s 16163" % cls.addr, "set snmp trap-receiver b user big",
                      "set snmp trap-receiver b confirmed off")

    def alarm(self, name):
        return [r for r in self.gh.records("show", "alarms") if r["alarm"] == name]

    def raise_and_clear(self):
        self.gh.commit("set system disk-free 99")
        wait_for("the alarm", lambda: self.alarm("DiskNearlyFull"), 10)
        self.gh.commit("delete system disk-free")
        wait_for("its end", lambda: not self.alarm("DiskNearlyFull"), 10)

    def test_1_both_kinds_arrive_with_the_words_of_show(self):
        self.gh.commit("set system disk-free 99")
        shown = wait_for("the alarm", lambda: self.alarm("DiskNearlyFull"), 10)[0]
        for receiver in (self.informs, self.traps):
            got = wait_for(receiver.name + " hears", lambda: receiver.has("GATEHOUSE-MIB::ghAlarmRaised", "DiskNearlyFull"), 15)
            self.assertEqual(len(got), 1)
            for word in ("ghAlarmSeverity", "major", shown["text"], "gh-log", "sysUpTime"):
                self.assertIn(word, got[0])
        walk = self.manager().walk()
        index = [i for i, v in below(walk, "9.5.1.2").items() if v == "DiskNearlyFull"][0]
        self.assertEqual((below(walk, "9.5.1.4")[index], below(walk, "9.5.1.8")[index], below(walk, "9.5.1.9")[index]), ("2", shown["text"], shown["do"]))
        self.gh.commit("delete system disk-free")
        for receiver in (self.informs, self.traps):
            wait_for(receiver.name + " hears the end", lambda: receiver.has("GATEHOUSE-MIB::ghAlarmCleared", "DiskNearlyFull"), 15)

    def test_2_what_a_receiver_missed_comes_when_it_is_back(self):
        self.informs.stop()
        self.raise_and_clear()
        wait_for("the alarm about it", lambda: self.alarm("SnmpReceiverSilent"), 30)
        self.assertEqual(self.alarm("SnmpReceiverSilent")[0]["key"], "a")
        self.informs = type(self).informs = TrapReceiver(self.place, "informs2", self.addr, 16162, OPS).start()
        for what in ("ghAlarmRaised", "ghAlarmCleared"):
            wait_for(what, lambda: self.informs.has(what, "DiskNearlyFull"), 60)
        wait_for("the end of the alarm about it", lambda: not self.alarm("SnmpReceiverSilent"), 15)
        self.assertGreater(self.counter("snmp.informs.acknowledged"), 2)

    def test_3_a_restart_is_told(self):
        self.gh.kill("gh-snmp")
        for receiver in (self.informs, self.traps):
            wait_for(receiver.name + " hears", lambda: receiver.has("coldStart"), 20)

    def test_4_a_receiver_with_other_passwords_is_named(self):
        other = TrapReceiver(self.place, "strange", self.addr, 16164, ("ops", "SHA-256", "strange words", "AES", "stranger words")).start()
        self.gh.commit("set snmp trap-receiver c address %s 16164" % self.addr, "set snmp trap-receiver c user ops")
        self.raise_and_clear()
        wait_for("the alarm about it", lambda: [r for r in self.alarm("SnmpReceiverSilent") if r["key"] == "c"], 40)
        self.assertEqual(other.has("DiskNearlyFull"), [])
        self.gh.commit("delete snmp trap-receiver c")
        wait_for("its end", lambda: not [r for r in self.alarm("SnmpReceiverSilent") if r["key"] == "c"], 15)

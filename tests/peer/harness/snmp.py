"""net-snmp's tools against a box, with our MIB and those that it imports."""
import glob
import os
import re
import subprocess

from .place import Program, TOP, need, wait_for

OUR_MIBS = os.path.join(TOP, "firmware", "snmp")
MIBS = "GATEHOUSE-MIB:SNMPv2-MIB:SNMP-FRAMEWORK-MIB"
ROOT = ".1.3.6.1.4.1.32473.1"


def mib_folders():
    """Debian keeps the IETF's modules apart, as they are not free; those that ours imports come with Erlang's own manager."""
    found = glob.glob("/usr/lib/erlang/lib/snmp-*/mibs")
    assert found, "packages/test: erlang-snmp"
    return found[0]


def environment(place):
    folder = place.path("snmp-tools")
    os.makedirs(folder, exist_ok=True)
    return dict(os.environ, MIBDIRS=mib_folders() + ":" + OUR_MIBS, MIBS=MIBS, SNMPCONFPATH=folder,
                SNMP_PERSISTENT_DIR=folder, HOME=folder)


class Manager:
    """user: (name, auth protocol, auth password, privacy protocol, privacy password); None of the last two: authNoPriv."""

    def __init__(self, place, addr, port, user=None, level=None, community=None, version=None, source=None):
        self.place, self.to = place, "%s:%d" % (addr, port)
        self.options = ["-r", "1", "-t", "1"]
        if source:
            self.options.append("--clientaddr=" + source)
        if community:
            self.options += ["-v", version or "2c", "-c", community]
            return
        name, auth, auth_word, privacy, privacy_word = user
        self.options += ["-v", "3", "-u", name, "-a", auth, "-A", auth_word,
                         "-l", level or ("authPriv" if privacy else "authNoPriv")]
        if privacy:
            self.options += ["-x", privacy, "-X", privacy_word]

    def run(self, tool, *words, options=(), timeout=60):
        return subprocess.run([need(tool)] + self.options + list(options) + [self.to] + list(words), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=environment(self.place), timeout=timeout)

    def get(self, *names):
        """What is printed, without names."""
        got = self.run("snmpget", *names, options=["-Oqv"])
        assert got.returncode == 0, got.stdout
        return got.stdout.strip()

    def refused(self, name="GATEHOUSE-MIB::ghVersion.0"):
        """What the tool says when it is not answered; '' when it is."""
        got = self.run("snmpget", name)
        return "" if got.returncode == 0 else got.stdout or "?"

    def walk(self, name=ROOT, tool="snmpbulkwalk"):
        """{number: value} of all below a name."""
        got = self.run(tool, name, options=["-OQnUe", "-Oa"])
        assert got.returncode == 0, got.stdout
        out = {}
        for line in got.stdout.splitlines():
            number, _, value = line.partition(" = ")
            out[number] = value.strip().strip('"')
        return out


def below(walk, arcs):
    """{index: value} of one column, arcs below GATEHOUSE-MIB's objects: "2.1.1.3"."""
    start = "%s.1.%s." % (ROOT, arcs)
    return {k[len(start):]: v for k, v in walk.items() if k.startswith(start)}


def text_index(text):
    return ".".join(str(b) for b in text.encode())


class TrapReceiver:
    """snmptrapd. engine: of who sends traps (informs need none)."""

    def __init__(self, place, name, addr, port, user, engine=None):
        self.place, self.name, self.addr, self.port, self.user, self.engine = place, name, addr, port, user, engine
        self.program = None

    def start(self):
        folder = self.place.path(self.name)
        os.makedirs(folder, exist_ok=True)
        name, auth, auth_word, privacy, privacy_word = self.user
        conf = self.place.write(self.name + "/snmptrapd.conf", "createUser %s%s %s \"%s\" %s \"%s\"\nauthUser log %s priv\n" % (
            "-e %s " % self.engine if self.engine else "", name, auth, auth_word, privacy, privacy_word, name))
        env = dict(environment(self.place), SNMP_PERSISTENT_DIR=folder)
        self.program = Program(self.place, self.name, [need("snmptrapd"), "-f", "-C", "-c", conf, "-Lo", "-m", MIBS,
                                                       "-OQ", "-n", "udp:%s:%d" % (self.addr, self.port)], env=env)
        wait_for(self.name + " runs", lambda: "NET-SNMP version" in self.program.text(), 10)
        return self

    def stop(self):
        self.program.stop()

    def has(self, *words):
        """Notifications in which all the words stand."""
        return [l for l in self.program.text().splitlines() if all(w in l for w in words)]


def no_answer(text):
    return re.search(r"Timeout|No Response", text)

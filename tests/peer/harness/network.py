"""Networks of a test's own: the class's process leaves for an empty network namespace (the "internet"), and
houses stand beside it, each a namespace with one link to it; a house may have NAT and rooms behind it."""
import ctypes
import os
import subprocess

from .place import Failed, Program, need, wait_for

CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000


def own_network(*addresses):
    """This process's own network, with the addresses (with prefix length) on its loopback interface."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | (0 if os.getuid() == 0 else CLONE_NEWUSER)):
        raise Failed("no network namespace: errno %d" % ctypes.get_errno())
    ip("link", "set", "lo", "up")
    for a in addresses:
        ip("addr", "add", a, "dev", "lo")


def ip(*words):
    subprocess.run((need("ip"),) + words, check=True)


def forward():
    with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
        f.write("1")


class House:
    """A network namespace as long as the place lives, at the far end of a link: outer is this end's address,
    inner the house's and its gateway is outer."""

    def __init__(self, place, name, outer, inner, length=30, parent=None):
        self.name, self.parent = name, parent
        self.keeper = Program(place, "house-" + name, [need("unshare"), "--net", need("sleep"), "infinity"])
        mine = os.readlink("/proc/self/ns/net")
        wait_for("a namespace for " + name, lambda: os.readlink("/proc/%d/ns/net" % self.keeper.pid) != mine and self._sleeps(), 5)
        link = "to-" + name
        self._outside(need("ip"), "link", "add", link, "type", "veth", "peer", "name", "up0", "netns", str(self.keeper.pid))
        self._outside(need("ip"), "addr", "add", "%s/%d" % (outer, length), "dev", link)
        self._outside(need("ip"), "link", "set", link, "up")
        for words in (("link", "set", "lo", "up"), ("addr", "add", "%s/%d" % (inner, length), "dev", "up0"), ("link", "set", "up0", "up"),
                      ("route", "add", "default", "via", outer)):
            self.run(need("ip"), *words)

    def _sleeps(self):
        with open("/proc/%d/comm" % self.keeper.pid) as f:
            return f.read().strip() == "sleep"

    def _outside(self, *argv):
        if self.parent:
            self.parent.run(*argv)
        else:
            subprocess.run(argv, check=True)

    def inside(self, *argv):
        """argv for a program that runs in this house."""
        return [need("nsenter"), "--net=/proc/%d/ns/net" % self.keeper.pid] + list(argv)

    def run(self, *argv, **options):
        return subprocess.run(self.inside(*argv), check=True, **options)

    def nat(self, rules="masquerade"):
        """What comes from rooms behind leaves with the house's address; nobody comes in uncalled."""
        self.run(need("sh"), "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        text = """
            table ip nat {
                chain post {
                    type nat hook postrouting priority 100;
                    oifname up0 %s
                }
            }
            table ip filter {
                chain forward {
                    type filter hook forward priority 0; policy drop;
                    ct state established,related accept
                    iifname != up0 accept
                }
            }
            """ % rules
        self.run(need("nft"), "-f", "-", input=text.encode())

"""Networks of the tests' own: this process in a network namespace, and further ones joined to it by wires."""
import ctypes
import fcntl
import os
import socket
import struct
import subprocess

from .place import Failed, need, wait_for

CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
SIOCETHTOOL, SET_TX_SUMS, SET_GRO = 0x8946, 0x17, 0x2C
libc = ctypes.CDLL(None, use_errno=True)


def own_network(*addresses):
    """This process and what it starts: a loopback interface with these addresses, and nothing else."""
    if libc.unshare(CLONE_NEWNET | (0 if os.getuid() == 0 else CLONE_NEWUSER)):
        raise Failed("no network namespace: errno %d" % ctypes.get_errno())
    here("link", "set", "lo", "up")
    for a in addresses:
        here("addr", "add", a, "dev", "lo", *(("nodad",) if ":" in a else ()))


def here(*words):
    subprocess.run((need("ip"),) + words, check=True)


class Namespace:
    """One more network, held by a process that does nothing."""

    def __init__(self, case):
        self.holder = subprocess.Popen([need("unshare"), "--net", need("sleep"), "infinity"])
        case.place.on_close(self.close)
        own = os.readlink("/proc/self/ns/net")
        wait_for("a namespace", lambda: os.readlink("/proc/%d/ns/net" % self.holder.pid) != own, 5)
        self.ip("link", "set", "lo", "up")

    def close(self):
        self.holder.kill()
        self.holder.wait()

    def words(self, *argv):
        return [need("nsenter"), "--net=/proc/%d/ns/net" % self.holder.pid] + list(argv)

    def run(self, *argv, **options):
        return subprocess.run(self.words(*argv), check=True, **options)

    def ip(self, *words):
        self.run(need("ip"), *words)

    def wire(self, name, there, address, to=None, far=None):
        """An Ethernet pair: `name` in this process's network (or that of `to`) with `far` as addresses, `there` in this one."""
        near = to.ip if to else here
        near("link", "add", name, "type", "veth", "peer", "name", there, "netns", str(self.holder.pid))
        for a in far or ():
            near("addr", "add", a, "dev", name)
        near("link", "set", name, "up")
        self.ip("addr", "add", address, "dev", there)
        self.ip("link", "set", there, "up")

    def nft(self, rules):
        self.run(need("nft"), "-f", "-", input=rules, text=True)

    def __enter__(self):
        """Sockets and programs of this process made now are there. Root only."""
        self.back = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open("/proc/%d/ns/net" % self.holder.pid, os.O_RDONLY)
        rc = libc.setns(there, CLONE_NEWNET)
        os.close(there)
        if rc:
            raise Failed("cannot enter the network: errno %d" % ctypes.get_errno())

    def __exit__(self, *_):
        rc = libc.setns(self.back, CLONE_NEWNET)
        os.close(self.back)
        if rc:
            raise Failed("cannot come back: errno %d" % ctypes.get_errno())

    def takes_frames(self, name):
        """That end of a wire takes frames of XDP (GRO switches the queue on that they come by), and sums what it sends
        itself, as a network card's peer does."""
        with self:
            ethtool(name, SET_TX_SUMS, 0)
            ethtool(name, SET_GRO, 1)


def ethtool(name, command, value):
    request = ctypes.create_string_buffer(struct.pack("II", command, value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP", name.encode(), ctypes.addressof(request)))

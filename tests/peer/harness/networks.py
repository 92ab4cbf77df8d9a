"""Networks of their own around a test: this process in one, others reached by veth pairs. Root only."""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess

from .place import Failed, need

CLONE_NEWNET = 0x40000000
SIOCETHTOOL, SET_TX_SUMS, SET_GRO = 0x8946, 0x17, 0x2C
libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    subprocess.run((need("ip"),) + words, check=True)


def enter_new():
    if os.getuid() != 0:
        raise Failed("the kernel's path is tried as root only: it needs CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN")
    if libc.unshare(CLONE_NEWNET):
        raise Failed("no network namespace: errno %d" % ctypes.get_errno())


def ethtool(name, command, value):
    """Needs to be in the interface's network."""
    request = ctypes.create_string_buffer(struct.pack("II", command, value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP", name.encode(), ctypes.addressof(request)))


class Far:
    """A network behind interface `near` of ours. Its end takes frames of XDP (GRO switches the queue on that they come
    by), and sums what it sends itself, as a network card's peer does."""

    def __init__(self, near, near_addr, far_addr):
        self.holder = subprocess.Popen([need("sleep"), "600"], preexec_fn=enter_new)
        self.own = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.fd = os.open("/proc/%d/ns/net" % self.holder.pid, os.O_RDONLY)
        ip("link", "add", near, "type", "veth", "peer", "name", "far", "netns", str(self.holder.pid))
        with self:
            ip("link", "set", "lo", "up")
            ethtool("far", SET_TX_SUMS, 0)
            ethtool("far", SET_GRO, 1)
            ip("addr", "add", far_addr + "/24", "dev", "far")
            ip("link", "set", "far", "up")
        ip("addr", "add", near_addr + "/24", "dev", near)
        ip("link", "set", near, "up")

    def __enter__(self):
        """Sockets and programs made now are there."""
        if libc.setns(self.fd, CLONE_NEWNET):
            raise Failed("cannot enter the network: errno %d" % ctypes.get_errno())

    def __exit__(self, *_):
        if libc.setns(self.own, CLONE_NEWNET):
            raise Failed("cannot come back: errno %d" % ctypes.get_errno())

    def close(self):
        self.holder.kill()
        self.holder.wait()
        for fd in (self.own, self.fd):
            with contextlib.suppress(OSError):
                os.close(fd)

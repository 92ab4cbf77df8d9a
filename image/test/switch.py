"""A switch for virtual machines: its cables are qemu's datagram sockets, its ports on this side taps in this network namespace, each in a VLAN
(IEEE 802.1Q) of its own. It learns by which cable an address was heard last, as switches do. Root only."""
import fcntl
import os
import selectors
import socket
import struct
import threading

TAG, TUNSETIFF, IFF_TAP, IFF_NO_PI, FRAME_MAX = b"\x81\x00", 0x400454CA, 2, 0x1000, 65536


def open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


class Cable:
    """One network card of a machine and the switch's end of its cable."""

    def __init__(self, folder, name, mac):
        self.name, self.mac = name, mac
        self.here, self.there = (os.path.join(folder, "%s.%s" % (name, end)) for end in ("switch", "machine"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.here)
        self.socket.setblocking(False)
        self.vlans = []  # of the frames that came by it; 0: no tag

    def options(self):
        return ["-netdev", "dgram,id=%s,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s" % (self.name, self.there, self.here),
                "-device", "virtio-net-pci,netdev=%s,mac=%s" % (self.name, self.mac)]


class Switch:
    """taps: {name of a tap: its VLAN}; cables: tagged ports, each alone or a leg of one bond (a frame goes to where its address was heard)."""

    def __init__(self, taps, cables):
        self.cables = cables
        self.taps = {vlan: open_tap(name) for name, vlan in taps.items()}
        self.heard = {}  # (vlan, address): the cable
        self.is_ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def close(self):
        self.is_ended = True
        self.thread.join()
        for fd in self.taps.values():
            os.close(fd)
        for c in self.cables:
            c.socket.close()

    def _run(self):
        with selectors.DefaultSelector() as s:
            for vlan, fd in self.taps.items():
                s.register(fd, selectors.EVENT_READ, lambda fd=fd, vlan=vlan: self._from_tap(fd, vlan))
            for c in self.cables:
                s.register(c.socket, selectors.EVENT_READ, lambda c=c: self._from_cable(c))
            while not self.is_ended:
                for key, _ in s.select(0.2):
                    key.data()

    def _from_tap(self, fd, vlan):
        try:
            frame = os.read(fd, FRAME_MAX)
        except OSError:  # it is down
            return
        if vlan:
            frame = frame[:12] + TAG + struct.pack(">H", vlan) + frame[12:]
        known = self.heard.get((vlan, frame[:6]))
        for c in [known] if known else self.cables:
            try:
                c.socket.sendto(frame, c.there)
            except OSError:  # no machine is there now, or it takes nothing: frames are lost
                pass

    def _from_cable(self, cable):
        frame = cable.socket.recv(FRAME_MAX)
        vlan = 0
        if frame[12:14] == TAG:
            vlan = struct.unpack(">H", frame[14:16])[0] & 0xFFF
            frame = frame[:12] + frame[16:]
        cable.vlans.append(vlan)
        self.heard[vlan, frame[6:12]] = cable
        if vlan in self.taps:
            try:
                os.write(self.taps[vlan], frame)
            except OSError:  # it is down
                pass

"""A TURN client over UDP, as small as the tests need: long-term credentials with SHA-1 and MD5 (RFC 8489 9.2),
Allocate, ChannelBind, ChannelData, Refresh (RFC 8656)."""
import hashlib
import hmac
import os
import socket
import struct

COOKIE = 0x2112A442
ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND = 3, 4, 8, 9
USERNAME, INTEGRITY, ERROR, CHANNEL, LIFETIME, PEER, REALM, NONCE, RELAYED, TRANSPORT = (
    0x6, 0x8, 0x9, 0xC, 0xD, 0x12, 0x14, 0x15, 0x16, 0x19)


class Refused(Exception):
    """An error answer; code is STUN's."""

    def __init__(self, code):
        super().__init__("error %d" % code)
        self.code = code


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xor_address(addr, port):
    ip = struct.unpack("!I", socket.inet_aton(addr))[0] ^ COOKIE
    return struct.pack("!BBHI", 0, 1, port ^ COOKIE >> 16, ip)


def parse(message):
    out, at = {}, 20
    while at + 4 <= len(message):
        kind, n = struct.unpack_from("!HH", message, at)
        out.setdefault(kind, message[at + 4:at + 4 + n])
        at += 4 + n + -n % 4
    return out


class TurnClient:
    def __init__(self, server, local, user, password, port=3478):
        self.user, self.password = user.encode(), password.encode()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((local, 0))
        self.sock.connect((server, port))
        self.sock.settimeout(3)
        self.realm = self.nonce = None

    def close(self):
        self.sock.close()

    def _ask(self, method, attributes):
        id_ = os.urandom(12)
        body = b"".join(attribute(k, v) for k, v in attributes)
        if self.nonce:
            body += attribute(USERNAME, self.user) + attribute(REALM, self.realm) + attribute(NONCE, self.nonce)
            key = hashlib.md5(b":".join((self.user, self.realm, self.password))).digest()
            head = struct.pack("!HHI", method, len(body) + 24, COOKIE) + id_
            body += attribute(INTEGRITY, hmac.new(key, head + body, hashlib.sha1).digest())
        self.sock.send(struct.pack("!HHI", method, len(body), COOKIE) + id_ + body)
        while True:
            got = self.sock.recv(65536)
            if got[8:20] == id_:
                return got

    def request(self, method, *attributes):
        """The attributes of a success answer. A first 401 or a 438 is answered once."""
        for _ in range(2):
            got = self._ask(method, attributes)
            found = parse(got)
            if struct.unpack("!H", got[:2])[0] & 0x110 == 0x100:
                return found
            code = found[ERROR][2] * 100 + found[ERROR][3]
            if code not in (401, 438) or self.nonce == found.get(NONCE):
                break
            self.realm, self.nonce = found[REALM], found[NONCE]
        raise Refused(code)

    def allocate(self):
        """The relayed port."""
        found = self.request(ALLOCATE, (TRANSPORT, b"\x11\0\0\0"))
        return struct.unpack("!H", found[RELAYED][2:4])[0] ^ COOKIE >> 16

    def permit(self, addr):
        self.request(CREATE_PERMISSION, (PEER, xor_address(addr, 0)))

    def bind_channel(self, number, addr, port):
        self.request(CHANNEL_BIND, (CHANNEL, struct.pack("!HH", number, 0)), (PEER, xor_address(addr, port)))

    def free(self):
        self.request(REFRESH, (LIFETIME, bytes(4)))

    def send(self, number, data):
        self.sock.send(struct.pack("!HH", number, len(data)) + data)

    def receive(self):
        """Number and bytes of the next ChannelData."""
        got = self.sock.recv(65536)
        number, n = struct.unpack("!HH", got[:4])
        return number, got[4:4 + n]

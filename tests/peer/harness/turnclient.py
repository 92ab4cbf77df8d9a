"""A TURN client over UDP, TCP or TLS, as small as the tests need: long-term credentials with SHA-1 and MD5 (RFC 8489 9.2),
Allocate, ChannelBind, ChannelData, Refresh (RFC 8656)."""
import hashlib
import hmac
import os
import socket
import struct

COOKIE = 0x2112A442
ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND = 3, 4, 8, 9
CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 10, 11, 12  # RFC 6062
CONNECTION_ID = 0x2A
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


def exactly(sock, n):
    got = b""
    while len(got) < n:
        part = sock.recv(n - len(got))
        if not part:
            raise EOFError("the other side has closed")
        got += part
    return got


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
        self.sock = self._open(server, local, port)
        self.sock.settimeout(3)
        self.realm = self.nonce = None

    def _open(self, server, local, port):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((local, 0))
        s.connect((server, port))
        return s

    def close(self):
        self.sock.close()

    def _message(self):
        """The next one from the server."""
        return self.sock.recv(65536)

    def _ask(self, method, attributes):
        id_ = os.urandom(12)
        body = b"".join(attribute(k, v) for k, v in attributes)
        if self.nonce:
            body += attribute(USERNAME, self.user) + attribute(REALM, self.realm) + attribute(NONCE, self.nonce)
            key = hashlib.md5(b":".join((self.user, self.realm, self.password))).digest()
            head = struct.pack("!HHI", method, len(body) + 24, COOKIE) + id_
            body += attribute(INTEGRITY, hmac.new(key, head + body, hashlib.sha1).digest())
        self.sock.sendall(struct.pack("!HHI", method, len(body), COOKIE) + id_ + body)
        while True:
            got = self._message()
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

    def allocate(self, protocol=17):
        """The relayed port. Protocol 6: TCP to the peers (RFC 6062)."""
        found = self.request(ALLOCATE, (TRANSPORT, bytes([protocol, 0, 0, 0])))
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
        got = self._message()
        number, n = struct.unpack("!HH", got[:4])
        return number, got[4:4 + n]


class StreamClient(TurnClient):
    """The same over TCP, or with a context over TLS. ChannelData is padded both ways (RFC 8656 12.5)."""

    def __init__(self, *args, context=None, **words):
        self.context = context
        super().__init__(*args, **words)

    def _open(self, server, local, port):
        s = socket.create_connection((server, port), timeout=10, source_address=(local, 0))
        return self.context.wrap_socket(s) if self.context else s

    def _message(self):
        head = exactly(self.sock, 4)
        kind, n = struct.unpack("!HH", head)
        if kind < 0x4000:
            return head + exactly(self.sock, n + 16)
        data = exactly(self.sock, n)
        if exactly(self.sock, -n % 4) != bytes(-n % 4):
            raise ValueError("padding that is not zero")
        return head + data

    # ---- RFC 6062
    def connect_peer(self, addr, port):
        """The id of the connection."""
        return self.request(CONNECT, (PEER, xor_address(addr, port)))[CONNECTION_ID]

    def attempt(self):
        """A peer has connected: the id, and where it is."""
        got = self._message()
        if got[:2] != struct.pack("!H", CONNECTION_ATTEMPT | 0x10):
            raise ValueError("no ConnectionAttempt: %r" % got)
        found = parse(got)
        port, ip = struct.unpack("!HI", found[PEER][2:8])
        return found[CONNECTION_ID], (socket.inet_ntoa(struct.pack("!I", ip ^ COOKIE)), port ^ COOKIE >> 16)

    def bind(self, connection):
        """From now on the socket is the peer's."""
        self.request(CONNECTION_BIND, (CONNECTION_ID, connection))
        return self.sock

    def send(self, number, data):
        self.sock.sendall(struct.pack("!HH", number, len(data)) + data + bytes(-len(data) % 4))

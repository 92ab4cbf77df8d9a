"""A TURN client over UDP, TCP, TLS or DTLS, as small as the tests need: long-term credentials with SHA-1 and MD5 (RFC 8489 9.2),
Allocate, ChannelBind, ChannelData, Refresh (RFC 8656)."""
import hashlib
import hmac
import os
import select
import socket
import struct
import subprocess

COOKIE = 0x2112A442
ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND = 3, 4, 8, 9
SEND_INDICATION, DATA_INDICATION = 0x16, 0x17
USERNAME, INTEGRITY, ERROR, CHANNEL, LIFETIME, PEER, DATA, REALM, NONCE, RELAYED, FAMILY, TRANSPORT = (
    0x6, 0x8, 0x9, 0xC, 0xD, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x19)
CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 10, 11, 12  # RFC 6062
CONNECTION_ID = 0x2A
ACCESS_TOKEN, ALTERNATE, THIRD_PARTY = 0x1B, 0x8023, 0x802E


def keys(user, password, realm):
    """Stored keys of a user (RFC 8489 9.2.2), as `turn user` has them."""
    text = ("%s:%s:%s" % (user, realm, password)).encode()
    return "md5=%s sha256=%s" % (hashlib.md5(text).hexdigest(), hashlib.sha256(text).hexdigest())


class Refused(Exception):
    """An error answer; code is STUN's."""

    def __init__(self, code, found):
        super().__init__("error %d" % code)
        self.code, self.found = code, found


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xor_address(addr, port):
    """The value of an XOR attribute; that of IPv6 is known when the transaction id is (RFC 8489 14.2)."""
    if ":" in addr:
        return lambda id_: _xor(2, socket.inet_pton(socket.AF_INET6, addr), port, id_)
    return _xor(1, socket.inet_aton(addr), port, b"")


def _xor(family, ip, port, id_):
    key = struct.pack("!I", COOKIE) + id_
    return struct.pack("!BBH", 0, family, port ^ COOKIE >> 16) + bytes(a ^ b for a, b in zip(ip, key))


def unxor_address(value, id_):
    """Address and port."""
    family, port = struct.unpack("!xBH", value[:4])
    ip = bytes(a ^ b for a, b in zip(value[4:], struct.pack("!I", COOKIE) + id_))
    return socket.inet_ntop(socket.AF_INET if family == 1 else socket.AF_INET6, ip), port ^ COOKIE >> 16


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
    """token: (ACCESS-TOKEN or None, mac_key) of RFC 7635; user is its kid then."""

    def __init__(self, server, local, user, password, port=3478, token=None):
        self.token = token
        self.user, self.password = user.encode(), password.encode()
        self.sock = self._open(server, local, port)
        self.sock.settimeout(3)
        self.realm = self.nonce = None
        self.tail = b""  # attributes behind the signature

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
        body = b"".join(attribute(k, v(id_) if callable(v) else v) for k, v in attributes)
        if self.nonce:
            body += attribute(USERNAME, self.user) + attribute(REALM, self.realm) + attribute(NONCE, self.nonce)
            key = hashlib.md5(b":".join((self.user, self.realm, self.password))).digest()
            if self.token:
                body, key = body + (attribute(ACCESS_TOKEN, self.token[0]) if self.token[0] else b""), self.token[1]
            head = struct.pack("!HHI", method, len(body) + 24, COOKIE) + id_
            body += attribute(INTEGRITY, hmac.new(key, head + body, hashlib.sha1).digest()) + self.tail
        self.sock.sendall(struct.pack("!HHI", method, len(body), COOKIE) + id_ + body)
        while True:
            got = self._message()
            if got[8:20] == id_:
                return got

    def request(self, method, *attributes, got=None):
        """The attributes of a success answer. A first 401 or a 438 is answered once. got["id"]: its transaction."""
        whole = got if got is not None else {}
        for _ in range(2):
            got = self._ask(method, attributes)
            found = parse(got)
            whole["id"] = got[8:20]
            if struct.unpack("!H", got[:2])[0] & 0x110 == 0x100:
                return found
            code = found[ERROR][2] * 100 + found[ERROR][3]
            if code not in (401, 438) or self.nonce == found.get(NONCE):
                break
            self.realm, self.nonce = found[REALM], found[NONCE]
        raise Refused(code, found)

    def allocate(self, protocol=17):
        """The relayed port. Protocol 6: TCP to the peers (RFC 6062)."""
        found = self.request(ALLOCATE, (TRANSPORT, bytes([protocol, 0, 0, 0])))
        return struct.unpack("!H", found[RELAYED][2:4])[0] ^ COOKIE >> 16

    def allocate_at(self, is_v6=False):
        """The relayed address and port."""
        got = {}
        more = ((FAMILY, b"\2\0\0\0"),) if is_v6 else ()
        found = self.request(ALLOCATE, (TRANSPORT, b"\x11\0\0\0"), *more, got=got)
        return unxor_address(found[RELAYED], got["id"])

    def permit(self, addr):
        self.request(CREATE_PERMISSION, (PEER, xor_address(addr, 0)))

    def bind_channel(self, number, addr, port):
        self.request(CHANNEL_BIND, (CHANNEL, struct.pack("!HH", number, 0)), (PEER, xor_address(addr, port)))

    def refresh(self):
        self.request(REFRESH)

    def free(self):
        self.request(REFRESH, (LIFETIME, bytes(4)))

    def send(self, number, data):
        self.sock.send(struct.pack("!HH", number, len(data)) + data)

    def send_indication(self, addr, port, data):
        id_ = os.urandom(12)
        to = xor_address(addr, port)
        body = attribute(PEER, to(id_) if callable(to) else to) + attribute(DATA, data)
        self.sock.send(struct.pack("!HHI", SEND_INDICATION, len(body), COOKIE) + id_ + body)

    def receive_indication(self):
        """Address, port and bytes of the next Data indication."""
        got = self.sock.recv(65536)
        found = parse(got)
        if struct.unpack("!H", got[:2])[0] != DATA_INDICATION:
            raise ValueError("not a Data indication")
        return unxor_address(found[PEER], got[8:20]) + (found.get(DATA),)

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


class DtlsClient(TurnClient):
    """The same over DTLS, which Python has not: what is written to OpenSSL's own client at once is one record."""

    def __init__(self, openssl, server, local, user, password, port=5349, local_port=0, words=()):
        self.user, self.password = user.encode(), password.encode()
        self.realm = self.nonce = self.token = None
        self.tail = b""
        at = "[%s]:%d" if ":" in server else "%s:%d"
        self.process = subprocess.Popen(
            [openssl, "s_client", "-dtls1_2", "-quiet", "-no_ign_eof", "-nocommands", "-connect", at % (server, port), "-bind", at % (local, local_port)] +
            list(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.sock = self  # whose sendall and send are called

    def sendall(self, data):
        self.process.stdin.write(data)

    def _exactly(self, n):
        got = b""
        while len(got) < n:
            if not select.select([self.process.stdout], [], [], 5)[0]:
                raise TimeoutError("nothing came")
            part = self.process.stdout.read(n - len(got))
            if not part:
                raise EOFError("the server has closed")
            got += part
        return got

    def _message(self):
        head = self._exactly(4)
        kind, n = struct.unpack("!HH", head)
        return head + self._exactly(n if kind >= 0x4000 else n + 16)

    def send(self, number, data):
        self.sendall(struct.pack("!HH", number, len(data)) + data)

    def shut(self):
        """Ends the association with close_notify."""
        self.process.stdin.close()
        self.process.wait(5)

    def vanish(self):
        """Without a word to the server."""
        self.process.kill()
        self.process.wait()

    def close(self):
        self.vanish()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

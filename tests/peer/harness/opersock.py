"""The operators' socket, spoken frame by frame (lib/run/oper.h)."""
import socket
import struct

from .place import Failed

HELLO, ASK, COMPLETE, ABORT, LOGIN, LOGIN_NEW, PIECE, FROM = 1, 2, 3, 4, 5, 6, 7, 8
RECORD, TEXT, NOTE, DONE, NEED, CANDIDATE, FILE, BANNER = 16, 17, 18, 19, 20, 21, 22, 23
NEED_SECRET, NEED_FILE, NEED_PASSWORD_NEW, NEED_CODE, NEED_OLD_SECRET = 1, 2, 3, 4, 5
VERSION = 2
AUDITOR, OPERATOR, ADMIN, CRYPTO, API = 0, 1, 2, 3, 4


def err(name, top):
    """-N of lib/base/err.h."""
    with open(top + "/lib/base/err.h", encoding="utf-8") as f:
        names = [line.split("(")[1].split(",")[0] for line in f if line.startswith("\tX(ERR_")]
    return -(names.index("ERR_" + name) + 1)


def put_str(b):
    b = b.encode() if isinstance(b, str) else b
    return struct.pack(">H", len(b)) + b


def put_bytes(b):
    b = b.encode() if isinstance(b, str) else b
    return struct.pack(">I", len(b)) + b


class Answer:
    def __init__(self):
        self.records, self.notes, self.banners, self.files = [], [], [], []
        self.rc = self.need = None
        self.text = ""


class Oper:
    """closed is True after the other end has gone."""

    def __init__(self, path, seconds=10):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)  # waits while the backlog is full
        self.s.settimeout(seconds)
        self.rest = b""

    def send(self, kind, body=b""):
        self.s.sendall(struct.pack(">IB", len(body) + 1, kind) + body)

    def next(self):
        """(type, body); None: closed."""
        while len(self.rest) < 4 or len(self.rest) < 4 + struct.unpack(">I", self.rest[:4])[0]:
            try:
                got = self.s.recv(65536)
            except ConnectionResetError:
                got = b""
            if not got:
                return None
            self.rest += got
        n = struct.unpack(">I", self.rest[:4])[0]
        frame, self.rest = self.rest[4:4 + n], self.rest[4 + n:]
        return frame[0], frame[1:]

    def is_closed(self):
        """Waits for the end; frames before it do not count."""
        while True:
            if self.next() is None:
                return True

    def answer(self):
        a = Answer()
        while a.rc is None and a.need is None:
            got = self.next()
            if got is None:
                raise Failed("gh-conf closed: %s" % a.notes)
            self._take(a, *got)
        return a

    @staticmethod
    def _str(b, at=0):
        n = struct.unpack(">H", b[at:at + 2])[0]
        return b[at + 2:at + 2 + n].decode(), at + 2 + n

    @staticmethod
    def _bytes(b, at=0):
        n = struct.unpack(">I", b[at:at + 4])[0]
        return b[at + 4:at + 4 + n], at + 4 + n

    def _take(self, a, kind, b):
        if kind == RECORD:
            n, at, record = struct.unpack(">H", b[:2])[0], 2, {}
            for _ in range(n):
                key, at = self._str(b, at)
                value, at = self._bytes(b, at)
                record[key] = value.decode(errors="replace")
            a.records.append(record)
        elif kind == NOTE:
            a.notes.append(self._str(b)[0])
        elif kind == BANNER:
            a.banners.append((b[0], self._str(b, 1)[0]))
        elif kind == FILE:
            name, at = self._str(b)
            a.files.append((name, self._bytes(b, at)[0]))
        elif kind == NEED:
            a.need = b[0]
            a.text = self._str(b, 3)[0]
        elif kind == DONE:
            a.rc = struct.unpack(">i", b[:4])[0]
            a.text = self._str(b, 4)[0]

    def hello(self, role=ADMIN):
        self.send(HELLO, struct.pack(">HB", VERSION, role))
        return self.answer()

    def login(self, name, password, code="", new=None):
        body = put_str(name) + put_bytes(password)
        if new is not None:
            body += put_bytes(new)
        self.send(LOGIN if new is None else LOGIN_NEW, body + put_str(code))
        return self.answer()

    def come_from(self, address):
        """As sshd's module says for whom it asks."""
        self.send(FROM, put_str(address))
        return self.answer()

    def ask_only(self, *words):
        """bytes: a content in place of a word."""
        body = struct.pack(">H", len(words))
        for w in words:
            body += bytes([isinstance(w, bytes)]) + put_bytes(w)
        self.send(ASK, body)

    def ask(self, *words):
        self.ask_only(*words)
        return self.answer()

    def close(self):
        self.s.close()

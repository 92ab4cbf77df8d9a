"""The operator's socket spoken by hand (lib/run/oper.h), so that a test can stop between two frames."""
import socket
import struct

HELLO, ASK, ABORT, PIECE = 1, 2, 4, 7
RECORD, TEXT, NOTE, DONE, NEED, FILE, WANT = 16, 17, 18, 19, 20, 22, 24


def field(data):
    return struct.pack(">I", len(data)) + data


class Oper:
    def __init__(self, path, timeout=30):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.have = b""
        self.send(HELLO, struct.pack(">HB", 2, 2))
        assert self.next()[0] == DONE

    def send(self, kind, body):
        self.sock.sendall(struct.pack(">IB", len(body) + 1, kind) + body)

    def next(self):
        """(kind, body) of the next frame; (None, b"") when the box has closed."""
        while len(self.have) < 4 or len(self.have) < 4 + struct.unpack(">I", self.have[:4])[0]:
            try:
                got = self.sock.recv(1 << 16)
            except ConnectionError:
                got = b""
            if not got:
                return None, b""
            self.have += got
        n = struct.unpack(">I", self.have[:4])[0]
        frame, self.have = self.have[4:4 + n], self.have[4 + n:]
        return frame[0], frame[1:]

    def ask(self, *words):
        """words: text as typed, bytes as content."""
        body = struct.pack(">H", len(words))
        for w in words:
            body += b"\1" + field(w) if isinstance(w, bytes) else b"\0" + field(w.encode())
        self.send(ASK, body)

    def piece(self, content, want, rc=0):
        """Answers a WANT."""
        _, offset, n = struct.unpack(">HQI", want)
        self.send(PIECE, struct.pack(">iQ", rc, offset) + field(content[offset:offset + n]))
        return len(content[offset:offset + n])

    @staticmethod
    def done(body):
        """(rc, text) of a DONE."""
        rc, n = struct.unpack(">iH", body[:6])
        return rc, body[6:6 + n].decode()

    def close(self):
        self.sock.close()

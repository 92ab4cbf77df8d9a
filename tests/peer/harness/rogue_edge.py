"""An edge that is another's by now: it has the edge's key and certificate, and says over HTTP/2 what it likes."""
import socket
import ssl
import struct

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from .linked import EDGE_INNER, LINK


class TakenOver:
    """For a LinkedCase: the edge ends, and this process is in its place."""

    @classmethod
    def take_over(cls):
        cls.edge.stop()
        cls.cert = cls.link_pki.make("good", "one.edge.link.invalid", ("edge.link.invalid",))
        with cls.dmz:
            cls.listener = socket.create_server((EDGE_INNER, LINK))
        cls.place.on_close(cls.listener.close)

    def dialled(self, kind="gh-link/1"):
        """The core dials; the next connection of that kind."""
        self.listener.settimeout(10)
        while True:
            s, _ = self.listener.accept()
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ctx.load_cert_chain(self.cert.crt, self.cert.key)
            ctx.load_verify_locations(self.link_pki.ca)
            ctx.verify_mode = ssl.CERT_REQUIRED
            ctx.set_alpn_protocols([kind])
            try:
                t = ctx.wrap_socket(s, server_side=True)
            except (ssl.SSLError, OSError):
                continue
            self.addCleanup(t.close)
            if t.selected_alpn_protocol() == kind:
                return RogueEdge(t)


class RogueEdge:
    """HTTP/2 by Debian's h2, with no check of what it sends."""
    FIELDS = {":method": "CONNECT", ":authority": "core.link.invalid", "x-gh-service": "xmpp-client", "x-gh-address": "192.0.2.7",
              "x-gh-port": "40000", "x-gh-transport": "tls", "x-gh-tls": "TLSv1.3", "x-gh-exporter": "00" * 32}

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(5)
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False))
        self.http.initiate_connection()
        self.flush()

    def flush(self):
        try:
            self.sock.sendall(self.http.data_to_send())
        except OSError:
            pass  # read() sees it

    def read(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionResetError
        events = self.http.receive_data(data)
        self.flush()
        return events

    def ask(self, change, wait=True):
        """A request with these fields changed (None: left out); the status that it gets, or how its stream ended."""
        fields = {k: v for k, v in dict(self.FIELDS, **change).items() if v is not None}
        fields = sorted(fields.items(), key=lambda f: not f[0].startswith(":"))
        self.stream = self.http.get_next_available_stream_id()
        self.http.send_headers(self.stream, fields)
        self.flush()
        while wait:
            for event in self.read():
                if isinstance(event, h2.events.ResponseReceived) and event.stream_id == self.stream:
                    return dict(event.headers)[":status"]
                if isinstance(event, h2.events.StreamReset) and event.stream_id == self.stream:
                    return "reset"
        return None

    def send(self, data):
        self.http.send_data(self.stream, data.encode() if isinstance(data, str) else data)
        self.flush()

    def heard_bytes(self, n):
        """The first of what comes on the newest stream."""
        got = b""
        while len(got) < n:
            for event in self.read():
                if isinstance(event, h2.events.DataReceived) and event.stream_id == self.stream:
                    got += event.data
        return got

    def stream_ended(self):
        while True:
            for event in self.read():
                if isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)) and event.stream_id == self.stream:
                    return True

    def heard(self, until):
        got = b""
        while until.encode() not in got:
            for event in self.read():
                if isinstance(event, h2.events.DataReceived):
                    got += event.data
        return got.decode()

    def ended(self):
        try:
            while True:
                self.read()
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError, h2.exceptions.ProtocolError):
            return True
        except socket.timeout:
            return False


# ---- partners' stanzas (gateway/link/ferry_frame.h)
HELLO, ROUTE, DONE = range(3)
MESSAGE, PRESENCE, IQ = range(3)
DOOR_S2S = 2


def frame(kind, body):
    return struct.pack(">IB", 1 + len(body), kind) + body


def hello(version=1):
    return frame(HELLO, bytes([version]))


def route(from_, to, stanza, id_=0, kind=MESSAGE, type_=1, door=DOOR_S2S, hops=0, facts=1):
    texts = b"".join(struct.pack(">H", len(t.encode())) + t.encode() for t in (from_, to, ""))
    return frame(ROUTE, struct.pack(">QQBBBBI", id_, 1, door, kind, type_, hops, facts) + texts + struct.pack(">I", len(stanza.encode())) +
                 stanza.encode())


class Ferry:
    """The stream for partners' stanzas, from a rogue edge."""

    def __init__(self, edge, greets=True):
        self.edge, self.bytes = edge, b""
        self.status = edge.ask({"x-gh-service": "partners"})
        self.stream = edge.stream
        if greets:
            self.send(hello())

    def send(self, data):
        self.edge.http.send_data(self.stream, data)
        self.edge.flush()

    def ended(self):
        """Does the core end the stream?"""
        try:
            while True:
                for event in self.edge.read():
                    if isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)) and event.stream_id == self.stream:
                        return True
        except socket.timeout:
            return False

    def next(self):
        """The next frame of the core: its kind and body."""
        while True:
            if len(self.bytes) >= 4:
                n = struct.unpack(">I", self.bytes[:4])[0]
                if len(self.bytes) >= 4 + n:
                    got, self.bytes = self.bytes[4:4 + n], self.bytes[4 + n:]
                    return got[0], got[1:]
            for event in self.edge.read():
                if isinstance(event, h2.events.DataReceived) and event.stream_id == self.stream:
                    self.bytes += event.data
                    self.edge.http.acknowledge_received_data(len(event.data), event.stream_id)

    def done(self, id_):
        """What the core answers about this envelope: the code, and all stanzas that came before."""
        stanzas = []
        while True:
            kind, body = self.next()
            if kind == ROUTE:
                stanzas.append(body)
            elif kind == DONE and struct.unpack(">Q", body[:8])[0] == id_:
                return struct.unpack(">i", body[8:])[0], stanzas

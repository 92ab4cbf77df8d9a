"""Many strangers at a door: raw connections from several addresses.

    crowd = Crowd([place.addr() for _ in range(6)], gh.addr, 5222)
    crowd.come(5000, say=b"<stream:st"); crowd.left()      how many are still connected
    crowd.pass_by(20000)                                   each comes and goes at once
"""
import select
import socket

from . import raw


class Crowd:
    def __init__(self, sources, addr, port):
        self.sources, self.addr, self.port = sources, addr, port
        self.n, self.here, self.poll = 0, {}, select.epoll()

    def connect(self):
        s = socket.socket()
        s.settimeout(5)
        s.bind((self.sources[self.n % len(self.sources)], 0))
        self.n += 1
        s.connect((self.addr, self.port))
        return s

    def come(self, n, say=b""):
        for _ in range(n):
            s = self.connect()
            if say:
                try:
                    s.send(say)
                except OSError:
                    pass  # the door has closed it already: over a limit
            s.setblocking(False)
            self.here[s.fileno()] = s
            self.poll.register(s.fileno(), select.EPOLLIN)

    def left(self):
        for fd, _ in self.poll.poll(0):
            try:
                while self.here[fd].recv(65536):
                    pass
            except BlockingIOError:
                continue
            except OSError:
                pass
            self.here.pop(fd).close()
        return len(self.here)

    def go(self):
        for s in self.here.values():
            s.close()
        self.here.clear()

    def pass_by(self, n, say=lambda i: b""):
        for i in range(n):
            with self.connect() as s:
                try:
                    s.send(say(i))
                except OSError:
                    pass  # as above

    def pass_by_tls(self, n, domain, from_=None):
        """Up to the features after STARTTLS, and away."""
        ctx = raw.client_context()
        for _ in range(n):
            s = raw.Stream(self.addr, self.port, sock=self.connect())
            try:
                s.open(domain, from_, "server" if from_ else "client")
                s.features()
                s.starttls(ctx, domain)
                s.open(domain, from_, "server" if from_ else "client")
                s.features()
            except raw.Closed:
                pass  # a stranger without a proof is sent away after TLS
            finally:
                s.kill()

"""A TCP connection's way that a test can cut or hold: what connects to it is passed on to another address.

    w = Wire(addr, 5269, partner, 5269); w.cut()     both sides see a reset; returns how many there were
    w.hold(True)                                     bytes are taken from nobody, connections stay
"""
import select
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)


class Wire:
    def __init__(self, addr, port, to_addr, to_port):
        self.addr, self.port, self.to = addr, port, (to_addr, to_port)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((addr, port))
        self.listener.listen(64)
        self.pairs, self.lock = [], threading.Lock()
        self.flows = threading.Event()
        self.flows.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                a, _ = self.listener.accept()
            except OSError:
                return
            try:
                pair = (a, socket.create_connection(self.to, 5))
            except OSError:
                a.close()
                continue
            with self.lock:
                self.pairs.append(pair)
            threading.Thread(target=self._pass, args=(pair,), daemon=True).start()

    def _pass(self, pair):
        other = {pair[0]: pair[1], pair[1]: pair[0]}
        try:
            while True:
                for s in select.select(pair, [], [], 1)[0]:
                    self.flows.wait()
                    data = s.recv(65536)
                    if not data:
                        return
                    other[s].sendall(data)
        except (OSError, ValueError):
            return
        finally:
            self._end(pair)

    def _end(self, pair, reset=False):
        with self.lock:
            if pair not in self.pairs:
                return
            self.pairs.remove(pair)
        for s in pair:
            if reset:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            s.close()

    def cut(self):
        with self.lock:
            now = list(self.pairs)
        for pair in now:
            self._end(pair, reset=True)
        return len(now)

    def hold(self, is_held):
        self.flows.clear() if is_held else self.flows.set()

    def close(self):
        self.listener.close()
        self.flows.set()
        self.cut()

"""Profanity (Debian's), an XMPP client for a terminal, on a terminal that nobody looks at. It knows STARTTLS and SRV alone."""
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading

from .place import need, wait_for

ACCOUNT = """[test]
enabled=true
jid=%s
resource=profanity
password=%s
server=%s
port=%d
tls.policy=%s
presence.last=online
presence.login=online
"""


class Profanity:
    def __init__(self, place, jid, password, addr, port, ca, policy="force"):
        home = place.path("profanity-" + jid.replace("@", "-"))
        os.makedirs(home + "/profanity", exist_ok=True)
        with open(home + "/profanity/accounts", "w") as f:
            f.write(ACCOUNT % (jid, password, addr, port, policy))
        with open(home + "/profanity/profrc", "w") as f:
            f.write("[notifications]\n[logging]\nintype=false\n[connection]\nautoping=0\n[plugins]\n")
        terminal, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        env = dict(os.environ, HOME=home, XDG_CONFIG_HOME=home, XDG_DATA_HOME=home, TERM="xterm", SSL_CERT_FILE=ca, LANG="C.UTF-8")
        self.terminal, self.shown = terminal, b""
        self.process = subprocess.Popen([need("profanity"), "-a", "test"], stdin=there, stdout=there, stderr=there, env=env,
                                        start_new_session=True)
        os.close(there)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while data := os.read(self.terminal, 4096):
                self.shown += data
        except OSError:
            pass  # it has ended

    def type(self, line):
        os.write(self.terminal, line.encode() + b"\r")

    def wait_shown(self, text, seconds=20):
        wait_for("Profanity shows " + text, lambda: text.encode() in self.shown, seconds)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)

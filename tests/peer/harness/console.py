"""ghsh on a terminal, as a person has it: prompts, completion, passwords that are not shown."""
import fcntl
import os
import pty
import re
import select
import socket
import struct
import subprocess
import termios
import time

from .place import BIN, Failed

PROMPT = re.compile(r"(?m)^%s(\(\d+\)#|>) $" % re.escape(socket.gethostname().split(".")[0]))
ROWS, COLUMNS = 500, 300  # nothing is paged


class Console:
    """say("set ...") types a line and gives what it printed."""

    def start(self, gh, slave, options, environment):
        return subprocess.Popen([os.path.join(BIN, "ghsh"), "--socket", gh.socket] + list(options), stdin=slave, stdout=slave,
                                stderr=slave, start_new_session=True, env=dict(os.environ, TERM="dumb", **environment))

    def __init__(self, gh, *options, until=PROMPT, environment=None):
        self.fd, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.child = self.start(gh, slave, options, environment or {})
        os.close(slave)
        self.text = ""
        self.before = self.wait(until)

    def wait(self, pattern, seconds=10):
        """Until the pattern stands in what has come since the last wait; gives that text."""
        pattern = re.compile(pattern) if isinstance(pattern, str) else pattern
        end = time.monotonic() + seconds
        while not pattern.search(self.text):
            left = end - time.monotonic()
            ready = left > 0 and select.select([self.fd], [], [], left)[0]
            try:
                got = os.read(self.fd, 65536) if ready else b""
            except OSError:  # the other end of the terminal has gone
                got = b""
            if not got:
                raise Failed("console: no %s in %r" % (pattern.pattern, self.text[-500:]))
            self.text += got.decode(errors="replace").replace("\r", "")
        out, self.text = self.text, ""
        return out

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def say(self, line):
        self.type(line + "\n")
        return self.wait(PROMPT)

    def close(self):
        if self.fd < 0:
            return
        if self.child.poll() is None:
            self.child.terminate()
        self.child.wait(5)
        os.close(self.fd)
        self.fd = -1

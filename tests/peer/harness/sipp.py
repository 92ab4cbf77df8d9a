"""SIPp of Debian (UDP and TCP; built without TLS) on loopback.

    uas = Sipp(place, "uas", UAS, addr, 7000).start(calls=3)
    Sipp(place, "uac", UAC, addr, 7001, remote="127.9.1.2:5060").run(calls=3)     raises when a call fails
Scenarios are SIPp's XML; [..] fields are its own.
"""
import os
import re

from .place import Failed, Program, need, wait_for

HEAD = '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE scenario SYSTEM "sipp.dtd"><scenario name="x">'


def send(text, retrans=True):
    return '<send%s><![CDATA[\n%s\n]]></send>' % (' retrans="500"' if retrans else "", text.strip("\n"))


class Sipp:
    def __init__(self, place, name, steps, addr, port, remote=None, how="udp", keys=None):
        self.place, self.name, self.addr, self.port = place, name, addr, port
        self.dir = place.path("sipp-" + name)
        os.makedirs(self.dir, exist_ok=True)
        self.file = place.write("sipp-%s/scenario.xml" % name, HEAD + "\n".join(steps) + "</scenario>")
        self.remote, self.how, self.keys = remote, how, keys or {}
        self.program = None

    def start(self, calls=1, rate=10, seconds=20):
        argv = [need("sipp"), "-sf", self.file, "-i", self.addr, "-p", str(self.port), "-t", "u1" if self.how == "udp"
                else "t1", "-m", str(calls), "-r", str(rate), "-timeout", "%ds" % seconds, "-timeout_error", "-nostdin",
                "-trace_err", "-error_file", os.path.join(self.dir, "errors.log"), "-trace_msg", "-message_file",
                os.path.join(self.dir, "messages.log"), "-ci", self.addr, "-mi", self.addr]
        for k, v in self.keys.items():
            argv += ["-key", k, v]
        if self.remote:
            argv.append(self.remote)
        self.program = Program(self.place, "sipp-" + self.name, argv, cwd=self.dir, env={"TERM": "dumb"})
        return self

    def wait(self, seconds=25):
        """All calls have come to their end as the scenario has it."""
        wait_for("sipp %s ends" % self.name, lambda: not self.program.alive(), seconds)
        if self.program.child.returncode != 0:
            raise Failed("sipp %s: exit %d: %s" % (self.name, self.program.child.returncode, self.errors()))

    def run(self, **options):
        self.start(**options)
        self.wait(options.get("seconds", 20) + 5)

    def errors(self):
        try:
            with open(os.path.join(self.dir, "errors.log"), errors="replace") as f:
                return f.read()[-1500:]
        except OSError:
            return self.program.text()[-500:]

    def heard(self):
        """The messages that have come to it, as text."""
        try:
            with open(os.path.join(self.dir, "messages.log"), errors="replace") as f:
                parts = re.split(r"^-{20,}.*\n", f.read(), flags=re.M)
        except FileNotFoundError:
            return []
        return [p.partition("\n\n")[2].strip() for p in parts if " message received " in p.partition("\n\n")[0]]

"""qemu's own port: what a machine uses, without a program in it being asked."""
import json
import os
import socket


class Qmp:
    def __init__(self, folder):
        self.path = os.path.join(folder, "qmp")
        self.options = ["-qmp", f"unix:{self.path},server=on,wait=off"]

    def __enter__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.path)
        self.lines = self.socket.makefile("rw")
        self.lines.readline()
        self.ask("qmp_capabilities")
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def ask(self, execute, **arguments):
        self.lines.write(json.dumps({"execute": execute, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                return answer["return"]

    def read_mib(self):
        """What has been read of all its disks since power-on."""
        return sum(d["stats"]["rd_bytes"] for d in self.ask("query-blockstats")) / 2**20

"""The guest agent's port as a hypervisor uses it: alive, addresses, what is refused, and a shutdown in order; without the port nobody listens."""
import json
import os
import socket
import tempfile
import time
import unittest

from machine import Machine, started_disk


class Agent:
    """qemu's side of the port."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "agent")
        self.arguments = ("-device", "virtio-serial", "-chardev", f"socket,id=agent,path={self.path},server=on,wait=off",
                          "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0")

    def connect(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.path)
        self.socket.settimeout(60)
        self.file = self.socket.makefile("rb")

    def send(self, name, **arguments):
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")

    def ask(self, name, **arguments):
        self.send(name, **arguments)
        return json.loads(self.file.readline())


class Guest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.disk = started_disk(folder.name)

    def test_the_story(self):
        agent = Agent(self.folder)
        with Machine(self.disk, nets=("user,model=virtio-net-pci",), extra=agent.arguments) as machine:
            machine.log_in(300)
            agent.connect()
            self.assertEqual(agent.ask("guest-sync", id=4711), {"return": 4711})
            self.assertEqual(agent.ask("guest-ping"), {"return": {}})
            names = {c["name"] for c in agent.ask("guest-info")["return"]["supported_commands"]}
            self.assertEqual(names, {"guest-ping", "guest-sync", "guest-sync-delimited", "guest-info", "guest-network-get-interfaces", "guest-shutdown"})
            found = {i["name"]: i for i in agent.ask("guest-network-get-interfaces")["return"]}
            self.assertIn("127.0.0.1", [a["ip-address"] for a in found["lo"]["ip-addresses"]])
            self.assertTrue(any(i.get("hardware-address", "").startswith("52:54:00") for i in found.values()), found)
            self.assertEqual(agent.ask("guest-exec", path="/bin/sh")["error"]["class"], "CommandNotFound")
            agent.socket.close()  # a host that comes and goes
            time.sleep(2)
            agent.connect()
            self.assertEqual(agent.ask("guest-ping"), {"return": {}})
            agent.send("guest-shutdown")
            machine.ends(300)
        # The same slots, or the firmware looks for the disk where it was.
        with Machine(self.disk, nets=("user,model=virtio-net-pci",), extra=("-device", "virtio-serial")) as machine:
            machine.log_in(300)
            self.assertRegex(machine.pages("show audit 6"), r"(?s)audit.command.*command=shutdown")


if __name__ == "__main__":
    unittest.main(verbosity=2)

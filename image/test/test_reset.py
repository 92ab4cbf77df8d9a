"""Factory reset of a machine: it starts again, nothing of before is left, nobody reaches it until the console has a new password; a
disk that sets a fresh box up does so once more. Root only: the network is a tap."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "peer"))

from harness.netns import here, own_network  # noqa: E402
from harness.place import need, port_open, wait_for  # noqa: E402
from machine import PASSWORD, Disk, Machine, floppy  # noqa: E402

BOX = "10.79.0.2"
FIRST = "for the first login only 7"
LINES = """set system name provided
set interface a ipv4 static
set interface a ipv4-address %s/24
set ssh listen a %s 22
commit
operator add anna admin "%s"
""" % (BOX, BOX, FIRST)
NET = "tap,ifname=tap0,script=no,downscript=no,model=virtio-net-pci"


def host_keys():
    """The host keys that SSH shows, without their address."""
    said = subprocess.run([need("ssh-keyscan"), "-T", "60", BOX], check=True, capture_output=True, text=True).stdout
    return {line.split(" ", 1)[1] for line in said.splitlines() if line}


def host_id(machine):
    return re.search(r"(?m)^host[ \t]+(\S+)", machine.command("show identity"))[1]


class Reset(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        own_network()
        here("tuntap", "add", "dev", "tap0", "mode", "tap")
        here("addr", "add", "10.79.0.1/24", "dev", "tap0")
        here("link", "set", "tap0", "up")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.disk, self.floppy = Disk(folder.name), floppy(folder.name, {"gatehouse.txt": LINES})

    def provisioned(self, machine):
        """A box that has just been set up from the disk: its SSH host keys."""
        machine.expect("this box is fresh and is set up from /dev/vdb", 300)
        machine.expect("gh-provision: done", 120)
        wait_for("SSH", lambda: port_open(BOX, 22), 120)
        return host_keys()

    def anna(self, machine):
        machine.send("")  # the console begins again at Enter
        machine.expect("^login: ", 60)
        machine.first_words("anna", FIRST)

    def reset(self, machine, name):
        self.assertIn("nothing was reset", machine.command("factory-reset all another"))
        machine.send(f"factory-reset all {name}")
        machine.expect("everything is being wiped", 60)
        machine.ends(180)

    def test_the_story(self):
        with Machine(self.disk, nets=(NET,), extra=self.floppy) as machine:
            first = self.provisioned(machine)
            self.anna(machine)
            machine.command("certificate generate mine ecdsa-p256")
            self.assertIn("mine", machine.command("show keys"))
            was = host_id(machine)
            self.reset(machine, "provided")
        # The disk is still there: the box that is fresh again sets itself up again, with keys of its own.
        with Machine(self.disk, nets=(NET,), extra=self.floppy) as machine:
            second = self.provisioned(machine)
            self.assertEqual((len(first), len(second), first & second), (2, 2, set()))
            self.anna(machine)
            self.assertNotIn("mine", machine.command("show keys"))
            self.assertNotEqual(host_id(machine), was)
            self.reset(machine, "provided")
        # It has been taken away: as the box came from the shop.
        with Machine(self.disk, nets=(NET,)) as machine:
            machine.expect("^login: ", 300)
            machine.at = 0
            self.assertFalse(port_open(BOX, 22))
            machine.first_login()
            self.assertNotIn("anna", machine.command("show operators"))
            self.assertNotIn("provided", machine.command("show settings"))
            for line in ("set interface a ipv4 static", f"set interface a ipv4-address {BOX}/24", f"set ssh listen a {BOX} 22"):
                self.assertNotIn("error", machine.command(line), line)
            self.assertIn("generation", machine.command("commit"))
            wait_for("SSH", lambda: port_open(BOX, 22), 120)
            self.assertEqual(host_keys() & (first | second), set())
            machine.wait_good()
            machine.send("exit")
            machine.log_in(60)


if __name__ == "__main__":
    unittest.main(verbosity=2)

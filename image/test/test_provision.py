"""A fresh box that sets itself up from a disk. Root only: the network is a tap."""
import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "peer"))

from harness.netns import here, own_network  # noqa: E402
from harness.place import need, port_open, wait_for  # noqa: E402
from machine import PASSWORD, Disk, Machine, floppy, started_disk  # noqa: E402

BOX = "10.79.0.2"
FIRST = "for the first login only 7"
LINES = """set system name provided
set interface a ipv4 static
set interface a ipv4-address %s/24
set ssh listen a %s 22
commit
operator add anna admin "%s"
operator key add anna anna.pub
""" % (BOX, BOX, FIRST)
OVF = """<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="">
  <PropertySection><Property oe:key="name" oe:value="deployed"/><Property oe:key="ipv4-address" oe:value="%s/24"/>
  <Property oe:key="ssh-address" oe:value="%s"/></PropertySection>
</Environment>
""" % (BOX, BOX)
NET = "tap,ifname=tap0,script=no,downscript=no,model=virtio-net-pci"


class Provision(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        own_network()
        here("tuntap", "add", "dev", "tap0", "mode", "tap")
        here("addr", "add", "10.79.0.1/24", "dev", "tap0")
        here("link", "set", "tap0", "up")

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def test_a_disk_with_lines(self):
        subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", self.path("anna")], check=True)
        with open(self.path("anna.pub")) as f:
            disk, setup = Disk(self.folder.name), floppy(self.folder.name, {"gatehouse.txt": LINES, "anna.pub": f.read()})
        with Machine(disk, nets=(NET,), extra=setup) as machine:
            machine.expect("this box is fresh and is set up from /dev/vdb", 300)
            machine.expect("gh-provision: done", 120)
            wait_for("SSH", lambda: port_open(BOX, 22), 120)
            machine.send("")  # the console begins again at Enter
            machine.expect("^login: ", 60)
            machine.first_words("anna", FIRST)
            self.assertIn("anna", machine.command("show operators"))
            machine.wait_good()
            machine.send("shutdown")
            machine.ends(120)
        # The disk is still there: nothing of it is taken a second time.
        with Machine(disk, nets=(NET,), extra=setup) as machine:
            machine.expect("^login: ", 300)
            machine.send("anna")
            machine.expect("Password: ", 60)
            machine.send(PASSWORD)
            machine.expect(r"^\S+> ", 60)
            self.assertRegex(machine.command("history"), r"(?m)^1 ")
            self.assertNotRegex(machine.command("history"), r"(?m)^2 ")

    def test_properties_of_an_ovf_deployment(self):
        with Machine(Disk(self.folder.name), nets=(NET,), extra=floppy(self.folder.name, {"ovf-env.xml": OVF})) as machine:
            machine.expect("gh-provision: done", 300)
            wait_for("SSH", lambda: port_open(BOX, 22), 120)

    def test_lines_from_the_hypervisor_that_are_wrong(self):
        with open(self.path("setup.txt"), "w") as f:
            f.write("set system name lost\nset interface a ipv4 sometimes\ncommit\n")
        with Machine(Disk(self.folder.name), extra=["-fw_cfg", "name=opt/gatehouse/setup,file=" + self.path("setup.txt")]) as machine:
            machine.expect("stopped at line 2", 300)
            machine.expect("not all lines were taken", 60)
            machine.send("")
            machine.first_login(120)
            self.assertNotIn("lost", machine.command("show settings"))

    def test_a_larger_disk(self):
        """The data partition grows with the disk, and what is on it stays."""
        disk = started_disk(self.folder.name)
        before = os.stat(disk.path).st_size
        subprocess.run(["truncate", "-s", "12G", disk.path], check=True)
        with Machine(disk) as machine:
            machine.log_in(300)
            machine.send("shutdown")
            machine.ends(120)
        table = subprocess.run([need("sfdisk"), "-d", disk.path], check=True, stdout=subprocess.PIPE, text=True).stdout
        row = next(l for l in table.splitlines() if "gatehouse-data" in l)
        words = {k.strip(): v.strip() for k, v in (w.split("=") for w in row.split(":", 1)[1].split(","))}
        end = (int(words["start"]) + int(words["size"])) * 512
        self.assertGreater(end, before)
        with open(disk.path, "rb") as f:  # ext4's superblock: blocks, and their size
            f.seek(int(words["start"]) * 512 + 1024)
            block = f.read(28)
        size = int.from_bytes(block[4:8], "little") * (1024 << int.from_bytes(block[24:28], "little"))
        self.assertGreater(size, int(words["size"]) * 512 - (64 << 20))


if __name__ == "__main__":
    unittest.main(verbosity=2)

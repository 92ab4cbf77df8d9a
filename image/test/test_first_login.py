"""A fresh box at its console: no command without a password, none with the empty one that it comes with."""
import tempfile
import unittest

from machine import PASSWORD, Disk, Machine


class FirstLogin(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.disk = Disk(self.folder.name)

    def test_the_story(self):
        with Machine(self.disk, nets=("user,model=virtio-net-pci,restrict=on",)) as machine:
            machine.expect(r"^Gatehouse \d", 180)
            machine.expect("^login: ", 30)
            # An unknown name and a wrong password look the same.
            machine.send("root")
            machine.expect("^Password: ", 30)
            machine.send("toor")
            machine.expect("wrong name, password or code", 60)
            machine.expect("^Password: ", 30)
            machine.send("")
            machine.expect("wrong name, password or code", 60)
            machine.expect("^Password: ", 30)
            machine.send("x")
            # Three are enough: it begins again.
            machine.expect(r"^Gatehouse \d", 60)
            machine.expect("^login: ", 30)
            machine.send("admin")
            machine.expect("^Password: ", 30)
            machine.send("")
            machine.expect("^New password: ", 60)
            # Too short, then two that differ.
            machine.send("short")
            machine.expect("Once more: ", 30)
            machine.send("short")
            machine.expect("error: ", 60)
            machine.expect("^New password: ", 30)
            machine.send(PASSWORD)
            machine.expect("Once more: ", 30)
            machine.send(PASSWORD)
            machine.expect(r"^\S+> ", 60)
            self.assertIn("admin", machine.command("show operators"))
            machine.send("exit")
            # The empty one is over.
            machine.expect("^login: ", 60)
            machine.send("admin")
            machine.expect("^Password: ", 30)
            machine.send("")
            machine.expect("wrong name, password or code", 60)


if __name__ == "__main__":
    unittest.main(verbosity=2)

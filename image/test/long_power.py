"""The mains switch at any moment: of the first start, of a commit, of an upgrade. What follows is a box that works."""
import re
import tempfile
import time
import unittest

from machine import Disk, Machine
from test_upgrade import next_image


class PowerCut(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.disk = Disk(self.folder.name)

    def begin(self):
        with Machine(self.disk) as machine:
            machine.first_login(300)
            machine.command("set system name before")
            self.assertIn("generation", machine.command("commit"))
            machine.command("shutdown")
            machine.ends(120)

    def name(self, machine):
        """The system's name; an echo that comes twice after a start is no matter."""
        return re.findall(r"^system name\s+(\S+)", machine.command("show settings system"), re.M)[-1]

    def test_first_start(self):
        for seconds in (12, 15, 18, 21, 24, 28):
            with self.subTest(seconds=seconds):
                with Machine(self.disk) as machine:
                    time.sleep(seconds)  # wherever that is: the last start below proves what matters
        with Machine(self.disk) as machine:
            machine.first_login(300)

    def test_commit(self):
        self.begin()
        for i in range(5):
            with self.subTest(after=i), Machine(self.disk) as machine:
                machine.log_in(300)
                now = self.name(machine)
                machine.command(f"set system name after{i}")
                machine.send("commit")
                time.sleep(0.05 * i)
                machine.cut()
                with Machine(self.disk) as again:
                    again.log_in(300)
                    self.assertIn(self.name(again), (now, f"after{i}"))

    def test_upgrade(self):
        image = next_image("0.9.1")
        self.begin()
        self.disk.put_file(image, f"/operators/images/{image.name}")
        for seconds in (1, 4, 9, 15):
            with self.subTest(seconds=seconds), Machine(self.disk) as machine:
                machine.log_in(300)
                machine.send(f"upgrade install images/{image.name}")
                time.sleep(seconds)
        with Machine(self.disk) as machine:
            machine.log_in(300)
            self.assertIn("before", machine.command("show settings system"))
            if not re.search(r"0\.9\.1\s+(\w+\s+yes|ready)", machine.command("upgrade status")):
                self.assertNotIn("error", machine.command(f"upgrade install images/{image.name}", 600))
            machine.send("reboot")
            machine.ends(120)
        with Machine(self.disk) as machine:
            machine.log_in(300)
            self.assertRegex(machine.command("upgrade status"), r"(?s)0\.9\.1\s+\w+\s+yes")


if __name__ == "__main__":
    unittest.main(verbosity=2)

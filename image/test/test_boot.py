"""The image as its administrator meets it: switched on, used at the console, cut off, switched on again."""
import tempfile
import unittest

from machine import Disk, Machine


class Boot(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.disk = Disk(self.folder.name)

    def start(self, **how):
        machine = Machine(self.disk, **how)
        self.addCleanup(lambda: machine.process.poll() is None and machine.cut())
        machine.expect(r"^login: ", 180)
        machine.at = 0
        return machine

    def test_first_start_and_the_settings_after_the_mains_switch(self):
        machine = self.start()
        print(f"first start to the console's prompt: {machine.seconds():.1f} s")
        machine.first_login()
        machine.command("set system name fontaine")
        self.assertIn("generation", machine.command("commit"))
        machine.cut()
        machine = self.start()
        print(f"second start to the console's prompt: {machine.seconds():.1f} s")
        machine.log_in()
        self.assertIn("fontaine", machine.command("show settings system"))
        machine.cut()

    def test_a_bit_of_the_root_turned_over_is_seen(self):
        # Near the start of the first slot's root: the superblock and what it points to are read at once.
        self.disk.write(((1 + 512) << 20) + 4096 * 3 + 17, b"\xff\x00\xff\x00")
        with Machine(self.disk) as machine:
            self.assert_refuses_its_root(machine.ends(120))

    def assert_refuses_its_root(self, text):
        """dm-verity restarts the machine at the first wrong block, without a word."""
        self.assertNotIn(b"login: ", text)

    def test_a_hash_tree_turned_over_is_seen(self):
        self.disk.write(((1 + 512 + 2048) << 20) + 4096 + 5, b"\xff\x00\xff\x00")
        with Machine(self.disk) as machine:
            self.assert_refuses_its_root(machine.ends(120))


if __name__ == "__main__":
    unittest.main(verbosity=2)

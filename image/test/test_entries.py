"""The boot menu beside an ordinary start: a lost password, a factory reset, and a box whose settings forbid both; under Secure Boot, so that what
the entries start is signed and its command line is not the menu's to change."""
import os
import re
import subprocess
import tempfile
import time
import unittest

from machine import TOP, Disk, Machine

ESP = 1 << 20


class Entries(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.disk = Disk(self.folder.name)
        enrol = Disk(tempfile.mkdtemp(dir=self.folder.name))
        subprocess.run([TOP / "image/enrol", enrol.path, os.environ["IMAGE_KEYS"]], check=True)
        with Machine(enrol, secure=True) as machine:
            machine.expect("Enrolling secure boot keys", 60)
            machine.ends(180)
        enrol.path.unlink()
        os.replace(enrol.vars, self.disk.vars)

    def start(self):
        machine = Machine(self.disk, secure=True)
        self.addCleanup(lambda: machine.process.poll() is None and machine.cut())
        return machine

    def esp(self, *words):
        return subprocess.run([words[0], "-i", f"{self.disk.path}@@{ESP}", *words[1:]], check=True, capture_output=True, text=True).stdout

    def choose(self, machine, title):
        """A key while it starts shows the menu; then down until the entry stands first among what is drawn, and Enter."""
        end = time.monotonic() + 180
        while b"Factory reset" not in machine.text:
            self.assertLess(time.monotonic(), end, machine.text[-2000:])
            machine.serial.setblocking(True)
            machine.serial.sendall(b" ")
            machine.serial.setblocking(False)
            machine._read(0.5)
        titles = [t for t in re.findall(rb"Gatehouse [0-9.]+|Factory reset|New password", machine.text)]
        order = list(dict.fromkeys(titles))
        steps = next(i for i, t in enumerate(order) if t.decode() in title)
        for _ in range(steps):
            machine.serial.setblocking(True)
            machine.serial.sendall(b"j")
            machine.serial.setblocking(False)
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                machine._read(0.2)
        machine.at = len(machine.text)
        machine.send("")

    def down(self, machine):
        machine.send("shutdown")
        machine.ends(300)

    def test_the_story(self):
        machine = self.start()
        machine.first_login(300)
        machine.command("set system name fontaine")
        self.assertIn("generation", machine.command("commit"))
        machine.wait_good()
        version = re.search(r"(\d+\.\d+\.\d+)\s+good\s+yes", machine.command("upgrade status"))[1]
        self.down(machine)
        # The first good start has put the entries there: no options in them, and what they name is the program itself, signed.
        self.assertEqual(set(re.findall(r"[\w-]+\.conf", self.esp("mdir", "-b", "::loader/entries"))), {"factory-reset.conf", "lost-password.conf"})
        text = self.esp("mtype", "::loader/entries/lost-password.conf")
        self.assertNotIn("options", text)
        self.assertIn(f"efi /EFI/gatehouse/{version}.efi", text)
        copy = os.path.join(self.folder.name, "copy.efi")
        self.esp("mcopy", f"::EFI/gatehouse/{version}.efi", copy)
        subprocess.run(["sbverify", "--cert", os.path.join(os.environ["IMAGE_KEYS"], "db.crt"), copy], check=True, capture_output=True)
        os.unlink(copy)

        with self.subTest("another answer changes nothing"):
            machine = self.start()
            self.choose(machine, "New password")
            machine.expect("To do so, type PASSWORD", 300)
            machine.send("no")
            machine.expect("Nothing was changed", 30)
            machine.log_in(300)
            self.down(machine)

        with self.subTest("a lost password"):
            machine = self.start()
            self.choose(machine, "New password")
            machine.expect("To do so, type PASSWORD", 300)
            machine.send("PASSWORD")
            machine.expect("Log in as admin with an empty password", 30)
            machine.expect("^login: ", 300)
            machine.first_words("admin", "")
            self.assertIn("fontaine", machine.command("show settings system"))
            self.assertIn("audit.recovery", machine.pages("show audit 6"))
            self.assertIn("AdministratorRecovered", machine.command("show alarms"))
            machine.command("set operators boot-menu off")
            self.assertIn("generation", machine.command("commit"))
            machine.wait_good()
            self.down(machine)

        with self.subTest("forbidden by a setting"):
            machine = self.start()
            self.choose(machine, "Factory reset")
            machine.expect("do not allow that", 300)
            machine.log_in(300)
            self.assertIn("fontaine", machine.command("show settings system"))
            self.assertIn("refused", machine.pages("show audit 6"))
            machine.command("set operators boot-menu reset")
            self.assertIn("generation", machine.command("commit"))
            machine.wait_good()
            self.down(machine)

        with self.subTest("a factory reset"):
            machine = self.start()
            self.choose(machine, "Factory reset")
            machine.expect("To do so, type RESET", 300)
            machine.send("RESET")
            machine.expect("Everything is being wiped", 30)
            machine.first_login(300)
            self.assertNotIn("fontaine", machine.command("show settings system"))
            machine.wait_good()
            self.assertIn(version, machine.command("upgrade status"))
            machine.cut()


if __name__ == "__main__":
    unittest.main(verbosity=2)

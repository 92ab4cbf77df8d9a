"""Secure Boot: a disk signed by our keys starts on firmware that knows them; what is changed, unsigned or signed by
others does not. Needs an image built with IMAGE_KEYS (image/test/run does that)."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from machine import OUT, TOP, Disk, Machine

ESP = "1M"  # where the partition begins


class SecureBoot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.disk = Disk(cls.folder.name)
        subprocess.run([TOP / "image/enrol", cls.disk.path, os.environ["IMAGE_KEYS"]], check=True)
        # The boot loader enrols the keys into firmware that has none, and restarts.
        with Machine(cls.disk, secure=True) as machine:
            machine.expect("Enrolling secure boot keys", 60)
            machine.ends(60)

    def setUp(self):
        # Each test has the enrolled firmware and its own disk.
        own = tempfile.TemporaryDirectory()
        self.addCleanup(own.cleanup)
        self.disk = Disk(own.name)
        shutil.copy(type(self).disk.vars, self.disk.vars)
        self.program = f"::EFI/Linux/{self.list_programs()[0]}"

    def mtools(self, *words):
        return subprocess.run([words[0], "-i", f"{self.disk.path}@@{ESP}", *words[1:]], check=True,
                              capture_output=True, text=True).stdout

    def list_programs(self):
        return [line.split("/")[-1] for line in self.mtools("mdir", "-b", "::EFI/Linux").split()]

    def put(self, program):
        self.mtools("mcopy", "-o", str(program), self.program)

    def assert_refused(self):
        with Machine(self.disk, secure=True) as machine:
            machine.expect("Access [Dd]enied|Security Violation|Image was not|Error loading", 60)
            self.assertNotIn(b"login: ", machine.text)

    def test_ours_starts_locked_down(self):
        with Machine(self.disk, secure=True) as machine:
            machine.expect("^login: ", 180)

    def test_one_byte_changed(self):
        program = bytearray((OUT / "gatehouse.efi").read_bytes())
        program[len(program) // 2] ^= 1
        changed = pathlib.Path(self.disk.path.parent, "changed.efi")
        changed.write_bytes(program)
        self.put(changed)
        self.assert_refused()

    def test_unsigned(self):
        bare = self.disk.path.parent / "bare.efi"
        shutil.copy(OUT / "gatehouse.efi", bare)
        subprocess.run(["sbattach", "--remove", bare], check=True, capture_output=True)
        self.put(bare)
        self.assert_refused()

    def test_signed_by_another(self):
        folder = self.disk.path.parent
        subprocess.run(["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=Other/",
                        "-keyout", folder / "k", "-out", folder / "c"], check=True, capture_output=True)
        bare = folder / "bare.efi"
        shutil.copy(OUT / "gatehouse.efi", bare)
        subprocess.run(["sbattach", "--remove", bare], check=True, capture_output=True)
        subprocess.run(["sbsign", "--key", folder / "k", "--cert", folder / "c", "--output", folder / "other.efi", bare],
                       check=True, capture_output=True)
        self.put(folder / "other.efi")
        self.assert_refused()



if __name__ == "__main__":
    unittest.main(verbosity=2)

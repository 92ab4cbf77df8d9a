"""Keys sealed to a TPM: a disk that is taken out of its machine is worth nothing, and put back it works as before."""
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

from machine import Disk, Machine, end_with_parent


class Chip:
    """A TPM 2.0 (swtpm) whose memory is a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()

    def __enter__(self):
        path = self.folder / "socket"
        self.process = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}", "--ctrl", f"type=unixio,path={path}"],
                                        preexec_fn=end_with_parent)
        end = time.monotonic() + 10
        while not path.exists():
            if time.monotonic() > end:
                raise AssertionError("swtpm does not start")
            time.sleep(0.05)
        self.arguments = ("-chardev", f"socket,id=chip,path={path}", "-tpmdev", "emulator,id=tpm,chardev=chip", "-device", "tpm-crb,tpmdev=tpm")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        (self.folder / "socket").unlink(missing_ok=True)


class Tpm(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.disk = Disk(folder.name)

    def identity(self, machine):
        return dict(re.findall(r"(?m)^(\w+)[ \t]+(\S.*?)[ \t\r]*$", machine.command("show identity")))

    def keys(self, machine):
        return [line.split() for line in machine.command("show keys").splitlines()[:-1]]  # without the prompt

    def down(self, machine):
        machine.send("shutdown")
        machine.ends(180)

    def test_the_story(self):
        chip = Chip(self.folder / "chip")
        with chip, Machine(self.disk, extra=chip.arguments) as machine:
            machine.patience = 4
            machine.first_login()
            identity = self.identity(machine)
            self.assertEqual((identity["keys"], identity["machine"]), ("sealed by the TPM", "same"))
            self.assertNotIn("error", machine.command("pki selfsigned door gw.example.com"))
            before = self.keys(machine)
            self.assertIn("door", [row[0] for row in before if row])
            machine.wait_good()
            self.down(machine)
        with Machine(self.disk) as machine:  # the disk alone
            machine.patience = 4
            machine.log_in()
            self.assertIn("sealed to a TPM that is not here", machine.command("show identity"))
            self.assertNotIn("door", [row[0] for row in self.keys(machine) if row])
            self.assertIn("KeysLost", machine.command("show alarms"))
            self.down(machine)
        with Chip(self.folder / "other") as other, Machine(self.disk, extra=other.arguments) as machine:
            machine.patience = 4
            machine.log_in()
            self.assertIn("sealed to a TPM that is not here", machine.command("show identity"))
            self.down(machine)
        with chip, Machine(self.disk, extra=chip.arguments) as machine:  # and back
            machine.patience = 4
            machine.log_in()
            self.assertEqual(self.identity(machine), identity)
            self.assertEqual(self.keys(machine), before)
            self.assertNotIn("KeysLost", machine.command("show alarms"))


if __name__ == "__main__":
    unittest.main(verbosity=2)

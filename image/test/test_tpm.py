"""Keys sealed to a TPM: a disk that is taken out of its machine is worth nothing, and put back it works as before."""
import json
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
        self.folder.mkdir(exist_ok=True)

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
        said = machine.command("show identity")
        return {name: re.search(r"(?m)^%s[ \t]+(\S.*?)[ \t\r]*$" % name, said)[1] for name in ("host", "machine", "made", "pin", "keys")}

    def keys(self, machine):
        """The rows of the table, without what the console echoes before it and the prompt behind."""
        rows = [line.split() for line in machine.command("show keys").splitlines()[:-1]]
        return rows[rows.index(["key", "kind", "pin"]) + 1:]

    def down(self, machine):
        machine.send("shutdown")
        machine.ends(180)

    def header(self, name):
        """The first bytes of a partition, from outside."""
        table = json.loads(subprocess.run(["sfdisk", "-J", self.disk.path], check=True, capture_output=True, text=True).stdout)
        part = next(p for p in table["partitiontable"]["partitions"] if p.get("name") == name)
        with open(self.disk.path, "rb") as file:
            file.seek(part["start"] * table["partitiontable"]["sectorsize"])
            return file.read(4096)

    def test_the_story(self):
        chip = Chip(self.folder / "chip")
        with chip, Machine(self.disk, extra=chip.arguments) as machine:
            machine.first_login()
            identity = self.identity(machine)
            self.assertEqual((identity["keys"], identity["machine"]), ("sealed by the TPM", "same"))
            self.assertNotIn("error", machine.command("pki selfsigned door gw.example.com"))
            before = self.keys(machine)
            self.assertIn("door", [row[0] for row in before])
            machine.wait_good()
            self.down(machine)
        for name in ("gatehouse-data", "gatehouse-log"):
            self.assertEqual(self.header(name)[:8], b"LUKS\xba\xbe\0\2")
        with Machine(self.disk) as machine:  # the disk alone
            machine.expect("cannot be used: its key is sealed to a TPM that is not in this machine")
            machine.expect("^> ")
            machine.send("yes")
            machine.expect("Nothing was erased")
            machine.ends(120)
        with Chip(self.folder / "other") as other, Machine(self.disk, extra=other.arguments) as machine:
            machine.expect("cannot be used: its key is sealed to a TPM")
            machine.ends(300)  # nobody answers
        with chip, Machine(self.disk, extra=chip.arguments) as machine:  # and back
            machine.log_in()
            self.assertEqual(self.identity(machine), identity)
            self.assertEqual(self.keys(machine), before)
            self.down(machine)
        with Chip(self.folder / "new") as new, Machine(self.disk, extra=new.arguments) as machine:  # its board was changed
            machine.expect("cannot be used: its key is sealed to a TPM")
            machine.expect("^> ")
            machine.send("ERASE")
            machine.expect("^Erased")
            machine.ends(120)
        with new, Machine(self.disk, extra=new.arguments) as machine:
            machine.first_login()
            fresh = self.identity(machine)
            self.assertEqual(fresh["keys"], "sealed by the TPM")
            self.assertNotEqual(fresh["host"], identity["host"])


if __name__ == "__main__":
    unittest.main(verbosity=2)

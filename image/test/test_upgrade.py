"""Upgrade: a second version installed and started, a broken one that falls back by itself, files that are refused."""
import pathlib
import subprocess
import tempfile
import unittest

from machine import Disk, Machine, HERE


def next_image(version, *how):
    said = subprocess.run([HERE / "next", version, *how], check=True, capture_output=True, text=True)
    return pathlib.Path(said.stdout.split("\n")[-2])


class Upgrade(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.disk = Disk(self.folder.name)
        # The first start makes the data partition; then files can be put on it from outside.
        with Machine(self.disk) as machine:
            machine.first_login(300)
            machine.command("set system name oldtown")
            self.assertIn("generation", machine.command("commit"))
            machine.wait_good()
            machine.command("shutdown")
            machine.ends(120)

    def install(self, machine, name):
        return machine.command(f"upgrade install images/{name}", 600)

    def test_next_version_runs_and_a_broken_one_falls_back(self):
        good, broken = next_image("0.9.1"), next_image("0.9.2", "broken")
        changed = pathlib.Path(self.folder.name, "changed.img")
        data = bytearray(good.read_bytes())
        data[len(data) // 2] ^= 1
        changed.write_bytes(data)
        unsigned = pathlib.Path(self.folder.name, "unsigned.img")
        unsigned.write_bytes(good.read_bytes()[:4032] + bytes(64) + good.read_bytes()[4096:])
        for path in (good, broken, changed, unsigned):
            self.disk.put_file(path, f"/operators/images/{path.name}")
        self.assertNotEqual(self.disk.esp_file("EFI/BOOT/BOOTX64.EFI"), (good.parent / "boot.efi").read_bytes())
        with Machine(self.disk) as machine:
            machine.log_in(300)
            self.assertIn("error", self.install(machine, "unsigned.img"))
            self.assertIn("error", self.install(machine, "changed.img"))
            self.assertNotIn("error", self.install(machine, good.name))
            self.assertIn("0.9.1", machine.command("upgrade status"))
            machine.send("reboot")
            machine.ends(120)
        with Machine(self.disk) as machine:
            machine.log_in(300)
            machine.wait_good()
            self.assertIn("oldtown", machine.command("show settings system"))
            self.assertRegex(machine.command("upgrade status"), r"(?s)0\.9\.1\s+good\s+yes")
            self.assertNotIn("error", self.install(machine, broken.name))
            machine.send("reboot")
            machine.ends(120)
        # 0.9.1 has been confirmed: its boot loader, which is not the first one's, is in its place.
        self.assertEqual(self.disk.esp_file("EFI/BOOT/BOOTX64.EFI"), (good.parent / "boot.efi").read_bytes())
        self.assertNotIn("irty", self.disk.esp_says())
        for _ in range(3):
            with Machine(self.disk) as machine:
                self.assertNotIn(b"login: ", machine.ends(300))
        with Machine(self.disk) as machine:
            machine.log_in(300)
            status = machine.command("upgrade status")
            self.assertIn("0.9.2 did not become healthy", status)
            self.assertIn("error", self.install(machine, broken.name))

    def test_one_that_starts_and_is_not_healthy_falls_back(self):
        unhealthy = next_image("0.9.3", "unhealthy")
        self.disk.put_file(unhealthy, f"/operators/images/{unhealthy.name}")
        with Machine(self.disk) as machine:
            machine.log_in(300)
            self.assertNotIn("error", self.install(machine, unhealthy.name))
            machine.send("reboot")
            machine.ends(120)
        # The first try is to its own end, the others by the mains switch, which the boot loader counts alike.
        with Machine(self.disk) as machine:
            machine.expect("^login: ", 300)
            machine.ends(600)
        for _ in range(2):
            with Machine(self.disk) as machine:
                machine.expect("^login: ", 300)
        with Machine(self.disk) as machine:
            machine.log_in(300)
            status = machine.command("upgrade status")
            self.assertIn("0.9.3 did not become healthy", status)
            machine.wait_good()
            self.assertIn("oldtown", machine.command("show settings system"))

    def test_back_on_purpose(self):
        good = next_image("0.9.1")
        self.disk.put_file(good, f"/operators/images/{good.name}")
        with Machine(self.disk) as machine:
            machine.log_in(300)
            self.assertNotIn("error", self.install(machine, good.name))
            machine.send("reboot")
            machine.ends(120)
        with Machine(self.disk) as machine:
            machine.log_in(300)
            machine.wait_good()
            machine.command("set system name newtown")
            self.assertIn("generation", machine.command("commit"))
            self.assertNotIn("error", machine.command("upgrade rollback"))
            machine.send("reboot")
            machine.ends(120)
        with Machine(self.disk) as machine:
            machine.log_in(300)
            self.assertRegex(machine.command("upgrade status"), r"(?m)^0\.2\.0\s+good\s+yes|^\S+\s+0\.2\.0\s+good\s+yes")
            self.assertIn("newtown", machine.command("show settings system"))


if __name__ == "__main__":
    unittest.main(verbosity=2)

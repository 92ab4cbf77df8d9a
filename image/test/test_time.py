"""The box's own clock and name: wrong by hand, put right by a time server on the host's side, with a key."""
import datetime
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

from machine import Disk, Machine

PORT = 11123
KEY = "30313233343536373839616263646566"


def shown(machine):
    """`show time` as {key: value}: one record, too wide for a line, has a line for each."""
    return dict(re.findall(r"(?m)^(\w+)[ \t]+(\S.*?)[ \t\r]*$", machine.command("show time")))


def off(machine):
    """Seconds by which the box is ahead of this machine."""
    utc = datetime.datetime.strptime(shown(machine)["utc"][:19], "%Y-%m-%dT%H:%M:%S")
    return (utc - datetime.datetime.utcnow()).total_seconds()


class Time(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.disk = Disk(folder.name)
        own = pathlib.Path(folder.name, "ntp")
        own.mkdir(mode=0o700)
        (own / "keys").write_text(f"7 AES128 HEX:{KEY}\n")
        (own / "conf").write_text(f"local stratum 4\nallow all\nbindaddress 127.0.0.1\nport {PORT}\ncmdport 0\nkeyfile {own}/keys\n"
                                  f"bindcmdaddress {own}/sock\npidfile {own}/pid\n")
        self.server = subprocess.Popen(["/usr/sbin/chronyd", "-d", "-x", "-u", "root", "-f", own / "conf"], stderr=subprocess.DEVNULL)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)

    def test_the_story(self):
        with Machine(self.disk, nets=("user,model=virtio-net-pci",)) as machine:
            machine.first_login()
            machine.wait_good()  # all programs have begun: gh-time's keeper has said what it may
            got = shown(machine)
            self.assertEqual((got["state"], got["sets_clock"], got["zone"]), ("no time server set", "yes", "UTC"))
            wrong = datetime.datetime.utcnow() + datetime.timedelta(days=2)
            self.assertIn("The clock is set", machine.command("time set " + wrong.strftime("%Y-%m-%dT%H:%MZ")))
            self.assertGreater(off(machine), 86400)
            for line in ("set interface a ipv4 static", "set interface a ipv4-address 10.0.2.15/24", "set interface a ipv4-gateway 10.0.2.2",
                         f"set time key 7 secret hex:{KEY}", f"set time server host address 10.0.2.2 {PORT}", "set time server host key 7",
                         "set time server host poll-min 2", "set system name gw-9"):
                self.assertNotIn("error", machine.command(line), line)
            self.assertNotIn("error", machine.command("commit", 60))
            end = time.monotonic() + 120 * machine.patience
            while shown(machine)["state"] != "synchronised" and time.monotonic() < end:
                time.sleep(2)
            got = shown(machine)
            self.assertEqual((got["state"], got["source"]), ("synchronised", "10.0.2.2"), got)
            self.assertLess(abs(off(machine)), 30)
            self.assertRegex(got["last_step"], r"^-1\d{5}\.")  # two days, less the while since
            self.assertIn("time servers are set", machine.command("time set 2030-01-01T00:00Z"))
            machine.send("exit")
            machine.log_in(60, prompt="^gw-9> ")


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""The smallest machine: an edge starts and works on one processor and 512 MiB."""
import re
import tempfile
import unittest

import partner
from machine import Disk, Machine


class Small(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.disk, self.port = Disk(folder.name), partner.free_port()
        self.how = {"memory": 512, "cpus": 1, "nets": (partner.network(self.port),)}

    def edge(self, machine):
        partner.set_up(machine)
        partner.commit(machine, "set system role edge", f"set proxy listen v4 {partner.BOX} 443",
                       f"set turn listen-udp v4 {partner.BOX} 3478", "set turn realm " + partner.DOMAIN,
                       f"set turn relay-address v4 {partner.BOX}")

    def test_an_edge_on_one_processor(self):
        with Machine(self.disk, **self.how) as machine:
            machine.expect("^login: ", 300)
            self.edge(machine)
            machine.send("shutdown")
            machine.ends(300)
        with Machine(self.disk, **self.how) as machine:
            print(f"a partner is answered after {partner.wait_answer(machine, self.port):.1f} s")
            machine.log_in(300)
            machine.wait_good()
            processes = machine.pages("show processes")
            for name in ("gh-proxy", "gh-s2s", "gh-turn"):
                self.assertRegex(processes, rf"(?m)^\s*{name}\b.*\brunning\b")
            self.assertEqual(re.findall(r"(?m)^\s*(gh-\S+).*\b(?:failed|restarting)\b", processes), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)

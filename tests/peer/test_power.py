"""Power loss while settings are written: gh-conf killed at each of its calls that write."""
import re
import shutil
import subprocess

from harness.case import PeerCase
from harness.place import Program, need, wait_for


class PowerLoss(PeerCase):
    """kill -9 of gh-conf at each call by which a commit writes: the box comes back with the old settings or the new ones, whole, and
    the audit trail has a line of each change that is in force."""
    CALLS = "openat,write,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,ftruncate"
    LINES = ("set system name after", "set im resume 777", "set log level debug")

    def settings_of(self, gh):
        name = gh.records("show", "version")[0]["name"]
        rows = {r["setting"]: r["value"] for r in gh.records("show", "settings")}
        return name, rows.get("im resume"), rows.get("log level")

    def audited(self, gh):
        """Settings of the last generation's audit lines, and whether a start has made up for some."""
        generation = gh.records("history")[0]["generation"]
        lines = [r["detail"] for r in gh.records("show", "audit", "100") if r["event"] == "audit.setting"]
        lines = [l for l in lines if l.startswith("generation=%s " % generation)]
        return sorted(re.search("setting=(.*?) change=", l)[1] for l in lines), any("completed=at start" in l for l in lines)

    def test_a_commit_is_whole_or_not_there(self):
        gh = self.gatehouse("near.example").start()
        gh.commit("set system name before", "set im resume 700", "set log level info")
        old, new, seen, made_up = ("before", "700", "info"), ("after", "777", "debug"), [], 0
        gh.stop()
        kept = self.place.path("kept")
        subprocess.run(["cp", "-a", gh.state, kept], check=True)
        for n in range(1, 80):
            shutil.rmtree(gh.state)
            subprocess.run(["cp", "-a", kept, gh.state], check=True)
            gh.start(is_empty=True)
            pid = gh.pid("gh-conf")
            tracer = Program(self.place, "strace", [need("strace"), "-qq", "-p", str(pid), "-e", "trace=" + self.CALLS, "-e",
                                                    "inject=%s:signal=SIGKILL:when=%d" % (self.CALLS, n)])
            wait_for("strace is there", lambda: "TracerPid:\t0\n" not in open("/proc/%d/status" % pid).read(), 10)
            got = gh.operator(text="\n".join(self.LINES) + "\ncommit\n")
            tracer.stop()
            gh.stop()
            gh.start(is_empty=True)
            now = wait_for("the box answers", lambda: gh.operator("show", "settings").returncode == 0 and self.settings_of(gh), 20)
            self.assertIn(now, (old, new), "a mixture after the call %d" % n)
            names, is_made_up = self.audited(gh)
            self.assertEqual(names, ["im resume", "log level", "system name"], "audit lines after the call %d" % n)
            self.assertEqual(gh.operator("audit", "verify").returncode, 0)
            made_up += is_made_up
            if got.returncode == 0:
                self.assertEqual(now, new)
            seen.append((got.returncode == 0, now == new))
            gh.stop()
            if got.returncode == 0 and n > 1:
                break
        self.assertIn((False, False), seen)  # before the point of no return, and ...
        self.assertTrue(seen[-1][0], "a commit that was not killed")
        self.assertGreater(len(seen), 3)
        self.assertGreater(made_up, 0)

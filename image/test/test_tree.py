"""The root file system as it was built, without a machine: how far units are shut in, how programs are compiled, what the kernel is told,
who may do what. The figures stand in docs/architecture/hardening.md; none may get worse unseen."""
import filecmp
import json
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import unittest

from machine import OUT, TOP

TREE = OUT / "tree"
UNITS = TREE / "etc/systemd/system"
PAGE = TOP / "docs/architecture/hardening.md"
# Names of knobs as the kernel has them, and what they must be (Kernel Self Protection Project's list, and docs/architecture/image.md).
SYSCTLS = {
    "kernel.kptr_restrict": "2", "kernel.dmesg_restrict": "1", "kernel.perf_event_paranoid": "3", "kernel.unprivileged_bpf_disabled": "1",
    "kernel.yama.ptrace_scope": "3", "kernel.kexec_load_disabled": "1", "kernel.sysrq": "0", "kernel.randomize_va_space": "2",
    "kernel.core_pattern": "|/bin/false", "kernel.panic_on_oops": "1", "kernel.oops_limit": "100", "kernel.warn_limit": "100",
    "dev.tty.ldisc_autoload": "0", "user.max_user_namespaces": "0", "vm.unprivileged_userfaultfd": "0", "vm.mmap_min_addr": "65536",
    "fs.suid_dumpable": "0", "fs.protected_symlinks": "1", "fs.protected_hardlinks": "1", "fs.protected_fifos": "2", "fs.protected_regular": "2",
    "net.core.bpf_jit_harden": "2", "net.ipv4.ip_forward": "0", "net.ipv4.tcp_syncookies": "1", "net.ipv4.tcp_rfc1337": "1",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1", "net.ipv4.icmp_ignore_bogus_error_responses": "1",
    "net.ipv4.conf.all.rp_filter": "2", "net.ipv4.conf.default.rp_filter": "2",
    **{"net.ipv4.conf.%s.%s" % (w, k): "0" for w in ("all", "default") for k in ("accept_redirects", "secure_redirects", "send_redirects", "accept_source_route")},
    **{"net.ipv6.conf.%s.%s" % (w, k): "0" for w in ("all", "default") for k in ("accept_redirects", "accept_source_route")},
    "net.ipv4.conf.all.log_martians": "1", "net.ipv6.conf.default.accept_ra": "0", "net.ipv6.conf.all.forwarding": "0",
}
COMMAND_LINE = (
    "ro", "lockdown=integrity", "module.sig_enforce=1", "slab_nomerge", "init_on_alloc=1", "page_alloc.shuffle=1", "transparent_hugepage=never",
    "randomize_kstack_offset=on", "vsyscall=none", "hardened_usercopy=1", "hash_pointers=always", "debugfs=off", "efi=disable_early_pci_dma",
    "iommu.strict=1", "iommu.passthrough=0", "intel_iommu=on", "amd_iommu=force_isolation", "mitigations=auto", "panic=5", "oops=panic")
# Kernel modules that have no business in an appliance, whatever depends on them.
NEVER = ("dccp", "sctp", "rds", "tipc", "cramfs", "hfs", "hfsplus", "udf", "jffs2", "firewire-core", "thunderbolt", "usb-storage", "bluetooth",
         "n_hdlc", "ax25", "netrom", "x25", "rose", "decnet", "econet", "af_802154", "ipx", "appletalk", "psnap", "p8022", "p8023", "can", "atm",
         "vivid", "uvcvideo", "snd", "soundcore", "floppy", "joydev", "nfs", "cifs", "ksmbd", "gfs2")


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace").stdout


def files(top=TREE):
    """(path, lstat) of all that is in the tree but folders."""
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            yield path, os.lstat(path)


def elf(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def elves():
    """Programs and libraries, without the kernel's modules."""
    seen = set()
    for path, st in files(TREE / "usr"):
        if stat.S_ISREG(st.st_mode) and "/modules/" not in path and not path.endswith(".bpf.o") and st.st_ino not in seen and elf(path):
            seen.add(st.st_ino)
            yield path


class Units(unittest.TestCase):
    """systemd-analyze security, of our units alone."""

    def test_exposure_is_what_the_page_says(self):
        rows = dict(re.findall(r"^\| `([\w@-]+)` \| (\d+\.\d) \|", PAGE.read_text(), re.M))
        ours = sorted(p.stem for p in UNITS.glob("gatehouse*.service"))
        self.assertEqual(sorted(rows), ours, "one row a unit")
        for unit in ours:
            name = unit + ("ttyS0" if unit.endswith("@") else "") + ".service"
            out = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--root=%s" % TREE, name],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
            with self.subTest(unit=unit):
                found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", out)
                self.assertTrue(found, out)
                self.assertEqual(found[1], rows[unit], "docs/architecture/hardening.md has another figure")

    def test_no_core_dumps_and_no_new_privileges(self):
        for path in UNITS.glob("gatehouse*.service"):
            text = path.read_text()
            for line in ("NoNewPrivileges=yes", "LimitCORE=0", "MemoryDenyWriteExecute=yes", "RestrictNamespaces=yes", "SystemCallArchitectures=native"):
                with self.subTest(unit=path.name, line=line):
                    self.assertRegex(text, "(?m)^%s$" % line)

    def test_the_boot_partition_is_gh_updates(self):
        """Its user in the mount unit is the one that gh-super gives it."""
        programs = re.findall(r'^PROG\((\w+),', (TOP / "lib/run/prog.def").read_text(), re.M)
        uid = 61000 + programs.index("PROG_UPDATE")
        self.assertIn("uid=%d,gid=%d," % (uid, uid), (UNITS / "data-gatehouse-update-esp.mount").read_text())


class Programs(unittest.TestCase):
    """checksec's questions, asked of readelf."""

    def test_all_are_position_independent_with_relro_and_no_executable_stack(self):
        count = 0
        for path in elves():
            count += 1
            headers = run("readelf", "-hlW", path)
            with self.subTest(path=path):
                self.assertIn("DYN (", headers)
                self.assertIn("GNU_RELRO", headers)
                self.assertNotRegex(headers, r"GNU_STACK.* RWE")
        self.assertGreater(count, 100)

    def test_ours_have_all(self):
        ours = [p for p in elves() if "/gatehouse/" in p or p.endswith("pam_gatehouse.so")]
        self.assertGreater(len(ours), 20)
        for path in ours:
            with self.subTest(path=path):
                self.assertRegex(run("readelf", "-dW", path), r"NOW")
                symbols = run("readelf", "-W", "--dyn-syms", path)
                self.assertIn("__stack_chk_fail", symbols)
                if not path.endswith("/gh-sftp"):  # it calls nothing that could be fortified
                    self.assertRegex(symbols, r"_chk@", "_FORTIFY_SOURCE")
                # gcc -fcf-protection: a landing pad at the begin of functions. Debian's C library does not mark programs for it.
                self.assertIn("endbr64", run("objdump", "-d", "--no-show-raw-insn", "-j", ".text", path))


class Rights(unittest.TestCase):
    def test_nothing_is_setuid_or_has_capabilities(self):
        found = [p for p, st in files() if st.st_mode & 0o6000 and stat.S_ISREG(st.st_mode)]
        self.assertEqual(found, [])
        self.assertEqual([p for p, st in files() if "security.capability" in os.listxattr(p, follow_symlinks=False)], [])

    def test_nothing_that_everybody_may_write_or_nobody_owns(self):
        self.assertEqual([p for p, st in files() if not stat.S_ISLNK(st.st_mode) and st.st_mode & 0o002], [])
        users = {int(l.split(":")[2]) for l in (TREE / "etc/passwd").read_text().splitlines()}
        groups = {int(l.split(":")[2]) for l in (TREE / "etc/group").read_text().splitlines()}
        self.assertEqual([p for p, st in files() if st.st_uid not in users or st.st_gid not in groups], [])

    def test_no_script_has_an_interpreter(self):
        """Nor is there a program that would run one: no shell, no language (image/steps/check has the names)."""
        for path, st in files():
            if not stat.S_ISREG(st.st_mode) or not st.st_mode & 0o111:
                continue
            with open(path, "rb") as f:
                first = f.read(200)
            if first.startswith(b"#!"):
                interpreter = first[2:].split()[0].decode()
                with self.subTest(path=path):
                    self.assertFalse(os.path.lexists(str(TREE) + interpreter), interpreter)

    def test_nobody_logs_in_to_unix(self):
        for line in (TREE / "etc/shadow").read_text().splitlines():
            self.assertRegex(line.split(":")[1], r"^[!*]", line)
        for line in (TREE / "etc/passwd").read_text().splitlines():
            self.assertEqual(line.split(":")[6], "/usr/sbin/nologin", line)

    def test_programs_are_the_listed_ones(self):
        listed = [line.split()[0] for line in (TOP / "image/programs").read_text().splitlines() if line and line[0] != "#"]
        there = [str(p.relative_to(TREE)) for d in ("usr/bin", "usr/sbin") for p in (TREE / d).rglob("*") if p.is_symlink() or not p.is_dir()]
        self.assertEqual(sorted(there), sorted(listed + ["usr/bin/ghsh"]))

    def test_no_getty_no_emergency_shell(self):
        for name in ("getty", "sulogin", "agetty", "login", "emergency-shell", "systemd-sulogin-shell"):
            self.assertEqual(list((TREE / "usr").rglob(name)), [], name)

    def test_hosts_are_what_gh_time_has_found(self):
        self.assertEqual(os.readlink(os.path.join(TREE, "etc/hosts")), "/run/gatehouse-hosts")

    def test_no_private_keys(self):
        for path, st in files():
            if stat.S_ISREG(st.st_mode) and not elf(path):
                self.assertFalse(b"PRIVATE KEY-----" in pathlib.Path(path).read_bytes(), path)


class Kernel(unittest.TestCase):
    def test_knobs(self):
        text = (TREE / "etc/sysctl.d/60-gatehouse.conf").read_text()
        got = dict(re.findall(r"^([\w.]+) = (.*)$", text, re.M))
        for key, value in SYSCTLS.items():
            with self.subTest(knob=key):
                self.assertEqual(got.get(key), value)
        # Debian's own files come before ours, and none after it.
        later = [p.name for d in ("etc/sysctl.d", "usr/lib/sysctl.d") for p in (TREE / d).glob("*.conf") if p.name > "60-gatehouse.conf"]
        for name in later:
            path = next((TREE / d / name for d in ("etc/sysctl.d", "usr/lib/sysctl.d") if (TREE / d / name).exists()))
            both = set(re.findall(r"^-?([\w.]+) *=", path.read_text(), re.M)) & set(got)
            self.assertEqual(both, set(), name)

    def test_command_line_that_is_signed_with_the_kernel(self):
        out = OUT / "cmdline.read"
        run("objcopy", "-O", "binary", "--only-section=.cmdline", str(OUT / "gatehouse.efi"), str(out))
        words = out.read_bytes().rstrip(b"\0").decode().split()
        for word in COMMAND_LINE:
            with self.subTest(word=word):
                self.assertIn(word, words)
        self.assertEqual([w for w in words if w.startswith("gatehouse.root=")], ["gatehouse.root=" + (OUT / "root.hash").read_text().strip()])

    def test_modules_that_have_no_business_here(self):
        names = {p.name[:-3] for p in (TREE / "usr/lib/modules").rglob("*.ko")}
        self.assertGreater(len(names), 100)
        self.assertEqual(names & (set(NEVER) | {n.replace("-", "_") for n in NEVER}), set())

    def test_modules_are_closed_after_the_start(self):
        self.assertEqual((TREE / "etc/gatehouse-modules.conf").read_text().strip(), "kernel.modules_disabled = 1")


class Same(unittest.TestCase):
    """Built twice from the same packages and the same commit: what is not signed is the same, byte for byte."""

    def test_root_hash_tree_and_initramfs(self):
        when = run("git", "-C", str(TOP), "log", "-1", "--format=%ct").strip()
        env = dict(os.environ, SOURCE_DATE_EPOCH=when, LC_ALL="C", TZ="UTC")
        version = run(str(TOP / "image/version")).strip()
        with tempfile.TemporaryDirectory(dir=OUT) as again:
            for name in ("base.tar", "kernel"):
                os.symlink(OUT / name, os.path.join(again, name))
            for step, *more in (("tree", version), ("root", "fast"), ("initrd",)):
                subprocess.run([TOP / "image/steps" / step, again, *more], cwd=TOP, env=env, check=True, stdout=subprocess.DEVNULL)
            for name in ("root.squashfs", "root.verity", "root.hash", "initrd.zst", "gatehouse-%s.spdx.json" % version):
                with self.subTest(file=name):
                    self.assertTrue(filecmp.cmp(OUT / name, os.path.join(again, name), shallow=False))


class Bill(unittest.TestCase):
    def test_every_package_has_a_licence_and_a_reason(self):
        bill = json.loads(max(OUT.glob("gatehouse-*.spdx.json"), key=lambda p: p.stat().st_mtime).read_text())
        self.assertEqual(bill["spdxVersion"], "SPDX-2.3")
        names = {p["name"] for p in bill["packages"]}
        for line in (TOP / "image/packages").read_text().splitlines():
            name, _, reason = line.partition("#")
            if name.strip():
                with self.subTest(package=name.strip()):
                    self.assertTrue(reason.strip(), "no reason")
                    self.assertIn(name.strip(), names)

    def test_sizes(self):
        image = max(OUT.glob("gatehouse-*.img"), key=lambda p: p.stat().st_mtime)
        self.assertLess(image.stat().st_size, 80e6)


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""A virtual machine that runs the image: qemu without KVM, UEFI, the serial console as a person would use it."""
import ctypes
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
OUT = TOP / "build/image"
HERE = TOP / "image/test"
FIRMWARE = pathlib.Path("/usr/share/OVMF")
ESP_AT, ESP_MIB = 2**20, 512  # the boot partition, as image/steps/disk makes it
ESCAPES = re.compile(rb"\x1b\[[0-9;?=]*[ -/]*[A-Za-z]|\x1b[=>c]|[\x00\x07\r]")


def image():
    """The raw disk that was built last."""
    return max(OUT.glob("gatehouse-*.raw"), key=lambda p: p.stat().st_mtime)


def end_with_parent():
    """PR_SET_PDEATHSIG: no machine outlives a test that was ended."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


# Times the waits: without KVM beside other work a start takes minutes, and what passes waits no longer for it.
PATIENCE = float(os.environ.get("PATIENCE", "4"))
PASSWORD = "tulip-Garden-77river"  # of `admin` once it has been chosen


class Disk:
    """A copy of an image, as large as a machine's disk."""

    def __init__(self, folder, source=None, size="8G"):
        self.path = pathlib.Path(folder, "disk.raw")
        self.vars = pathlib.Path(folder, "vars.fd")
        subprocess.run(["cp", "--sparse=always", source or image(), self.path], check=True)
        subprocess.run(["truncate", "-s", size, self.path], check=True)
        shutil.copy(FIRMWARE / "OVMF_VARS_4M.fd", self.vars)

    def write(self, offset, data):
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(data)

    def esp_file(self, name):
        """The bytes of a file on the boot partition, from outside, while no machine runs."""
        return subprocess.run(["mcopy", "-i", f"{self.path}@@{ESP_AT}", "::" + name, "-"], check=True, capture_output=True).stdout

    def esp_says(self):
        """What a check of the boot partition finds, which changes nothing."""
        with tempfile.TemporaryDirectory() as folder, open(self.path, "rb") as disk:
            copy = pathlib.Path(folder, "esp")
            disk.seek(ESP_AT)
            with open(copy, "wb") as out:
                for _ in range(ESP_MIB):
                    out.write(disk.read(2**20))
            return subprocess.run(["fsck.fat", "-n", copy], capture_output=True, text=True).stdout

    def put_file(self, source, name):
        """A file on the data partition, from outside, while no machine runs."""
        table = json.loads(subprocess.run(["sfdisk", "-J", self.path], check=True, capture_output=True, text=True).stdout)
        part = next(p for p in table["partitiontable"]["partitions"] if p.get("name") == "gatehouse-data")
        offset = part["start"] * table["partitiontable"]["sectorsize"]
        device = f"{self.path}?offset={offset}"
        subprocess.run(["e2fsck", "-p", device], capture_output=True)
        said = subprocess.run(["debugfs", "-w", "-R", f"write {source} {name}", device], check=True, capture_output=True, text=True)
        if "Allocated inode" not in said.stdout:
            raise AssertionError(said.stdout + said.stderr)
        subprocess.run(["debugfs", "-w", "-R", f"set_inode_field {name} mode 0100644", device], check=True, capture_output=True)


def floppy(folder, files):
    """A FAT file system on a disk of its own with files {name: text}, as qemu's words."""
    path = os.path.join(folder, "setup.fat")
    if os.path.exists(path):
        os.unlink(path)
    subprocess.run(["mkfs.vfat", "-C", path, "2048"], check=True, stdout=subprocess.DEVNULL)
    for name, text in files.items():
        subprocess.run(["mcopy", "-i", path, "-", "::" + name], input=text, text=True, check=True)
    return ["-drive", "if=virtio,format=raw,readonly=on,file=" + path]


def started_disk(folder):
    """The disk of a box that has had its first login, was found good and was shut down: made once for an image."""
    kept = OUT / "started.raw"
    if not kept.exists() or kept.stat().st_mtime < image().stat().st_mtime:
        disk = Disk(folder)
        with Machine(disk) as machine:
            machine.first_login(300)
            machine.wait_good()
            machine.send("shutdown")
            machine.ends(120)
        os.replace(disk.path, kept)
    return Disk(folder, kept)


class Machine:
    """One run of a disk. `with Machine(disk) as m:` kills it at the end, as the mains switch would."""

    def __init__(self, disk, memory=1024, cpus=2, secure=False, nets=(), extra=()):
        self.disk, self.text, self.rest, self.at = disk, b"", b"", 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.path = str(disk.path) + ".serial"
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener.bind(self.path)
        self.listener.listen(1)
        code = "OVMF_CODE_4M.secboot.fd" if secure else "OVMF_CODE_4M.fd"
        arguments = [
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(cpus), "-m", str(memory),
            "-machine", "q35,smm=on" if secure else "q35", "-display", "none", "-no-reboot", "-monitor", "none",
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE / code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={disk.vars}",
            "-drive", f"if=virtio,format=raw,file={disk.path},cache=writeback",
            "-chardev", f"socket,id=serial,path={self.path}", "-serial", "chardev:serial", *extra]
        if secure:
            arguments += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        for net in nets or ["none"]:
            arguments += ["-nic", net]
        self.patience = PATIENCE
        self.began = time.monotonic()
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        self.listener.settimeout(20)
        self.serial, _ = self.listener.accept()
        self.serial.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.serial, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()

    def seconds(self):
        return time.monotonic() - self.began

    def cut(self):
        """The mains switch."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.serial.close()
        self.listener.close()
        self.selector.close()

    def _read(self, wait):
        if not self.selector.select(wait):
            return True
        try:
            data = self.serial.recv(65536)
        except ConnectionError:
            data = b""
        is_open = bool(data)
        # An escape sequence may come in two pieces: its begin waits for the rest.
        data, self.rest = self.rest + data, b""
        begin = data.rfind(b"\x1b", max(0, len(data) - 16))
        if begin >= 0 and not ESCAPES.match(data, begin):
            data, self.rest = data[:begin], data[begin:]
        self.text += ESCAPES.sub(b"", data)
        return is_open

    def expect(self, pattern, timeout=120):
        """Waits until the console shows it, from where the last call ended; returns the match."""
        wanted = re.compile(pattern.encode(), re.M)
        end = time.monotonic() + timeout * self.patience
        while True:
            found = wanted.search(self.text, self.at)
            if found:
                self.at = found.end()
                return found
            left = end - time.monotonic()
            if left <= 0 or not self._read(min(left, 1)):
                raise AssertionError(f"no {pattern!r} within {timeout} s; the console's end:\n" +
                                     self.text[-3000:].decode(errors="replace"))

    def ends(self, timeout=120):
        """Waits until it has switched itself off, or restarts (it runs with -no-reboot)."""
        end = time.monotonic() + timeout * self.patience
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError("it goes on; the console's end:\n" + self.text[-3000:].decode(errors="replace"))
            self._read(0.2)
        while self._read(0):
            if not self.selector.select(0):
                break
        return self.text

    def pages(self, command):
        """What a command says that may be longer than a screen: each page is asked for."""
        before = self.at
        self.send(command)
        self.expect(re.escape(command), 60)
        while self.expect(r"^(-- more|\S+[>#] )", 60)[1] == b"-- more":
            self._type(b" ")
        return self.text[before:self.at].decode(errors="replace")

    def send(self, line):
        self._type(line.encode() + b"\r")

    def _type(self, keys):
        self.serial.setblocking(True)
        self.serial.sendall(keys)
        self.serial.setblocking(False)

    def first_login(self, timeout=180):
        """A fresh box: admin, Enter, a password of one's own."""
        self.expect("^login: ", timeout)
        self.first_words("admin", "")

    def first_words(self, name, password):
        """At `login: `, an account whose password has to be changed: PASSWORD is its new one."""
        self.send(name)
        self.expect("^Password: ", 60)
        self.send(password)
        self.expect("choose your own[^$]*New password: ", 60)
        self.send(PASSWORD)
        self.expect("Once more: ", 30)
        self.send(PASSWORD)
        self.expect(r"^\S+> ", 60)
        self.settle()

    def settle(self, quiet=4, timeout=40):
        """Waits until systemd has said its last line, which could come into the middle of an echo."""
        end, last, seen = time.monotonic() + timeout, time.monotonic(), len(self.text)
        while time.monotonic() < min(end, last + quiet):
            self._read(0.5)
            if len(self.text) != seen:
                last, seen = time.monotonic(), len(self.text)

    def log_in(self, timeout=180, prompt=r"^\S+> "):
        self.expect("^login: ", timeout)
        self.send("admin")
        self.expect("^Password: ", 30)
        self.send(PASSWORD)
        self.expect(prompt, 60)

    def command(self, line, timeout=60):
        """A line for the operators' shell; what it answers, up to the next prompt."""
        self.send(line)
        self.expect(re.escape(line), timeout)
        before = self.at
        self.expect(r"^\S+[>#] ", timeout)
        return self.text[before:self.at].decode(errors="replace")

    def wait_good(self):
        """The slot that runs has been found good (the other one may be as well): the boot counter is full again."""
        end = time.monotonic() + 120 * self.patience
        while time.monotonic() < end:
            if re.search(r"\bgood\s+yes\b", self.command("upgrade status")):
                return
            time.sleep(1)
        raise AssertionError("the slot was not found good; the console's end:\n" + self.text[-3000:].decode(errors="replace"))

"""Virus scanners of Debian: ClamAV's clamd with a database of two signatures of our own, and c-icap, whose module virus_scan asks that clamd.
Neither freshclam nor any signature from outside is there."""
import hashlib
import os

from .place import Program, need, port_open, wait_for

# The test file of EICAR, in two pieces: scanners of those who read this source need not find it here.
EICAR = (b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
MARK = b"a mark of the tests that is no virus"  # found in the middle of any file
MB = 1 << 20

CLAMD = """
Foreground yes
LogFile {dir}/clamd.log
LogVerbose yes
PidFile {dir}/clamd.pid
TemporaryDirectory {dir}/tmp
DatabaseDirectory {dir}/db
TCPSocket {port}
TCPAddr {addr}
MaxThreads 4
StreamMaxLength {stream_max}M
MaxFileSize {stream_max}M
MaxScanSize {stream_max}M
AlertExceedsMax yes
SelfCheck 0
"""

C_ICAP = """
PidFile {dir}/c-icap.pid
CommandsSocket {dir}/c-icap.ctl
Port {addr}:{port}
StartServers 1
MaxServers 2
ThreadsPerChild 10
MinSpareThreads 2
MaxSpareThreads 10
MaxRequestsPerChild 0
Timeout 60
MaxKeepAliveRequests 100
User {user}
Group {group}
TmpDir {dir}/tmp
MaxMemObject 131072
ModulesDir /usr/lib/x86_64-linux-gnu/c_icap
ServicesDir /usr/lib/x86_64-linux-gnu/c_icap
LoadMagicFile /etc/c-icap/c-icap.magic
ServerLog {dir}/server.log
AccessLog {dir}/access.log
DebugLevel 2
Service echo srv_echo.so
"""


class Clamd:
    def __init__(self, place, name, addr=None, port=3310, stream_max=30):
        self.place, self.name, self.port = place, name, port
        self.addr = addr or place.addr()
        self.dir = place.path(name)
        for folder in ("db", "tmp"):
            os.makedirs(os.path.join(self.dir, folder), exist_ok=True)
        place.write(name + "/db/own.hdb", "%s:%d:Own.Eicar\n" % (hashlib.md5(EICAR).hexdigest(), len(EICAR)))
        place.write(name + "/db/own.ndb", "Own.Mark:0:*:%s\n" % MARK.hex())
        self.config = place.write(name + "/clamd.conf", CLAMD.format(dir=self.dir, addr=self.addr, port=port, stream_max=stream_max))
        self.program = None

    def start(self):
        self.program = Program(self.place, self.name, [need("clamd"), "--config-file=" + self.config])
        wait_for("clamd listens", lambda: port_open(self.addr, self.port), 60)
        return self

    def stop(self):
        self.program.stop()

    @property
    def where(self):
        return "%s:%d" % (self.addr, self.port)


class CIcap:
    """Asks a clamd; service avscan."""

    def __init__(self, place, name, clamd, port=1344):
        import grp
        import pwd
        self.place, self.name, self.port = place, name, port
        self.addr = place.addr()
        self.dir = place.path(name)
        os.makedirs(os.path.join(self.dir, "tmp"))
        text = C_ICAP.format(
            dir=self.dir, addr=self.addr, port=port, user=pwd.getpwuid(os.getuid()).pw_name, group=grp.getgrgid(os.getgid()).gr_name)
        text += ("Module common clamd_mod.so\nclamd_mod.ClamdHost %s\nclamd_mod.ClamdPort %d\n" % (clamd.addr, clamd.port)
                 + "Service antivirus_module virus_scan.so\nServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple\n"
                 + "virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE\nvirus_scan.SendPercentData 5\n"
                 + "virus_scan.StartSendPercentDataAfter 100M\nvirus_scan.MaxObjectSize 100M\nvirus_scan.DefaultEngine clamd\n")
        self.config = place.write(name + "/c-icap.conf", text)
        self.program = None

    def start(self):
        self.program = Program(self.place, self.name, [need("c-icap"), "-N", "-D", "-f", self.config])
        wait_for("c-icap listens", lambda: port_open(self.addr, self.port), 30)
        return self

    def stop(self):
        self.program.stop()

    @property
    def where(self):
        return "%s:%d" % (self.addr, self.port)

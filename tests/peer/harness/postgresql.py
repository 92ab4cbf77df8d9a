"""PostgreSQL of Debian with TLS, for one box: a database and its owner, as docs/admin/postgresql.md says. It runs as nobody when we are root."""
import os
import shutil
import signal
import subprocess

from .place import Program, wait_for

BIN = "/usr/lib/postgresql/15/bin"
PORT, NAME, PASSWORD = 5432, "gatehouse", "the box's own"
HBA = "local all all trust\nhostssl all all all scram-sha-256\n"


class Postgresql:
    def __init__(self, place, cert, addr=None):
        self.place, self.addr = place, addr or place.addr()
        self.dir, self.data = place.path("postgresql"), place.path("postgresql", "data")
        os.makedirs(self.dir)
        self.as_whom = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.getuid() == 0 else []
        place.write("postgresql/hba", HBA)
        os.chmod(self.dir, 0o755)
        os.chmod(place.folder, os.stat(place.folder).st_mode | 0o011)
        self._own(self.dir, "hba")
        self.show(cert)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-N")
        self.program = None

    def _own(self, *paths):
        for p in paths:
            p = os.path.join(self.dir, p)
            if os.path.isfile(p):
                os.chmod(p, 0o600)
            if self.as_whom:
                os.chown(p, 65534, 65534)

    def _run(self, program, *words, text=None):
        return subprocess.run(self.as_whom + [os.path.join(BIN, program), *words], input=text, text=True, check=True, capture_output=True, cwd="/").stdout

    def show(self, cert):
        """The certificate from the next start on."""
        for name, file in (("crt", cert.crt), ("key", cert.key)):
            shutil.copy(file, os.path.join(self.dir, name))
        self._own("crt", "key")

    def sql(self, text, database=NAME):
        return self._run("psql", "-h", self.dir, "-U", "postgres", "-At", "-v", "ON_ERROR_STOP=1", "-d", database, text=text).strip()

    def session(self, text, database=NAME):
        """One that says this and stays until it is stopped."""
        return Program(self.place, "postgresql-session", self.as_whom + [
            os.path.join(BIN, "psql"), "-h", self.dir, "-U", "postgres", "-d", database, "-c", "SET client_connection_check_interval=200", "-c", text, "-c", "SELECT pg_sleep(600)"], cwd="/")

    def start(self, make=False):
        self.program = Program(self.place, "postgresql-server", self.as_whom + [
            os.path.join(BIN, "postgres"), "-D", self.data, "-k", self.dir, "-h", self.addr, "-p", str(PORT), "-c", "ssl=on",
            "-c", "ssl_cert_file=%s/crt" % self.dir, "-c", "ssl_key_file=%s/key" % self.dir, "-c", "hba_file=%s/hba" % self.dir,
            "-c", "shared_buffers=32MB"], cwd="/")
        wait_for("PostgreSQL answers", self._answers, 30)
        if make:
            self.sql("CREATE ROLE %s LOGIN PASSWORD '%s'" % (NAME, PASSWORD.replace("'", "''")), "postgres")
            self.sql("CREATE DATABASE %s OWNER %s ENCODING 'UTF8' TEMPLATE template0" % (NAME, NAME), "postgres")
        return self

    def _answers(self):
        try:
            return self.sql("SELECT 1", "postgres") == "1"
        except subprocess.CalledProcessError:
            return False

    def kill(self):
        """As a machine that loses its power: all processes at once, though each has a session of its own."""
        got = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.program.pid)], text=True, capture_output=True, check=False).stdout
        for pid in [self.program.pid] + [int(p) for p in got.split()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.program.child.wait()
        wait_for("its processes have gone", lambda: not [p for p in got.split() if os.path.exists("/proc/" + p)], 20)
        os.unlink(os.path.join(self.data, "postmaster.pid"))

    def stop(self):
        """At once, whoever is connected (a fast shutdown)."""
        self.program.child.send_signal(signal.SIGINT)
        self.program.child.wait(60)

"""slapd of Debian as the directory of an enterprise: people below ou=people,dc=near, the box's own account cn=box,dc=near."""
import os
import subprocess

from .place import Program, need, port_open, wait_for

BASE = "dc=near"
BOX, BOX_PASSWORD = "cn=box,dc=near", "the box's own"
PLAIN, TLS = 389, 636
CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
loglevel stats
sizelimit {sizelimit}
{tls}
database mdb
suffix "{base}"
directory {dir}/db
maxsize 67108864
rootdn "cn=root,{base}"
rootpw root
index uid,mail eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{box}" read by * none
"""
TREE = """dn: dc=near
objectClass: domain
dc: near

dn: cn=box,dc=near
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: box
userPassword: the box's own

dn: ou=people,dc=near
objectClass: organizationalUnit
ou: people

"""


def person(user, password="secret of %s", name=None, mail=None, cn=None):
    """One entry of LDIF, its DN made with cn; mail "" none."""
    cn = cn or user
    mail = "%s@near.example" % user if mail is None else mail
    return "dn: cn=%s,ou=people,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\ndisplayName: %s\n%suserPassword: %s\n\n" % (
        cn, BASE, user, cn, user, name or "Name of " + user, "mail: %s\n" % mail if mail else "", password % user if "%s" in password else password)


class Slapd:
    """ldif: entries below the tree. cert: for StartTLS and LDAPS."""

    def __init__(self, place, name, ldif, cert=None, addr=None, sizelimit="unlimited"):
        self.place, self.name = place, name
        self.addr = addr or place.addr()
        self.dir = place.path(name)
        os.makedirs(os.path.join(self.dir, "db"))
        tls = "TLSCertificateFile %s\nTLSCertificateKeyFile %s" % (cert.crt, cert.key) if cert else ""
        self.config = place.write(name + "/slapd.conf", CONFIG.format(base=BASE, box=BOX, dir=self.dir, tls=tls, sizelimit=sizelimit))
        self.urls = "ldap://%s:%d/" % (self.addr, PLAIN) + (" ldaps://%s:%d/" % (self.addr, TLS) if cert else "")
        self.program = None
        subprocess.run([need("slapadd"), "-f", self.config], input=TREE + ldif, text=True, check=True, capture_output=True)

    def start(self):
        self.program = Program(self.place, self.name, [need("slapd"), "-f", self.config, "-h", self.urls, "-d", "stats"])
        wait_for("slapd listens", lambda: port_open(self.addr, PLAIN), 20)
        return self

    def stop(self):
        self.program.stop()

    def log(self):
        return self.program.text()

    def _change(self, ldif, *words):
        subprocess.run([need(words[0])] + ["-x", "-H", "ldap://%s:%d" % (self.addr, PLAIN), "-D", "cn=root," + BASE, "-w", "root", *words[1:]],
                       input=ldif, text=True, check=True, capture_output=True)

    def add(self, ldif):
        self._change(ldif, "ldapadd")

    def delete(self, dn):
        self._change("", "ldapdelete", dn)

    def modify(self, dn, what):
        """what: lines of a change of LDIF, as "replace: mail\\nmail: x"."""
        self._change("dn: %s\nchangetype: modify\n%s\n" % (dn, what), "ldapmodify")

    def password(self, dn, password):
        self.modify(dn, "replace: userPassword\nuserPassword: " + password)

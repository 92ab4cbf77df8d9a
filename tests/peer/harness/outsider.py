"""Other people's programs outside, which know a domain and find the rest: their machine's resolver and its authorities are a test's.
Root only."""
import subprocess

from .dns import Dns
from .inside import Nginx
from .netns import Namespace
from .place import need

MACHINE = 'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/ssl/certs/ca-certificates.crt && shift 2 && exec "$@"'

HOUSES = "198.51.100.0/24"
NAT = """
table ip nat {
    chain post {
        type nat hook postrouting priority 100;
        oifname up0 masquerade
    }
}
table ip filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname != up0 accept
    }
}
"""


def room(case, n):
    """A private network, the same in all houses, behind house n's NAT that lets nobody in uncalled. This process's network is their way out."""
    with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
        f.write("1")
    house, inner = Namespace(case), Namespace(case)
    house.wire("house%d" % n, "up0", "198.51.100.%d/30" % (4 * n + 2), far=["198.51.100.%d/30" % (4 * n + 1)])
    house.ip("route", "add", "default", "via", "198.51.100.%d" % (4 * n + 1))
    inner.wire("room", "up0", "192.168.1.10/24", to=house, far=["192.168.1.1/24"])
    inner.ip("route", "add", "default", "via", "192.168.1.1")
    house.run(need("sh"), "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    house.nft(NAT)
    return inner


def strangers_to_each_other():
    """Houses reach the world, and no other house."""
    subprocess.run([need("nft"), "-f", "-"], input="table ip world { chain forward { type filter hook forward priority 0\n"
                   "iifname \"house*\" oifname \"house*\" drop\n}\n}\n", text=True, check=True)


class Outside:
    """A network with a name server of its own."""

    def __init__(self, place, addr, ca):
        self.place, self.addr, self.ca = place, addr, ca
        self.dns = Dns(place, addr, 53)
        self.resolver = place.write("outside/resolv.conf", "nameserver %s\n" % addr)

    def words(self, *argv):
        """The command line of a program there."""
        return [need("unshare"), "--mount", need("sh"), "-c", MACHINE, "sh", self.resolver, self.ca] + list(argv)


class Middlebox(Nginx):
    """A web proxy that looks into all TLS and knows no WebSockets: it passes no Upgrade on, as proxies do (RFC 9110 7.6.1)."""
    CONFIG = Nginx.CONFIG.replace("root %(at)s/root;", """location / {
		proxy_pass https://%(to)s; proxy_http_version 1.1; proxy_set_header Host $host; proxy_ssl_server_name on; proxy_ssl_name $host; }""")

    def __init__(self, place, addr, port, cert, to):
        self.CONFIG = type(self).CONFIG.replace("%(to)s", to)
        super().__init__(place, addr, port, cert)

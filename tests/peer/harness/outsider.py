"""Other people's programs outside, which know a domain and find the rest: their machine's resolver and its authorities are a test's.
Root only."""
from .dns import Dns
from .inside import Nginx
from .place import need

MACHINE = 'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/ssl/certs/ca-certificates.crt && shift 2 && exec "$@"'


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

"""Kamailio of Debian: as a partner with registrar and presence, or as a bare relay.

    k = Kamailio(place, "partner.example", cert, ca, peers={"near.example": "tls:127.9.1.2:5061"}).start()

As a partner it believes what comes over TLS when the certificate's name is the From's domain, and
whoever comes in clear from loopback as a user of its own domain. What goes to a peer goes to the
given next hop, whose certificate must have the peer's name. Debian's build may crash under odd TLS
(kamailio/kamailio#3791), so each test class starts one of its own.
"""
import os
import sqlite3

from .place import Program, need, port_open, wait_for

SCHEMA = "/usr/share/kamailio/db_sqlite"

COMMON = """
debug={debug}
log_stderror=yes
fork=yes
children={children}
tcp_children={children}
tcp_max_connections=4096
tcp_connection_lifetime=600
tcp_connect_timeout=3
tcp_send_timeout=3
auto_aliases=no
dns=off
rev_dns=off
dns_try_ipv6=no
disable_core_dump=yes
enable_tls={enable_tls}
{listen}
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "corex.so"
{tls}
modparam("rr", "enable_full_lr", 1)
modparam("tm", "fr_timer", {fr_ms})
"""

TLS = """
loadmodule "tls.so"
modparam("tls", "config", "{dir}/tls.cfg")
modparam("tls", "xavp_cfg", "tls")
"""

TLS_CFG = """
[server:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = no
private_key = {key}
certificate = {crt}
ca_list = {ca}

[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {key}
certificate = {crt}
ca_list = {ca}
"""

RELAY = """
request_route {{
	if (!mf_process_maxfwd_header("70")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
	if (loose_route()) {{ t_relay(); exit; }}
	$du = "{next}";
	if (!t_relay()) sl_reply_error();
	exit;
}}
"""

PARTNER = """
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "db_sqlite.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
modparam("registrar", "default_expires", 600)
modparam("presence|presence_xml", "db_url", "sqlite:///{dir}/kamailio.db")
modparam("presence", "server_address", "{contact}")
modparam("presence", "subs_db_mode", 0)
modparam("presence", "min_expires", {min_expires})
modparam("presence", "max_expires", {max_expires})
modparam("presence_xml", "force_active", {force_active})
modparam("presence_xml", "integrated_xcap_server", 1)

# What came over TLS must come from the domain that its certificate names.
route[FROM] {{
	if (proto != TLS) return;
	if ($tls_peer_verified != 1 || ($fd != $tls_peer_subject_cn && $fd != $tls_peer_san_hostname &&
			$tls_peer_subject_cn != "{hub}")) {{
		xlog("L_WARN", "partner: refused $fu, certificate of $tls_peer_subject_cn\\n");
		sl_send_reply("403", "Certificate Does Not Cover The Sender");
		exit;
	}}
}}

route[PEER] {{
{to_peers}
}}

# A partner finds us by our name, as our certificate has it; our users by the address.
route[RECORD] {{
	if ("{tls}" == "0") {{ record_route(); return; }}
	if (proto == TLS)
		record_route_preset("{addr}:5060;transport=tcp;r2=on", "{domain}:5061;transport=tls;r2=on");
	else
		record_route_preset("{domain}:5061;transport=tls;r2=on", "{addr}:5060;transport=tcp;r2=on");
}}

route[OUT] {{
	route(PEER);
	t_on_failure("BACKUP");
	if (!t_relay()) sl_reply_error();
	exit;
}}

failure_route[BACKUP] {{
	if (t_is_canceled()) exit;
}}

request_route {{
	if (!mf_process_maxfwd_header("70")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
	xlog("L_INFO", "partner: $rm $ru from $fu over $proto\\n");
	if (is_method("ACK") && !has_totag()) exit;
	route(FROM);
	if (has_totag() && loose_route()) {{ route(OUT); }}
	if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
	t_check_trans();
	if (is_method("REGISTER") && $rd == "{domain}") {{ save("location"); exit; }}
	if (is_method("INVITE|SUBSCRIBE")) route(RECORD);
	if ($rd == "{domain}" || $rd == "{addr}") {{
		if (is_method("SUBSCRIBE") || (is_method("PUBLISH"))) {{
			if (!t_newtran()) {{ sl_reply_error(); exit; }}
			if (is_method("SUBSCRIBE")) handle_subscribe(); else handle_publish();
			t_release();
			exit;
		}}
		if (!lookup("location")) {{ t_newtran(); t_reply("404", "No Such User Here"); exit; }}
	}}
	route(OUT);
}}

event_route[tm:local-request] {{
	route(PEER);
}}
"""

PEER_ROUTE = """	if ($td == "{peer}" || $rd == "{peer}" || $rd == "{addr}") {{
		$du = "sip:{addr}:{port};transport={how}";
		$xavp(tls=>server_name) = "{peer}";
		$xavp(tls[0]=>server_id) = "{peer}";
	}}"""

ONLY = """
event_route[tls:connection-out] {{
	if ({names}) {{
		xlog("L_WARN", "partner: refused a server with the certificate of $tls_peer_subject_cn\\n");
		drop;
	}}
}}
"""


class Kamailio:
    """peers: {domain: "tls:ADDR:PORT"}. hub: name of a certificate that may speak for all. relay_to: makes it a bare relay to that URI instead of a partner."""

    def __init__(self, place, domain, cert=None, ca=None, addr=None, peers=None, relay_to=None, name=None,
                 force_active=True, min_expires=1, max_expires=3600, children=1, debug=2, fr_ms=5000,
                 memory_mib=64, hub=None):
        self.place, self.domain, self.cert, self.ca = place, domain, cert, ca
        self.addr = addr or place.addr()
        self.name = name or "kamailio-" + domain
        self.dir = place.path(self.name)
        os.makedirs(self.dir, exist_ok=True)
        self.hub = hub or "nobody"
        self.peers, self.relay_to = peers or {}, relay_to
        self.options = dict(force_active=int(force_active), min_expires=min_expires, max_expires=max_expires)
        self.children, self.debug, self.fr_ms, self.memory_mib = children, debug, fr_ms, memory_mib
        self.program = None

    def _to_peers(self):
        rows = []
        for peer, hop in self.peers.items():
            how, addr, port = hop.split(":")
            rows.append(PEER_ROUTE.format(peer=peer, how=how, addr=addr, port=port))
        return "\n".join(rows) or "\treturn;"

    def config(self):
        listen = ["listen=udp:%s:5060" % self.addr, "listen=tcp:%s:5060" % self.addr]
        tls = ""
        if self.cert:
            listen += ["listen=tls:%s:5061" % self.addr, 'alias=tls:"%s":5061' % self.domain]
            tls = TLS.format(dir=self.dir)
            self.place.write(self.name + "/tls.cfg", TLS_CFG.format(key=self.cert.key, crt=self.cert.crt, ca=self.ca))
        text = COMMON.format(debug=self.debug, children=self.children, listen="\n".join(listen), tls=tls,
                             enable_tls="yes" if self.cert else "no", fr_ms=self.fr_ms)
        if self.relay_to:
            text += RELAY.format(next=self.relay_to)
        else:
            text += PARTNER.format(dir=self.dir, addr=self.addr, domain=self.domain, tls=int(bool(self.cert)), hub=self.hub,
                                   contact="sip:%s:5061;transport=tls" % self.domain if self.cert else
                                   "sip:%s:5060;transport=tcp" % self.addr, to_peers=self._to_peers(),
                                   **self.options)
            if self.cert and self.peers:
                names = " && ".join('$tls_peer_subject_cn != "%s"' % p for p in list(self.peers) + [self.hub])
                text += ONLY.format(names=names)
        return self.place.write(self.name + "/kamailio.cfg", text)

    def _database(self):
        path = os.path.join(self.dir, "kamailio.db")
        if os.path.exists(path):
            return
        with sqlite3.connect(path) as db:
            for part in ("standard", "usrloc", "presence"):
                with open(os.path.join(SCHEMA, part + "-create.sql")) as f:
                    db.executescript(f.read())

    def start(self):
        if not self.relay_to:
            self._database()
        config = self.config()
        self.program = Program(self.place, self.name, [
            need("kamailio"), "-f", config, "-DD", "-E", "-m", str(self.memory_mib), "-M", "8", "-w", self.dir, "-Y", self.dir],
            cwd=self.dir)
        wait_for("%s listens" % self.name, lambda: port_open(self.addr, 5060), 10)
        if self.cert:
            wait_for("%s listens for TLS" % self.name, lambda: port_open(self.addr, 5061), 10)
        return self

    def log(self):
        return self.program.text()

    def stop(self):
        self.program.stop()

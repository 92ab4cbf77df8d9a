"""ejabberd of Debian as a partner: own node name, configuration, addresses, certificates, DNS."""
import os
import shutil
import subprocess

from .place import Failed, Program, need, port_open, wait_for

CONFIG = """
hosts: ["{domain}"]
loglevel: {log}
hide_sensitive_log_data: false
certfiles: ["{pem}"]
ca_file: "{ca}"
auth_method: internal
auth_password_format: scram
s2s_use_starttls: {starttls}
s2s_dns_timeout: 10
listen:
  - {{ port: 5222, ip: "{addr}", module: ejabberd_c2s, starttls: true, backlog: 500, max_stanza_size: 262144, shaper: none, access: c2s }}
  - {{ port: 5269, ip: "{addr}", module: ejabberd_s2s_in, max_stanza_size: 524288, shaper: none }}
  - {{ port: 5270, ip: "{addr}", module: ejabberd_s2s_in, tls: true, max_stanza_size: 524288, shaper: none }}
acl: {{ local: {{ user_regexp: "" }} }}
access_rules: {{ c2s: [allow], local: [{{allow: local}}], announce: [deny], configure: [deny] }}
shaper_rules: {{ max_user_sessions: 100000, max_user_offline_messages: 1000, c2s_shaper: none, s2s_shaper: none }}
modules:
  mod_roster: {{ versioning: true }}
  mod_disco: {{}}
  mod_carboncopy: {{}}
  mod_stream_mgmt: {{ resend_on_timeout: if_offline }}
  mod_client_state: {{}}
  mod_ping: {{}}
  mod_offline: {{ access_max_user_messages: max_user_offline_messages }}
  mod_blocking: {{}}
  mod_privacy: {{}}
  mod_vcard: {{ search: false }}
  mod_caps: {{}}
{dialback}
{modules}
"""


class Ejabberd:
    def __init__(self, place, domain, cert, ca, dns, addr=None, dialback=True, starttls="required", log="debug",
                 evals=(), modules=""):
        self.place, self.domain, self.dns = place, domain, dns
        self.addr = addr or place.addr()
        self.name = "ejabberd-" + domain
        self.dir = place.path(self.name)
        os.makedirs(self.dir, exist_ok=True)
        self.pem = place.write(self.name + "/cert.pem", cert.text() + cert.key_text())
        self.config = place.write(self.name + "/ejabberd.yml", CONFIG.format(
            domain=domain, log=log, pem=self.pem, ca=ca, addr=self.addr, starttls=starttls,
            dialback="  mod_s2s_dialback: {}" if dialback else "", modules=modules))
        octets = ",".join(dns.addr.split("."))
        self.inetrc = place.write(self.name + "/inetrc",
                                  "{resolv_conf, \"\"}.\n{hosts_file, \"\"}.\n{nameserver, {%s}, %d}.\n"
                                  "{lookup, [dns]}.\n{cache_size, 0}.\n" %
                                  (octets, dns.port))
        self.program = None
        self.users = {}
        self.evals = list(evals)    # Erlang to run at start, after the users are made

    def start(self):
        ebin = self._ebin()
        # Not a distributed node: no epmd, nothing that outlives the test. Users are made at start.
        args = [need("erl"), "-noinput", "-mnesia", "dir", '"%s/mnesia"' % self.dir,
                "-ejabberd", "log_rate_limit", "10000", "-ejabberd", "log_rotate_size", "0",
                "+K", "true", "+P", "250000", "+Q", "32768"] + ebin + ["-s", "ejabberd"]
        for name, password in self.users.items():
            args += ["-eval", 'ok = ejabberd_auth:try_register(<<"%s">>, <<"%s">>, <<"%s">>)' %
                     (name, self.domain, password)]
        for text in self.evals:
            args += ["-eval", text]
        args += ["-eval", 'io:format("users made~n")']
        env = {"HOME": self.dir, "ERL_INETRC": self.inetrc, "ERL_CRASH_DUMP_BYTES": "0",
               "EJABBERD_CONFIG_PATH": self.config, "ERL_MAX_PORTS": "32768",
               "EJABBERD_LOG_PATH": self.dir + "/ejabberd.log"}
        # ejabberd asks for SRV records itself and for addresses through libc: it gets a view of its
        # own of the hosts file, with the zone's addresses.
        hosts = self.place.write(self.name + "/hosts", "127.0.0.1 localhost\n" + "".join(
            "%s %s\n" % (a, name) for (name, kind), rows in self.dns.records.items() if kind == "A" for a in rows))
        view = ["unshare", "--mount"] + ([] if os.getuid() == 0 else ["--map-root-user"])
        args = view + ["sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts] + args
        self.program = Program(self.place, self.name, args, env=env, cwd=self.dir)
        wait_for("%s listens" % self.name, lambda: port_open(self.addr, 5269), 40, 0.2)
        self.program.wait_log("users made", 60)
        return self

    @staticmethod
    def _ebin():
        """Debian keeps the libraries of ejabberd in Erlang's own path; its own beams have a folder."""
        for d in ("/usr/lib/x86_64-linux-gnu/ejabberd-23.01/ebin", "/usr/lib/aarch64-linux-gnu/ejabberd-23.01/ebin"):
            if os.path.isdir(d):
                return ["-pa", d]
        found = shutil.which("ejabberdctl")
        if not found:
            raise Failed("program missing: ejabberdctl (packages/test lists what to install)")
        return []

    def user(self, name, password="secret"):
        """Before start()."""
        self.users[name] = password
        return "%s@%s" % (name, self.domain)

    def stop(self):
        self.program.stop()

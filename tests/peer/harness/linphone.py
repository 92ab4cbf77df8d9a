"""Linphone of Debian in a terminal that nobody looks at: its sound comes from a file and goes to one."""
import os
import re
import subprocess
import threading
import wave

from .place import need, wait_for

CONFIG = """
[sip]
default_proxy=0
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
use_ipv6=0
root_ca={ca}
verify_server_certs=1
verify_server_cn=1
media_encryption=srtp
media_encryption_mandatory=1
[net]
nat_policy_ref=relay
[nat_policy_0]
ref=relay
stun_server={domain}
stun_server_username={relay[0]}
protocols=turn,ice
[auth_info_0]
username={user}
passwd={password}
realm={domain}
domain={domain}
[auth_info_1]
username={relay[0]}
passwd={relay[1]}
[proxy_0]
reg_proxy=<sip:{domain};transport=tls>
reg_route=<sip:{domain};transport=tls>
reg_identity=sip:{user}@{domain}
reg_expires=600
reg_sendregister=1
publish=0
"""

# What is said as PCMU can be told from what is not by its look.
CONFIG += "".join("[audio_codec_%d]\nmime=%s\nrate=%d\nchannels=%d\nenabled=%d\n" % (i, mime, rate, 1 + (mime == "opus"), mime == "PCMU")
                  for i, (mime, rate) in enumerate((("opus", 48000), ("speex", 16000), ("speex", 8000), ("PCMU", 8000))))


class Linphone:
    """words(*argv): the command line of a program where this client lives. relay: user and password for the relay."""

    def __init__(self, place, words, user, domain, password, ca, relay=("", ""), answers=False):
        self.user, self.home = user, place.path("linphone-" + user)
        os.makedirs(self.home + "/.local/share/linphone")
        self.log = self.home + "/log"
        config = place.write("linphone-%s/rc" % user, CONFIG.format(user=user, domain=domain, password=password, ca=ca, relay=relay))
        self.process = subprocess.Popen(words(need("linphonec"), "-c", config, "-d", "6", "-l", self.log, *(("-a",) if answers else ())),
                                        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
                                        env=dict(os.environ, HOME=self.home, LANG="C.UTF-8"), start_new_session=True)
        self.type("soundcard use files")

    def type(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def logged(self, pattern, seconds=20):
        """The first match in what it writes to its log."""
        def look():
            try:
                with open(self.log, errors="replace") as f:
                    return re.search(pattern, f.read(), re.M)
            except FileNotFoundError:
                return None
        return wait_for("Linphone of %s logs %s" % (self.user, pattern), look, seconds)

    def logged_all(self, pattern):
        with open(self.log, errors="replace") as f:
            return re.findall(pattern, f.read())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


def tone(path, period=20, seconds=30):
    """A wav file of 8,000 samples a second with a tone of so many samples a period."""
    with wave.open(path, "wb") as w:
        w.setparams((1, 2, 8000, 0, "NONE", ""))
        one = b"".join((12000 if i < period // 2 else -12000).to_bytes(2, "little", signed=True) for i in range(period))
        w.writeframes(one * (8000 * seconds // period))

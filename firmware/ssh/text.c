#include "text.h"

#include "run/oper_user.h"

/* Nothing but a terminal for ghsh and SFTP; algorithms that are good today, and no others. */
static const char fixed[] =
	"AddressFamily any\n"
	"PermitRootLogin no\n"
	"AllowGroups operators\n"
	"StrictModes yes\n"
	"PubkeyAuthentication yes\n"
	"AuthorizedKeysFile none\n"
	"AuthorizedKeysCommandUser root\n"
	"HostbasedAuthentication no\n"
	"KerberosAuthentication no\n"
	"GSSAPIAuthentication no\n"
	"PermitEmptyPasswords no\n"
	"PasswordAuthentication no\n" /* it knows one question: with PAM's, codes and new passwords can be asked for */
	"UsePAM yes\n"
	"MaxAuthTries 3\n"
	"MaxSessions 4\n"
	"MaxStartups 10:30:40\n"
	"PerSourceMaxStartups 10\n"
	"LoginGraceTime 60\n"
	"DisableForwarding yes\n"
	"AllowTcpForwarding no\n"
	"AllowStreamLocalForwarding no\n"
	"AllowAgentForwarding no\n"
	"GatewayPorts no\n"
	"PermitTunnel no\n"
	"X11Forwarding no\n"
	"PermitUserEnvironment no\n"
	"PermitUserRC no\n"
	"PermitTTY yes\n"
	"PrintMotd no\n"
	"PrintLastLog no\n"
	"TCPKeepAlive yes\n"
	"ClientAliveInterval 60\n"
	"ClientAliveCountMax 3\n"
	"Compression no\n"
	"UseDNS no\n"
	"VersionAddendum none\n"
	"LogLevel VERBOSE\n" /* the fingerprint of the key that came in */
	"Subsystem sftp gh-sftp\n"
	"HostKeyAlgorithms ssh-ed25519,ecdsa-sha2-nistp256\n"
	"PubkeyAcceptedAlgorithms ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
	"sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256\n"
	"KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp384,"
	"ecdh-sha2-nistp256\n"
	"Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com\n"
	"MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com\n"
	"RequiredRSASize 2048\n";

void ssh_text_config(const struct ssh_conf *c, const struct ssh_places *p, struct buf *out)
{
	buf_put_str(out, "# Made by gh-sshd from the settings; changes here are lost.\n");
	for (size_t i = 0; i < c->n_listens; i++)
		buf_putf(out, strchr(c->listens[i].addr, ':') ? "ListenAddress [%s]:%u\n" : "ListenAddress %s:%u\n", c->listens[i].addr,
		         c->listens[i].port);
	buf_putf(out, "HostKey %s/ssh_host_ed25519_key\nHostKey %s/ssh_host_ecdsa_key\n", p->keys, p->keys);
	buf_putf(out, "PidFile %s/sshd.pid\n", p->run);
	buf_putf(out, "AuthorizedKeysCommand %s/gh-ssh-keys %s %%u\n", p->bin, p->socket);
	buf_putf(out, "KbdInteractiveAuthentication %s\n", c->passwords ? "yes" : "no");
	buf_put_str(out, fixed);
}

/* Has another account the same number? Then neither is a user. */
static bool is_alone(const struct ssh_conf *c, size_t which)
{
	for (size_t i = 0; i < c->n_names; i++)
		if (i != which && oper_user_id(bytes_of(c->names[i])) == oper_user_id(bytes_of(c->names[which])))
			return false;
	return true;
}

void ssh_text_passwd(const struct ssh_conf *c, const struct ssh_places *p, struct buf *out)
{
	for (size_t i = 0; i < c->n_names; i++)
		if (is_alone(c, i))
			buf_putf(out, "%s:x:%u:%u:operator:%s:%s/ghsh\n", c->names[i], oper_user_id(bytes_of(c->names[i])), (unsigned)OPER_GID,
			         p->files, p->bin);
}

/* No password of theirs is the system's; '*' and not '!': the account is not locked for sshd. */
void ssh_text_shadow(const struct ssh_conf *c, struct buf *out)
{
	for (size_t i = 0; i < c->n_names; i++)
		if (is_alone(c, i))
			buf_putf(out, "%s:*:19000::::::\n", c->names[i]);
}

void ssh_text_group(struct buf *out)
{
	buf_putf(out, "operators:x:%u:\n", (unsigned)OPER_GID);
}

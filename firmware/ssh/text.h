/* text.h - the files that make OpenSSH's server ours: sshd_config, and users for libnss-extrausers. Pure. */
#ifndef SSH_TEXT_H
#define SSH_TEXT_H

#include "base/buf.h"
#include "run/oper.h"

enum { SSH_ACCOUNTS_MAX = 64, SSH_LISTENS_MAX = 16 };

struct ssh_conf {
	struct {
		char addr[64];
		uint16_t port;
	} listens[SSH_LISTENS_MAX];
	size_t n_listens; /* 0: no SSH */
	bool passwords;
	char names[SSH_ACCOUNTS_MAX][OPER_NAME_MAX + 1]; /* of accounts that may come: no api's */
	size_t n_names;
};

/* Folders without a slash at the end. */
struct ssh_places {
	const char *bin;    /* of our programs */
	const char *keys;   /* host keys */
	const char *files;  /* the operators' folder */
	const char *run;    /* sshd.pid */
	const char *socket; /* of the operators */
};

void ssh_text_config(const struct ssh_conf *c, const struct ssh_places *p, struct buf *out);
void ssh_text_passwd(const struct ssh_conf *c, const struct ssh_places *p, struct buf *out);
void ssh_text_shadow(const struct ssh_conf *c, struct buf *out);
void ssh_text_group(struct buf *out);

#endif

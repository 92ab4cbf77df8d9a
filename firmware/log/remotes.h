/* remotes.h - the syslog servers of the settings, and what they share. */
#ifndef LOGD_REMOTES_H
#define LOGD_REMOTES_H

#include "net/keyproxy.h"
#include "net/tls_news.h"
#include "remote.h"
#include "run/settings.h"

struct remotes {
	struct remote_world world;
	struct keyproxy *keys;
	struct tls_news news; /* of gh-pki */
	struct list all;
};

/* ERR_NOMEM. keys: the caller's. */
int remotes_open(struct remotes *rs, struct loop *l, int dir_fd, struct keyproxy *keys);
void remotes_close(struct remotes *rs);
/* The settings are new. */
void remotes_apply(struct remotes *rs, const struct settings *s);
/* A revocation list has come or gone. */
void remotes_revoked(struct remotes *rs);
void remotes_line(struct remotes *rs, const struct line *l);
void remotes_tick(struct remotes *rs);

#endif

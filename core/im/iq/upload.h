/* upload.h - places for files (XEP-0363): a person's client asks here, gh-files says whether and where, and the links are made
 * with the public name of the front. */
#ifndef IM_UPLOAD_H
#define IM_UPLOAD_H

#include "base/map.h"
#include "run/bus.h"
#include "run/settings.h"

enum { UPLOAD_WAITING_MAX = 1000 };

struct upload {
	bool is_on;
	uint64_t file_max; /* bytes */
	uint16_t port;
	char host[254];     /* "" the domain that is asked */
	struct map waiting; /* request id -> struct upload_wait: gh-files has not answered */
};

struct im;
void upload_apply(struct upload *u, const struct settings *s);
/* Largest file that a domain announces; 0: none. */
uint64_t upload_announced(const struct upload *u);
/* gh-files has gone: who waits is told. */
void upload_down(struct im *im);
void upload_fini(struct im *im);
/* The account is gone: its files go. */
void upload_forget(struct im *im, struct bytes jid);
int upload_on_made(void *im, struct chan *from, const struct frame *f);
/* What has come of a file: for the compliance archive. */
int upload_on_fact(void *im, struct chan *from, const struct frame *f);

#endif

/* lists.h - revocation lists that authorities publish (`trust revocation-url`): fetched at the start and before their next
 * update, verified, kept on the disk, and given to the doors as they hold them (net/revoked.h). */
#ifndef PKI_LISTS_H
#define PKI_LISTS_H

#include "base/list.h"
#include "cache.h"
#include "fetch.h"
#include "net/crl.h"
#include "run/proc.h"
#include "run/settings.h"
#include "when.h"

struct list_source {
	struct list node;
	struct lists *all;
	char name[REVOKED_NAME_MAX + 1];
	char url[FETCH_URL_MAX + 1];
	uint8_t key[CACHE_KEY_BYTES];        /* of the file: SHA-256 of the URL */
	uint8_t file_sha256[CACHE_KEY_BYTES]; /* of what is held */
	struct revoked_list *held;           /* in force or not; NULL: none yet */
	char issuer[CRL_TEXT_BYTES];
	int64_t fetched_s;                   /* when a server gave it last; 0: not in this life */
	struct when when;
	struct fetch *fetch;
	char why[160]; /* the last trouble; "" none */
	bool is_seen;  /* the settings have it */
};

struct lists {
	struct loop *loop;
	struct bus *bus;
	struct fetcher *fetcher;
	const struct cache *cache;
	struct tls_store *trust; /* who may sign lists; the owner's */
	STACK_OF(X509) *pool;    /* intermediates of our own chains; the owner's */
	struct list all;
	struct loop_timer timer;
	uint32_t every_s, max_bytes;
};

/* The rest of *l is set. */
void lists_init(struct lists *l);
void lists_fini(struct lists *l);
/* Refuses a setting: path and why, both to be read until the next call. */
int lists_check(const struct settings *s, char path[static 256], const char **why);
/* New settings; trust and pool are set anew before; is_trust_new: others than they were. */
void lists_apply(struct lists *l, const struct settings *s, bool is_trust_new);
/* A program that wants lists has come. */
void lists_up(struct lists *l, struct chan *c);
/* Fetches all now. */
void lists_fetch_all(struct lists *l);
void lists_show(const struct lists *l, struct proc_ask *ask);

#endif

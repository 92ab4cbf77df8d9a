/* net/revoked.h - revocation lists as doors hold them: whose list, until when, and the serial numbers in order. gh-pki has
 * read, verified and thinned out the authority's list (net/crl.h): ten megabytes of it become six here, and looking a
 * certificate up costs a few comparisons in place of a signature over all of it. Pure, but for time that is given. */
#ifndef NET_REVOKED_H
#define NET_REVOKED_H

#include "base/wire.h"

#include <openssl/x509.h>

enum {
	REVOKED_NAME_MAX = 63,
	REVOKED_SERIAL_BYTES = 20, /* RFC 5280 4.1.2.2; shorter ones have zeros before them */
	REVOKED_KEY_BYTES = 32,
	REVOKED_LISTS_MAX = 64,
	REVOKED_SERIALS_MAX = 2000000, /* of all lists together: 40 MB */
	REVOKED_PART_BYTES = 1 << 20,  /* serial numbers in one frame */
};

/* About which certificates of its authority a list speaks (RFC 5280 5.2.5). */
enum revoked_scope { REVOKED_USERS = 1, REVOKED_AUTHORITIES = 2 };

struct revoked_head {
	uint8_t key[REVOKED_KEY_BYTES]; /* SHA-256 of the authority's public key: names may be written in several ways */
	int64_t from_s, until_s;        /* this update, next update; since 1970 */
	uint8_t scope;                  /* enum revoked_scope; 0: only of some, it cannot show that all is well */
};

struct revoked_list {
	char name[REVOKED_NAME_MAX + 1];
	struct revoked_head head;
	uint32_t n;
	uint8_t *serials; /* n of REVOKED_SERIAL_BYTES, in order, none twice */
};
/* NULL is fine. */
void revoked_list_free(struct revoked_list *l);
/* Puts the serial numbers in order and drops what is there twice. */
void revoked_list_sort(struct revoked_list *l);

/* ERR_RANGE: longer than RFC 5280 allows. */
int revoked_serial(const ASN1_INTEGER *from, uint8_t out[static REVOKED_SERIAL_BYTES]);
/* ERR_NOMEM. */
int revoked_key(const X509 *authority, uint8_t out[static REVOKED_KEY_BYTES]);

/* ---- all lists of a process: an all-zero struct has none ---- */
struct revoked {
	struct revoked_list *lists[REVOKED_LISTS_MAX];
	size_t n;
	struct revoked_list *coming; /* its parts are not all here yet */
	uint32_t n_came;
};
void revoked_fini(struct revoked *r);

enum revoked_verdict {
	REVOKED_IS,      /* it is in a list */
	REVOKED_IS_NOT,  /* a list in force speaks about it, and it is not in it */
	REVOKED_UNKNOWN, /* there is none in force */
};
/* What is once revoked stays so, however old the list is. An error of memory is REVOKED_UNKNOWN. */
enum revoked_verdict revoked_look(const struct revoked *r, X509 *x, const X509 *issuer, int64_t now_s);
/* Is its serial number in any list? Only a hint, as authorities number by themselves; but it costs no chain. */
bool revoked_may_be(const struct revoked *r, const X509 *x);

/* ---- MSG_REVOKED ----
 * name str, flags u8, when it begins: key (32 bytes), from u64, until u64, scope u8, n u32; then serial numbers.
 * A list travels in one or more frames without another between, and is in force with its last. */
enum revoked_flag { REVOKED_BEGINS = 1, REVOKED_ENDS = 2, REVOKED_GONE = 4 };
/* The frame that begins with serial number *at, and moves it on. True while there is more. */
bool revoked_put(const struct revoked_list *l, uint32_t *at, struct buf *out);
void revoked_put_gone(const char *name, struct buf *out);
/* *is_new: the lists are others than before. ERR_PROTOCOL: what gh-pki never sends; ERR_LIMIT; ERR_NOMEM. */
int revoked_take(struct revoked *r, struct bytes body, bool *is_new);

#endif

/* proto/disco.h - what a domain of ours says of itself (XEP-0030, XEP-0157), and the hash of it that
 * doors announce (XEP-0115 5). One table: who adds a service adds its feature here. Pure. */
#ifndef PROTO_DISCO_H
#define PROTO_DISCO_H

#include "base/buf.h"

#define DISCO_NODE "urn:gatehouse:server"

enum { DISCO_HASH_BYTES = 29 }; /* base64 of SHA-1, and a NUL */

/* In the order of their bytes, as the hash wants them. */
extern const char *const disco_features[];
extern const size_t disco_n_features;

/* What differs from domain to domain and with the settings. */
struct disco_facts {
	struct bytes contact; /* a URI (XEP-0157); may be empty */
	uint64_t upload_max;  /* largest file that is taken (XEP-0363), bytes; 0: none */
	bool has_search;      /* people may be searched for (XEP-0055) */
	bool has_commands;    /* there are administrators, who have commands (XEP-0050) */
};

/* Appends identities, features, and the forms of XEP-0157 (with a contact) and XEP-0363 (with uploads). */
void disco_write(struct buf *b, const struct disco_facts *facts);
/* Its verification string, hashed. ERR_NOMEM, ERR_LIMIT. */
int disco_hash(const struct disco_facts *facts, char out[static DISCO_HASH_BYTES]);

#endif

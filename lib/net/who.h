/* net/who.h - which clients an operator means: the one of this number, those from an address, a person's. */
#ifndef NET_WHO_H
#define NET_WHO_H

#include "base/arena.h"
#include "net/address.h"
#include "net/prefix.h"
#include "proto/jid.h"

enum who_kind { WHO_ALL, WHO_ID, WHO_ADDRESS, WHO_JID };

struct who {
	enum who_kind kind;
	uint64_t id;          /* as log lines and show clients have it: 16 hex digits */
	struct prefix prefix; /* "192.0.2.7", "2001:db8::/32" */
	uint8_t jid[JID_MAX_BYTES]; /* normalised */
	size_t jid_n;
	bool is_bare;         /* all of its resources */
};

/* An empty word means all. a: for its time alone. ERR_SYNTAX: none of these; *out is then of no use. */
int who_parse(struct bytes word, struct arena *a, struct who *out);
/* Is it this client? jid: its full or bare one, normalised; empty while it is not known. */
bool who_is(const struct who *w, uint64_t id, const struct peer_address *from, struct bytes jid);

enum { WHO_ID_BYTES = 17 };
void who_id_text(uint64_t id, char out[static WHO_ID_BYTES]);

#endif

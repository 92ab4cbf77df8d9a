/* iq.h - requests that gh-im answers, for itself (a domain) or on behalf of a person (RFC 6121
 * 8.5.1): a table of rows. */
#ifndef IM_IQ_H
#define IM_IQ_H

#include "delivery/item.h"
#include "session.h"

enum iq_who {
	IQ_DOMAIN = 1 << 0, /* addressed to a domain of ours */
	IQ_SELF = 1 << 1,   /* a client's own account: no `to`, or its bare JID */
	IQ_OTHER = 1 << 2,  /* somebody else's account */
};
enum iq_type { IQ_GET = 1, IQ_SET = 2 };

struct iq {
	struct item *it;
	struct xml_node *child; /* the request */
	struct user *user;      /* the account addressed; NULL for a domain. Loaded */
	struct session *session; /* of the asker, when a client of ours; else NULL */
	enum iq_who who;
	bool is_set;
};

struct iq_row {
	const char *name, *ns;
	unsigned who, types;
	void (*fn)(struct im *im, struct iq *q);
};
extern const struct iq_row iq_rows[];
extern const size_t iq_n_rows;

/* A request for which there is a user (or none: a domain). Results and errors are dropped. */
void iq_handle(struct im *im, struct user *u, struct item *it);

/* Answers. payload: elements in neutral form, may be empty; not in im->out. */
void iq_result(struct im *im, const struct iq *q, struct bytes payload);
void iq_error(struct im *im, const struct iq *q, enum stanza_error why);
void iq_refuse(struct im *im, const struct iq *q, const struct stanza_refusal *why);

/* For answers that wait: who asked, on its own. NULL without memory. */
struct iq_later {
	struct bytes from, to, sid; /* of the request */
	uint64_t number;
};
struct iq_later *iq_keep(const struct iq *q);
/* Answers and frees. rc 0: result with payload; otherwise that error. */
void iq_late_result(struct im *im, struct iq_later *l, struct bytes payload);
void iq_late_error(struct im *im, struct iq_later *l, enum stanza_error why);
void iq_late_refuse(struct im *im, struct iq_later *l, const struct stanza_refusal *why);

/* Is somebody allowed to see this user's presence? */
bool iq_may_see(const struct user *u, struct bytes from);
/* And is presence shown to others at all now (im presence, C-AVL-03)? Of what tells whether somebody is there. */
bool iq_is_shown(const struct im *im, const struct user *u, struct bytes from);

/* Handlers by file: pep.h, iq_small.c, iq_disco.c, iq_extdisco.c, upload.c, iq_blob.c, blocking.c */
void iq_ping(struct im *im, struct iq *q);
void iq_time(struct im *im, struct iq *q);
void iq_version(struct im *im, struct iq *q);
void iq_last(struct im *im, struct iq *q);
void iq_session(struct im *im, struct iq *q);
void iq_carbons_on(struct im *im, struct iq *q);
void iq_carbons_off(struct im *im, struct iq *q);
void iq_disco_info(struct im *im, struct iq *q);
void iq_disco_items(struct im *im, struct iq *q);
void iq_services(struct im *im, struct iq *q);
void iq_service_credentials(struct im *im, struct iq *q);
void iq_upload(struct im *im, struct iq *q);
void iq_vcard_get(struct im *im, struct iq *q);
void iq_vcard_set(struct im *im, struct iq *q);
void iq_private_get(struct im *im, struct iq *q);
void iq_private_set(struct im *im, struct iq *q);
/* The last session of a user has ended: kept for XEP-0012. */
void iq_last_left(struct im *im, const struct user *u);

#endif

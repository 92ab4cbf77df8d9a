/* service_features.h - what gh-xlate can translate, as rows. A standard is a file of its own; its rows stand in
 * service_features.c and say which requests and stanzas are offered to it. */
#ifndef XLATE_SERVICE_FEATURES_H
#define XLATE_SERVICE_FEATURES_H

#include "request_in.h"
#include "stanza_in.h"

/* State that a feature keeps, and what it wants to know. All but name may be NULL. */
struct feature {
	const char *name;
	int (*init)(struct xlate *x); /* ERR_NOMEM */
	void (*fini)(struct xlate *x);
	void (*apply)(struct xlate *x);                  /* x->settings are new */
	void (*up)(struct xlate *x, enum prog p);        /* a peer program is back */
	void (*down)(struct xlate *x, enum prog p);      /* after all that waited for it was told so */
	void (*show)(struct xlate *x, struct proc_ask *ask); /* records for `show gateway` */
};
int features_init(struct xlate *x);
void features_fini(struct xlate *x);
void features_apply(struct xlate *x);
void features_up(struct xlate *x, enum prog p);
void features_down(struct xlate *x, enum prog p);
void features_show(struct xlate *x, struct proc_ask *ask);

/* Who deals with a SIP request. Rows are asked in order until one says true: it has answered, or will.
 * method_text counts for SIPM_OTHER only. event: the package that Event must name, without parameters;
 * NULL: any or none. options: the option tags that Require may name, with spaces around each. */
struct request_row {
	enum sipmsg_method method;
	const char *event;
	const char *options;
	bool (*fn)(struct xlate *x, struct request_in *r);
};
/* Offers r to its rows; answers it when nobody takes it (405, 489, 420). */
void features_request(struct xlate *x, struct request_in *r);

/* Who deals with a stanza; types: bits 1u << enum stanza_type. True: taken; it will be done with or refused.
 * s->node is the stanza's tree during the call. */
struct stanza_row {
	enum stanza_kind kind;
	unsigned types;
	bool (*fn)(struct xlate *x, struct stanza_in *s);
};
/* Offers s to its rows; refuses what nobody takes (service-unavailable), drops errors and results. */
void features_stanza(struct xlate *x, struct stanza_in *s);

/* What a MESSAGE may hold (MSG-S12). */
#define XLATE_ACCEPT                                                                               \
	"text/plain, text/html, message/cpim, application/im-iscomposing+xml, message/imdn+xml, multipart/alternative"

/* The methods of the rows, for Allow (RFC 3261 20.5). */
void features_allow(struct buf *out);

#endif

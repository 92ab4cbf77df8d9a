/* pidf.h - presence documents of SIP: PIDF (RFC 3863) with the person of RFC 4479 and the activities of
 * RPID (RFC 4480), read to and written from what XMPP resources say (RFC 8048 6). Pure. */
#ifndef XLATE_PIDF_H
#define XLATE_PIDF_H

#include "pres.h"

#define NS_PIDF "urn:ietf:params:xml:ns:pidf"
#define NS_PIDF_PERSON "urn:ietf:params:xml:ns:pidf:data-model"
#define NS_RPID "urn:ietf:params:xml:ns:pidf:rpid"
#define PIDF_CONTENT_TYPE "application/pidf+xml"

enum { PIDF_TUPLES_MAX = 32, PIDF_MAX_BYTES = 65535, PIDF_ARENA_BYTES = 4 << 20 };

struct pidf_tuple {
	struct pres pres;
	bool is_known; /* false: it says neither open nor closed, nor anything else of use (PRE-S16) */
};
struct pidf {
	struct bytes entity;
	size_t n;
	struct pidf_tuple tuples[PIDF_TUPLES_MAX]; /* by distinct resources; further ones are left out */
};
/* lang: Content-Language, or empty (PRE-S04). guesses: notes in English stand for a show (PRE-S18).
 * Everything unknown is passed over. ERR_XML_*, ERR_SYNTAX (no presence document), ERR_NOMEM: 400 is
 * due (SUB-X24, PRE-S19). *out has views into the arena. */
struct pidf_how {
	struct bytes lang;
	bool guesses;
};
int pidf_read(struct bytes in, const struct pidf_how *how, struct arena *a, struct pidf *out);

/* A whole document, valid by RFC 3863's schema (PRE-X01 to X12, X16). entity: "pres:juliet@example.com".
 * contact: the bare SIP URI of the presentity; ";gr=" and the resource go behind it. */
struct pidf_of {
	struct bytes entity, contact;
	const struct pres *resources;
	size_t n;
};
void pidf_write(struct buf *b, const struct pidf_of *p);

/* rpid.c: what an activity stands for. False: it is none that has a show (PRE-S11). */
bool rpid_show(struct bytes activity, enum pres_show *out);
const char *rpid_of_show(enum pres_show s); /* PRE-X09; "" for no activity */
/* PRE-S18; PRES_NO_SHOW when the note is no such word. */
enum pres_show rpid_show_of_note(struct bytes note);

#endif

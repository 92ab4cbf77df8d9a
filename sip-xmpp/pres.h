/* pres.h - what one resource or tuple says: the common ground of an XMPP presence (RFC 6121 4.7) and a
 * PIDF tuple (RFC 3863), and its packed form for keeping. Pure. */
#ifndef XLATE_PRES_H
#define XLATE_PRES_H

#include "base/arena.h"
#include "base/buf.h"
#include "proto/xml.h"

enum pres_show { PRES_NO_SHOW, PRES_CHAT, PRES_AWAY, PRES_XA, PRES_DND, PRES_SHOW_COUNT };
const char *pres_show_name(enum pres_show s); /* "away"; "" for none */
enum pres_show pres_show_of(struct bytes text); /* PRE-S07: anything else is none */

enum { PRES_NOTES_MAX = 8, PRES_TEXT_MAX_BYTES = 1023, PRES_LANG_MAX_BYTES = 35, PRES_NO_PRIORITY = -129 };

struct pres_note {
	struct bytes lang, text; /* lang empty: none */
};

struct pres {
	struct bytes resource; /* empty: none */
	bool is_open;
	uint8_t show;      /* enum pres_show */
	int16_t priority;  /* -128..127, or PRES_NO_PRIORITY */
	uint8_t n_notes;
	uint64_t at_ms;    /* when it became so, since 1970; 0: not said */
	struct bytes lang; /* xml:lang of the whole */
	struct pres_note notes[PRES_NOTES_MAX]; /* no two with the same lang */
};

/* One line more; over the limits or with a language that is there already it is left out. */
void pres_add_note(struct pres *p, struct bytes lang, struct bytes text);
/* Everything but `at_ms`: does a watcher see a difference? (PRE-S15) */
bool pres_equal(const struct pres *a, const struct pres *b);

/* Packed: equal packed bytes are the same presence. Decoding gives views. ERR_SYNTAX, ERR_TRUNCATED. */
void pres_encode(struct buf *b, const struct pres *p);
int pres_decode(struct bytes in, struct pres *out);

/* From a <presence/> without type, or unavailable (PRE-X01, X02, X05 to X10, X15): views into the tree. */
void pres_of_stanza(const struct xml_node *presence, struct bytes resource, bool is_open, struct pres *out);
/* The children of a <presence/>: show, status, priority (PRE-S05 to S07). */
void pres_write_children(struct buf *b, const struct pres *p);

/* Contact priority (PRE-X06, X07; PRI vectors): false: no attribute is due. */
bool pres_priority_to_pidf(int priority, char out[static 8]);
/* PRE-S05; PRES_NO_PRIORITY for what is no qvalue (RFC 3863 4.1.5). */
int pres_priority_of_pidf(struct bytes text);
/* A tuple's id from a resource, always a valid xs:ID (PRE-X03; TUP vectors); and back: another id is the
 * resource itself (PRE-S03). What cannot be a resource gives ERR_SYNTAX. */
void pres_tuple_id(struct buf *b, struct bytes resource);
int pres_tuple_resource(struct bytes id, struct arena *a, struct bytes *out);
/* As much of the text as fits, whole characters only. */
struct bytes pres_cut(struct bytes text, size_t max);

#endif

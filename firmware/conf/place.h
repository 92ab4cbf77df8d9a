/* place.h - what can stand in a <place> of a command. */
#ifndef CONF_PLACE_H
#define CONF_PLACE_H

#include "base/arena.h"
#include "base/bytes.h"

enum place {
	PLACE_WORD,
	PLACE_DOMAIN,
	PLACE_JID,
	PLACE_NUMBER,
	PLACE_SECRET,   /* asked for when it is left out */
	PLACE_OLD_SECRET, /* likewise, but once: it is there already */
	PLACE_VERIFIER, /* nearly a secret: kept out of the shell's history */
	PLACE_FILE,
	PLACE_STREAM,   /* a file that is fetched in pieces: it may be larger than memory */
	PLACE_SETTING,
	PLACE_PROGRAM,
	PLACE_KEY_TYPE,
	PLACE_SCOPE,    /* of a factory reset */
	PLACE_DNS_TYPE,
	PLACE_OPER_ROLE,
	PLACE_LEVEL,    /* the same, or the classic appliance's word for one */
	PLACE_ACCOUNT,  /* an operator's name */
	PLACE_PORT,
	PLACE_PREFIXED, /* 192.0.2.1/24 */
	PLACE_GATEWAY,  /* a numeric address */
	PLACE_COUNT
};

/* "<domain>", "[domain]", "<domain>..." to its kind. A name that is not in the table is a word. */
enum place place_of(struct bytes text);
/* Normalises into *out (in the arena or `in` itself). 0, or an error with *why in static text. */
int place_check(enum place p, struct bytes in, struct arena *a, struct bytes *out, const char **why);
/* Words that can stand there, as far as they are known beforehand; NULL at the end. */
const char *place_choice(enum place p, size_t i);

#endif

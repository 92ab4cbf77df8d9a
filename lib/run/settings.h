/* run/settings.h - the settings that a program reads: a read-only snapshot of typed values.
 * Rows live in run/settings.def. A path is words; a "*" word is a key ("federation peer *
 * action"): such a setting has a value for each key that the administrator made. */
#ifndef RUN_SETTINGS_H
#define RUN_SETTINGS_H

#include "base/bytes.h"
#include "base/wire.h"
#include "run/msg.h"

#define SETTING(id, path, type, range, def, unit, readers, effect, help) SET_##id,
enum setting {
#include "run/settings.def"
	SETTING_COUNT
};
#undef SETTING

enum setting_type {
	SETTING_BOOL,    /* "on" "off" */
	SETTING_INT,     /* range "min..max" */
	SETTING_ENUM,    /* range "a|b|c"; the value's number is its place */
	SETTING_TEXT,    /* range: most bytes */
	SETTING_DOMAIN,  /* normalised (proto/jid.h) */
	SETTING_LISTEN,  /* "address port" or "off"; IPv6 in brackets or bare */
	SETTING_HOST,    /* "host port": host name or address */
	SETTING_ADDRESS, /* numeric address, optional "port" behind (name servers) */
	SETTING_PEM,     /* blocks of one kind, one or more; range: their label (RFC 7468) */
	SETTING_HEX,     /* range: bytes; a pin */
	SETTING_SECRET,  /* text that is never shown */
};

/* What a change needs to take effect. */
enum setting_effect {
	EFFECT_LIVE,    /* the next use sees it; open streams stay unless they break the new rule */
	EFFECT_RESTART, /* the reading programs restart, one after the other */
};

struct setting_row {
	enum setting id;
	const char *path;
	enum setting_type type;
	const char *range, *def, *unit; /* def NULL: no value until set */
	unsigned readers;               /* P(PROG_...) bits */
	enum setting_effect effect;
	const char *help;
};
const struct setting_row *setting_row(enum setting id);
/* The row that a concrete path fits, and its key words (views into path) for the '*'s. At most
 * SETTING_KEYS_MAX keys. ERR_UNKNOWN. */
enum { SETTING_KEYS_MAX = 2 };
int setting_find(struct bytes path, const struct setting_row **row, struct bytes keys[SETTING_KEYS_MAX]);
/* Checks a value against its row and brings it to canonical text in out. On ERR_SYNTAX, ERR_RANGE
 * *why says what is wanted (static text or the range). */
int setting_check(const struct setting_row *row, struct bytes value, struct buf *out, const char **why);
/* Of a SETTING_INT row whose range was another one when the value was written: the nearest number of today's range, as text, into out.
 * ERR_SYNTAX: no number, or of another type. */
int setting_nearest(const struct setting_row *row, struct bytes value, struct buf *out);

struct settings; /* immutable; one owner frees it */

/* From a whole SNAPSHOT body. */
int settings_decode(struct wire *w, struct settings **out);
void settings_free(struct settings *s);
/* For tests: from lines "path = value"; ERR_* and *line of the first bad one. */
int settings_parse(struct bytes text, struct settings **out, unsigned *line);

/* Values; the row's default where none is set. The _at forms take the key of a '*' row. */
int64_t settings_int(const struct settings *s, enum setting id);
bool settings_bool(const struct settings *s, enum setting id);
unsigned settings_enum(const struct settings *s, enum setting id);
struct bytes settings_text(const struct settings *s, enum setting id);
int64_t settings_int_at(const struct settings *s, enum setting id, struct bytes key);
bool settings_bool_at(const struct settings *s, enum setting id, struct bytes key);
unsigned settings_enum_at(const struct settings *s, enum setting id, struct bytes key);
struct bytes settings_text_at(const struct settings *s, enum setting id, struct bytes key);
/* Was it set, or is it the default? key empty for rows without '*'. */
bool settings_is_set(const struct settings *s, enum setting id, struct bytes key);
/* Walks, sorted, the distinct keys of all rows that share this row's words up to the '*'
 * (so a peer with any setting is a peer). at starts at 0; false at the end. */
bool settings_next_key(const struct settings *s, enum setting id, size_t *at, struct bytes *key);
/* Has the setting, or any row of it when its path has a *, another value in b than in a? */
bool settings_differ(const struct settings *a, const struct settings *b, enum setting id);
uint32_t settings_generation(const struct settings *s);

/* Value of SETTING_LISTEN, SETTING_HOST, SETTING_ADDRESS split. port_default where none is given.
 * host is NUL-terminated. ERR_SYNTAX; ERR_NOT_FOUND for "off". */
int setting_split_host(struct bytes value, uint16_t port_default, char host[static 256], uint16_t *port);
/* The next of a list of numeric addresses, spaces between, each "address", "v4:port" or "[v6]:port"; *rest goes on behind it.
 * ERR_NOT_FOUND at the end, ERR_SYNTAX. */
int setting_next_address(struct bytes *rest, uint16_t port_default, char host[static 256], uint16_t *port);
/* A host name (RFC 1123 2.1): labels of letters, digits and inner dashes, dots between, 63 bytes at most as the kernel has it. */
bool setting_is_host_name(struct bytes v);
/* Is there a name server or forward zone to ask? May any answer be a validated one? */
bool settings_have_dns(const struct settings *s);
bool settings_validate_dns(const struct settings *s);

#endif

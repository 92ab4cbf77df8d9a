/* adhoc/adhoc_form.h - the form of a command (XEP-0004): written from its fields, and read back. Pure. */
#ifndef IM_ADHOC_FORM_H
#define IM_ADHOC_FORM_H

#include "base/arena.h"
#include "base/buf.h"
#include "proto/xml.h"

enum {
	ADHOC_FIELDS_MAX = 4,
	ADHOC_VALUES_MAX = 100,     /* of a field, such as people */
	ADHOC_VALUE_BYTES = 1024,
	ADHOC_TEXT_BYTES = 8192,    /* of a text of several lines, in all */
};

enum adhoc_kind {
	ADHOC_JID,
	ADHOC_JIDS,
	ADHOC_SECRET,
	ADHOC_TEXT,
	ADHOC_MAX,    /* how many; may be missing */
	ADHOC_LINE,
	ADHOC_CHOICE, /* one of its options */
	ADHOC_WHOM,   /* people and domains, none too */
};

struct adhoc_field {
	const char *var, *label; /* var NULL: behind the last */
	enum adhoc_kind kind;
	const char *const *options; /* of ADHOC_CHOICE; NULL behind the last */
};

#define ADHOC_FIELD(v, l, k) { .var = (v), .label = (l), .kind = (k) }

/* What a field has in a form that was sent back. */
struct adhoc_values {
	struct bytes *v; /* in the arena. JIDs are normalised; a text is one value with line ends in it */
	unsigned n;      /* 1, but of ADHOC_JIDS and ADHOC_WHOM; and of ADHOC_MAX that has none: 0 */
};

/* filled: what stands in the one ADHOC_TEXT field already; may be empty. */
void adhoc_form_write(struct buf *b, const char *form_type, const char *title, const struct adhoc_field *fields, struct bytes filled);
/* out: one for each of the fields. ERR_SYNTAX: one is missing, twice there, too long or malformed, or the form is another; *why says
 * so to its sender. ERR_NOMEM. Fields that are not known are passed over. */
int adhoc_form_read(const struct xml_node *form, const char *form_type, const struct adhoc_field *fields, struct arena *a,
                    struct adhoc_values out[static ADHOC_FIELDS_MAX], const char **why);

#endif

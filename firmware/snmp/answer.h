/* answer.h - GET, GETNEXT and GETBULK over the view (RFC 3416 4.2.1 to 4.2.3; for version 1 RFC 1157 4.1.2 and 4.1.3, with the
 * rules of RFC 3584 4.2.2). Pure: what a manager asks, and what he is answered, without how it is written. */
#ifndef SNMP_ANSWER_H
#define SNMP_ANSWER_H

#include "view.h"

enum {
	ANSWER_NAMES_MAX = 128,  /* that one request may ask for */
	ANSWER_ITEMS_MAX = 1024, /* of one answer */
};

enum question_kind { QUESTION_GET, QUESTION_NEXT, QUESTION_BULK };

struct question_name {
	const uint32_t *id;
	size_t n;
};

struct question {
	enum question_kind kind;
	bool is_v1;
	const struct question_name *names; /* at most ANSWER_NAMES_MAX */
	size_t n_names;
	uint32_t non_repeaters, max_repetitions;
	size_t room; /* bytes that the list of items may take on the wire */
};

enum item_kind { ITEM_VALUE, ITEM_NO_OBJECT, ITEM_NO_INSTANCE, ITEM_END_OF_VIEW };

struct answer_item {
	enum item_kind kind;
	struct question_name name; /* of the row, or as it was asked */
	const struct value *value; /* of ITEM_VALUE; of the view */
};

/* Error status (RFC 3416 3). */
enum answer_error { ANSWER_OK = 0, ANSWER_TOO_BIG = 1, ANSWER_NO_SUCH_NAME = 2 };

struct answer {
	enum answer_error error;
	uint32_t index; /* of the name that is to blame, from 1; 0: none */
	struct answer_item items[ANSWER_ITEMS_MAX];
	size_t n;
};

void answer_make(const struct view *t, const struct question *q, struct answer *out);
/* Most bytes that an item takes on the wire. */
size_t answer_item_bytes(const struct answer_item *item);

#endif

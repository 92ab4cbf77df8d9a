#include "presence/subscription.h"

#include <stddef.h>

enum {
	NONE = 0,
	NONE_OUT = CONTACT_OUT,
	NONE_IN = CONTACT_IN,
	NONE_OUT_IN = CONTACT_OUT | CONTACT_IN,
	TO = CONTACT_TO,
	TO_IN = CONTACT_TO | CONTACT_IN,
	FROM = CONTACT_FROM,
	FROM_OUT = CONTACT_FROM | CONTACT_OUT,
	BOTH = CONTACT_TO | CONTACT_FROM,
};

struct cell {
	bool passes;
	uint8_t next;
};
struct row {
	uint8_t state;
	struct cell cells[SUB_KIND_COUNT];
};

#define GO(next) { true, next }
#define NO(next) { false, next }

/* RFC 6121 A.2.1 to A.2.4: routed or not, state after. */
static const struct row out_rows[] = {
	/* state          subscribe        subscribed       unsubscribe      unsubscribed */
	{ NONE,        { GO(NONE_OUT),    NO(NONE),        GO(NONE),        NO(NONE) } },
	{ NONE_OUT,    { GO(NONE_OUT),    NO(NONE_OUT),    GO(NONE),        NO(NONE_OUT) } },
	{ NONE_IN,     { GO(NONE_OUT_IN), GO(FROM),        GO(NONE_IN),     GO(NONE) } },
	{ NONE_OUT_IN, { GO(NONE_OUT_IN), GO(FROM_OUT),    GO(NONE_IN),     GO(NONE_OUT) } },
	{ TO,          { GO(TO),          NO(TO),          GO(NONE),        NO(TO) } },
	{ TO_IN,       { GO(TO_IN),       GO(BOTH),        GO(NONE_IN),     GO(TO) } },
	{ FROM,        { GO(FROM_OUT),    NO(FROM),        GO(FROM),        GO(NONE) } },
	{ FROM_OUT,    { GO(FROM_OUT),    NO(FROM_OUT),    GO(FROM),        GO(NONE_OUT) } },
	{ BOTH,        { GO(BOTH),        NO(BOTH),        GO(FROM),        GO(TO) } },
};

/* RFC 6121 A.3.1 to A.3.4: delivered or not, state after. */
static const struct row in_rows[] = {
	/* state          subscribe        subscribed       unsubscribe      unsubscribed */
	{ NONE,        { GO(NONE_IN),     NO(NONE),        NO(NONE),        NO(NONE) } },
	{ NONE_OUT,    { GO(NONE_OUT_IN), GO(TO),          NO(NONE_OUT),    GO(NONE) } },
	{ NONE_IN,     { NO(NONE_IN),     NO(NONE_IN),     GO(NONE),        NO(NONE_IN) } },
	{ NONE_OUT_IN, { NO(NONE_OUT_IN), GO(TO_IN),       GO(NONE_OUT),    GO(NONE_IN) } },
	{ TO,          { GO(TO_IN),       NO(TO),          NO(TO),          GO(NONE) } },
	{ TO_IN,       { NO(TO_IN),       NO(TO_IN),       GO(TO),          GO(NONE_IN) } },
	{ FROM,        { NO(FROM),        NO(FROM),        GO(NONE),        NO(FROM) } },
	{ FROM_OUT,    { NO(FROM_OUT),    GO(BOTH),        GO(NONE_OUT),    GO(FROM) } },
	{ BOTH,        { NO(BOTH),        NO(BOTH),        GO(TO),          GO(FROM) } },
};
enum { N_ROWS = sizeof out_rows / sizeof out_rows[0] };

static bool look_up(const struct row *rows, uint8_t bits, enum sub_kind kind, uint8_t *next)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].state != (bits & CONTACT_STATE_BITS))
			continue;
		const struct cell *c = &rows[i].cells[kind];
		*next = (uint8_t)((bits & ~CONTACT_STATE_BITS) | c->next);
		return c->passes;
	}
	*next = bits; /* no state of the RFC: kept by nobody, changes by nothing */
	return false;
}

bool subscription_out(uint8_t bits, enum sub_kind kind, uint8_t *next)
{
	return look_up(out_rows, bits, kind, next);
}

bool subscription_in(uint8_t bits, enum sub_kind kind, uint8_t *next)
{
	return look_up(in_rows, bits, kind, next);
}

const char *subscription_name(uint8_t bits)
{
	static const char *const names[] = { "none", "to", "from", "both" };

	return names[bits & (CONTACT_TO | CONTACT_FROM)];
}

#include "run/msg.h"

struct msg_row {
	const char *name;
	uint32_t from, to;
	bool has_fd;
};

#define MSG(name, from, to, fd, body) { #name, from, to, fd },
static const struct msg_row rows[] = {
#include "run/msg.def"
};
#undef MSG
_Static_assert(sizeof rows / sizeof rows[0] == MSG_COUNT, "one row a message");
_Static_assert(PROG_COUNT <= 32, "programs are bits of a row");

const char *msg_name(enum msg m)
{
	return m < MSG_COUNT ? rows[m].name : "?";
}

/* Doors and core meet at the hub only. */
static bool is_past_hub(enum msg m, enum prog from, enum prog to)
{
	return (m == MSG_ROUTE || m == MSG_ROUTE_DONE) && from != PROG_SWITCH && to != PROG_SWITCH;
}

/* Instances of one program speak to each other only by rows that are theirs alone. */
bool msg_may(enum msg m, enum prog from, enum prog to)
{
	if (m >= MSG_COUNT || !(rows[m].from & P(from)) || !(rows[m].to & P(to)) || is_past_hub(m, from, to))
		return false;
	return from != to || (rows[m].from == P(from) && rows[m].to == P(to));
}

bool msg_has_fd(enum msg m)
{
	return m < MSG_COUNT && rows[m].has_fd;
}

/* gh-super's control channels exist for all and are no peer channels. */
bool msg_are_peers(enum prog a, enum prog b)
{
	if (a == PROG_SUPER || b == PROG_SUPER)
		return false;
	for (unsigned m = 0; m < MSG_COUNT; m++)
		if (msg_may((enum msg)m, a, b) || msg_may((enum msg)m, b, a))
			return true;
	return false;
}

#include "run/msg.h"

struct msg_row {
	const char *name;
	unsigned from, to; /* P(PROG_...) bits */
	bool has_fd;
};

#define MSG(name, from, to, fd, body) { #name, from, to, fd },
static const struct msg_row msg_rows[] = {
#include "run/msg.def"
};
#undef MSG
_Static_assert(sizeof msg_rows / sizeof msg_rows[0] == MSG_COUNT, "one row a message");

const char *msg_name(enum msg m)
{
	return (unsigned)m < MSG_COUNT ? msg_rows[m].name : "unknown";
}

bool msg_may(enum msg m, enum prog from, enum prog to)
{
	if ((unsigned)m >= MSG_COUNT || from == to)
		return false;
	return (msg_rows[m].from & P(from)) && (msg_rows[m].to & P(to));
}

bool msg_has_fd(enum msg m)
{
	return (unsigned)m < MSG_COUNT && msg_rows[m].has_fd;
}

/* ROUTE names three programs that may each send and receive, but the hub is always one side: a
 * door and the core meet only there. */
static bool is_by_hub_only(enum msg m)
{
	return m == MSG_ROUTE || m == MSG_ROUTE_DONE;
}

static bool joins(enum msg m, enum prog a, enum prog b)
{
	if (is_by_hub_only(m) && a != PROG_SWITCH && b != PROG_SWITCH)
		return false;
	return msg_may(m, a, b) || msg_may(m, b, a);
}

bool msg_are_peers(enum prog a, enum prog b)
{
	for (unsigned m = 0; m < MSG_COUNT; m++)
		if (joins((enum msg)m, a, b))
			return true;
	return false;
}

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

/* Instances of one program speak to each other only by rows that are theirs alone. */
bool msg_may(enum msg m, enum prog from, enum prog to)
{
	if (m >= MSG_COUNT || !(rows[m].from & P(from)) || !(rows[m].to & P(to)))
		return false;
	return from != to || (rows[m].from == P(from) && rows[m].to == P(to));
}

bool msg_has_fd(enum msg m)
{
	return m < MSG_COUNT && rows[m].has_fd;
}

/* gh-super's control channels exist for all and are no peer channels. ROUTE's row would also let
 * gh-s2s speak to gh-im: the hub between them is the point, so that pair is excluded. */
bool msg_are_peers(enum prog a, enum prog b)
{
	if (a == PROG_SUPER || b == PROG_SUPER)
		return false;
	if ((P(a) | P(b)) == (P(PROG_S2S) | P(PROG_IM)))
		return false;
	for (unsigned m = 0; m < MSG_COUNT; m++)
		if (msg_may((enum msg)m, a, b) || msg_may((enum msg)m, b, a))
			return true;
	return false;
}

#include "peek.h"

#include "base/err.h"
#include "base/wire.h"

enum { TAG_INTEGER = 0x02, TAG_OCTETS = 0x04, TAG_SEQUENCE = 0x30, FLAG_AUTH = 1 };

/* Length of what follows (X.690 8.1.3), definite and up to 65535: more does not come in a datagram. */
static size_t read_length(struct wire *w)
{
	uint8_t first = wire_u8(w);

	if (first < 0x80)
		return first;
	if (first == 0x81)
		return wire_u8(w);
	if (first == 0x82)
		return wire_u16(w);
	w->is_failed = true;
	return 0;
}

static struct bytes read_field(struct wire *w, uint8_t tag)
{
	if (wire_u8(w) != tag)
		w->is_failed = true;
	return wire_raw(w, read_length(w));
}

/* Opens a sequence: its fields follow. */
static void enter(struct wire *w)
{
	if (wire_u8(w) != TAG_SEQUENCE || read_length(w) > wire_left(w))
		w->is_failed = true;
}

int peek_read(struct bytes datagram, struct peek *out)
{
	struct wire w = wire_of(datagram);
	struct peek p = { 0 };

	enter(&w);
	struct bytes version = read_field(&w, TAG_INTEGER);
	if (wire_failed(&w) || version.n != 1 || (version.p[0] != PEEK_V1 && version.p[0] != PEEK_V2C && version.p[0] != PEEK_V3))
		return ERR_SYNTAX;
	p.version = (enum peek_version)version.p[0];
	if (p.version == PEEK_V3) {
		enter(&w);
		(void)read_field(&w, TAG_INTEGER); /* msgID */
		(void)read_field(&w, TAG_INTEGER); /* msgMaxSize */
		struct bytes flags = read_field(&w, TAG_OCTETS);
		if (wire_failed(&w) || flags.n != 1)
			return ERR_SYNTAX;
		p.is_authenticated = flags.p[0] & FLAG_AUTH;
	}
	*out = p;
	return 0;
}

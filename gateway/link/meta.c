#include "meta.h"

#include "base/err.h"
#include "base/wire.h"

#include <arpa/inet.h>
#include <stdio.h>

enum kind { KIND_FIXED, KIND_WORD, KIND_NAME, KIND_ADDRESS, KIND_PORT, KIND_EXPORTER, KIND_END_POINT, KIND_UNIQUE };

/* Every field of a request, in the order in which they are written. */
static const struct row {
	const char *name;
	enum kind kind;
	bool must;
	const char *fixed;
	size_t at, room;
} rows[] = {
#define TEXT(member) offsetof(struct meta, member), sizeof((struct meta *)NULL)->member
	{ ":method", KIND_FIXED, true, "CONNECT", 0, 0 },
	{ ":authority", KIND_FIXED, true, "core.link.invalid", 0, 0 }, /* RFC 9113 8.5 wants one; it chooses nothing */
	{ "x-gh-service", KIND_WORD, true, NULL, TEXT(service) },
	{ "x-gh-address", KIND_ADDRESS, true, NULL, 0, 0 },
	{ "x-gh-port", KIND_PORT, true, NULL, 0, 0 },
	{ "x-gh-transport", KIND_WORD, true, NULL, TEXT(transport) },
	{ "x-gh-tls", KIND_WORD, true, NULL, TEXT(tls) },
	{ "x-gh-sni", KIND_NAME, false, NULL, TEXT(sni) },
	{ "x-gh-exporter", KIND_EXPORTER, false, NULL, 0, 0 },
	{ "x-gh-end-point", KIND_END_POINT, false, NULL, 0, 0 },
	{ "x-gh-unique", KIND_UNIQUE, false, NULL, 0, 0 },
#undef TEXT
};
enum { ROWS = sizeof rows / sizeof rows[0] };
_Static_assert((int)ROWS <= (int)META_PAIRS_MAX && ROWS <= 32, "a place and a bit each");

/* ---- reading ---- */

static int take_text(struct bytes v, const char *also, char *out, size_t room)
{
	if (v.n == 0 || v.n >= room)
		return ERR_SYNTAX;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
		if (!is_plain && !(c && strchr(also, c)))
			return ERR_SYNTAX;
	}
	memcpy(out, v.p, v.n);
	out[v.n] = '\0';
	return 0;
}

static int take_address(struct bytes v, struct meta *m)
{
	char text[48];

	if (take_text(v, ":", text, sizeof text))
		return ERR_SYNTAX;
	if (inet_pton(AF_INET, text, m->address) == 1)
		m->address_n = 4;
	else if (inet_pton(AF_INET6, text, m->address) == 1)
		m->address_n = 16;
	else
		return ERR_SYNTAX;
	return 0;
}

static int take_port(struct bytes v, struct meta *m)
{
	uint64_t port;

	if (bytes_to_u64(v, UINT16_MAX, &port))
		return ERR_SYNTAX;
	m->port = (uint16_t)port;
	return 0;
}

static int digit_of(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_hex(struct bytes v, uint8_t *out, size_t room, uint8_t *n)
{
	if (v.n == 0 || v.n % 2 || v.n / 2 > room)
		return ERR_SYNTAX;
	for (size_t i = 0; i < v.n; i += 2) {
		int high = digit_of(v.p[i]), low = digit_of(v.p[i + 1]);
		if (high < 0 || low < 0)
			return ERR_SYNTAX;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	*n = (uint8_t)(v.n / 2);
	return 0;
}

static int take(const struct row *row, struct bytes v, struct meta *m)
{
	char *text = (char *)m + row->at;

	switch (row->kind) {
	case KIND_FIXED:
		return bytes_eq_str(v, row->fixed) ? 0 : ERR_SYNTAX;
	case KIND_WORD:
		return take_text(v, "", text, row->room);
	case KIND_NAME:
		return take_text(v, "_", text, row->room);
	case KIND_ADDRESS:
		return take_address(v, m);
	case KIND_PORT:
		return take_port(v, m);
	case KIND_EXPORTER:
		return take_hex(v, m->exporter, sizeof m->exporter, &m->exporter_n);
	case KIND_END_POINT:
		return take_hex(v, m->end_point, sizeof m->end_point, &m->end_point_n);
	case KIND_UNIQUE:
		return take_hex(v, m->unique, sizeof m->unique, &m->unique_n);
	}
	return ERR_SYNTAX;
}

void meta_read_begin(struct meta_reader *r)
{
	*r = (struct meta_reader){ .seen = 0 };
}

void meta_read(struct meta_reader *r, struct bytes name, struct bytes value)
{
	size_t n = name.n + value.n;

	r->bytes = n > META_FIELDS_BYTES_MAX - (r->bytes < META_FIELDS_BYTES_MAX ? r->bytes : META_FIELDS_BYTES_MAX)
	                   ? META_FIELDS_BYTES_MAX + 1
	                   : r->bytes + (uint32_t)n;
	for (size_t i = 0; i < ROWS; i++) {
		if (!bytes_eq_str(name, rows[i].name))
			continue;
		if ((r->seen & 1u << i) || take(&rows[i], value, &r->meta))
			r->is_bad = true;
		r->seen |= 1u << i;
		return;
	}
	if (name.n && name.p[0] == ':')
		r->is_bad = true; /* :path, :scheme, :protocol: what could name a place */
}

int meta_read_end(const struct meta_reader *r)
{
	if (r->bytes > META_FIELDS_BYTES_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].must && !(r->seen & 1u << i))
			return ERR_SYNTAX;
	return r->is_bad ? ERR_SYNTAX : 0;
}

/* ---- writing ---- */

static struct bytes put_hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	return bytes_make(out, 2 * n);
}

static struct bytes value_of(const struct row *row, const struct meta *m, struct meta_fields *out)
{
	switch (row->kind) {
	case KIND_FIXED:
		return bytes_of(row->fixed);
	case KIND_WORD:
	case KIND_NAME:
		return bytes_of((const char *)m + row->at);
	case KIND_ADDRESS:
		return bytes_of(inet_ntop(m->address_n == 4 ? AF_INET : AF_INET6, m->address, out->address, sizeof out->address));
	case KIND_PORT:
		snprintf(out->port, sizeof out->port, "%u", m->port);
		return bytes_of(out->port);
	case KIND_EXPORTER:
		return put_hex(m->exporter, m->exporter_n, out->exporter);
	case KIND_END_POINT:
		return put_hex(m->end_point, m->end_point_n, out->end_point);
	case KIND_UNIQUE:
		return put_hex(m->unique, m->unique_n, out->unique);
	}
	return BYTES_NONE;
}

void meta_write(const struct meta *m, struct meta_fields *out)
{
	out->n = 0;
	for (size_t i = 0; i < ROWS; i++) {
		struct bytes v = value_of(&rows[i], m, out);
		if (v.n || rows[i].must)
			out->pairs[out->n++] = (struct meta_pair){ rows[i].name, v };
	}
}

/* ---- the message ---- */

static int take_bytes(struct bytes v, uint8_t *out, size_t room, uint8_t *n)
{
	if (v.n > room)
		return ERR_SYNTAX;
	if (v.n)
		memcpy(out, v.p, v.n);
	*n = (uint8_t)v.n;
	return 0;
}

/* The client chose it: what is no name is left out. */
static void take_sni(struct bytes v, struct meta *m)
{
	if (take_text(v, "_", m->sni, sizeof m->sni))
		m->sni[0] = '\0';
}

int meta_from_body(struct bytes body, struct meta *out)
{
	struct wire w = wire_of(body);
	struct meta m = { .service = "" };
	struct bytes address = wire_bytes(&w);

	m.port = wire_u16(&w);
	struct bytes tls = wire_str(&w), exporter = wire_bytes(&w), end_point = wire_bytes(&w), unique = wire_bytes(&w);
	struct bytes sni = wire_str(&w), transport = wire_str(&w);
	(void)wire_str(&w); /* which edge: this one */
	if (wire_end(&w) || (address.n != 4 && address.n != 16) || take_bytes(address, m.address, sizeof m.address, &m.address_n) ||
	    take_bytes(exporter, m.exporter, sizeof m.exporter, &m.exporter_n) ||
	    take_bytes(end_point, m.end_point, sizeof m.end_point, &m.end_point_n) ||
	    take_bytes(unique, m.unique, sizeof m.unique, &m.unique_n) || take_text(tls, "", m.tls, sizeof m.tls) ||
	    take_text(transport, "", m.transport, sizeof m.transport))
		return ERR_SYNTAX;
	take_sni(sni, &m);
	*out = m;
	return 0;
}

void meta_put_body(struct buf *b, const struct meta *m, const char *edge)
{
	wire_put_bytes(b, bytes_make(m->address, m->address_n));
	wire_put_u16(b, m->port);
	wire_put_str(b, bytes_of(m->tls));
	wire_put_bytes(b, bytes_make(m->exporter, m->exporter_n));
	wire_put_bytes(b, bytes_make(m->end_point, m->end_point_n));
	wire_put_bytes(b, bytes_make(m->unique, m->unique_n));
	wire_put_str(b, bytes_of(m->sni));
	wire_put_str(b, bytes_of(m->transport));
	wire_put_str(b, bytes_of(edge));
}

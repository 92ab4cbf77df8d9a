#include "unit_in.h"

#include "base/err.h"
#include "base/random.h"

#include <stdlib.h>

struct unit_in {
	struct waiting waiting;
	struct line *line;
	uint64_t id;
	struct sipserver *t;
};

static void unit_free(struct unit_in *u)
{
	map_del_u64(&u->line->units_in, u->id);
	free(u);
}

static void refuse(struct unit_in *u, unsigned status)
{
	sipserver_set_user(u->t, NULL);
	sipserver_refuse(u->t, NULL, status, NULL);
	unit_free(u);
}

static void on_cancelled(struct waiting *w)
{
	struct unit_in *u = (struct unit_in *)w;
	struct chan *c = bus_chan(u->line->bus, PROG_XLATE, 0);

	wire_put_u64(chan_begin(c, MSG_SIP_CANCEL, 0), u->id);
	(void)chan_end(c); /* when gh-xlate is gone, all were answered */
}

static int hand_over(struct line *l, struct request *r, const struct binding *b, uint64_t id)
{
	struct chan *c = bus_chan(l->bus, PROG_XLATE, 0);
	struct buf text;

	if (!c)
		return ERR_AGAIN;
	buf_init(&text, SIPMSG_MAX_BYTES);
	int rc = sipmsg_print(r->m, &text);
	if (!rc && !buf_failed(&text)) {
		uint8_t tls = siptransport_is_secure(r->from.transport) ? UNIT_TLS : 0;
		const struct sip_unit u = { .id = id, .trace = line_next_id(l), .flags = (uint8_t)(UNIT_CLIENT | tls),
					    .flow = b->reg, .peer = request_domain(r), .message = buf_bytes(&text) };
		sip_unit_encode(chan_begin(c, MSG_SIP_REQUEST, 0), &u);
		rc = chan_end(c) ? ERR_AGAIN : 0;
	}
	buf_fini(&text);
	return rc;
}

void unit_in_begin(struct request *r, const struct binding *b)
{
	struct line *l = r->line;
	struct unit_in *u = l->units_in.count < UNITS_IN_MAX ? calloc(1, sizeof *u) : NULL;

	if (!r->t) { /* ACK: nobody answers */
		(void)hand_over(l, r, b, 0);
		free(u);
		request_free(r);
		return;
	}
	if (!u) {
		line_stats[STAT_NO_MEMORY]++;
		request_refuse(r, 503, NULL, "units-max");
		return;
	}
	if (sipserver_claim(r->t, r->m) == ERR_EXISTS) { /* RFC 3261 8.2.2.2 */
		free(u);
		request_refuse(r, 482, "Merged Request", "merged");
		return;
	}
	*u = (struct unit_in){ .waiting = { on_cancelled }, .line = l, .id = line_next_id(l), .t = r->t };
	int rc = hand_over(l, r, b, u->id);
	if (!rc)
		rc = map_add_u64(&l->units_in, u->id, u);
	if (rc) {
		free(u);
		request_refuse(r, 503, NULL, rc == ERR_AGAIN ? "gh-xlate-away" : err_name(rc));
		return;
	}
	line_stats[STAT_UNITS_IN]++;
	sipserver_set_user(u->t, &u->waiting);
	request_free(r);
}

/* ---- what comes back ---- */

/* "Name: value\r\n"... */
static void put_headers(struct sipmsg *m, struct bytes lines, struct arena *a)
{
	while (lines.n) {
		size_t end = bytes_find(lines, '\n');
		struct bytes line = bytes_make(lines.p, end);
		lines = bytes_skip(lines, end + 1);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		size_t colon = bytes_find(line, ':');
		struct bytes value = bytes_skip(line, colon + 1);
		while (value.n && value.p[0] == ' ')
			value = bytes_skip(value, 1);
		const char *name = colon < line.n ? arena_strdup(a, bytes_make(line.p, colon)) : NULL;
		if (name && !bytes_eq_nocase(bytes_of(name), BYTES("Content-Type")))
			sipmsg_append_named(m, name, value);
	}
}

static const char *content_type(struct bytes lines, struct arena *a)
{
	static const char name[] = "content-type:";

	while (lines.n) {
		size_t end = bytes_find(lines, '\n');
		struct bytes line = bytes_make(lines.p, end);
		lines = bytes_skip(lines, end + 1);
		if (line.n <= sizeof name - 1 || !bytes_eq_nocase(bytes_make(line.p, sizeof name - 1), BYTES("content-type:")))
			continue;
		struct bytes v = bytes_skip(line, sizeof name - 1);
		while (v.n && v.p[0] == ' ')
			v = bytes_skip(v, 1);
		if (v.n && v.p[v.n - 1] == '\r')
			v.n--;
		return arena_strdup(a, v);
	}
	return NULL;
}

static struct sipmsg *response_of(struct unit_in *u, const struct sip_answer *a)
{
	struct arena *arena = &u->line->arena;
	const char *reason = a->reason.n ? arena_strdup(arena, a->reason) : NULL;
	char fresh[17];
	random_hex(fresh, sizeof fresh - 1);
	const char *tag = a->to_tag.n ? arena_strdup(arena, a->to_tag) : fresh;
	struct sipmsg *m = sipserver_response_new(u->t, a->status, reason, tag);

	if (!m)
		return NULL;
	put_headers(m, a->headers, arena);
	const char *type = content_type(a->headers, arena);
	if (a->body.n)
		sipmsg_set_body(m, type ? type : "application/octet-stream", a->body);
	return m;
}

int unit_in_on_response(void *program, struct chan *from, const struct frame *f)
{
	struct line *l = program;
	struct sip_answer a;

	(void)from;
	arena_reset(&l->arena);
	if (sip_answer_decode(f->body, &a) || a.status > 699)
		return ERR_PROTOCOL;
	struct unit_in *u = map_get_u64(&l->units_in, a.id);
	if (!u)
		return 0; /* it was let go */
	if (a.status < 200) {
		refuse(u, 500);
		return 0;
	}
	struct sipmsg *m = response_of(u, &a);
	if (!m) {
		refuse(u, 500);
		return 0;
	}
	sipserver_set_user(u->t, NULL);
	sipserver_accept(u->t, m);
	sipmsg_free(m);
	unit_free(u);
	return 0;
}

static struct unit_in **all_of(struct line *l, size_t *n)
{
	struct unit_in **all = malloc((l->units_in.count + 1) * sizeof(struct unit_in *));
	size_t at = 0;

	*n = 0;
	if (!all)
		die("line.units", "no memory");
	for (struct unit_in *u; (u = map_next(&l->units_in, &at));)
		all[(*n)++] = u;
	return all;
}

void unit_in_xlate_down(struct line *l)
{
	size_t n;
	struct unit_in **all = all_of(l, &n);

	while (n)
		refuse(all[--n], 503);
	free(all);
}

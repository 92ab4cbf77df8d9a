#include "proto/h2_impl.h"

#include "base/err.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

/* Streams: their bytes, their windows, their end. */

static void begin(struct h2 *h, struct h2_stream *s, int32_t id)
{
	*s = (struct h2_stream){ .id = id };
	buf_init(&s->out, h->limits.out_max ? h->limits.out_max : H2_OUT_MAX);
	h->n_streams++;
}

/* It is the owner's alone from here on. */
static void forget(struct h2 *h, struct h2_stream *s)
{
	(void)nghttp2_session_set_stream_user_data(h->session, s->id, NULL); /* gone already: fine */
	if (h->limits.is_open && s->held)
		(void)nghttp2_session_consume_connection(h->session, s->held); /* no memory: its window stays smaller */
	s->held = 0;
	buf_fini(&s->out);
	s->id = 0;
	h->n_streams--;
}

static void resume(struct h2 *h, struct h2_stream *s)
{
	if (!s->is_waiting)
		return;
	s->is_waiting = false;
	(void)nghttp2_session_resume_data(h->session, s->id); /* the stream is open, so it can only lack memory: it ends by its timers */
}

/* nghttp2 asks for bytes of it. */
static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *p, size_t room, uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2 *h = arg;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	(void)source;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it was broken off: RST_STREAM is under way */
	struct bytes b = buf_bytes(&s->out);
	size_t n = b.n < room ? b.n : room;
	if (n == 0 && !s->is_ending) {
		s->is_waiting = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n)
		memcpy(p, b.p, n);
	buf_consume(&s->out, n);
	buf_release_if_empty(&s->out);
	h->data_out += n;
	h->n_data_out++;
	s->moved += n;
	bool is_room = s->is_full && buf_len(&s->out) < H2_OUT_HIGH / 2;
	if (is_room)
		s->is_full = false;
	if (h->limits.is_open ? buf_len(&s->out) == 0 : is_room)
		h->owner->drained(h->arg, s);
	if (!s->id)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* its owner has broken it off */
	if (s->is_ending && buf_len(&s->out) == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static const nghttp2_data_provider provider = { .read_callback = read_out };

/* ---- begin ---- */

bool h2_has_room(const struct h2 *h)
{
	uint32_t theirs = nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

	return h->is_ready && !h->is_draining && !h->is_peer_draining && h->n_streams < h->limits.streams_max && h->n_streams < theirs &&
	       nghttp2_session_check_request_allowed(h->session);
}

static size_t put_fields(nghttp2_nv nv[static H2_FIELDS_MAX], const struct h2_field *fields, size_t n)
{
	n = n < H2_FIELDS_MAX ? n : H2_FIELDS_MAX;
	for (size_t i = 0; i < n; i++)
		nv[i] = (nghttp2_nv){
			.name = (uint8_t *)fields[i].name.p,
			.namelen = fields[i].name.n,
			.value = (uint8_t *)fields[i].value.p,
			.valuelen = fields[i].value.n,
			.flags = fields[i].is_secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE,
		};
	return n;
}

int h2_open(struct h2 *h, struct h2_stream *s, const struct h2_field *fields, size_t n)
{
	nghttp2_nv nv[H2_FIELDS_MAX];

	if (!h2_has_room(h))
		return ERR_LIMIT;
	int32_t id = nghttp2_submit_request(h->session, NULL, nv, put_fields(nv, fields, n), &provider, s);
	if (id < 0)
		return ERR_NOMEM;
	begin(h, s, id);
	h->opened++;
	return 0;
}

static int no_room(struct h2 *h, struct h2_stream *s)
{
	int32_t id = s->id;

	forget(h, s);
	(void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM); /* no memory either: it times out */
	return ERR_NOMEM;
}

int h2_begin(struct h2 *h, int32_t id, struct h2_stream *s)
{
	begin(h, s, id);
	h->opened++;
	return nghttp2_session_set_stream_user_data(h->session, id, s) ? no_room(h, s) : 0;
}

int h2_accept(struct h2 *h, int32_t id, struct h2_stream *s)
{
	static const struct h2_field ok = { BYTES(":status"), BYTES("200"), false };
	int rc = h2_begin(h, id, s);

	if (!rc && h2_answer(h, s, &ok, 1, true, false))
		rc = no_room(h, s);
	return rc;
}

int h2_answer(struct h2 *h, struct h2_stream *s, const struct h2_field *fields, size_t n, bool has_body, bool is_interim)
{
	nghttp2_nv nv[H2_FIELDS_MAX];

	n = put_fields(nv, fields, n);
	if (is_interim)
		return nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, s->id, NULL, nv, n, NULL) ? ERR_NOMEM : 0;
	return nghttp2_submit_response(h->session, s->id, nv, n, has_body ? &provider : NULL) ? ERR_NOMEM : 0;
}

void h2_refuse(struct h2 *h, int32_t id, int status)
{
	char text[8];
	nghttp2_nv nv = { (uint8_t *)":status", (uint8_t *)text, 7, 3, NGHTTP2_NV_FLAG_NONE };

	h->opened++;
	snprintf(text, sizeof text, "%03d", status);
	/* Without memory the stream stays open on their side until the connection ends. */
	(void)nghttp2_submit_response(h->session, id, &nv, 1, NULL);
}

void h2_stream_answered(struct h2 *h, int32_t id, int status)
{
	struct h2_stream *s = nghttp2_session_get_stream_user_data(h->session, id);

	if (!s || status == 200)
		return;
	int32_t open = s->id;
	h2_stream_over(h, s, ERR_AGAIN);
	(void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, open, NGHTTP2_CANCEL); /* no memory: it ends with the connection */
}

/* ---- bytes ---- */

bool h2_send(struct h2 *h, struct h2_stream *s, struct bytes b)
{
	buf_put_bytes(&s->out, b);
	return h2_kick(h, s);
}

bool h2_kick(struct h2 *h, struct h2_stream *s)
{
	resume(h, s);
	s->is_full = s->is_full || buf_len(&s->out) >= H2_OUT_HIGH;
	return s->is_full;
}

void h2_consume(struct h2 *h, struct h2_stream *s, size_t n)
{
	if (!s->id || !n)
		return;
	s->held -= n < s->held ? (uint32_t)n : s->held;
	/* No memory: its window stays smaller. */
	if (h->limits.is_open)
		(void)nghttp2_session_consume(h->session, s->id, n);
	else
		(void)nghttp2_session_consume_stream(h->session, s->id, n);
}

/* ---- end ---- */

void h2_stream_over(struct h2 *h, struct h2_stream *s, int why)
{
	int32_t id = s->id;
	bool has_more = why == 0 && !s->is_ending;

	forget(h, s);
	/* They have ended in order, we have not: what we would still say, nobody hears. */
	if (has_more)
		(void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR); /* over already: fine */
	h->owner->closed(h->arg, s, why);
}

void h2_stream_ended(struct h2 *h, struct h2_stream *s)
{
	s->has_ended = true;
	if (h->owner->ended)
		h->owner->ended(h->arg, s);
	else
		h2_stream_over(h, s, 0);
}

void h2_end(struct h2 *h, struct h2_stream *s)
{
	s->is_ending = true;
	resume(h, s);
}

void h2_reset(struct h2 *h, struct h2_stream *s)
{
	int32_t id = s->id;

	if (!id)
		return;
	forget(h, s);
	(void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL); /* no memory: it ends with the connection */
}

#include "proto/h2_impl.h"

#include "base/err.h"

#include <nghttp2/nghttp2.h>

/* The connection: settings, pings, the end, and what nghttp2 calls. Streams are in h2_stream.c, budgets in h2_flood.c. */

enum {
	FIELD_BYTES = 32,      /* RFC 9113 6.5.2 */
	FIELDS_FACTOR = 4,     /* of what was said to be the most: beyond that it is an attack */
	CONTINUATIONS_MAX = 4, /* of one request: CVE-2024-28182 */
};

/* ---- what nghttp2 calls ---- */

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
	struct h2 *h = arg;

	(void)session;
	h->why = h2_flood(h, hd->type, hd->flags, hd->length);
	return h->why[0] ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *f, void *arg)
{
	struct h2 *h = arg;

	(void)session;
	h->reading = f->hd.stream_id;
	h->status = 0;
	h->head_bytes = 0;
	if (h->is_server)
		h->owner->begin(h->arg);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name, size_t name_n, const uint8_t *value,
                     size_t value_n, uint8_t flags, void *arg)
{
	struct h2 *h = arg;
	uint64_t status;

	(void)session, (void)f, (void)flags;
	/* A few bytes on the wire can be many fields (RFC 7541 7.3). What is a little too long still gets an answer. */
	h->head_bytes += (uint32_t)(name_n + value_n + FIELD_BYTES);
	if (h->head_bytes > h->limits.fields_bytes * FIELDS_FACTOR) {
		h->why = "too many fields";
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	if (h->is_server)
		h->owner->field(h->arg, bytes_make(name, name_n), bytes_make(value, value_n));
	else if (bytes_eq_str(bytes_make(name, name_n), ":status") && bytes_to_u64(bytes_make(value, value_n), 999, &status) == 0)
		h->status = (int)status;
	return 0;
}

/* A field that is none, such as one with a name in upper case: the request is malformed, not only the field (RFC 9113 8.2.1). */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name, size_t name_n, const uint8_t *value,
                             size_t value_n, uint8_t flags, void *arg)
{
	(void)session, (void)f, (void)name, (void)name_n, (void)value, (void)value_n, (void)flags, (void)arg;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* nghttp2 breaks the stream off. That is work too, which the other side can have without end (CVE-2025-8671). */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *f, int code, void *arg)
{
	struct h2 *h = arg;

	(void)session, (void)f;
	if (h->reading == f->hd.stream_id)
		h->reading = 0;
	if (h->owner->malformed)
		h->owner->malformed(h->arg, nghttp2_strerror(code));
	if (rate_take(&h->resets, 1, h->now_ms))
		return 0;
	h->why = "too many malformed frames";
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void on_request(struct h2 *h, int32_t id, bool is_whole)
{
	if (h->is_draining || h->n_streams >= h->limits.streams_max)
		h2_refuse(h, id, 503);
	else
		h->owner->request(h->arg, id, is_whole);
}

static void on_ping_answer(struct h2 *h)
{
	if (h->ping_sent_ms)
		h->round_trip_ms = (uint32_t)(h->now_ms - h->ping_sent_ms);
	h->ping_sent_ms = 0;
}

static void on_pinged(struct h2 *h, const uint8_t data[static 8])
{
	uint64_t stamp = 0;

	for (unsigned i = 0; i < 8; i++)
		stamp = stamp << 8 | data[i];
	if (h->owner->pinged)
		h->owner->pinged(h->arg, stamp);
}

static void on_settings(struct h2 *h)
{
	if (h->is_ready)
		return;
	h->is_ready = true;
	if (h->owner->ready)
		h->owner->ready(h->arg);
}

static void on_goaway(struct h2 *h)
{
	if (h->is_peer_draining)
		return;
	h->is_peer_draining = true;
	if (h->owner->draining)
		h->owner->draining(h->arg);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *f, void *arg)
{
	struct h2 *h = arg;
	struct h2_stream *s;

	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		h->reading = 0;
		if (f->headers.cat == NGHTTP2_HCAT_REQUEST)
			on_request(h, f->hd.stream_id, f->hd.flags & NGHTTP2_FLAG_END_STREAM);
		else if (f->headers.cat == NGHTTP2_HCAT_RESPONSE)
			h2_stream_answered(h, f->hd.stream_id, h->status);
		break;
	case NGHTTP2_SETTINGS:
		if (!(f->hd.flags & NGHTTP2_FLAG_ACK))
			on_settings(h);
		return 0;
	case NGHTTP2_PING:
		if (f->hd.flags & NGHTTP2_FLAG_ACK)
			on_ping_answer(h);
		else
			on_pinged(h, f->ping.opaque_data);
		return 0;
	case NGHTTP2_GOAWAY:
		on_goaway(h);
		return 0;
	default:
		break;
	}
	s = f->hd.stream_id ? nghttp2_session_get_stream_user_data(session, f->hd.stream_id) : NULL;
	if (s && (f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS) && (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
		h2_stream_ended(h, s);
	return 0;
}

/* A stream whose answer is out before the request is whole: what still comes nobody wants (RFC 9113 8.1). The rest of a short one is
 * heard, since some clients take a reset that comes with the answer in its place. */
static void hear_rest(struct h2 *h, struct h2_stream *s, size_t n)
{
	s->rest += (uint32_t)n;
	if (s->rest > H2_REST_MAX)
		(void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR); /* no memory: it ends by its timers */
}

/* Our good-bye says why. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *f, void *arg)
{
	struct h2 *h = arg;

	if (f->hd.type == NGHTTP2_GOAWAY && f->goaway.error_code != NGHTTP2_NO_ERROR && !h->why[0])
		h->why = nghttp2_http2_strerror(f->goaway.error_code);
	if ((f->hd.type != NGHTTP2_DATA && f->hd.type != NGHTTP2_HEADERS) || !(f->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);
	if (s && h->owner->ended && !s->has_ended)
		s->is_answered = true;
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
	struct h2 *h = arg;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	h->data_in += n;
	/* Between our own the connection's window is given back at once: a stream that is stuck holds up itself, not the others. */
	if ((!h->limits.is_open || !s) && nghttp2_session_consume_connection(session, n))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (!s) {
		(void)nghttp2_session_consume_stream(session, id, n); /* nobody wants it; gone: fine */
		return 0;
	}
	s->held += (uint32_t)n;
	s->moved += n;
	if (s->is_answered)
		hear_rest(h, s, n);
	h->owner->data(h->arg, s, bytes_make(p, n));
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct h2 *h = arg;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (s)
		h2_stream_over(h, s, code == NGHTTP2_NO_ERROR ? 0 : code == NGHTTP2_REFUSED_STREAM ? ERR_AGAIN : ERR_CLOSED);
	return 0;
}

static int callbacks_new(nghttp2_session_callbacks **out)
{
	nghttp2_session_callbacks *c;

	if (nghttp2_session_callbacks_new(&c))
		return ERR_NOMEM;
	nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(c, on_invalid_header);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
	*out = c;
	return 0;
}

static int options_new(const struct h2_limits *limits, nghttp2_option **out)
{
	nghttp2_option *o;

	if (nghttp2_option_new(&o))
		return ERR_NOMEM;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, 64);
	nghttp2_option_set_max_settings(o, 16);
	nghttp2_option_set_max_continuations(o, limits->is_open ? CONTINUATIONS_MAX : 1); /* between our own h2_flood ends it sooner */
	/* Each stream may be reset once in earnest: no more than may be opened. For strangers h2_flood is stricter. */
	if (limits->is_open)
		nghttp2_option_set_stream_reset_rate_limit(o, 1000, 33);
	else
		nghttp2_option_set_stream_reset_rate_limit(o, limits->opens_per_s * 2 + limits->streams_max, limits->opens_per_s);
	nghttp2_option_set_max_reserved_remote_streams(o, 0);
	*out = o;
	return 0;
}

static int submit_settings(struct h2 *h)
{
	nghttp2_settings_entry e[4] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->is_server ? h->limits.streams_max : 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, h->limits.window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, h->limits.fields_bytes },
		{ h->is_server ? NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL : NGHTTP2_SETTINGS_ENABLE_PUSH, h->is_server }, /* RFC 8441 3 */
	};

	if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, e, h->is_server && !h->limits.is_open ? 3 : 4) ||
	    nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, H2_WINDOW_CONNECTION))
		return ERR_NOMEM;
	return 0;
}

int h2_init(struct h2 *h, bool is_server, const struct h2_limits *limits, const struct h2_owner *owner, void *arg, uint64_t now_ms)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *options = NULL;

	*h = (struct h2){
		.owner = owner,
		.arg = arg,
		.limits = *limits,
		.is_server = is_server,
		.now_ms = now_ms,
		.last_in_ms = now_ms,
		.last_ping_ms = now_ms,
		.why = "",
	};
	h2_flood_init(h, now_ms);
	int rc = callbacks_new(&callbacks);
	if (!rc)
		rc = options_new(limits, &options);
	if (!rc && (is_server ? nghttp2_session_server_new2 : nghttp2_session_client_new2)(&h->session, callbacks, h, options))
		rc = ERR_NOMEM;
	if (!rc)
		rc = submit_settings(h);
	nghttp2_option_del(options);
	nghttp2_session_callbacks_del(callbacks);
	if (rc)
		h2_fini(h);
	return rc;
}

void h2_fini(struct h2 *h)
{
	nghttp2_session_del(h->session);
	h->session = NULL;
}

/* ---- bytes ---- */

static const char broken[] = "HTTP/2 protocol error";

/* Says good-bye with this error (RFC 9113 6.8). */
static void terminate(struct h2 *h, uint32_t code)
{
	(void)nghttp2_session_terminate_session(h->session, code); /* no memory: they learn it from the end of the connection */
}

int h2_input(struct h2 *h, struct bytes in, uint64_t now_ms)
{
	h->now_ms = h->last_in_ms = now_ms;
	h->expect_ms = 0;
	ssize_t n = nghttp2_session_mem_recv(h->session, in.p, in.n);
	if (n == NGHTTP2_ERR_NOMEM)
		return ERR_NOMEM;
	if (n >= 0)
		return 0;
	if (!h->why[0])
		h->why = nghttp2_strerror((int)n);
	terminate(h, n == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM);
	return ERR_PROTOCOL;
}

void h2_calm(struct h2 *h, const char *why)
{
	h->why = why;
	terminate(h, NGHTTP2_ENHANCE_YOUR_CALM);
}

int h2_output(struct h2 *h, struct buf *out, size_t high)
{
	while (buf_len(out) < high) {
		const uint8_t *p;
		ssize_t n = nghttp2_session_mem_send(h->session, &p);
		if (n < 0)
			return ERR_NOMEM;
		if (n == 0)
			break;
		buf_put(out, p, (size_t)n);
	}
	if (buf_failed(out))
		return ERR_NOMEM;
	if (h->why[0] && buf_len(out) < high)
		return ERR_PROTOCOL;
	if (nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session) || h->is_draining || h->is_peer_draining)
		return 0;
	h->why = h->why[0] ? h->why : broken; /* nghttp2 has said good-bye for an error of the other side */
	return ERR_PROTOCOL;
}

/* The oldest without an answer counts. */
static int ping(struct h2 *h, uint64_t now_ms)
{
	uint8_t data[8];

	for (unsigned i = 0; i < 8; i++)
		data[i] = (uint8_t)(h->stamp >> (56 - 8 * i));
	h->last_ping_ms = now_ms;
	if (!h->ping_sent_ms)
		h->ping_sent_ms = now_ms;
	return nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, data) ? ERR_NOMEM : 0;
}

int h2_tick(struct h2 *h, uint64_t now_ms)
{
	h->now_ms = now_ms;
	if (now_ms - h->last_in_ms >= H2_DEAD_MS)
		return ERR_TIMEOUT;
	if (now_ms - h->last_ping_ms >= H2_PING_MS)
		return ping(h, now_ms);
	return h->expect_ms && !h->ping_sent_ms && now_ms - h->expect_ms >= H2_ASK_MS ? ping(h, now_ms) : 0;
}

int h2_say_stamp(struct h2 *h, uint64_t now_ms)
{
	return ping(h, now_ms);
}

void h2_expect(struct h2 *h, uint64_t now_ms)
{
	if (!h->expect_ms)
		h->expect_ms = now_ms;
}

bool h2_is_silent(const struct h2 *h, uint64_t now_ms)
{
	uint64_t since_ms = h->ping_sent_ms > h->last_in_ms ? h->ping_sent_ms : h->last_in_ms;

	return h->ping_sent_ms && now_ms - since_ms >= H2_SILENT_MS;
}

void h2_drain(struct h2 *h)
{
	if (h->is_draining)
		return;
	h->is_draining = true;
	/* Without memory for it the other side learns it from the end of the connection. */
	(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
}

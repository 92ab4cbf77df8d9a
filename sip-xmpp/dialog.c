#include "dialog.h"

#include "base/err.h"
#include "base/random.h"

void dialog_init(struct dialog *d)
{
	memset(d, 0, sizeof *d);
	buf_init(&d->text, DIALOG_BYTES_MAX);
}

void dialog_fini(struct dialog *d)
{
	buf_fini(&d->text);
}

struct bytes dialog_get(const struct dialog *d, struct dialog_text t)
{
	return t.n ? bytes_make(buf_bytes(&d->text).p + t.at, t.n) : BYTES_NONE;
}

void dialog_new_tag(char out[static DIALOG_TAG_BYTES])
{
	random_hex(out, DIALOG_TAG_BYTES - 1);
}

static struct dialog_text put(struct buf *b, struct bytes v)
{
	struct dialog_text t = { (uint32_t)buf_len(b), (uint32_t)v.n };

	buf_put_bytes(b, v);
	return t;
}

/* Changes one text. The old ones are copied, so that a long dialog's memory does not grow. */
static int change(struct dialog *d, struct dialog_text *which, struct bytes v)
{
	struct dialog_text *const all[] = { &d->call_id,    &d->local_tag, &d->remote_tag, &d->local_uri,
					    &d->remote_uri, &d->target,    &d->route,      &d->remote_params };
	struct dialog_text next[sizeof all / sizeof all[0]];
	struct buf b;

	if (bytes_eq(dialog_get(d, *which), v))
		return 0;
	buf_init(&b, DIALOG_BYTES_MAX);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		next[i] = put(&b, all[i] == which ? v : dialog_get(d, *all[i]));
	if (buf_failed(&b)) {
		buf_fini(&b);
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		*all[i] = next[i];
	buf_fini(&d->text);
	d->text = b;
	return 0;
}

struct bytes dialog_tag(const struct sipmsg *m, enum siphdr h)
{
	struct sip_address a;
	struct bytes tag;

	return sipmsg_address(m, h, 0, &a) && sip_param(a.params, "tag", &tag) ? tag : BYTES_NONE;
}

/* ---- beginning ---- */

int dialog_begin(struct dialog *d, struct bytes local_uri, struct bytes remote_uri, struct bytes call_id, const char *local_tag)
{
	char fresh_id[33], fresh_tag[DIALOG_TAG_BYTES];

	random_hex(fresh_id, 32);
	dialog_new_tag(fresh_tag);
	d->call_id = put(&d->text, call_id.n ? call_id : bytes_of(fresh_id));
	d->local_tag = put(&d->text, bytes_of(local_tag ? local_tag : fresh_tag));
	d->local_uri = put(&d->text, local_uri);
	d->remote_uri = put(&d->text, remote_uri);
	d->target = put(&d->text, remote_uri);
	return buf_failed(&d->text) ? ERR_LIMIT : 0;
}

/* What stands behind the address, without the tag: ";epid=0123456789". */
static int set_remote_params(struct dialog *d, struct bytes params)
{
	struct buf b;

	buf_init(&b, DIALOG_BYTES_MAX);
	while (params.n) {
		size_t n = bytes_find(params, ';');
		struct bytes one = bytes_make(params.p, n);
		if (one.n && !bytes_eq_nocase(bytes_make(one.p, bytes_find(one, '=')), BYTES("tag"))) {
			buf_put_u8(&b, ';');
			buf_put_bytes(&b, one);
		}
		params = bytes_skip(params, n + 1);
	}
	int rc = buf_failed(&b) ? ERR_LIMIT : change(d, &d->remote_params, buf_bytes(&b));
	buf_fini(&b);
	return rc;
}

/* Record-Route as a Route list: as it stands for who was called (12.1.1), backwards for who called (12.1.2). */
static int set_route(struct dialog *d, const struct sipmsg *m, bool is_reversed)
{
	size_t n = sipmsg_count(m, SIPH_RECORD_ROUTE);
	struct buf b;

	buf_init(&b, DIALOG_BYTES_MAX);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_str(&b, ", ");
		buf_put_bytes(&b, sipmsg_value(m, SIPH_RECORD_ROUTE, is_reversed ? n - 1 - i : i));
	}
	int rc = buf_failed(&b) ? ERR_LIMIT : change(d, &d->route, buf_bytes(&b));
	buf_fini(&b);
	return rc;
}

int dialog_set_target(struct dialog *d, const struct sipmsg *m)
{
	struct sip_address contact;

	if (!sipmsg_address(m, SIPH_CONTACT, 0, &contact) || contact.is_star || !contact.uri.n)
		return ERR_SYNTAX;
	return change(d, &d->target, contact.uri);
}

int dialog_of_request(struct dialog *d, const struct sipmsg *request, const char *local_tag)
{
	struct sip_address from, to;

	if (!sipmsg_address(request, SIPH_FROM, 0, &from) || !sipmsg_address(request, SIPH_TO, 0, &to))
		return ERR_SYNTAX;
	int rc = dialog_begin(d, to.uri, from.uri, sipmsg_value(request, SIPH_CALL_ID, 0), local_tag);
	if (!rc)
		rc = change(d, &d->remote_tag, dialog_tag(request, SIPH_FROM));
	if (!rc)
		rc = set_remote_params(d, from.params);
	if (!rc)
		rc = dialog_set_target(d, request);
	if (!rc)
		rc = set_route(d, request, false);
	if (!rc)
		rc = dialog_take_request(d, request);
	return rc;
}

int dialog_of_response(struct dialog *d, const struct sipmsg *response)
{
	int rc = change(d, &d->remote_tag, dialog_tag(response, SIPH_TO));

	if (!rc && !dialog_is_confirmed(d))
		return ERR_SYNTAX;
	if (!rc)
		rc = set_route(d, response, true);
	return rc ? rc : dialog_set_target(d, response);
}

/* RFC 6665 4.4.1: the NOTIFY makes the dialog (SUB-X05). */
int dialog_of_first_notify(struct dialog *d, const struct sipmsg *notify)
{
	int rc = change(d, &d->remote_tag, dialog_tag(notify, SIPH_FROM));

	if (!rc && !dialog_is_confirmed(d))
		return ERR_SYNTAX;
	if (!rc)
		rc = set_route(d, notify, false);
	return rc ? rc : dialog_take_request(d, notify);
}

/* ---- requests ---- */

bool dialog_has(const struct dialog *d, const struct sipmsg *request)
{
	struct bytes theirs = dialog_get(d, d->remote_tag);

	return dialog_is_begun(d) && bytes_eq(sipmsg_value(request, SIPH_CALL_ID, 0), dialog_get(d, d->call_id)) &&
	       bytes_eq(dialog_tag(request, SIPH_TO), dialog_get(d, d->local_tag)) &&
	       (!theirs.n || bytes_eq(dialog_tag(request, SIPH_FROM), theirs));
}

int dialog_take_request(struct dialog *d, const struct sipmsg *request)
{
	struct bytes method;
	uint32_t n;

	if (!sipmsg_cseq(request, &n, &method))
		return ERR_SYNTAX;
	if (d->has_remote_cseq && n <= d->remote_cseq)
		return ERR_BAD_STATE;
	d->has_remote_cseq = true;
	d->remote_cseq = n;
	return sipmsg_count(request, SIPH_CONTACT) ? dialog_set_target(d, request) : 0;
}

static void append_address(struct sipmsg *m, enum siphdr h, struct bytes uri, struct bytes params, struct bytes tag)
{
	struct buf b;

	buf_init(&b, DIALOG_BYTES_MAX);
	buf_put_u8(&b, '<');
	buf_put_bytes(&b, uri);
	buf_put_u8(&b, '>');
	buf_put_bytes(&b, params);
	if (tag.n) {
		buf_put_str(&b, ";tag=");
		buf_put_bytes(&b, tag);
	}
	sipmsg_append(m, h, buf_bytes(&b));
	buf_fini(&b);
}

static void append_cseq(struct sipmsg *m, uint32_t n, const char *method)
{
	struct buf b;

	buf_init(&b, 64);
	buf_putf(&b, "%u %s", n, method);
	sipmsg_append(m, SIPH_CSEQ, buf_bytes(&b));
	buf_fini(&b);
}

/* Inside the first route's angle brackets. */
static struct bytes first_hop(struct bytes routes)
{
	struct bytes uri = bytes_skip(routes, bytes_find(routes, '<') + 1);

	return bytes_make(uri.p, bytes_find(uri, '>'));
}

static bool is_loose(struct bytes uri)
{
	for (; uri.n; uri = bytes_skip(uri, 1))
		if (bytes_starts(uri, BYTES(";lr")) && (uri.n == 3 || strchr(";=", uri.p[3])))
			return true;
	return false;
}

/* 12.2.1.1. */
static struct sipmsg *routed_request(const struct dialog *d, const char *method)
{
	struct bytes routes = dialog_get(d, d->route), target = dialog_get(d, d->target), hop = first_hop(routes);
	bool is_strict = hop.n && !is_loose(hop);
	struct sipmsg *m = sipmsg_request_new(method, is_strict ? hop : target);

	if (!m)
		return NULL;
	if (is_strict) { /* a hop of RFC 2543: it is the Request-URI itself, and the target goes last */
		sipmsg_append(m, SIPH_ROUTE, routes);
		sipmsg_remove(m, SIPH_ROUTE, 0);
		append_address(m, SIPH_ROUTE, target, BYTES_NONE, BYTES_NONE);
	} else if (routes.n) {
		sipmsg_append(m, SIPH_ROUTE, routes);
	}
	return m;
}

static struct sipmsg *request_of(const struct dialog *d, const char *method, uint32_t cseq)
{
	struct sipmsg *m = routed_request(d, method);

	if (!m)
		return NULL;
	sipmsg_append(m, SIPH_MAX_FORWARDS, BYTES("70"));
	append_address(m, SIPH_FROM, dialog_get(d, d->local_uri), BYTES_NONE, dialog_get(d, d->local_tag));
	append_address(m, SIPH_TO, dialog_get(d, d->remote_uri), dialog_get(d, d->remote_params), dialog_get(d, d->remote_tag));
	sipmsg_append(m, SIPH_CALL_ID, dialog_get(d, d->call_id));
	append_cseq(m, cseq, method);
	return m;
}

struct sipmsg *dialog_request(struct dialog *d, const char *method, struct bytes contact)
{
	struct sipmsg *m = request_of(d, method, d->local_cseq + 1);

	if (!m)
		return NULL;
	d->local_cseq++;
	if (contact.n)
		append_address(m, SIPH_CONTACT, contact, BYTES_NONE, BYTES_NONE);
	return m;
}

struct sipmsg *dialog_ack(const struct dialog *d, uint32_t cseq)
{
	return request_of(d, "ACK", cseq);
}

/* ---- store ---- */

void dialog_encode(struct buf *b, const struct dialog *d)
{
	const struct dialog_text all[] = { d->call_id, d->local_tag, d->remote_tag, d->local_uri,
					   d->remote_uri, d->target, d->route, d->remote_params };

	wire_put_u32(b, d->local_cseq);
	wire_put_u32(b, d->remote_cseq);
	wire_put_u8(b, d->has_remote_cseq);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		wire_put_str(b, dialog_get(d, all[i]));
}

int dialog_decode(struct wire *w, struct dialog *d)
{
	struct dialog_text *const all[] = { &d->call_id,    &d->local_tag, &d->remote_tag, &d->local_uri,
					    &d->remote_uri, &d->target,    &d->route,      &d->remote_params };

	d->local_cseq = wire_u32(w);
	d->remote_cseq = wire_u32(w);
	d->has_remote_cseq = wire_u8(w);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		*all[i] = put(&d->text, wire_str(w));
	return wire_failed(w) ? ERR_TRUNCATED : buf_failed(&d->text) ? ERR_LIMIT : 0;
}

/* ---- finding one ---- */

static void put_key(struct buf *out, struct bytes call_id, struct bytes tag)
{
	buf_put_bytes(out, call_id);
	buf_put_u8(out, ' ');
	buf_put_bytes(out, tag);
}

void dialog_key(const struct dialog *d, struct buf *out)
{
	put_key(out, dialog_get(d, d->call_id), dialog_get(d, d->local_tag));
}

void dialog_key_of(const struct sipmsg *m, bool is_ours, struct buf *out)
{
	put_key(out, sipmsg_value(m, SIPH_CALL_ID, 0), dialog_tag(m, is_ours ? SIPH_FROM : SIPH_TO));
}

#include "dialog.h"

#include "base/err.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

void dialog_fini(struct dialog *d)
{
	free(d->text);
	*d = (struct dialog){ 0 };
}

void dialog_new_tag(char out[static DIALOG_TAG_BYTES])
{
	random_hex(out, DIALOG_TAG_BYTES - 1);
}

struct bytes dialog_get(const struct dialog *d, enum dialog_field f)
{
	size_t at = 0;

	for (unsigned i = 0; i < f; i++)
		at += d->n[i];
	return bytes_make(d->text ? d->text + at : NULL, d->n[f]);
}

int dialog_set(struct dialog *d, enum dialog_field f, struct bytes v)
{
	size_t before = 0, all = 0;

	for (unsigned i = 0; i < DIALOG_FIELD_COUNT; i++) {
		before += i < f ? d->n[i] : 0;
		all += d->n[i];
	}
	if (bytes_eq(dialog_get(d, f), v))
		return 0;
	if (all - d->n[f] + v.n > DIALOG_MAX_BYTES)
		return ERR_LIMIT;
	char *text = malloc(all - d->n[f] + v.n + 1);
	if (!text)
		return ERR_NOMEM;
	if (before)
		memcpy(text, d->text, before);
	if (v.n)
		memcpy(text + before, v.p, v.n);
	if (all - before - d->n[f])
		memcpy(text + before + v.n, d->text + before + d->n[f], all - before - d->n[f]);
	free(d->text);
	d->text = text;
	d->n[f] = (uint16_t)v.n;
	return 0;
}

/* ---- beginning ---- */

int dialog_begin(struct dialog *d, struct bytes local, struct bytes remote, struct bytes uri, const char *call_id)
{
	char tag[DIALOG_TAG_BYTES], id[2 * DIALOG_TAG_BYTES];

	dialog_fini(d);
	dialog_new_tag(tag);
	random_hex(id, 32);
	int rc = dialog_set(d, DIALOG_CALL_ID, bytes_of(call_id ? call_id : id));
	if (!rc)
		rc = dialog_set(d, DIALOG_LOCAL_TAG, bytes_of(tag));
	if (!rc)
		rc = dialog_set(d, DIALOG_LOCAL, local);
	if (!rc)
		rc = dialog_set(d, DIALOG_REMOTE, remote);
	if (!rc)
		rc = dialog_set(d, DIALOG_TARGET, uri);
	if (rc)
		dialog_fini(d);
	return rc;
}

static struct bytes tag_of(const struct sipmsg *m, enum siphdr h)
{
	struct sip_address a;
	struct bytes tag = BYTES_NONE;

	if (sipmsg_address(m, h, 0, &a))
		(void)sip_param(a.params, "tag", &tag); /* none: empty */
	return tag;
}

/* "<uri>;other=params": the address as a header without its tag. */
static int put_address(struct dialog *d, enum dialog_field f, const struct sipmsg *m, enum siphdr h)
{
	struct sip_address a;
	struct buf b;

	if (!sipmsg_address(m, h, 0, &a))
		return ERR_SYNTAX;
	buf_init(&b, DIALOG_MAX_BYTES);
	buf_put_str(&b, "<");
	buf_put_bytes(&b, a.uri);
	buf_put_str(&b, ">");
	while (a.params.n) {
		size_t n = bytes_find(a.params, ';');
		struct bytes one = bytes_make(a.params.p, n);
		if (one.n && !bytes_eq_nocase(bytes_make(one.p, bytes_find(one, '=')), BYTES("tag"))) {
			buf_put_str(&b, ";");
			buf_put_bytes(&b, one);
		}
		a.params = bytes_skip(a.params, n + 1);
	}
	int rc = buf_failed(&b) ? ERR_LIMIT : dialog_set(d, f, buf_bytes(&b));
	buf_fini(&b);
	return rc;
}

static int put_target(struct dialog *d, const struct sipmsg *m)
{
	struct sip_address a;

	if (!sipmsg_address(m, SIPH_CONTACT, 0, &a) || a.is_star || !a.uri.n)
		return ERR_SYNTAX;
	return dialog_set(d, DIALOG_TARGET, a.uri);
}

/* 12.1.1: in order where the other asked; 12.1.2: reversed where it answered. */
static int put_routes(struct dialog *d, const struct sipmsg *m, bool is_reversed)
{
	size_t n = sipmsg_count(m, SIPH_RECORD_ROUTE);
	struct buf b;

	buf_init(&b, DIALOG_MAX_BYTES);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_str(&b, "\n");
		buf_put_bytes(&b, sipmsg_value(m, SIPH_RECORD_ROUTE, is_reversed ? n - 1 - i : i));
	}
	int rc = buf_failed(&b) ? ERR_LIMIT : dialog_set(d, DIALOG_ROUTES, buf_bytes(&b));
	buf_fini(&b);
	return rc;
}

int dialog_accept(struct dialog *d, const struct sipmsg *request)
{
	char tag[DIALOG_TAG_BYTES];
	struct bytes method;

	dialog_fini(d);
	dialog_new_tag(tag);
	int rc = dialog_set(d, DIALOG_CALL_ID, sipmsg_value(request, SIPH_CALL_ID, 0));
	if (!rc)
		rc = dialog_set(d, DIALOG_LOCAL_TAG, bytes_of(tag));
	if (!rc)
		rc = dialog_set(d, DIALOG_REMOTE_TAG, tag_of(request, SIPH_FROM));
	if (!rc)
		rc = put_address(d, DIALOG_LOCAL, request, SIPH_TO);
	if (!rc)
		rc = put_address(d, DIALOG_REMOTE, request, SIPH_FROM);
	if (!rc)
		rc = put_target(d, request);
	if (!rc)
		rc = put_routes(d, request, false);
	if (rc)
		dialog_fini(d);
	else
		(void)sipmsg_cseq(request, &d->remote_seq, &method); /* a parsed request has one */
	return rc;
}

static int confirm(struct dialog *d, const struct sipmsg *m, enum siphdr theirs, bool is_reversed)
{
	struct bytes tag = tag_of(m, theirs);

	if (!tag.n)
		return ERR_SYNTAX;
	int rc = put_routes(d, m, is_reversed);
	if (!rc)
		rc = put_target(d, m);
	return rc ? rc : dialog_set(d, DIALOG_REMOTE_TAG, tag);
}

int dialog_confirm(struct dialog *d, const struct sipmsg *response)
{
	return confirm(d, response, SIPH_TO, true);
}

int dialog_confirm_by_request(struct dialog *d, const struct sipmsg *request)
{
	return confirm(d, request, SIPH_FROM, false);
}

void dialog_retarget(struct dialog *d, const struct sipmsg *m)
{
	(void)put_target(d, m); /* without a Contact that fits, the target stays */
}

/* ---- requests in it ---- */

bool dialog_has(const struct dialog *d, const struct sipmsg *request)
{
	struct bytes theirs = dialog_get(d, DIALOG_REMOTE_TAG);

	return dialog_is_begun(d) && bytes_eq(sipmsg_value(request, SIPH_CALL_ID, 0), dialog_get(d, DIALOG_CALL_ID)) &&
	       bytes_eq(tag_of(request, SIPH_TO), dialog_get(d, DIALOG_LOCAL_TAG)) &&
	       (!theirs.n || bytes_eq(tag_of(request, SIPH_FROM), theirs));
}

unsigned dialog_see(struct dialog *d, const struct sipmsg *request)
{
	struct bytes method;
	uint32_t seq;

	if (!sipmsg_cseq(request, &seq, &method))
		return 400;
	if (sipmsg_method(request) == SIPM_ACK)
		return 0;
	if (d->remote_seq && seq <= d->remote_seq)
		return 500;
	d->remote_seq = seq;
	return 0;
}

static void append_tagged(struct sipmsg *m, enum siphdr h, const struct dialog *d, enum dialog_field f, enum dialog_field tag)
{
	struct buf b;

	buf_init(&b, 2 * DIALOG_MAX_BYTES);
	buf_put_bytes(&b, dialog_get(d, f));
	if (d->n[tag]) {
		buf_put_str(&b, ";tag=");
		buf_put_bytes(&b, dialog_get(d, tag));
	}
	sipmsg_append(m, h, buf_bytes(&b));
	buf_fini(&b);
}

static bool is_loose(struct bytes route)
{
	struct bytes uri = bytes_skip(route, bytes_find(route, '<'));

	for (uri.n = bytes_find(uri, '>'); uri.n; uri = bytes_skip(uri, 1))
		if (bytes_starts(uri, BYTES(";lr")) && (uri.n == 3 || strchr(";=", uri.p[3])))
			return true;
	return false;
}

/* Inside the angle brackets. */
static struct bytes uri_of_route(struct bytes route)
{
	struct bytes uri = bytes_skip(route, bytes_find(route, '<') + 1);

	return bytes_make(uri.p, bytes_find(uri, '>'));
}

static void append_routes(struct sipmsg *m, struct bytes routes)
{
	while (routes.n) {
		size_t n = bytes_find(routes, '\n');
		sipmsg_append(m, SIPH_ROUTE, bytes_make(routes.p, n));
		routes = bytes_skip(routes, n + 1);
	}
}

/* 12.2.1.1: a first hop of RFC 2543 wants its own address as Request-URI and the target at the end. */
static struct sipmsg *start_request(const struct dialog *d, enum sipmsg_method method)
{
	struct bytes routes = dialog_get(d, DIALOG_ROUTES), target = dialog_get(d, DIALOG_TARGET);
	struct bytes first = bytes_make(routes.p, bytes_find(routes, '\n'));
	bool is_strict = routes.n && !is_loose(first);
	struct sipmsg *m = sipmsg_request_new(sipmsg_method_name(method), is_strict ? uri_of_route(first) : target);

	if (!m)
		return NULL;
	append_routes(m, is_strict ? bytes_skip(routes, first.n + 1) : routes);
	if (is_strict) {
		struct buf b;
		buf_init(&b, DIALOG_MAX_BYTES);
		buf_put_str(&b, "<");
		buf_put_bytes(&b, target);
		buf_put_str(&b, ">");
		sipmsg_append(m, SIPH_ROUTE, buf_bytes(&b));
		buf_fini(&b);
	}
	return m;
}

struct sipmsg *dialog_request(struct dialog *d, enum sipmsg_method method, struct bytes contact, uint32_t ack_seq)
{
	struct sipmsg *m = start_request(d, method);
	char seq[48];

	if (!m)
		return NULL;
	snprintf(seq, sizeof seq, "%u %s", method == SIPM_ACK ? ack_seq : ++d->local_seq, sipmsg_method_name(method));
	append_tagged(m, SIPH_FROM, d, DIALOG_LOCAL, DIALOG_LOCAL_TAG);
	append_tagged(m, SIPH_TO, d, DIALOG_REMOTE, DIALOG_REMOTE_TAG);
	sipmsg_append(m, SIPH_CALL_ID, dialog_get(d, DIALOG_CALL_ID));
	sipmsg_append(m, SIPH_CSEQ, bytes_of(seq));
	sipmsg_append(m, SIPH_MAX_FORWARDS, BYTES("70"));
	if (contact.n)
		sipmsg_append(m, SIPH_CONTACT, contact);
	return m;
}

/* ---- store ---- */

void dialog_encode(struct buf *b, const struct dialog *d)
{
	wire_put_u32(b, d->local_seq);
	wire_put_u32(b, d->remote_seq);
	for (unsigned i = 0; i < DIALOG_FIELD_COUNT; i++)
		wire_put_str(b, dialog_get(d, i));
}

int dialog_decode(struct wire *w, struct dialog *d)
{
	uint32_t local = wire_u32(w), remote = wire_u32(w);
	int rc = 0;

	for (unsigned i = 0; i < DIALOG_FIELD_COUNT && !rc; i++)
		rc = dialog_set(d, i, wire_str(w));
	if (!rc && wire_failed(w))
		rc = ERR_TRUNCATED;
	if (rc) {
		dialog_fini(d);
		return rc;
	}
	d->local_seq = local;
	d->remote_seq = remote;
	return 0;
}

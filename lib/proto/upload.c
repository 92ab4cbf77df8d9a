#include "proto/upload.h"

#include "base/err.h"
#include "base/wire.h"

enum { LENGTH_BYTES = 4 };

/* A head of at most UPLOAD_HEAD_MAX bytes behind its length. */
static void put_head(struct buf *out, struct buf *head)
{
	if (buf_failed(head))
		out->is_failed = true;
	else
		wire_put_bytes(out, buf_bytes(head));
	buf_fini(head);
}

static int take_head(struct bytes in, struct wire *w, size_t *used)
{
	struct wire whole = wire_of(in);

	if (in.n < LENGTH_BYTES)
		return ERR_AGAIN;
	uint32_t n = wire_u32(&whole);
	if (n > UPLOAD_HEAD_MAX)
		return ERR_LIMIT;
	if (in.n - LENGTH_BYTES < n)
		return ERR_AGAIN;
	*w = wire_of(wire_raw(&whole, n));
	*used = LENGTH_BYTES + n;
	return 0;
}

void upload_put_ask(struct buf *out, const struct upload_ask *a)
{
	struct buf b;

	buf_init(&b, UPLOAD_HEAD_MAX);
	wire_put_u8(&b, (uint8_t)a->op);
	wire_put_str(&b, a->path);
	wire_put_str(&b, a->type);
	wire_put_str(&b, a->range);
	wire_put_str(&b, a->if_range);
	wire_put_str(&b, a->if_none_match);
	wire_put_u64(&b, a->size);
	put_head(out, &b);
}

int upload_take_ask(struct bytes in, struct upload_ask *out, size_t *used)
{
	struct upload_ask a = { .op = UPLOAD_GET };
	struct wire w;
	size_t n;
	int rc = take_head(in, &w, &n);

	if (rc)
		return rc;
	uint8_t op = wire_u8(&w);
	a.path = wire_str(&w);
	a.type = wire_str(&w);
	a.range = wire_str(&w);
	a.if_range = wire_str(&w);
	a.if_none_match = wire_str(&w);
	a.size = wire_u64(&w);
	if (wire_end(&w) || op >= UPLOAD_OP_COUNT)
		return ERR_SYNTAX;
	a.op = (enum upload_op)op;
	*out = a;
	*used = n;
	return 0;
}

void upload_put_answer(struct buf *out, const struct upload_answer *a)
{
	struct buf b;

	buf_init(&b, UPLOAD_HEAD_MAX);
	wire_put_u16(&b, a->status);
	wire_put_u64(&b, a->size);
	wire_put_u8(&b, (uint8_t)a->n);
	for (size_t i = 0; i < a->n; i++) {
		wire_put_str(&b, a->fields[i].name);
		wire_put_str(&b, a->fields[i].value);
	}
	put_head(out, &b);
}

int upload_take_answer(struct bytes in, struct upload_answer *out, size_t *used)
{
	struct upload_answer a = { 0 };
	struct wire w;
	size_t n;
	int rc = take_head(in, &w, &n);

	if (rc)
		return rc;
	a.status = wire_u16(&w);
	a.size = wire_u64(&w);
	a.n = wire_u8(&w);
	if (a.n > UPLOAD_FIELDS_MAX || a.status < 100 || a.status > 599)
		return ERR_SYNTAX;
	for (size_t i = 0; i < a.n; i++) {
		a.fields[i].name = wire_str(&w);
		a.fields[i].value = wire_str(&w);
	}
	if (wire_end(&w))
		return ERR_SYNTAX;
	*out = a;
	*used = n;
	return 0;
}

void upload_add(struct upload_answer *a, const char *name, struct bytes value)
{
	if (a->n < UPLOAD_FIELDS_MAX)
		a->fields[a->n++] = (struct upload_field){ bytes_of(name), value };
}

#include "sip/message_impl.h"

/* What is ours to write: the start line, the framing and the body. */
static bool is_ours(const msg_header_t *f)
{
	const msg_hclass_t *c = f->sh_class;

	if (c == sip_error_class)
		return ((const sip_header_t *)f)->sh_error->er_name &&
		       !strcmp(((const sip_header_t *)f)->sh_error->er_name, sip_content_length_class->hc_name);
	return c == sip_request_class || c == sip_status_class || c == sip_separator_class ||
	       c == sip_payload_class || c == sip_content_length_class;
}

static void put_value(const msg_header_t *f, struct buf *out)
{
	size_t room = 256;

	for (unsigned i = 0; i < 3; i++) {
		uint8_t *p = buf_reserve(out, room);
		if (!p)
			return;
		issize_t n = f->sh_class->hc_print((char *)p, (isize_t)room, f, 0);
		if (n >= 0 && (size_t)n + FIELD_END_SLACK <= room) {
			buf_commit(out, (size_t)n);
			return;
		}
		room = n >= 0 ? (size_t)n + FIELD_END_SLACK : SIPMSG_MAX_BYTES;
	}
	out->is_failed = true;
}

void field_print(const sip_header_t *field, struct buf *out)
{
	const msg_header_t *f = (const msg_header_t *)field;

	if (f->sh_data) {
		buf_put(out, f->sh_data, f->sh_len);
		return;
	}
	if (f->sh_class == sip_error_class)
		return; /* a field without text that did not parse: there is none */
	bool is_unknown = f->sh_class == sip_unknown_class;
	buf_put_str(out, is_unknown ? field->sh_unknown->un_name : f->sh_class->hc_name);
	buf_put(out, ": ", 2);
	if (is_unknown)
		buf_put_str(out, field->sh_unknown->un_value);
	else
		put_value(f, out);
	buf_put(out, "\r\n", 2);
}

static void put_start(const struct sipmsg *m, struct buf *out)
{
	if (m->is_request) {
		buf_put_bytes(out, m->method_text);
		buf_put_u8(out, ' ');
		buf_put_bytes(out, m->uri);
		buf_put_str(out, " SIP/2.0\r\n");
	} else {
		buf_putf(out, "SIP/2.0 %03u ", (unsigned)m->status);
		buf_put_bytes(out, m->reason);
		buf_put(out, "\r\n", 2);
	}
}

/* Of a usual message at once, so that the buffer does not grow in steps. */
static void make_room(struct buf *out, size_t body)
{
	enum { USUAL_HEAD_BYTES = 768 };

	if (buf_len(out) + USUAL_HEAD_BYTES + body <= out->max)
		(void)buf_reserve(out, USUAL_HEAD_BYTES + body); /* without memory the print fails */
}

int sipmsg_print_with_via(const struct sipmsg *m, struct bytes via, struct buf *out)
{
	size_t before = buf_len(out);

	if (m->edit_rc < 0)
		return m->edit_rc;
	make_room(out, m->body.n);
	put_start(m, out);
	if (via.n) {
		buf_put_str(out, "Via: ");
		buf_put_bytes(out, via);
		buf_put(out, "\r\n", 2);
	}
	for (msg_header_t *f = *msg_chain_head(m->msg); f; f = f->sh_succ)
		if (!is_ours(f))
			field_print((sip_header_t *)f, out);
	buf_putf(out, "Content-Length: %zu\r\n\r\n", m->body.n);
	buf_put_bytes(out, m->body);
	if (!buf_failed(out))
		return 0;
	buf_truncate(out, before);
	return ERR_NOMEM;
}

int sipmsg_print(const struct sipmsg *m, struct buf *out)
{
	return sipmsg_print_with_via(m, BYTES_NONE, out);
}

struct sipmsg *sipmsg_copy(const struct sipmsg *m)
{
	struct sipmsg *copy = NULL;
	struct buf text;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	if (sipmsg_print(m, &text) == 0 && sipmsg_parse(buf_bytes(&text), &copy) == 0)
		copy->fault = m->fault;
	buf_fini(&text);
	return copy;
}

#include "sip/message_impl.h"

#include "sip/message_text.h"

/* RFC 3261 8.1.1.5 */
#define CSEQ_MOST 0x7fffffffu

bool sipmsg_cseq(const struct sipmsg *m, uint32_t *number, struct bytes *method)
{
	struct bytes v = header_raw(m, SIPH_CSEQ);
	size_t digits = 0;
	uint64_t n;

	while (digits < v.n && v.p[digits] >= '0' && v.p[digits] <= '9')
		digits++;
	if (bytes_to_u64(bytes_make(v.p, digits), CSEQ_MOST, &n) < 0)
		return false;
	struct bytes name = bytes_skip(v, digits);
	while (name.n && (name.p[0] == ' ' || name.p[0] == '\t'))
		name = bytes_skip(name, 1);
	if (!digits || name.n + digits == v.n || !message_text_is_token(name))
		return false;
	*number = (uint32_t)n;
	*method = name;
	return true;
}

/* ---- addresses ---- */

struct parts {
	const char *display;
	const url_t *url;
	const msg_param_t *params;
};

static bool parts_of(const sip_header_t *f, enum siphdr h, struct parts *p)
{
	switch (h) {
	case SIPH_FROM:
	case SIPH_TO:
		*p = (struct parts){ f->sh_addr->a_display, f->sh_addr->a_url, f->sh_addr->a_params };
		return true;
	case SIPH_CONTACT:
		*p = (struct parts){ f->sh_contact->m_display, f->sh_contact->m_url, f->sh_contact->m_params };
		return true;
	case SIPH_ROUTE:
	case SIPH_RECORD_ROUTE:
	case SIPH_PATH:
	case SIPH_SERVICE_ROUTE:
		*p = (struct parts){ f->sh_route->r_display, f->sh_route->r_url, f->sh_route->r_params };
		return true;
	case SIPH_REFER_TO:
		*p = (struct parts){ f->sh_refer_to->r_display, f->sh_refer_to->r_url, f->sh_refer_to->r_params };
		return true;
	case SIPH_REFERRED_BY:
		*p = (struct parts){ f->sh_referred_by->b_display, f->sh_referred_by->b_url, f->sh_referred_by->b_params };
		return true;
	default:
		return false;
	}
}

static struct bytes unquoted(struct bytes v)
{
	if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
		return bytes_make(v.p + 1, v.n - 2);
	return v;
}

static struct bytes url_text(const struct sipmsg *m, const url_t *url)
{
	return bytes_of(url_as_string(msg_home(m->msg), url));
}

static struct bytes join_params(const struct sipmsg *m, const msg_param_t *params)
{
	struct buf b;

	if (!params || !params[0])
		return BYTES_NONE;
	if (!params[1])
		return bytes_of(params[0]);
	buf_init(&b, SIPMSG_MAX_BYTES);
	for (size_t i = 0; params[i]; i++) {
		if (i)
			buf_put_u8(&b, ';');
		buf_put_str(&b, params[i]);
	}
	const char *text = buf_failed(&b) ? NULL : sipmsg_text(m, buf_bytes(&b));
	buf_fini(&b);
	return bytes_of(text);
}

bool sipmsg_address(const struct sipmsg *m, enum siphdr h, size_t i, struct sip_address *out)
{
	sip_header_t *f = header_at(m, h, i);
	struct parts p;

	if (!f || !parts_of(f, h, &p))
		return false;
	out->display = unquoted(bytes_of(p.display));
	out->is_star = p.url->url_type == url_any;
	out->uri = out->is_star ? BYTES_NONE : url_text(m, p.url);
	out->params = join_params(m, p.params);
	return true;
}

/* ---- Via ---- */

static struct bytes after_last_slash(struct bytes v)
{
	size_t at = v.n;

	while (at && v.p[at - 1] != '/')
		at--;
	return bytes_skip(v, at);
}

static struct bytes unbracketed(struct bytes v)
{
	if (v.n >= 2 && v.p[0] == '[' && v.p[v.n - 1] == ']')
		return bytes_make(v.p + 1, v.n - 2);
	return v;
}

static uint16_t port_of(const char *text)
{
	uint64_t n = 0;

	if (bytes_to_u64(bytes_of(text), UINT16_MAX, &n) < 0)
		return 0;
	return (uint16_t)n;
}

bool sipmsg_via(const struct sipmsg *m, size_t i, struct sip_via *out)
{
	sip_header_t *f = header_at(m, SIPH_VIA, i);

	if (!f)
		return false;
	const sip_via_t *v = f->sh_via;
	*out = (struct sip_via){
		.transport = after_last_slash(bytes_of(v->v_protocol)),
		.host = unbracketed(bytes_of(v->v_host)),
		.branch = bytes_of(v->v_branch),
		.received = unbracketed(bytes_of(v->v_received)),
		.maddr = unbracketed(bytes_of(v->v_maddr)),
		.port = port_of(v->v_port),
		.rport = port_of(v->v_rport),
		.has_rport = v->v_rport != NULL,
	};
	return true;
}

/* ---- parameters ---- */

/* The first parameter of the list; a ';' inside quotes is text (RFC 3261 25.1 quoted-string). */
static struct bytes first_param(struct bytes in)
{
	bool is_quoted = false;

	for (size_t i = 0; i < in.n; i++) {
		if (is_quoted && in.p[i] == '\\')
			i++;
		else if (in.p[i] == '"')
			is_quoted = !is_quoted;
		else if (in.p[i] == ';' && !is_quoted)
			return bytes_make(in.p, i);
	}
	return in;
}

static struct bytes trimmed(struct bytes v)
{
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = bytes_skip(v, 1);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

bool sip_param(struct bytes params, const char *name, struct bytes *value)
{
	while (params.n) {
		struct bytes one = first_param(params);
		size_t eq = bytes_find(one, '=');
		params = bytes_skip(params, one.n + 1);
		if (!bytes_eq_nocase(trimmed(bytes_make(one.p, eq)), bytes_of(name)))
			continue;
		struct bytes v = trimmed(bytes_skip(one, eq + 1));
		*value = v.p ? v : bytes_make(one.p + one.n, 0);
		return true;
	}
	return false;
}

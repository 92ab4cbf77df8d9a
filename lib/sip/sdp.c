#include "sip/sdp.h"

#include <stdio.h>
#include <sofia-sip/sdp.h>
#include <sofia-sip/su_alloc.h>

#include "base/err.h"

static const char *const setup_names[] = {
	[IMSDP_SETUP_NONE] = "", [IMSDP_ACTIVE] = "active", [IMSDP_PASSIVE] = "passive",
	[IMSDP_ACTPASS] = "actpass", [IMSDP_HOLDCONN] = "holdconn",
};
_Static_assert(sizeof setup_names / sizeof setup_names[0] == IMSDP_SETUP_COUNT, "a name each");

static const struct {
	enum imsdp_kind kind;
	const char *proto;
} kinds[] = {
	{ IMSDP_MSRP, "TCP/MSRP" },
	{ IMSDP_MSRPS, "TCP/TLS/MSRP" },
	{ IMSDP_LYNC, "sip" },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static bool is_same(const char *a, const char *b)
{
	return bytes_eq_nocase(bytes_of(a), bytes_of(b));
}

/* ---- reading ---- */

static enum imsdp_kind kind_of(const sdp_media_t *m)
{
	if (m->m_type != sdp_media_message || m->m_rejected || !m->m_proto_name)
		return IMSDP_NONE;
	for (size_t i = 0; i < KINDS; i++)
		if (is_same(m->m_proto_name, kinds[i].proto))
			return kinds[i].kind;
	return IMSDP_NONE;
}

static const char *copy(struct arena *a, const char *text)
{
	return text ? arena_strdup(a, bytes_of(text)) : NULL;
}

static const char *attribute(const sdp_media_t *m, const char *name)
{
	const sdp_attribute_t *at = sdp_attribute_find(m->m_attributes, name);

	return at && at->a_value ? at->a_value : NULL;
}

static const char *copy_formats(const sdp_media_t *m, struct arena *a)
{
	struct buf b;

	buf_init(&b, IMSDP_MAX_BYTES);
	for (const sdp_list_t *l = m->m_format; l; l = l->l_next) {
		buf_put_str(&b, buf_len(&b) ? " " : "");
		buf_put_str(&b, l->l_text ? l->l_text : "");
	}
	for (const sdp_rtpmap_t *r = m->m_rtpmaps; r; r = r->rm_next)
		buf_putf(&b, "%s%u", buf_len(&b) ? " " : "", r->rm_pt);
	char *text = buf_failed(&b) ? NULL : arena_strdup(a, buf_bytes(&b));
	buf_fini(&b);
	return text;
}

static enum imsdp_setup setup_of(const char *value)
{
	for (int i = IMSDP_ACTIVE; value && i < IMSDP_SETUP_COUNT; i++)
		if (is_same(value, setup_names[i]))
			return i;
	return IMSDP_SETUP_NONE;
}

/* Is a word in a list with spaces between? */
static bool has_word(const char *list, const char *word)
{
	struct bytes left = bytes_of(list);

	while (left.n) {
		size_t n = bytes_find(left, ' ');
		if (bytes_eq_nocase(bytes_make(left.p, n), bytes_of(word)))
			return true;
		left = bytes_skip(left, n + 1);
	}
	return false;
}

static void read_chatroom(const sdp_media_t *m, struct imsdp *s)
{
	const sdp_attribute_t *at = sdp_attribute_find(m->m_attributes, "chatroom");

	s->is_chatroom = at != NULL;
	if (!at || !at->a_value)
		return;
	s->has_nickname = has_word(at->a_value, "nickname");
	s->has_private = has_word(at->a_value, "private-messages");
}

static int read_chosen(const sdp_media_t *m, struct arena *a, struct imsdp *s)
{
	const sdp_connection_t *c = sdp_media_connections(m);
	const char *size = attribute(m, "max-size");

	s->kind = kind_of(m);
	s->port = (uint16_t)m->m_port;
	s->host = copy(a, c && c->c_address ? c->c_address : "");
	s->path = copy(a, attribute(m, "path"));
	s->accept = copy(a, attribute(m, "accept-types"));
	s->wrapped = copy(a, attribute(m, "accept-wrapped-types"));
	if (size && bytes_to_u64(bytes_of(size), UINT32_MAX, &s->max_size) != 0)
		return ERR_SYNTAX;
	s->setup = setup_of(attribute(m, "setup"));
	s->is_inactive = m->m_mode == sdp_inactive;
	read_chatroom(m, s);
	return s->host ? 0 : ERR_NOMEM;
}

static int read_media(const sdp_session_t *session, struct arena *a, struct imsdp *s)
{
	int rc = 0;

	for (const sdp_media_t *m = session->sdp_media; !rc && m; m = m->m_next) {
		if (s->n_media == IMSDP_MEDIA_MAX)
			return ERR_LIMIT;
		struct imsdp_media *to = &s->media[s->n_media];
		to->type = copy(a, m->m_type_name);
		to->proto = copy(a, m->m_proto_name);
		to->formats = copy_formats(m, a);
		if (!to->type || !to->proto || !to->formats)
			return ERR_NOMEM;
		if (s->kind == IMSDP_NONE && kind_of(m) != IMSDP_NONE) {
			s->chosen = s->n_media;
			rc = read_chosen(m, a, s);
		}
		s->n_media++;
	}
	return rc;
}

/* COMPAT: sofia-sip 1.12.11 takes an m= line whose port, protocol or formats are not what the grammar
 * says for an endless list, and ends without memory: such a line never reaches it. */
static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Parts of tokens with single slashes between; max_parts of them. */
static bool is_parts(struct bytes word, const char *extra, size_t max_parts)
{
	for (size_t i = 0; i < max_parts; i++) {
		size_t n = bytes_find(word, '/');
		for (size_t k = 0; k < n; k++)
			if (!is_alnum(word.p[k]) && !strchr(extra, word.p[k]))
				return false;
		if (n == 0 || n == word.n)
			return n != 0;
		word = bytes_skip(word, n + 1);
	}
	return false;
}

static bool is_port(struct bytes word)
{
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] != '/' && (word.p[i] < '0' || word.p[i] > '9'))
			return false;
	return is_parts(word, "", 2);
}

static bool is_media_line(struct bytes line)
{
	size_t i = 0;

	for (; line.n; i++) {
		size_t n = bytes_find(line, ' ');
		struct bytes word = bytes_make(line.p, n);
		bool is_good = i == 1 ? is_port(word) : i == 2 ? is_parts(word, "-._+", 4) : is_parts(word, "-._+*", 1);
		if (!is_good)
			return false;
		line = bytes_skip(line, n + 1);
	}
	return i > 3;
}

/* RFC 4566 5: type=value, and nothing in it that ends lines or means none. */
static bool is_line_safe(struct bytes line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] < ' ' || line.p[i] == 127)
			return false;
	if (line.n < 2 || line.p[0] < 'a' || line.p[0] > 'z' || line.p[1] != '=')
		return false;
	return line.p[0] != 'm' || is_media_line(bytes_skip(line, 2));
}

static bool is_safe(struct bytes in)
{
	while (in.n) {
		size_t n = bytes_find(in, '\n');
		struct bytes line = bytes_make(in.p, n);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		in = bytes_skip(in, n + 1);
		if (!is_line_safe(line) && (line.n || in.n)) /* an empty one at the end is common */
			return false;
	}
	return true;
}

int imsdp_parse(struct bytes in, struct arena *a, struct imsdp *out)
{
	struct imsdp s = { 0 };
	su_home_t home = SU_HOME_INIT(home);

	if (in.n > IMSDP_MAX_BYTES)
		return ERR_LIMIT;
	if (in.n == 0 || !is_safe(in))
		return ERR_SYNTAX;
	su_home_init(&home);
	sdp_parser_t *p = sdp_parse(&home, (const char *)in.p, (issize_t)in.n, sdp_f_anynet | sdp_f_c_missing);
	const sdp_session_t *session = p ? sdp_session(p) : NULL;
	int rc = session ? read_media(session, a, &s) : ERR_SYNTAX;
	if (!rc && session->sdp_origin) {
		s.id = session->sdp_origin->o_id;
		s.version = session->sdp_origin->o_version;
	}
	sdp_parser_free(p);
	su_home_deinit(&home);
	if (rc == 0)
		*out = s;
	return rc;
}

/* ---- writing ---- */

static bool is_line(const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	return true;
}

static bool is_printable(const struct imsdp *s)
{
	return s->host && *s->host && is_line(s->host) && !strchr(s->host, ' ') && is_line(s->path) &&
	       is_line(s->accept) && is_line(s->wrapped);
}

static void put_attribute(su_home_t *home, sdp_media_t *m, const char *name, const char *value)
{
	sdp_attribute_t *at = value ? su_salloc(home, sizeof *at) : NULL;

	if (!at)
		return;
	at->a_name = name;
	at->a_value = *value ? value : NULL;
	sdp_attribute_append(&m->m_attributes, at);
}

static const char *proto_of(enum imsdp_kind kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].proto;
	return "";
}

static sdp_media_t *media_new(su_home_t *home, sdp_session_t *session, const struct imsdp_media *as)
{
	sdp_media_t *m = su_salloc(home, sizeof *m);
	sdp_list_t *format = su_salloc(home, sizeof *format);

	if (!m || !format)
		return NULL;
	m->m_session = session;
	m->m_type = sdp_media_x;
	m->m_type_name = as->type;
	m->m_proto = sdp_proto_x;
	m->m_proto_name = as->proto;
	m->m_format = format;
	m->m_mode = sdp_sendrecv;
	format->l_text = *as->formats ? as->formats : "0";
	return m;
}

static sdp_media_t *chosen_new(su_home_t *home, sdp_session_t *session, const struct imsdp *s)
{
	const struct imsdp_media as = { "message", proto_of(s->kind), s->kind == IMSDP_LYNC ? "null" : "*" };
	sdp_media_t *m = media_new(home, session, &as);
	char size[24] = "";

	if (!m)
		return NULL;
	m->m_port = s->port;
	m->m_rejected = s->port == 0;
	if (s->max_size)
		snprintf(size, sizeof size, "%llu", (unsigned long long)s->max_size);
	put_attribute(home, m, "accept-types", s->accept);
	put_attribute(home, m, "accept-wrapped-types", s->wrapped);
	put_attribute(home, m, "path", s->path);
	put_attribute(home, m, "max-size", s->max_size ? su_strdup(home, size) : NULL);
	put_attribute(home, m, "setup", s->setup ? setup_names[s->setup] : NULL);
	if (s->is_chatroom)
		put_attribute(home, m, "chatroom", s->has_nickname && s->has_private ? "nickname private-messages" :
		              s->has_nickname ? "nickname" : s->has_private ? "private-messages" : "");
	if (s->is_inactive)
		put_attribute(home, m, "inactive", "");
	return m;
}

/* Every m= line of the offer has one in the answer (RFC 3264 6). */
static int put_media(su_home_t *home, sdp_session_t *session, const struct imsdp *s, const struct imsdp *offer)
{
	sdp_media_t **at = &session->sdp_media;
	size_t n = offer ? offer->n_media : 1, chosen = offer ? offer->chosen : 0;

	for (size_t i = 0; i < n; i++) {
		*at = i == chosen ? chosen_new(home, session, s) : media_new(home, session, &offer->media[i]);
		if (!*at)
			return ERR_NOMEM;
		if (i != chosen)
			(*at)->m_rejected = 1;
		at = &(*at)->m_next;
	}
	return 0;
}

static int print_session(su_home_t *home, const struct imsdp *s, const struct imsdp *offer, struct buf *out)
{
	bool is_six = strchr(s->host, ':') != NULL;
	sdp_connection_t c = { .c_size = sizeof c, .c_nettype = sdp_net_in, .c_addrtype = is_six ? sdp_addr_ip6 : sdp_addr_ip4,
			       .c_address = s->host };
	sdp_origin_t o = { .o_size = sizeof o, .o_username = "-", .o_id = s->id, .o_version = s->version, .o_address = &c };
	sdp_time_t t = { .t_size = sizeof t };
	sdp_session_t session = { .sdp_size = sizeof session, .sdp_origin = &o, .sdp_subject = "-", .sdp_connection = &c,
				  .sdp_time = &t };

	int rc = put_media(home, &session, s, offer);
	if (rc)
		return rc;
	sdp_printer_t *p = sdp_print(home, &session, NULL, 0, sdp_f_mode_manual);
	if (p && sdp_message(p))
		buf_put(out, sdp_message(p), sdp_message_size(p));
	else
		rc = ERR_SYNTAX;
	sdp_printer_free(p);
	return rc ? rc : buf_failed(out) ? ERR_LIMIT : 0;
}

int imsdp_print(const struct imsdp *s, const struct imsdp *offer, struct buf *out)
{
	su_home_t home = SU_HOME_INIT(home);

	if (!is_printable(s))
		return ERR_SYNTAX;
	su_home_init(&home);
	int rc = print_session(&home, s, offer, out);
	su_home_deinit(&home);
	return rc;
}

/* ---- rules ---- */

bool imsdp_accepts(const char *types, struct bytes type)
{
	struct bytes left = bytes_of(types), bare = bytes_make(type.p, bytes_find(type, ';'));

	while (bare.n && bare.p[bare.n - 1] == ' ')
		bare.n--;
	size_t slash = bytes_find(bare, '/');
	while (left.n) {
		size_t n = bytes_find(left, ' ');
		struct bytes one = bytes_make(left.p, n);
		bool is_star = one.n > 1 && one.p[one.n - 1] == '*' && one.n == slash + 2 &&
		               bytes_eq_nocase(bytes_make(one.p, one.n - 1), bytes_make(bare.p, slash + (slash < bare.n)));
		if (bytes_eq_str(one, "*") || is_star || bytes_eq_nocase(one, bare))
			return true;
		left = bytes_skip(left, n + 1);
	}
	return false;
}

enum imsdp_setup imsdp_answer_setup(enum imsdp_setup offered)
{
	switch (offered) {
	case IMSDP_PASSIVE:
		return IMSDP_ACTIVE;
	case IMSDP_HOLDCONN:
		return IMSDP_HOLDCONN;
	default:
		return IMSDP_PASSIVE;
	}
}

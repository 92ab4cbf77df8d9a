#include "conference.h"

#include "base/err.h"
#include "charset.h"
#include "proto/xml.h"

static const struct xml_limits limits = { .header_bytes = 4096, .stanza_bytes = CONFERENCE_MAX_BYTES, .depth = 12, .attrs = 16, .nodes = 4000 };

static const char *const state_names[] = {
	[CONFERENCE_FULL] = "full", [CONFERENCE_PARTIAL] = "partial", [CONFERENCE_DELETED] = "deleted",
};
_Static_assert(sizeof state_names / sizeof state_names[0] == CONFERENCE_STATE_COUNT, "a name for each");

/* ---- reading ---- */

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trim(struct bytes v)
{
	while (v.n && is_space(v.p[0]))
		v = bytes_skip(v, 1);
	while (v.n && is_space(v.p[v.n - 1]))
		v.n--;
	return v;
}

/* The parser takes no declaration; what is not UTF-8 it refuses anyway. */
static struct bytes skip_declaration(struct bytes in)
{
	if (bytes_starts(in, BYTES("\xEF\xBB\xBF")))
		in = bytes_skip(in, 3);
	in = trim(in);
	return bytes_starts(in, BYTES("<?xml")) ? trim(bytes_skip(in, bytes_find(in, '>') + 1)) : in;
}

static const struct xml_node *child(const struct xml_node *n, const char *name)
{
	return xml_child(n, name, NS_CONFERENCE_INFO);
}

static struct bytes text_of(const struct xml_node *n, const char *name)
{
	return trim(xml_text(child(n, name)));
}

/* RFC 4575 5.1: without the attribute it is full. */
static int read_state(const struct xml_node *n, enum conference_state *out)
{
	struct bytes v = trim(xml_attr(n, "state"));

	*out = CONFERENCE_FULL;
	if (!v.n)
		return 0;
	for (unsigned i = 0; i < CONFERENCE_STATE_COUNT; i++) {
		if (!bytes_eq_str(v, state_names[i]))
			continue;
		*out = i;
		return 0;
	}
	return ERR_SYNTAX;
}

static bool is_disconnected(const struct xml_node *endpoint)
{
	return bytes_eq_str(trim(xml_attr(endpoint, "state")), "deleted") || bytes_eq_str(text_of(endpoint, "status"), "disconnected");
}

/* Of a user who is told whole: all endpoints stand there. */
static bool has_left(const struct xml_node *user)
{
	bool has_any = false;

	for (const struct xml_node *n = xml_first(user); n; n = xml_next(n)) {
		if (!xml_is(n, "endpoint", NS_CONFERENCE_INFO))
			continue;
		if (!is_disconnected(n))
			return false;
		has_any = true;
	}
	return has_any;
}

static int read_user(const struct xml_node *n, struct conference_user *out)
{
	enum conference_state state;
	int rc = read_state(n, &state);

	if (rc)
		return rc;
	*out = (struct conference_user){ .entity = trim(xml_attr(n, "entity")), .display_text = text_of(n, "display-text"),
					 .role = text_of(child(n, "roles"), "entry") };
	out->is_gone = state == CONFERENCE_DELETED || (state == CONFERENCE_FULL && has_left(n));
	return out->entity.n ? 0 : ERR_SYNTAX;
}

static size_t count_users(const struct xml_node *users)
{
	size_t n = 0;

	for (const struct xml_node *u = xml_first(users); u; u = xml_next(u))
		n += xml_is(u, "user", NS_CONFERENCE_INFO);
	return n;
}

static int read_users(const struct xml_node *users, struct arena *a, struct conference *c)
{
	enum conference_state state;
	int rc = read_state(users, &state);

	c->has_users = users != NULL;
	c->is_users_partial = state == CONFERENCE_PARTIAL;
	c->users = arena_zalloc(a, (count_users(users) + 1) * sizeof *c->users);
	if (!rc && !c->users)
		rc = ERR_NOMEM;
	for (const struct xml_node *u = xml_first(users); u && !rc; u = xml_next(u))
		if (xml_is(u, "user", NS_CONFERENCE_INFO))
			rc = read_user(u, &c->users[c->n++]);
	return rc;
}

static int read_version(const struct xml_node *root, struct conference *c)
{
	struct bytes v = trim(xml_attr(root, "version"));
	uint64_t version = 0;

	if (v.n && bytes_to_u64(v, UINT32_MAX, &version) != 0)
		return ERR_SYNTAX;
	c->has_version = v.n != 0;
	c->version = (uint32_t)version;
	return 0;
}

int conference_read(struct bytes in, struct arena *a, struct conference *out)
{
	struct conference c = { 0 };
	struct xml_node *root;

	if (in.n > CONFERENCE_MAX_BYTES)
		return ERR_LIMIT;
	int rc = xml_parse(skip_declaration(in), "", &limits, a, &root);
	if (!rc && !xml_is(root, "conference-info", NS_CONFERENCE_INFO))
		rc = ERR_SYNTAX;
	if (rc)
		return rc;
	const struct xml_node *description = child(root, "conference-description");
	c.entity = trim(xml_attr(root, "entity"));
	c.title = text_of(description, "display-text");
	c.has_subject = child(description, "subject") != NULL;
	c.subject = text_of(description, "subject");
	rc = read_state(root, &c.state);
	if (!rc)
		rc = read_version(root, &c);
	if (!rc)
		rc = read_users(child(root, "users"), a, &c);
	if (!rc)
		*out = c;
	return rc;
}

/* ---- writing, in the schema's order ---- */

static void put_text(struct buf *b, const char *name, struct bytes text)
{
	buf_putf(b, "<%s>", name);
	charset_put_xml(b, text);
	buf_putf(b, "</%s>", name);
}

static void put_description(struct buf *b, const struct conference *c)
{
	if (!c->title.n && !c->has_subject)
		return;
	buf_put_str(b, "<conference-description>");
	if (c->title.n)
		put_text(b, "display-text", c->title);
	if (c->has_subject)
		put_text(b, "subject", c->subject);
	buf_put_str(b, "</conference-description>");
}

static void put_user(struct buf *b, const struct conference_user *u)
{
	buf_put_str(b, "<user");
	xml_write_attr(b, "entity", u->entity);
	if (u->is_gone) {
		buf_put_str(b, " state='deleted'/>");
		return;
	}
	buf_put_str(b, " state='full'>");
	if (u->display_text.n)
		put_text(b, "display-text", u->display_text);
	if (u->role.n) {
		buf_put_str(b, "<roles>");
		put_text(b, "entry", u->role);
		buf_put_str(b, "</roles>");
	}
	buf_put_str(b, "<endpoint");
	xml_write_attr(b, "entity", u->entity);
	buf_put_str(b, "><status>connected</status></endpoint></user>");
}

static void put_users(struct buf *b, const struct conference *c)
{
	if (!c->has_users)
		return;
	if (!c->is_users_partial)
		buf_putf(b, "<conference-state><user-count>%zu</user-count></conference-state>", c->n);
	buf_putf(b, "<users state='%s'>", state_names[c->is_users_partial ? CONFERENCE_PARTIAL : CONFERENCE_FULL]);
	for (size_t i = 0; i < c->n; i++)
		put_user(b, &c->users[i]);
	buf_put_str(b, "</users>");
}

void conference_write(struct buf *b, const struct conference *c)
{
	buf_put_str(b, "<?xml version='1.0' encoding='UTF-8'?>\r\n<conference-info xmlns='" NS_CONFERENCE_INFO "'");
	xml_write_attr(b, "entity", c->entity);
	buf_putf(b, " state='%s'", state_names[c->state]);
	if (c->has_version)
		buf_putf(b, " version='%u'", c->version);
	buf_put_str(b, ">");
	put_description(b, c);
	put_users(b, c);
	buf_put_str(b, "</conference-info>\r\n");
}

#include "bulk/row.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/csv.h"
#include "proto/jid.h"

enum { IMPORT_COLUMNS = 6, RENAME_COLUMNS = 2 };
/* Characters (D-CIM-02 to D-CIM-07). */
enum { ID_MAX = 132, DOMAIN_MAX = 128, NAME_MAX = 255, LABEL_MAX = 63, TOP_LABEL_MIN = 2 };

/* Text that can stand in XML and in one line: well-formed, without controls. */
static bool is_text(struct bytes in)
{
	if (!text_is_utf8(in))
		return false;
	for (size_t i = 0; i < in.n; i++) {
		bool is_noncharacter = in.n - i >= 3 && in.p[i] == 0xef && in.p[i + 1] == 0xbf && in.p[i + 2] >= 0xbe;
		if (in.p[i] < 0x20 || in.p[i] == 0x7f || is_noncharacter)
			return false;
	}
	return true;
}

static size_t characters(struct bytes in)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++)
		n += (in.p[i] & 0xc0) != 0x80;
	return n;
}

static struct bytes trim(struct bytes v)
{
	while (v.n && v.p[0] == ' ')
		v = bytes_skip(v, 1);
	while (v.n && v.p[v.n - 1] == ' ')
		v.n--;
	return v;
}

/* ---- addresses ---- */

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_label(struct bytes l, bool is_top)
{
	if (l.n == 0 || l.n > LABEL_MAX || l.p[0] == '-' || l.p[l.n - 1] == '-' || (is_top && l.n < TOP_LABEL_MIN))
		return false;
	for (size_t i = 0; i < l.n; i++) {
		bool is_other = (l.p[i] >= '0' && l.p[i] <= '9') || l.p[i] == '-';
		if (!is_letter(l.p[i]) && (is_top || !is_other))
			return false;
	}
	return true;
}

/* D-CIM-05. */
static bool is_contact_domain(struct bytes d)
{
	if (d.n > DOMAIN_MAX)
		return false;
	for (;;) {
		size_t n = bytes_find(d, '.');
		bool is_top = n == d.n;
		if (!is_label(bytes_make(d.p, n), is_top))
			return false;
		if (is_top)
			return true;
		d = bytes_skip(d, n + 1);
	}
}

/* A user ID may have what a localpart may not (XEP-0106). */
static enum bulk_result address(struct bytes id, struct bytes domain, struct arena *a, struct bytes *out)
{
	struct bytes local, name;
	struct jid j;
	int rc = jid_escape(id, a, &local);

	if (!rc)
		rc = jid_parse_local(local, a, &local);
	if (!rc)
		rc = jid_parse_domain(domain, a, &name);
	if (!rc)
		rc = jid_make(local, name, BYTES_NONE, a, &j);
	if (rc)
		return rc == ERR_NOMEM ? BULK_ERROR : BULK_FORMAT;
	*out = j.full;
	return BULK_DONE;
}

static bool is_mandatory(struct bytes v, size_t max)
{
	return v.n && is_text(v) && characters(v) <= max;
}

static enum bulk_result contact_address(struct bytes id, struct bytes domain, struct arena *a, struct bytes *out)
{
	if (!is_mandatory(id, ID_MAX) || !domain.n)
		return BULK_FORMAT;
	return is_contact_domain(domain) ? address(id, domain, a, out) : BULK_DOMAIN;
}

/* ---- rows ---- */

static bool are(const struct bytes *fields, size_t n, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < n && n == n_names; i++) {
		struct bytes f = trim(fields[i]);
		if (f.n > 2 && f.p[0] == '<' && f.p[f.n - 1] == '>')
			f = bytes_make(f.p + 1, f.n - 2);
		if (!bytes_eq_nocase(f, bytes_of(names[i])))
			return false;
	}
	return n == n_names;
}

bool bulk_row_is_head_import(const struct bytes *fields, size_t n)
{
	static const char *const names[IMPORT_COLUMNS] = { "User ID", "User Domain", "Contact ID", "Contact Domain", "Nickname", "Group Name" };

	return are(fields, n, names, IMPORT_COLUMNS);
}

bool bulk_row_is_head_rename(const struct bytes *fields, size_t n)
{
	static const char *const names[RENAME_COLUMNS] = { "Contact ID", "New Contact ID" };

	return are(fields, n, names, RENAME_COLUMNS);
}

enum bulk_result bulk_row_import(const struct bytes *fields, size_t n, struct arena *a, struct bulk_row *out)
{
	*out = (struct bulk_row){ .user = BYTES_NONE };
	if (n != IMPORT_COLUMNS)
		return BULK_FORMAT;
	struct bytes id = trim(fields[0]), domain = trim(fields[1]), name = fields[4], group = fields[5];
	if (!is_mandatory(id, ID_MAX) || !is_mandatory(domain, DOMAIN_MAX) || !trim(group).n || !is_mandatory(group, NAME_MAX))
		return BULK_FORMAT;
	if (!is_text(name) || characters(name) > NAME_MAX)
		return BULK_FORMAT;
	enum bulk_result r = contact_address(trim(fields[2]), trim(fields[3]), a, &out->contact);
	if (r == BULK_DONE)
		r = address(id, domain, a, &out->user);
	if (r == BULK_DONE && bytes_eq(out->user, out->contact))
		r = BULK_SELF;
	out->name = name;
	out->group = bytes_eq_str(group, BULK_DEFAULT_GROUP) ? BYTES_NONE : group;
	return r;
}

/* D-CEX-03: the last '@' parts them. */
static bool split(struct bytes whole, struct bytes *id, struct bytes *domain)
{
	size_t n = whole.n;

	while (n && whole.p[n - 1] != '@')
		n--;
	if (!n)
		return false;
	*id = bytes_make(whole.p, n - 1);
	*domain = bytes_skip(whole, n);
	return true;
}

enum bulk_result bulk_row_rename(const struct bytes *fields, size_t n, struct arena *a, struct bulk_row *out)
{
	struct bytes id, domain;
	enum bulk_result r;

	*out = (struct bulk_row){ .user = BYTES_NONE };
	if (n != RENAME_COLUMNS || !split(trim(fields[0]), &id, &domain) || !is_mandatory(id, ID_MAX) || !is_mandatory(domain, DOMAIN_MAX))
		return BULK_FORMAT;
	r = address(id, domain, a, &out->contact);
	if (r != BULK_DONE)
		return r;
	if (!split(trim(fields[1]), &id, &domain))
		return BULK_FORMAT;
	r = contact_address(id, domain, a, &out->to);
	return r == BULK_DONE && bytes_eq(out->to, out->contact) ? BULK_FORMAT : r;
}

static bool put_address(struct buf *out, struct bytes bare, struct arena *a)
{
	struct jid j = jid_of_normal(bare);
	struct bytes id;

	if (!j.local_n || jid_unescape(jid_local(&j), a, &id))
		return false;
	csv_put(out, id, ',');
	csv_put(out, jid_domain(&j), ',');
	return true;
}

bool bulk_row_put(struct buf *out, struct bytes user, struct bytes contact, struct bytes name, struct bytes group, struct arena *a)
{
	size_t before = buf_len(out);

	if (!put_address(out, user, a) || !put_address(out, contact, a)) {
		buf_truncate(out, before);
		return false;
	}
	csv_put(out, name, ',');
	csv_put(out, group.n ? group : BYTES(BULK_DEFAULT_GROUP), '\n');
	return true;
}

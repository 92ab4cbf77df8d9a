#include "pep/caps_hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/xmpp.h"

#define NOTIFY "+notify"

static const struct hash_row {
	const char *name, *digest;
} hashes[] = { { "sha-1", "SHA1" }, { "sha-256", "SHA256" }, { "sha-512", "SHA512" } };

static const char *digest_of(struct bytes hash)
{
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
		if (bytes_eq_str(hash, hashes[i].name))
			return hashes[i].digest;
	return NULL;
}

bool caps_said(const struct xml_node *presence, struct caps_said *out)
{
	const struct xml_node *c = xml_child(presence, "c", NS_CAPS);

	*out = (struct caps_said){ xml_attr(c, "node"), xml_attr(c, "ver"), xml_attr(c, "hash") };
	return c && out->node.n && out->ver.n && out->ver.n <= 128 && out->node.n <= 1024 && digest_of(out->hash);
}

/* ---- the verification string (5.1) ---- */

static int by_bytes(const void *a, const void *b)
{
	return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

struct lines {
	struct bytes *v;
	unsigned n;
};

/* A list that is sorted when it is written; the same line twice spoils it. */
static bool add_line(struct lines *l, struct bytes line)
{
	if (!l->v || l->n == CAPS_FEATURES_MAX || (line.n && !line.p))
		return false;
	l->v[l->n++] = line;
	return true;
}

static struct lines new_lines(struct arena *a)
{
	return (struct lines){ .v = arena_alloc(a, CAPS_FEATURES_MAX * sizeof(struct bytes)) };
}

static bool put_sorted(struct buf *b, struct lines *l, bool may_repeat)
{
	qsort(l->v, l->n, sizeof l->v[0], by_bytes);
	for (unsigned i = 0; i < l->n; i++) {
		if (i && !may_repeat && bytes_eq(l->v[i], l->v[i - 1]))
			return false;
		buf_put_bytes(b, l->v[i]);
		buf_put_u8(b, '<');
	}
	return !buf_failed(b);
}

static struct bytes identity(const struct xml_node *n, struct arena *a, struct buf *b)
{
	buf_clear(b);
	buf_put_bytes(b, xml_attr(n, "category"));
	buf_put_u8(b, '/');
	buf_put_bytes(b, xml_attr(n, "type"));
	buf_put_u8(b, '/');
	buf_put_bytes(b, xml_attr_ns(n, "lang", XML_NS_XML));
	buf_put_u8(b, '/');
	buf_put_bytes(b, xml_attr(n, "name"));
	return arena_dup(a, buf_bytes(b));
}

static bool put_elements(struct buf *b, const struct xml_node *query, struct arena *a)
{
	struct lines identities = new_lines(a), features = new_lines(a);
	struct buf line;
	bool is_good = true;

	buf_init(&line, CAPS_TEXT_MAX);
	for (const struct xml_node *n = xml_first(query); is_good && n; n = xml_next(n)) {
		if (xml_is(n, "identity", NS_DISCO_INFO))
			is_good = add_line(&identities, identity(n, a, &line));
		else if (xml_is(n, "feature", NS_DISCO_INFO))
			is_good = add_line(&features, xml_attr(n, "var"));
	}
	buf_fini(&line);
	return is_good && put_sorted(b, &identities, false) && put_sorted(b, &features, false);
}

static struct bytes form_type(const struct xml_node *x)
{
	for (const struct xml_node *f = xml_first(x); f; f = xml_next(f))
		if (xml_is(f, "field", NS_DATA) && bytes_eq_str(xml_attr(f, "var"), "FORM_TYPE"))
			return bytes_eq_str(xml_attr(f, "type"), "hidden") ? xml_text(xml_child(f, "value", NS_DATA)) : BYTES_NONE;
	return BYTES_NONE;
}

static bool put_values(struct buf *b, const struct xml_node *field, struct arena *a)
{
	struct lines values = new_lines(a);

	for (const struct xml_node *v = xml_first(field); v; v = xml_next(v))
		if (xml_is(v, "value", NS_DATA) && !add_line(&values, xml_text(v)))
			return false;
	return put_sorted(b, &values, true);
}

/* A form as one line: its type, then its fields by name, each with its values. */
static struct bytes form_line(const struct xml_node *x, struct arena *a)
{
	struct lines names = new_lines(a);
	struct bytes type = form_type(x), line = BYTES_NONE;
	struct buf b;
	bool is_good = names.v != NULL;

	for (const struct xml_node *f = xml_first(x); is_good && f; f = xml_next(f))
		if (xml_is(f, "field", NS_DATA) && !bytes_eq_str(xml_attr(f, "var"), "FORM_TYPE"))
			is_good = add_line(&names, xml_attr(f, "var"));
	if (!is_good)
		return BYTES_NONE;
	qsort(names.v, names.n, sizeof names.v[0], by_bytes);
	buf_init(&b, CAPS_TEXT_MAX);
	buf_put_bytes(&b, type);
	buf_put_u8(&b, '<');
	for (unsigned i = 0; is_good && i < names.n; i++) {
		is_good = !i || !bytes_eq(names.v[i], names.v[i - 1]);
		buf_put_bytes(&b, names.v[i]);
		buf_put_u8(&b, '<');
		for (const struct xml_node *f = xml_first(x); is_good && f; f = xml_next(f))
			if (xml_is(f, "field", NS_DATA) && bytes_eq(xml_attr(f, "var"), names.v[i]))
				is_good = put_values(&b, f, a);
	}
	if (is_good && !buf_failed(&b)) /* without the last '<', which the list writes */
		line = arena_dup(a, bytes_make(buf_bytes(&b).p, buf_len(&b) - 1));
	buf_fini(&b);
	return line;
}

static bool put_forms(struct buf *b, const struct xml_node *query, struct arena *a)
{
	struct lines forms = new_lines(a);

	for (const struct xml_node *x = xml_first(query); x; x = xml_next(x)) {
		if (!xml_is(x, "x", NS_DATA) || !form_type(x).n)
			continue; /* 5.4, 3.6: such forms do not count */
		struct bytes line = form_line(x, a);
		if (!line.n || !add_line(&forms, line))
			return false;
	}
	return put_sorted(b, &forms, false);
}

bool caps_is_true(const struct xml_node *query, const struct caps_said *said, struct arena *a)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	const char *name = digest_of(said->hash);
	struct buf b, text;
	unsigned n = 0;

	buf_init(&b, CAPS_TEXT_MAX);
	buf_init(&text, 256);
	bool is_true = name && put_elements(&b, query, a) && put_forms(&b, query, a) && !buf_failed(&b);
	struct bytes v = buf_bytes(&b);
	const EVP_MD *md = is_true ? EVP_get_digestbyname(name) : NULL;
	is_true = md && EVP_Digest(v.n ? v.p : digest, v.n, digest, &n, md, NULL) == 1;
	if (is_true)
		text_base64(bytes_make(digest, n), &text);
	is_true = is_true && bytes_eq(buf_bytes(&text), said->ver);
	buf_fini(&text);
	buf_fini(&b);
	return is_true;
}

unsigned caps_interests(const struct xml_node *query, struct bytes out[static CAPS_INTERESTS_MAX])
{
	unsigned n = 0;

	for (const struct xml_node *f = xml_first(query); f && n < CAPS_INTERESTS_MAX; f = xml_next(f)) {
		struct bytes var = xml_attr(f, "var");
		if (!xml_is(f, "feature", NS_DISCO_INFO) || var.n <= sizeof NOTIFY - 1)
			continue;
		struct bytes name = bytes_make(var.p, var.n - (sizeof NOTIFY - 1));
		if (bytes_eq_str(bytes_skip(var, name.n), NOTIFY) && name.n <= 512)
			out[n++] = name;
	}
	return n;
}

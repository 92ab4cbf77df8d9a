/* Any stanza or SIP message: what is not on the list of technical things is "[N]", whatever it was. The first byte says
 * which. Of a stanza the mask keeps the shape; a SIP body never shows. */
#include <stdlib.h>
#include <string.h>

#include "proto/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_length(struct bytes v)
{
	if (v.n < 3 || v.p[0] != '[' || v.p[v.n - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return true;
}

static bool is_technical(const struct xml_node *n)
{
	static const char *const names[] = { "show", "priority", "thread", "utc", "tzo" };

	for (size_t i = 0; n && i < 5; i++)
		if (!strcmp(n->name, names[i]))
			return true;
	return false;
}

static bool is_blank(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!strchr(" \t\r\n", v.p[i]))
			return false;
	return true;
}

/* Both trees step by step: the same elements, no text of the one in the other. */
static void compare(const struct xml_node *was, const struct xml_node *is)
{
	const struct xml_node *top = is;

	while (is) {
		if (!was || !was->name != !is->name || (is->name && (strcmp(was->name, is->name) || strcmp(was->ns, is->ns))))
			abort();
		if (!is->name && !is_length(is->text) && !is_blank(is->text) && !is_technical(is->parent))
			abort();
		if (is->child) {
			is = is->child;
			was = was->child;
			continue;
		}
		while (is != top && !is->next) {
			is = is->parent;
			was = was->parent;
		}
		if (is == top)
			return;
		is = is->next;
		was = was->next;
	}
}

static void try_xml(const struct mask *m, struct bytes in)
{
	struct xml_node *n, *again;
	struct arena a;
	struct buf b;

	arena_init(&a, 16 << 20);
	buf_init(&b, 16 << 20);
	if (xml_parse(in, "jabber:server", &xml_limits_default, &a, &n) == 0 && mask_xml(m, n, "jabber:server", &a, &b) == 0) {
		struct xml_limits wide = xml_limits_default;
		wide.stanza_bytes = 16 << 20;
		if (xml_parse(buf_bytes(&b), "jabber:server", &wide, &a, &again) == 0)
			compare(n, again);
	}
	buf_fini(&b);
	arena_fini(&a);
}

static void try_sip(const struct mask *m, struct bytes in)
{
	struct buf whole;

	buf_init(&whole, 4 << 20);
	buf_put_str(&whole, "MESSAGE sip:a@b SIP/2.0\r\nSubject: ");
	for (size_t i = 0; i < in.n; i++)
		buf_put_u8(&whole, in.p[i] == '\r' || in.p[i] == '\n' ? ' ' : in.p[i]);
	buf_put_str(&whole, "pLaNtEd\r\nContent-Length: 7\r\n\r\npLaNtEd");
	buf_put_bytes(&whole, in);
	struct buf out;
	buf_init(&out, 4 << 20);
	if (mask_sip(m, buf_bytes(&whole), &out) || memmem(buf_bytes(&out).p, buf_len(&out), "pLaNtEd", 7))
		abort();
	buf_clear(&out);
	(void)mask_sip(m, in, &out); /* any text: must only not crash, and not write what moves a cursor */
	for (size_t i = 0; i < buf_len(&out); i++)
		if (buf_bytes(&out).p[i] != '\n' && (buf_bytes(&out).p[i] < ' ' || buf_bytes(&out).p[i] > '~'))
			abort();
	buf_fini(&whole);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mask plain = { { NULL, 0 } }, hashed = { { (const uint8_t *)"key", 3 } };

	if (size == 0)
		return 0;
	struct bytes in = { data + 1, size - 1 };
	const struct mask *m = data[0] & 2 ? &hashed : &plain;
	if (data[0] & 1)
		try_sip(m, in);
	else
		try_xml(m, in);
	return 0;
}

/* What a hostile directory sends: messages of LDAP, one behind the other, and the entries in them as people by both address schemes. What
 * comes out is an address in its normal form and text that can be shown, or nothing. Behind a NUL that stands alone at the front the
 * input is a filter: what is judged to be one can be written. */
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "person.h"
#include "proto/jid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct person_rules rules[] = {
	{ .user = "uid", .mail = "mail", .name = "displayName", .uri = "sip", .domain = "a.example" },
	{ .user = "uid", .mail = "mail", .name = "displayName", .uri = "sip", .is_by_uri = true },
};

static void check_text(struct bytes v)
{
	if (v.n > PERSON_TEXT_MAX)
		abort();
	for (size_t n; v.n; v = bytes_skip(v, n))
		if (!(n = text_shown(v)))
			abort();
}

static void check_entry(const struct ldap_answer *a, struct arena *arena)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		struct ldap_search s = { .scope = LDAP_SCOPE_SUBTREE };
		struct person p;
		struct jid j;
		int rc = person_read(&rules[i], a, arena, &p);
		if (rc == ERR_NOMEM)
			continue;
		check_text(p.user);
		check_text(p.name);
		check_text(p.mail);
		check_text(p.uri);
		if (rc)
			continue;
		if (jid_parse(p.jid, arena, &j) || !bytes_eq(j.full, p.jid) || !j.local_n || j.resource_n)
			abort();
		struct buf b;
		buf_init(&b, 65536);
		if (person_find(&rules[i], p.jid, arena, &s) || ldap_put_search(&b, 1, &s))
			abort();
		buf_fini(&b);
	}
}

static void check_filter(struct bytes text)
{
	struct ldap_search s = { .filter = text };
	struct buf b;
	size_t n;

	buf_init(&b, LDAP_MESSAGE_MAX);
	int judged = ldap_filter_check(text), rc = ldap_put_search(&b, 1, &s);
	if (text.n && (judged == 0) != (rc == 0))
		abort();
	if (!rc && (ldap_frame(buf_bytes(&b), &n) || n != buf_len(&b)))
		abort();
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, size };
	struct ldap_answer a;
	struct arena arena;
	size_t n;

	if (size > 65536)
		return 0;
	if (size && !data[0]) {
		check_filter(bytes_skip(in, 1));
		return 0;
	}
	arena_init(&arena, 1 << 20);
	while (ldap_frame(in, &n) == 0) {
		if (ldap_read(bytes_make(in.p, n), &a) == 0 && a.op == LDAP_ENTRY)
			check_entry(&a, &arena);
		arena_reset(&arena);
		in = bytes_skip(in, n);
	}
	arena_fini(&arena);
	return 0;
}

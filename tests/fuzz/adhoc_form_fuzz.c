/* Forms of commands as clients send them back (XEP-0050, XEP-0004): any XML as the form. What is taken lies within its limits, is a person
 * where a person belongs, and may be written into a form that is XML and is taken again. */
#include <stdlib.h>

#include "adhoc/adhoc_form.h"
#include "base/err.h"
#include "proto/jid.h"
#include "proto/xmpp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct adhoc_field people[ADHOC_FIELDS_MAX + 1] = { ADHOC_FIELD("accountjids", "People", ADHOC_JIDS), ADHOC_FIELD("max_items", "Most", ADHOC_MAX) };
static const struct adhoc_field person[ADHOC_FIELDS_MAX + 1] = { ADHOC_FIELD("accountjid", "Person", ADHOC_JID), ADHOC_FIELD("password", "Password", ADHOC_SECRET) };
static const struct adhoc_field text[ADHOC_FIELDS_MAX + 1] = { ADHOC_FIELD("motd", "Text", ADHOC_TEXT) };
static const char *const options[] = { "ask", "allow", NULL };
static const struct adhoc_field policy[ADHOC_FIELDS_MAX + 1] = { { .var = "default", .label = "Others", .kind = ADHOC_CHOICE, .options = options },
								 ADHOC_FIELD("allowed", "Allowed", ADHOC_WHOM) };
static const struct adhoc_field *const forms[] = { people, person, text, policy };

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void look_at(const struct adhoc_field *f, const struct adhoc_values *v)
{
	struct jid j;

	bool is_address = f->kind == ADHOC_JID || f->kind == ADHOC_JIDS || f->kind == ADHOC_WHOM;

	must(v->n <= (f->kind == ADHOC_JIDS || f->kind == ADHOC_WHOM ? ADHOC_VALUES_MAX : 1) && (v->n || f->kind == ADHOC_MAX || f->kind == ADHOC_WHOM));
	for (unsigned i = 0; i < v->n; i++) {
		struct arena a;
		arena_init(&a, 1 << 16);
		must(v->v[i].n <= (f->kind == ADHOC_TEXT ? ADHOC_TEXT_BYTES : is_address ? 3071 : ADHOC_VALUE_BYTES));
		if (is_address)
			must(!jid_parse(v->v[i], &a, &j) && (j.local_n || f->kind == ADHOC_WHOM) && bytes_eq(j.full, v->v[i]));
		if (f->kind == ADHOC_CHOICE)
			must(bytes_eq_str(v->v[i], options[0]) || bytes_eq_str(v->v[i], options[1]));
		arena_fini(&a);
	}
}

static void write_again(const struct adhoc_field *fields, struct bytes filled, struct arena *a)
{
	struct xml_node *n;
	struct buf b;

	buf_init(&b, 1 << 20);
	adhoc_form_write(&b, NS_ADMIN, "A form", fields, filled);
	must(!buf_failed(&b) && xml_parse(buf_bytes(&b), NS_CLIENT, &xml_limits_default, a, &n) == 0);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adhoc_values v[ADHOC_FIELDS_MAX];
	struct xml_node *n;
	struct arena a;
	const char *why;

	if (!size)
		return 0;
	const struct adhoc_field *fields = forms[data[0] % (sizeof forms / sizeof forms[0])];
	arena_init(&a, 32 << 20);
	if (xml_parse(bytes_make(data + 1, size - 1), NS_CLIENT, &xml_limits_default, &a, &n) == 0) {
		int rc = adhoc_form_read(n, NS_ADMIN, fields, &a, v, &why);
		must(rc == 0 || rc == ERR_NOMEM || (rc == ERR_SYNTAX && why[0]));
		for (unsigned i = 0; rc == 0 && fields[i].var; i++)
			look_at(&fields[i], &v[i]);
		if (rc == 0)
			write_again(fields, fields[0].kind == ADHOC_TEXT ? v[0].v[0] : BYTES_NONE, &a);
	}
	arena_fini(&a);
	return 0;
}

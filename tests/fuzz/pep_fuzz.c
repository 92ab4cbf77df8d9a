/* What clients say of nodes and of themselves: a data form (XEP-0060 16.4.4), a disco#info answer (XEP-0115), a state as it
 * is kept. The first byte says which. */
#include <stdlib.h>

#include "base/err.h"
#include "pep/caps_hash.h"
#include "pep/pep_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

/* What was read is kept, read back, written as a form, and still the same. */
static void check_config(struct arena *a, const struct pep_config *c)
{
	struct pep_config back;
	struct bytes people;
	struct xml_node *n;
	struct buf b;

	buf_init(&b, 1 << 20);
	pep_state_put(&b, c, BYTES_NONE);
	must(!pep_state_get(buf_bytes(&b), &back, &people) && !people.n);
	must(back.access == c->access && back.last == c->last && back.max_items == c->max_items && bytes_eq(back.groups, c->groups));
	buf_fini(&b);
	buf_init(&b, 1 << 20);
	pep_form_write(&b, c, "form");
	must(!xml_parse(buf_bytes(&b), "", &xml_limits_default, a, &n));
	must(!pep_form_read(n, a, &back));
	must(back.access == c->access && back.last == c->last && back.max_items == c->max_items && bytes_eq(back.groups, c->groups));
	buf_fini(&b);
}

static void form(struct arena *a, const struct xml_node *n)
{
	struct pep_config c = pep_default;

	if (!pep_form_read(n, a, &c)) {
		check_config(a, &c);
		(void)pep_form_matches(n, a, &c); /* any answer will do */
	}
	(void)pep_form_is(n, "x");
}

static void caps(struct arena *a, const struct xml_node *n)
{
	struct bytes interests[CAPS_INTERESTS_MAX];
	struct caps_said said = { .hash = BYTES("sha-1"), .ver = BYTES("q07IKJEyjvHSyhy//CH0CxmKi8w=") };

	must(caps_interests(n, interests) <= CAPS_INTERESTS_MAX);
	(void)caps_is_true(n, &said, a); /* any answer will do */
	(void)caps_said(n, &said);
}

static void state(struct bytes in)
{
	struct pep_config c;
	struct pep_person p;
	struct bytes people;
	struct buf b;

	if (pep_state_get(in, &c, &people))
		return;
	struct wire w = wire_of(people);
	while (pep_people_next(&w, &p))
		must(p.affiliation < PEP_AFFILIATION_COUNT);
	buf_init(&b, 1 << 20);
	p = (struct pep_person){ .jid = BYTES("a@b"), .affiliation = PEP_MEMBER };
	if (!pep_people_set(&b, people, &p))
		must(pep_people_find(buf_bytes(&b), p.jid).affiliation == PEP_MEMBER);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_make(data + 1, size ? size - 1 : 0);
	struct xml_node *n;
	struct arena a;

	if (!size)
		return 0;
	arena_init(&a, 32 << 20);
	if (data[0] == 's')
		state(in);
	else if (!xml_parse(in, "jabber:client", &xml_limits_default, &a, &n))
		(data[0] == 'c' ? caps : form)(&a, n);
	arena_fini(&a);
	return 0;
}

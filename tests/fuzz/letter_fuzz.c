/* A SIP body (its first line is the Content-Type) becomes a stanza that is well-formed and labelled right, or a
 * refusal; CPIM keeps its meaning when it is written again; the input as a whole SIP message likewise. */
#include <stdio.h>
#include <stdlib.h>

#include "cpim.h"
#include "letter.h"
#include "message_write.h"
#include "mime.h"
#include "proto/xmpp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(is_so) must_be(is_so, #is_so)
static void must_be(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

static void check_stanza(const struct letter *l, struct arena *a)
{
	const struct message_head head = { .type = TYPE_CHAT, .sid = BYTES("s"), .from = BYTES("a@b"), .to = BYTES("c@d"), .lang = l->lang,
					   .thread = l->message_id };
	const struct message_more more = { .has_xhtml = true, .has_receipts = true, .at_ms = l->at_ms, .delay_by = BYTES("d") };
	struct xml_limits limits = xml_limits_default;
	struct xml_node *n;
	struct stanza s;
	struct buf b;

	limits.stanza_bytes = 16 << 20;
	limits.nodes = 60000;
	limits.depth = 64;
	buf_init(&b, 16 << 20);
	uint32_t facts = message_write_letter(&b, &head, l, &more);
	if (!buf_failed(&b)) {
		must(xml_parse(buf_bytes(&b), NS_CLIENT, &limits, a, &n) == 0);
		must(stanza_of_node(n, NS_CLIENT, &s) == 0);
		must(s.kind == STANZA_MESSAGE && s.type == TYPE_CHAT && s.facts == facts);
	}
	buf_fini(&b);
}

static void check_cpim(struct bytes in)
{
	struct cpim one, two;
	struct buf b;

	if (cpim_read(in, &one))
		return;
	one.from_name = BYTES_NONE;
	buf_init(&b, 1 << 20);
	cpim_write(&b, &one);
	must(!buf_failed(&b));
	must(cpim_read(buf_bytes(&b), &two) == 0);
	must(bytes_eq(one.content, two.content));
	must(one.message_id.n == 0 || one.disposition == two.disposition);
	buf_fini(&b);
}

static void check_message(const struct sipmsg *m)
{
	struct letter l;
	struct arena a;
	const char *why;

	arena_init(&a, 32 << 20);
	unsigned status = letter_read(m, &a, &l, &why);
	must(status == 0 || (status >= 400 && status < 600));
	if (!status && (l.body.n || l.subject.n))
		check_stanza(&l, &a);
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_make(data, size < 32768 ? size : 32768);
	size_t n = bytes_find(in, '\n');
	struct sipmsg *m;
	struct buf type;

	check_cpim(in);
	if (sipmsg_parse(in, &m) == 0) {
		check_message(m);
		sipmsg_free(m);
	}
	m = sipmsg_request_new("MESSAGE", BYTES("sip:a@b"));
	must(m != NULL);
	buf_init(&type, 32768);
	buf_put(&type, in.p, memchr(in.p, 0, n) ? 0 : n);
	sipmsg_set_body(m, buf_cstr(&type), bytes_skip(in, n + 1));
	check_message(m);
	sipmsg_free(m);
	buf_fini(&type);
	return 0;
}

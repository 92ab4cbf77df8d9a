/* What gh-sip does with a stranger's request before anybody is asked: where it goes, loops, marks, routes, and the
 * answer to a challenge. Input: a line that is a pattern, then a message. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "login.h"
#include "loopmark.h"
#include "pattern.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void try_pattern(struct bytes line, struct bytes text)
{
	struct pattern p, t;
	const char *why;

	for (int kind = PATTERN_USER; kind <= PATTERN_DOMAIN; kind++) {
		if (pattern_parse((enum pattern_kind)kind, line, &p, &why) < 0)
			continue;
		bool is_match = pattern_matches(&p, text);
		must(!is_match || p.n_manies || text.n == p.n);
		must(pattern_cmp(&p, &p) == 0);
		if (pattern_parse_template(line, &t, &why) == 0 && kind == PATTERN_USER && !memchr(line.p, 'x', line.n) &&
		    !memchr(line.p, 'X', line.n))
			must(pattern_fits(&p, &t));
	}
}

/* What went out under our mark is known when it comes back. */
static void try_marks(const struct loopmark_key *k, struct sipmsg *m)
{
	char mark[LOOPMARK_CHARS + 1];
	struct buf via;

	(void)loopmark_find(k, m);
	loopmark_make(k, true, m, mark);
	buf_init(&via, 256);
	buf_putf(&via, "SIP/2.0/TLS gh.example;branch=z9hG4bK0011223344556677.%s", mark);
	sipmsg_prepend(m, SIPH_VIA, buf_bytes(&via));
	buf_fini(&via);
	if (sipmsg_count(m, SIPH_VIA) <= SIPMSG_VIAS_MAX)
		must(loopmark_find(k, m) == LOOPMARK_LOOP);
}

static void try_message(struct sipmsg *m, struct bytes line)
{
	static const struct loopmark_key key = { .bytes = { 1 } };
	struct peer_row row = { .user = BYTES("u"), .password = BYTES("p") };
	struct target t;
	struct sipuri u;
	struct buf user, out;
	struct arena a;

	arena_init(&a, 1 << 20);
	buf_init(&user, SIPURI_MAX_BYTES);
	if (target_parts(sipmsg_uri(m), &u, &user) == 0) {
		try_pattern(line, buf_bytes(&user));
		try_pattern(line, u.host);
	}
	if (target_of(m, &t) == 0)
		must(t.host[0] && strlen(t.host) < sizeof t.host);
	try_marks(&key, m);
	(void)login_answer(&row, m, &a, m); /* challenges of any message */
	login_double_cseq(m);
	buf_init(&out, 2 * SIPMSG_MAX_BYTES);
	(void)sipmsg_print(m, &out); /* an edit may have failed: then it says so */
	buf_fini(&out);
	buf_fini(&user);
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_make(data, size);
	size_t end = bytes_find(in, '\n');
	struct bytes line = bytes_make(data, end);
	struct sipmsg *m;

	if (sipmsg_parse(bytes_skip(in, end + 1), &m) < 0)
		return 0;
	if (sipmsg_is_request(m) && sipmsg_fault(m).status == 0)
		try_message(m, line);
	sipmsg_free(m);
	return 0;
}

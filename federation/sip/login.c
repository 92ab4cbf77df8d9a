#include "login.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "sip/digest.h"

enum { CNONCE_CHARS = 32, CHALLENGES_MAX = 8, CSEQ_MAX = INT32_MAX };

static void set_cseq(struct sipmsg *m, uint64_t number, struct bytes method)
{
	struct buf b;

	buf_init(&b, 512);
	buf_putf(&b, "%llu ", (unsigned long long)number);
	buf_put_bytes(&b, method);
	sipmsg_replace(m, SIPH_CSEQ, buf_bytes(&b));
	buf_fini(&b);
}

void login_double_cseq(struct sipmsg *m)
{
	struct bytes method;
	uint32_t number;

	if (sipmsg_cseq(m, &number, &method) && number <= CSEQ_MAX / 2)
		set_cseq(m, 2ull * number, method);
}

void login_halve_cseq(struct sipmsg *m)
{
	struct bytes method;
	uint32_t number;

	if (sipmsg_cseq(m, &number, &method))
		set_cseq(m, number / 2, method);
}

static bool find_best(const struct sipmsg *m, enum siphdr h, struct arena *a, struct digest_challenge *best)
{
	bool is_found = false;

	for (size_t i = 0; i < sipmsg_count(m, h) && i < CHALLENGES_MAX; i++) {
		struct digest_challenge c;
		if (digest_challenge_parse(sipmsg_value(m, h, i), a, &c) < 0)
			continue; /* another scheme */
		if (!is_found || digest_is_better(&c, best))
			*best = c;
		is_found = true;
	}
	return is_found;
}

int login_answer(const struct peer_row *row, const struct sipmsg *challenge, struct arena *a, struct sipmsg *request)
{
	bool is_proxy = sipmsg_status(challenge) == 407;
	struct digest_challenge c;
	char cnonce[CNONCE_CHARS + 1];
	struct bytes method;
	uint32_t number;
	struct buf b;

	if (!find_best(challenge, is_proxy ? SIPH_PROXY_AUTHENTICATE : SIPH_WWW_AUTHENTICATE, a, &c))
		return ERR_UNSUPPORTED;
	random_hex(cnonce, CNONCE_CHARS);
	struct digest_login l = { .user = row->user, .password = row->password, .method = sipmsg_method_text(request),
				  .uri = sipmsg_uri(request), .nc = 1, .cnonce = cnonce };
	buf_init(&b, 8192);
	int rc = digest_answer(&c, &l, &b);
	if (rc == 0 && buf_failed(&b))
		rc = ERR_LIMIT;
	if (rc == 0) {
		sipmsg_append(request, is_proxy ? SIPH_PROXY_AUTHORIZATION : SIPH_AUTHORIZATION, buf_bytes(&b));
		if (sipmsg_method(request) != SIPM_INVITE && sipmsg_cseq(request, &number, &method) && number < CSEQ_MAX)
			set_cseq(request, number + 1ull, method);
	}
	buf_fini(&b);
	return rc;
}

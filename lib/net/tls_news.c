#include "net/tls_news.h"

#include "base/err.h"

#include <stdlib.h>
#include <time.h>

void tls_news_fini(struct tls_news *n)
{
	struct tls_staple *s;

	for (size_t at = 0; (s = map_next(&n->staples, &at));)
		free(s);
	map_fini(&n->staples);
	revoked_fini(&n->revoked);
}

void tls_news_put_staple(const uint8_t leaf[static TLS_LEAF_BYTES], int64_t until_s, struct bytes answer, struct buf *out)
{
	buf_put(out, leaf, TLS_LEAF_BYTES);
	wire_put_u64(out, (uint64_t)until_s);
	wire_put_bytes(out, answer);
}

/* Of certificates that were renewed: their answers run out and are not asked for again. */
static void drop_old(struct tls_news *n, int64_t now_s)
{
	struct tls_staple *s;
	size_t at = 0;

	while ((s = map_next(&n->staples, &at))) {
		if (s->until_s > now_s)
			continue;
		free(map_del(&n->staples, bytes_make(s->leaf, sizeof s->leaf)));
		at = 0;
	}
}

int tls_news_on_staple(struct tls_news *n, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct bytes leaf = wire_raw(&w, TLS_LEAF_BYTES);
	int64_t until_s = (int64_t)wire_u64(&w);
	struct bytes answer = wire_bytes(&w);

	if (wire_end(&w) || answer.n > TLS_STAPLE_MAX)
		return ERR_PROTOCOL;
	free(map_del(&n->staples, leaf));
	if (!answer.n)
		return 0;
	drop_old(n, (int64_t)time(NULL));
	struct tls_staple *s = n->staples.count < TLS_STAPLES_MAX ? malloc(sizeof *s + answer.n) : NULL;
	if (!s)
		return 0; /* handshakes go on without */
	memcpy(s->leaf, leaf.p, leaf.n);
	s->until_s = until_s;
	s->n = answer.n;
	memcpy(s->answer, answer.p, answer.n);
	if (map_add(&n->staples, bytes_make(s->leaf, sizeof s->leaf), s))
		free(s);
	return 0;
}

int tls_news_on_revoked(struct tls_news *n, const struct frame *f, bool *is_new)
{
	return revoked_take(&n->revoked, f->body, is_new);
}

const struct tls_staple *tls_news_staple(const struct tls_news *n, const uint8_t leaf[static TLS_LEAF_BYTES], int64_t now_s)
{
	const struct tls_staple *s = map_get(&n->staples, bytes_make(leaf, TLS_LEAF_BYTES));

	return s && now_s < s->until_s ? s : NULL;
}

/* Pings to peers without XEP-0198 (XEP-0199). The answer comes by a stream of the peer's own, so it
 * is known by its id. */
#include "stream_impl.h"

#include "base/random.h"
#include "base/text.h"

#define PING_PREFIX "gh-ping-"

void stream_put_ping(struct stream *s, uint64_t now_ms, struct stream_out *out)
{
	LIST_EACH(it, &s->pairs) {
		const struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		if (p->state != PAIR_PROVEN || !p->is_out)
			continue;
		s->ping_id = random_u64();
		buf_put_str(out->bytes, "<iq type='get'");
		xml_write_attr(out->bytes, "from", bytes_of(p->local));
		xml_write_attr(out->bytes, "to", bytes_of(p->remote));
		buf_putf(out->bytes, " id='" PING_PREFIX "%016llx'><ping xmlns='" NS_PING "'/></iq>",
		         (unsigned long long)s->ping_id);
		s->is_ping_out = true;
		s->ping_ms = now_ms;
		return;
	}
}

bool stream_read_pong(const struct stream_act *a, uint64_t *ping_id)
{
	size_t n = sizeof PING_PREFIX - 1;
	uint8_t raw[8];

	if (a->stanza.kind != STANZA_IQ || (a->stanza.type != TYPE_RESULT && a->stanza.type != TYPE_ERROR))
		return false;
	if (!bytes_starts(a->stanza.id, BYTES(PING_PREFIX)) || bytes_find(a->to, '@') < a->to.n)
		return false;
	if (text_unhex(bytes_skip(a->stanza.id, n), raw, sizeof raw) < 0)
		return false;
	*ping_id = 0;
	for (size_t i = 0; i < sizeof raw; i++)
		*ping_id = *ping_id << 8 | raw[i];
	return true;
}

void stream_ponged(struct stream *s, uint64_t now_ms)
{
	s->is_ping_out = false;
	s->last_in_ms = now_ms;
}

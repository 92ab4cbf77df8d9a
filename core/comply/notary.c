#include "comply.h"

#include "base/err.h"
#include "base/text.h"
#include "run/complyseal.h"

/* Signatures over the end of the chain, now and then, and at the end of each segment. gh-keys may be away: what wants one waits. */

static uint64_t segment_of(const struct comply *c, uint64_t number)
{
	const struct ledger *l = &c->ledger;

	return l->segments[ledger_find(l, number)].first;
}

static void send(struct comply *c, struct seal_wish *w)
{
	struct chan *keys = bus_chan(c->bus, PROG_KEYS, 0);
	uint32_t id = bus_next_id(c->bus);
	struct buf *b = chan_begin(keys, MSG_COMPLY_SIGN, id);

	wire_put_u64(b, w->number);
	wire_put_bytes(b, bytes_make(w->hash, sizeof w->hash));
	w->id = chan_end(keys) ? 0 : id;
}

static void forget(struct comply *c, size_t i)
{
	c->n_wishes--;
	memmove(c->wishes + i, c->wishes + i + 1, (c->n_wishes - i) * sizeof *c->wishes);
}

void notary_wish(struct comply *c)
{
	const struct ledger *l = &c->ledger;
	uint64_t last = l->next - 1;

	c->sealed_at_ms = loop_now(c->loop);
	if (!l->n_segments || !last || last <= c->sealed || (c->n_wishes && c->wishes[c->n_wishes - 1].number >= last))
		return;
	if (c->n_wishes == SEALS_WAITING_MAX) {
		log_warn("comply.unsigned", LOG_INT("number", c->wishes[0].number), LOG_STR("advice", "gh-keys does not answer: look at show processes"));
		forget(c, 0);
	}
	struct seal_wish *w = &c->wishes[c->n_wishes++];
	*w = (struct seal_wish){ .number = last, .segment = segment_of(c, last) };
	memcpy(w->hash, l->hash, sizeof w->hash);
	send(c, w);
}

void notary_ask(struct comply *c)
{
	for (size_t i = 0; i < c->n_wishes; i++)
		send(c, &c->wishes[i]);
}

static void keep(struct comply *c, const struct seal_wish *w, struct bytes signature, struct bytes key)
{
	const struct seal s = { .number = w->number, .hash = bytes_make(w->hash, sizeof w->hash), .signature = signature, .key = key };
	char hash[2 * RECORD_HASH_BYTES + 1];
	int rc = seal_append(c->ledger.dir_fd, w->segment, &s);

	if (rc) {
		log_error("comply.seal.failed", LOG_INT("number", w->number), LOG_STR("reason", err_name(rc)));
		return;
	}
	text_hex(s.hash, hash);
	seal_pin(key, c->pin);
	c->stats[STAT_SEALED]++;
	if (w->number > c->sealed)
		c->sealed = w->number;
	/* On another machine's log this proves that no end was cut off. */
	log_info("comply.sealed", LOG_INT("number", w->number), LOG_STR("hash", hash), LOG_STR("key", c->pin));
}

int notary_on_signed(void *program, struct chan *from, const struct frame *f)
{
	struct comply *c = program;
	struct wire w = wire_of(f->body);
	int rc = (int)(int32_t)wire_u32(&w);
	struct bytes signature = rc ? BYTES_NONE : wire_str(&w), key = rc ? BYTES_NONE : wire_str(&w);

	(void)from;
	if (wire_end(&w) || signature.n > COMPLY_SIGNATURE_MAX || key.n > COMPLY_KEY_MAX)
		return ERR_PROTOCOL;
	for (size_t i = 0; i < c->n_wishes; i++) {
		if (c->wishes[i].id != f->id)
			continue;
		if (rc)
			log_error("comply.seal.failed", LOG_INT("number", c->wishes[i].number), LOG_STR("reason", err_name(rc)));
		else
			keep(c, &c->wishes[i], signature, key);
		forget(c, i);
		break;
	}
	return 0;
}

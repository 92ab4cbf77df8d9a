#include "proto/h2_impl.h"

#include <nghttp2/nghttp2.h>

/* Frames that cost more than they carry. Our own side sends few of them, so who sends more is broken or hostile. */

enum {
	SETTINGS_PER_S = 1,
	SETTINGS_BURST = 8,
	PINGS_PER_S = 2,
	PINGS_BURST = 16,
	UPDATES_FREE = 256,       /* window updates that nothing was sent for */
	BYTES_PER_UPDATE = 4096,  /* nghttp2 sends one for half a window: 32 KiB and more */
	UPDATES_PER_DATA = 2,     /* of strangers, who may answer each frame of data, for the stream and the connection */
	RESETS_FREE = 64,         /* of streams that are over already */
	RESETS_PER_S = 10,        /* of strangers: a page that is left breaks off what it has asked for */
	RESETS_BURST = 100,
	EXTRAS_PER_S = 20,        /* of strangers: priorities, data that is empty; kinds that are not known nghttp2 skips, at no cost */
	EXTRAS_BURST = 200,
};

void h2_flood_init(struct h2 *h, uint64_t now_ms)
{
	rate_init(&h->opens, h->limits.opens_per_s, h->limits.opens_per_s * 2, now_ms);
	rate_init(&h->settings, SETTINGS_PER_S, SETTINGS_BURST, now_ms);
	rate_init(&h->pings, PINGS_PER_S, PINGS_BURST, now_ms);
	rate_init(&h->resets, RESETS_PER_S, RESETS_BURST, now_ms);
	rate_init(&h->extras, EXTRAS_PER_S, EXTRAS_BURST, now_ms);
}

/* What browsers may send, and nobody needs much of. */
static const char *extra(struct h2 *h, const char *why)
{
	return h->limits.is_open && rate_take(&h->extras, 1, h->now_ms) ? "" : why;
}

static const char *headers(struct h2 *h, uint8_t flags)
{
	if (!(flags & NGHTTP2_FLAG_END_HEADERS) && !h->limits.is_open)
		return "fields in more than one frame"; /* ours fit: CVE-2024-28182 */
	if (h->is_server && !rate_take(&h->opens, 1, h->now_ms))
		return "too many new streams"; /* rapid reset: CVE-2023-44487 */
	return "";
}

/* Each update must be paid for by bytes that we have sent, or by the two that a new stream may bring. */
static const char *update(struct h2 *h)
{
	uint64_t most = UPDATES_FREE + 2 * h->opened + h->data_out / BYTES_PER_UPDATE;

	if (h->limits.is_open)
		most += UPDATES_PER_DATA * h->n_data_out;

	return ++h->n_updates > most ? "too many window updates" : "";
}

/* Of strangers: CVE-2023-44487 and, on their side, its cousins. */
static const char *reset(struct h2 *h)
{
	bool is_fine = h->limits.is_open ? rate_take(&h->resets, 1, h->now_ms) : ++h->n_resets <= h->opened + RESETS_FREE;

	return is_fine ? "" : "too many resets";
}

const char *h2_flood(struct h2 *h, uint8_t type, uint8_t flags, size_t n)
{
	switch (type) {
	case NGHTTP2_DATA:
		return n == 0 && !(flags & NGHTTP2_FLAG_END_STREAM) ? extra(h, "empty data") : ""; /* CVE-2019-9518 */
	case NGHTTP2_HEADERS:
		return headers(h, flags);
	case NGHTTP2_SETTINGS:
		return rate_take(&h->settings, 1, h->now_ms) ? "" : "too many settings"; /* CVE-2019-9515 */
	case NGHTTP2_PING:
		return rate_take(&h->pings, 1, h->now_ms) ? "" : "too many pings"; /* CVE-2019-9512 */
	case NGHTTP2_WINDOW_UPDATE:
		return update(h);
	case NGHTTP2_RST_STREAM:
		return reset(h);
	case NGHTTP2_GOAWAY:
		return "";
	case NGHTTP2_PUSH_PROMISE:
		return "a frame of a kind that is not used";
	default: /* CONTINUATION, PRIORITY: never sent by our kind */
		return extra(h, "a frame of a kind that is not used");
	}
}

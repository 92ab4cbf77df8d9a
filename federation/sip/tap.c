#include "tap.h"

#include "proto/mask.h"
#include "sip/uri.h"

enum { MASKED_MAX = 1 << 20 };

/* Normalised domain of From or To. */
static bool domain_of(struct gsip *g, const struct sipmsg *m, enum siphdr h, char out[static GSIP_DOMAIN_MAX])
{
	struct sip_address a;
	struct sipuri u;

	return sipmsg_address(m, h, 0, &a) && sipuri_parse(a.uri, &u) == 0 && gsip_domain(g, u.host, out) == 0;
}

static void show(struct taps *t, struct bytes domain, bool is_in, uint64_t flow, struct bytes text)
{
	struct buf b;

	for (struct tap *tap = NULL; (tap = taps_next(t, domain, tap));) {
		const struct mask how = { tap_key(tap) };
		buf_init(&b, MASKED_MAX);
		if (mask_sip(&how, text, &b) == 0)
			tap_put(tap, is_in, flow, buf_bytes(&b));
		buf_fini(&b);
	}
}

/* Who is at the other end: whichever of From and To is not ours, or both when a call stays with partners. */
static void show_of(struct gsip *g, uint64_t flow, const struct sipmsg *m, bool is_in, struct bytes text)
{
	char from[GSIP_DOMAIN_MAX] = "", to[GSIP_DOMAIN_MAX] = "";

	if (domain_of(g, m, SIPH_FROM, from))
		show(g->taps, bytes_of(from), is_in, flow, text);
	if (domain_of(g, m, SIPH_TO, to) && strcmp(from, to) != 0)
		show(g->taps, bytes_of(to), is_in, flow, text);
}

static void on_message(void *arg, uint64_t flow, const struct sipmsg *m, struct bytes text)
{
	struct gsip *g = arg;
	struct sipmsg *parsed = NULL;
	struct buf printed;

	if (!taps_has_any(g->taps))
		return;
	buf_init(&printed, MASKED_MAX);
	if (m && sipmsg_print(m, &printed) == 0)
		show_of(g, flow, m, true, buf_bytes(&printed));
	else if (!m && sipmsg_parse(text, &parsed) == 0)
		show_of(g, flow, parsed, false, text);
	sipmsg_free(parsed);
	buf_fini(&printed);
}

void gsip_tap_init(struct gsip *g, struct taps *t)
{
	g->taps = t;
	taps_init(t, g->loop);
	siptransports_set_tap(sipendpoint_transports(g->endpoint), on_message, g);
}

void gsip_tap_command(struct gsip *g, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	taps_command(g->taps, ask, args, n_args);
}

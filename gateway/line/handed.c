#include "handed.h"

#include "base/err.h"

#include <stdlib.h>
#include <unistd.h>

const struct handed *handed_of(const struct line *l, uint64_t flow)
{
	return flow ? map_get_u64(&l->handed, flow) : NULL;
}

void handed_flow_gone(struct line *l, uint64_t flow)
{
	free(map_del_u64(&l->handed, flow));
}

static void place(struct line *l, int fd, const struct sockaddr_storage *address, struct handed *h)
{
	struct siptransports *t = sipendpoint_transports(l->sip);
	union sip_sockaddr from = { 0 };
	uint64_t flow;

	memcpy(&from, address, sizeof from);
	bool is_websocket = strcmp(h->transport, HANDED_SIP_WEBSOCKET) == 0;
	if (siptransports_adopt(t, is_websocket ? SIPT_WSS : SIPT_TLS, fd, &from, &flow)) {
		free(h); /* it has been logged */
	} else if (map_add_u64(&l->handed, flow, h)) {
		free(h);
		siptransports_close_flow(t, flow);
	}
}

/* An edge that is taken over can say any address, so limits of addresses do not bind it: all edges together get no more than
 * three quarters of the places, and people inside can still come. */
static bool has_room(const struct line *l, const struct handed *h)
{
	size_t max = (size_t)settings_int(l->settings, SET_LINE_CONNS);

	if (!h->edge[0] || l->handed.count < max - max / 4)
		return true;
	line_stats[STAT_EDGES_FULL]++;
	return false;
}

int handed_on_stream(void *program, struct chan *from, const struct frame *f)
{
	struct line *l = program;
	struct sockaddr_storage address;
	struct handed *h = calloc(1, sizeof *h);
	int rc = h ? handed_decode(f->body, &address, h) : 0;

	(void)from;
	bool is_banned = !rc && h && line_is_banned(l, (struct sockaddr *)&address);
	if (!rc && h && l->settings && f->fd >= 0 && !is_banned && has_room(l, h)) {
		place(l, f->fd, &address, h);
		return 0;
	}
	if (f->fd >= 0)
		(void)close(f->fd); /* its other end sees that */
	free(h);
	return rc;
}

#include "base/err.h"
#include "server_impl.h"

/* ChannelBind (RFC 8656 12.2): makes the permission too. */

static unsigned bind_channel(struct request *r)
{
	struct stunaddr peer;
	struct channel *c;
	uint64_t now = loop_now(r->s->loop);
	const struct stunmsg *m = r->m;

	if (r->a->is_tcp || !(m->has & STUN_HAS_CHANNEL) || m->n_peers != 1 || m->channel < CHANNEL_MIN || m->channel > CHANNEL_MAX)
		return 400;
	peer = m->peers[0];
	if (!peer_is_permitted(r, &peer))
		return 403;
	if (!relay_for(r->a, &peer))
		return 443;
	if (!peer_is_in_time(r, &peer))
		return 508;
	flows_prune(r->s, r->a);
	int rc = channel_put(r->a, m->channel, &peer, now, r->s->conf->channels_max, &c);
	if (rc == ERR_EXISTS)
		return 400;
	if (rc < 0 || permission_put(r->a, &peer, now, r->s->conf->permissions_max) < 0)
		return 508;
	flows_put(r->s, r->a, &peer);
	return 0;
}

void request_channel(struct request *r)
{
	struct stunmsg_writer w;

	if (!is_of_owner(r))
		return;
	unsigned code = bind_channel(r);
	if (code) {
		reply_error(r, code);
		return;
	}
	reply_begin(r, &w, STUN_SUCCESS);
	reply_send(r, &w);
}

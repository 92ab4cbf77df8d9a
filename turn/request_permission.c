#include "base/err.h"
#include "server_impl.h"

/* CreatePermission (RFC 8656 10): all of its peers or none. */

static unsigned judge(struct request *r, struct stunaddr *peers)
{
	if (r->m->n_peers == 0)
		return 400;
	if (r->m->has_more_peers)
		return 508;
	for (unsigned i = 0; i < r->m->n_peers; i++) {
		peers[i] = r->m->peers[i];
		if (!peer_is_permitted(r, &peers[i]))
			return 403;
		if (!relay_for(r->a, &peers[i]))
			return 443;
	}
	return 0;
}

/* A client that tries one peer after the other scans through us: new ones are counted, renewals are free. */
bool peer_is_in_time(struct request *r, const struct stunaddr *peer)
{
	uint64_t now = loop_now(r->s->loop);

	if (permission_holds(r->a, peer, now) || rate_take(&r->a->new_peers, 1, now))
		return true;
	note_refused(r, "peer", "more new peers a second than turn new-peers allows");
	return false;
}

static unsigned install(struct request *r, const struct stunaddr *peers)
{
	uint64_t now = loop_now(r->s->loop);

	for (unsigned i = 0; i < r->m->n_peers; i++) {
		if (!peer_is_in_time(r, &peers[i]))
			return 508;
		if (permission_put(r->a, &peers[i], now, r->s->conf->permissions_max) < 0)
			return 508;
		flows_put(r->s, r->a, &peers[i]);
	}
	return 0;
}

bool is_of_owner(struct request *r)
{
	if (!r->a)
		reply_error(r, 437);
	else if (!bytes_eq(quota_user_name(r->a->hold.user), bytes_make(r->who.user, r->who.user_n)))
		reply_error(r, 441);
	else
		return true;
	return false;
}

void request_permission(struct request *r)
{
	struct stunaddr peers[STUNMSG_PEERS_MAX];
	struct stunmsg_writer w;

	if (!is_of_owner(r))
		return;
	unsigned code = judge(r, peers);
	if (code == 0)
		code = install(r, peers);
	if (code) {
		reply_error(r, code);
		return;
	}
	reply_begin(r, &w, STUN_SUCCESS);
	reply_send(r, &w);
}

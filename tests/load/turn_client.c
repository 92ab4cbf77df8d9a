#include "turn_client.h"

#include "meter.h"

#include "base/err.h"
#include "base/random.h"
#include "proto/stunmsg.h"

#include <stdlib.h>

#define REPEAT_S 0.5 /* RFC 8489 6.2.1, without doubling: nothing else is on this network */

struct turn { /* one client's, while it is looked at */
	struct turnclients *all;
	struct turnclient *one;
	enum turnclient_step to;
	int rc;
};

static struct stunaddr peer_of(const struct turnclients *c)
{
	struct stunaddr a = { .family = 4, .port = ntohs(c->peer.sin_port) };

	memcpy(a.ip, &c->peer.sin_addr, 4);
	return a;
}

/* ---- asking ---- */

static enum stunmsg_method method_of(const struct turn *t)
{
	return t->to == TURNCLIENT_ALLOCATED ? STUN_ALLOCATE : t->to == TURNCLIENT_FREED ? STUN_REFRESH :
	       t->all->use_send ? STUN_CREATE_PERMISSION : STUN_CHANNEL_BIND;
}

static void put_body(const struct turn *t, struct stunmsg_writer *w)
{
	const struct stunaddr peer = peer_of(t->all);

	if (t->to == TURNCLIENT_ALLOCATED) {
		stunmsg_put_u32(w, STUN_REQUESTED_TRANSPORT, IPPROTO_UDP << 24);
	} else if (t->to == TURNCLIENT_FREED) {
		stunmsg_put_u32(w, STUN_LIFETIME, 0);
	} else {
		if (!t->all->use_send)
			stunmsg_put_u32(w, STUN_CHANNEL_NUMBER, TURNCLIENT_CHANNEL << 16);
		stunmsg_put_address(w, STUN_XOR_PEER_ADDRESS, &peer);
	}
}

static int ask(struct turn *t)
{
	uint8_t room[1][TURNWIRE_MESSAGE_MAX];
	struct stunmsg_writer w;
	struct turnclient *c = t->one;

	random_bytes(c->id, sizeof c->id);
	memcpy(c->id, (uint8_t[]){ 0x21, 0x12, 0xA4, 0x42 }, 4);
	stunmsg_begin(&w, room[0], sizeof room[0], STUN_REQUEST, method_of(t), c->id);
	put_body(t, &w);
	if (c->nonce_n) {
		stunmsg_put(&w, STUN_USERNAME, bytes_of(t->all->user));
		stunmsg_put(&w, STUN_REALM, bytes_of(t->all->realm));
		stunmsg_put(&w, STUN_NONCE, bytes_make(c->nonce, c->nonce_n));
		stunmsg_put_integrity(&w, bytes_make(t->all->key, t->all->key_n), false);
	}
	size_t n = stunmsg_end(&w).n;
	c->is_waiting = true;
	c->asked_s = meter_now();
	return n && turnwire_send(&c->wire, room, n, 1) == 1 ? 0 : ERR_IO;
}

/* ---- answers ---- */

static int keep_challenge(struct turn *t, const struct stunmsg *m)
{
	struct turnclients *c = t->all;

	if (m->nonce.n > TURNCLIENT_NONCE_MAX || m->realm.n >= sizeof c->realm)
		return ERR_LIMIT;
	memcpy(t->one->nonce, m->nonce.p, m->nonce.n);
	t->one->nonce_n = m->nonce.n;
	if (c->key_n)
		return 0;
	memcpy(c->realm, m->realm.p, m->realm.n);
	return stunmsg_long_term_key(STUN_ALGORITHM_MD5, bytes_of(c->user), m->realm, bytes_of(c->password), c->key, &c->key_n);
}

static int refused(struct turn *t, const struct stunmsg *m)
{
	bool is_fresh = m->nonce.n && (m->error == 438 || (m->error == 401 && !t->one->nonce_n));

	if (is_fresh)
		return keep_challenge(t, m);
	t->all->why = stunmsg_phrase(m->error);
	return ERR_DENIED;
}

static void on_message(void *arg, struct bytes in)
{
	struct turn *t = arg;
	struct stunmsg m;

	if (!stunmsg_is(in) || stunmsg_parse(in, &m) || !t->one->is_waiting || memcmp(m.id, t->one->id, sizeof m.id))
		return; /* of an earlier request */
	t->one->is_waiting = false;
	if (m.class != STUN_SUCCESS) {
		t->rc = refused(t, &m);
		return;
	}
	t->one->done = t->to;
	if (t->to == TURNCLIENT_ALLOCATED) {
		t->one->relayed = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(m.relayed.port) };
		memcpy(&t->one->relayed.sin_addr, m.relayed.ip, 4);
	}
}

/* ---- all of them ---- */

static int connect_one(struct turnclients *c, struct turnclient *one)
{
	if (one->wire.fd < 0) {
		int rc = turnwire_open(&one->wire, c->kind, c->context, &c->from, &c->server);
		if (rc)
			return rc;
	}
	int rc = turnwire_ready(&one->wire);
	if (!rc)
		one->done = TURNCLIENT_CONNECTED;
	return rc == ERR_AGAIN ? 0 : rc;
}

static int step(struct turnclients *c, struct turnclient *one, enum turnclient_step to)
{
	struct turn t = { c, one, to, 0 };
	int rc;

	if (one->done == TURNCLIENT_NONE)
		return connect_one(c, one);
	if (one->is_waiting) {
		rc = turnwire_receive(&one->wire, on_message, &t);
		if (t.rc || (rc && rc != ERR_AGAIN))
			return t.rc ? t.rc : rc;
		if (one->is_waiting && (turnwire_is_stream(&one->wire) || meter_now() - one->asked_s < REPEAT_S))
			return 0;
		if (one->is_waiting)
			c->repeats++;
	}
	return one->done == to ? 0 : ask(&t);
}

int turnclients_bring(struct turnclients *c, enum turnclient_step to, double patience_s)
{
	double end = meter_now() + patience_s;
	unsigned first = 0;

	while (first < c->n) {
		unsigned asked = 0;
		for (unsigned i = first; i < c->n && asked < c->window; i++) {
			if (c->all[i].done == to)
				continue;
			int rc = step(c, &c->all[i], to);
			if (rc)
				return rc;
			asked++;
		}
		while (first < c->n && c->all[first].done == to)
			first++;
		if (meter_now() > end)
			return ERR_TIMEOUT;
	}
	return 0;
}

void turnclients_close(struct turnclients *c)
{
	for (unsigned i = 0; c->all && i < c->n; i++)
		turnwire_close(&c->all[i].wire);
	free(c->all);
	SSL_CTX_free(c->context);
}

#include "server_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/random.h"
#include "credentials_fixture.h"

static struct play_out *note(struct play_worker *w, int what)
{
	struct play *p = w->play;

	assert_true(p->n_out < PLAY_OUT_MAX);
	struct play_out *o = &p->out[p->n_out++];
	*o = (struct play_out){ .what = what, .worker = w->number };
	return o;
}

static void keep(struct play_out *o, struct bytes b)
{
	assert_true(b.n <= sizeof o->bytes);
	o->n = b.n;
	memcpy(o->bytes, b.p, b.n);
}

/* CVE-2020-4067: what pads an answer is zero, whatever the buffer held before. */
static void check_padding(struct bytes b)
{
	if (!stunmsg_is(b))
		return;
	for (size_t at = STUNMSG_HEADER; at + 4 <= b.n;) {
		size_t n = (size_t)b.p[at + 2] << 8 | b.p[at + 3], end = at + 4 + n;
		for (at = end; at % 4; at++)
			assert_int_equal(b.p[at], 0);
	}
}

static void to_client(void *io, const struct turn_path *to, struct bytes b)
{
	struct play_out *o = note(io, OUT_CLIENT);

	check_padding(b);
	o->path = *to;
	keep(o, b);
}

static void to_client_from(void *io, const struct turn_path *to, uint8_t door, struct bytes b)
{
	struct play_out *o = note(io, OUT_CLIENT_FROM);

	o->path = *to;
	o->door = door;
	keep(o, b);
}

static void to_peer(void *io, struct turn_relay *r, const struct stunaddr *peer, struct bytes b, bool dont_fragment)
{
	struct play_out *o = note(io, OUT_PEER);

	o->fd = r->fd;
	o->peer = *peer;
	o->dont_fragment = dont_fragment;
	keep(o, b);
}

static void open_port(struct play_worker *w, struct turn_relay *r, uint8_t family, uint16_t port, void *owner)
{
	*r = (struct turn_relay){ .fd = port, .at = { family, port, { 203, 0, 113, 5 } } };
	r->seen = r->at;
	if (w->play->public[family == 6].family)
		memcpy(r->seen.ip, w->play->public[family == 6].ip, sizeof r->seen.ip);
	w->owner_of[port] = owner;
	w->relay_of[port] = r;
	w->play->open_ports++;
}

static int relay_open(void *io, uint8_t family, bool is_tcp, enum turn_port_want want, struct turn_relay *r,
                      struct turn_relay *pair, void *owner)
{
	struct play_worker *w = io;
	uint16_t port = (uint16_t)(49152 + 2 * random_below(8000));

	if (w->play->has_no_port)
		return ERR_FULL;
	if (family == 6 && w->play->has_no_v6)
		return ERR_NOT_FOUND;
	open_port(w, r, family, port, owner);
	r->is_tcp = is_tcp;
	if (want == TURN_PORT_EVEN_PAIR)
		open_port(w, pair, family, (uint16_t)(port + 1), NULL);
	return 0;
}

static int relay_adopt(void *io, struct turn_relay *r, void *owner)
{
	struct play_worker *w = io;

	w->owner_of[r->at.port] = owner;
	w->relay_of[r->at.port] = r;
	return 0;
}

static void *relay_owner(void *io, uint8_t family, uint16_t port)
{
	struct play_worker *w = io;
	const struct turn_relay *r = w->relay_of[port];

	return r && r->at.family == family && !r->is_tcp ? w->owner_of[port] : NULL;
}

static void relay_release(void *io, struct turn_relay *r)
{
	struct play_worker *w = io;

	w->owner_of[r->at.port] = NULL;
	w->relay_of[r->at.port] = NULL;
	r->fd = -1;
}

static void relay_close(void *io, struct turn_relay *r)
{
	struct play_worker *w = io;

	if (r->fd < 0)
		return;
	relay_release(w, r);
	w->play->open_ports--;
}

static int peer_connect(void *io, struct turn_relay *r, const struct stunaddr *peer, uint32_t id)
{
	struct play_out *o = note(io, OUT_CONNECT);

	o->fd = r->fd;
	o->peer = *peer;
	o->connection = id;
	return 0;
}

static void peer_close(void *io, uint32_t id)
{
	note(io, OUT_CLOSE)->connection = id;
}

static int peer_release(void *io, uint32_t id)
{
	(void)io;
	return (int)(id & 0xffff) + 100;
}

static int peer_adopt(void *io, uint32_t id, int fd)
{
	(void)io;
	return (int)(id & 0xffff) + 100 == fd ? 0 : ERR_SYS;
}

static int join(void *io, const struct turn_path *client, uint32_t id)
{
	struct play_out *o = note(io, OUT_JOIN);

	o->path = *client;
	o->connection = id;
	return ((struct play_worker *)io)->play->cannot_join ? ERR_NOMEM : 0;
}

static void client_close(void *io, const struct turn_path *client)
{
	note(io, OUT_CLOSE)->path = *client;
}

static void tell_connection(void *io, unsigned worker, const struct turn_connection_news *n)
{
	struct play_worker *w = io;

	if (worker < PLAY_WORKERS && w->play->workers[worker].server)
		turn_server_connection_news(w->play->workers[worker].server, w->number, n);
}

/* The bus between the workers, at once. */
static int claim(void *io, unsigned worker, const struct turn_claim *c)
{
	struct play_worker *w = io;
	struct turn_claim_answer a;
	struct buf room;

	if (worker >= PLAY_WORKERS)
		return ERR_NOT_FOUND;
	if (w->play->claim_rc)
		return w->play->claim_rc == PLAY_SILENT ? 0 : w->play->claim_rc;
	buf_init(&room, 65536);
	turn_server_claim(w->play->workers[worker].server, c, &a, &room);
	turn_server_claimed(w->server, &a);
	buf_fini(&room);
	return 0;
}

static void tell_usage(void *io, struct bytes user, uint32_t allocations)
{
	struct play_worker *w = io;

	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		if (i != w->number && w->play->workers[i].server)
			turn_server_heard(w->play->workers[i].server, w->number, user, allocations);
}

static struct play_flow *flow_of(void *io, uint32_t id)
{
	struct play_worker *w = io;

	assert_in_range(id, 1, PLAY_FLOWS);
	struct play_flow *f = &w->play->flows[id - 1];
	assert_true(f->is_used && f->worker == w->number);
	return f;
}

static int fast_add(void *io, const struct fastpath_flow *is, uint32_t *id)
{
	struct play_worker *w = io;

	for (uint32_t i = 0; i < PLAY_FLOWS; i++) {
		const struct play_flow *f = &w->play->flows[i];
		if (f->is_used && stunaddr_eq(&f->is.peer, &is->peer) && stunaddr_eq(&f->is.relay, &is->relay))
			return ERR_EXISTS;
	}
	for (uint32_t i = 0; i < PLAY_FLOWS; i++)
		if (!w->play->flows[i].is_used) {
			w->play->flows[i] = (struct play_flow){ .is_used = true, .worker = w->number, .is = *is };
			*id = i + 1;
			return 0;
		}
	return ERR_FULL;
}

static int fast_renew(void *io, uint32_t id, const struct fastpath_flow *is)
{
	struct play_flow *f = flow_of(io, id);

	/* the two ways cannot be renewed to others */
	assert_true(stunaddr_eq(&f->is.client, &is->client) && stunaddr_eq(&f->is.peer, &is->peer));
	f->is = *is;
	f->renewed++;
	return 0;
}

static int fast_read(void *io, uint32_t id, struct fastpath_counts *out)
{
	struct play_flow *f = flow_of(io, id);

	*out = f->passed;
	f->passed = (struct fastpath_counts){ 0 };
	return 0;
}

static void fast_del(void *io, uint32_t id, struct fastpath_counts *out)
{
	(void)fast_read(io, id, out); /* cannot fail */
	flow_of(io, id)->is_used = false;
}

static void refused(void *io, const struct turn_path *from, struct bytes user, const char *what, const char *why)
{
	struct play *p = ((struct play_worker *)io)->play;

	(void)from;
	(void)what;
	(void)snprintf(p->refused_user, sizeof p->refused_user, "%.*s", BYTES_FMT(user));
	p->refused++;
	(void)snprintf(p->why, sizeof p->why, "%s", why);
}

static void ended(void *io, const struct turn_seen *a, const char *reason)
{
	struct play *p = ((struct play_worker *)io)->play;

	p->n_ended++;
	p->ended = *a;
	p->ended.user = BYTES_NONE; /* gone with it */
	p->ended_why = reason;
}

static void drained(void *io, uint32_t left)
{
	struct play *p = ((struct play_worker *)io)->play;

	p->n_drained++;
	p->left = left;
}

static const struct turn_io play_io = {
	.to_client = to_client, .to_client_from = to_client_from, .to_peer = to_peer, .relay_open = relay_open,
	.relay_adopt = relay_adopt, .relay_owner = relay_owner, .relay_close = relay_close, .relay_release = relay_release,
	.peer_connect = peer_connect, .peer_close = peer_close, .peer_release = peer_release, .peer_adopt = peer_adopt,
	.join = join, .tell_connection = tell_connection, .client_close = client_close, .claim = claim, .tell_usage = tell_usage,
	.ended = ended, .drained = drained, .refused = refused,
	.fast_add = fast_add, .fast_renew = fast_renew, .fast_read = fast_read, .fast_del = fast_del,
};

void play_begin(struct play *p)
{
	struct credentials *c = credentials_new(BYTES("example.org"));

	*p = (struct play){ .loop = loop_new(LOOP_FAKE), .key = { { { 1 }, { 2 } } } };
	loop_fake_advance(p->loop, 5000);
	credentials_fixture_add(c, "juliet", "r0m30");
	credentials_fixture_add(c, "romeo", "jul13t");
	p->conf = (struct turn_conf){
		.realm = BYTES("example.org"), .algorithms = 1 << STUN_ALGORITHM_MD5 | 1 << STUN_ALGORITHM_SHA256,
		.lifetime_s = 600, .lifetime_max_s = 3600, .permissions_max = 20, .channels_max = 20, .has_mobility = true,
		.has_tcp_relay = true, .peer_connections = 100, .peer_connections_allocation = 5, .credentials = c, .limits = { .workers = PLAY_WORKERS },
		.discovery = { { 0xff, 0xff }, { 0xff, 0xff } },
	};
	for (unsigned i = 0; i < PLAY_WORKERS; i++) {
		p->workers[i].play = p;
		p->workers[i].number = i;
		p->workers[i].server = turn_server_new(p->loop, i, &p->key, &play_io, &p->workers[i]);
		turn_server_set(p->workers[i].server, &p->conf);
	}
}

void play_end(struct play *p)
{
	for (unsigned i = 0; i < PLAY_WORKERS; i++) {
		turn_server_free(p->workers[i].server);
		p->workers[i].server = NULL;
	}
	for (unsigned i = 0; i < PLAY_FLOWS; i++)
		assert_false(p->flows[i].is_used); /* no flow outlives its allocation */
	assert_int_equal(p->open_ports, 0); /* each port that was opened was closed */
	credentials_free((struct credentials *)p->conf.credentials);
	loop_free(p->loop);
}

struct play play;

int play_up(void **state)
{
	(void)state;
	play_begin(&play);
	return 0;
}

int play_down(void **state)
{
	(void)state;
	play_end(&play);
	return 0;
}

void play_kernel(struct play *p, const struct turn_door *door)
{
	for (unsigned i = 0; i < PLAY_WORKERS; i++) {
		turn_server_set_door(p->workers[i].server, 0, door);
		turn_server_kernel(p->workers[i].server, true);
	}
}

unsigned play_flows(const struct play *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PLAY_FLOWS; i++)
		n += p->flows[i].is_used;
	return n;
}

struct play_client play_client(struct play *p, uint8_t last_byte, uint16_t port)
{
	return (struct play_client){ .play = p, .path = { .transport = TURN_UDP, .from = { 4, port, { 9, 9, 9, last_byte } } },
		                     .user = "juliet", .password = "r0m30" };
}

void play_clear(struct play *p)
{
	p->n_out = 0;
}

const struct play_out *play_last(const struct play *p)
{
	return p->n_out ? &p->out[p->n_out - 1] : NULL;
}

void play_from_client(struct play_client *c, struct bytes b)
{
	uint8_t *room = malloc(TURN_HEADROOM + b.n + TURN_TAILROOM); /* of its own: the sanitizer sees what is around */
	struct turn_packet p = { room + TURN_HEADROOM, b.n };

	if (b.n)
		memcpy(p.p, b.p, b.n);
	turn_server_client(c->play->workers[c->worker].server, &c->path, &p);
	free(room);
}

void play_from_peer(struct play *p, unsigned worker, uint16_t port, const struct stunaddr *peer, struct bytes b)
{
	uint8_t *room = malloc(TURN_HEADROOM + b.n + TURN_TAILROOM);
	struct turn_packet packet = { room + TURN_HEADROOM, b.n };
	struct play_worker *w = &p->workers[worker];

	if (b.n)
		memcpy(packet.p, b.p, b.n);
	assert_non_null(w->relay_of[port]);
	turn_server_peer(w->server, w->owner_of[port], w->relay_of[port], peer, &packet);
	free(room);
}

static void sign(struct play_client *c, struct stunmsg_writer *w)
{
	uint8_t key[STUNMSG_KEY_MAX], hash[32];
	size_t n;

	assert_int_equal(stunmsg_userhash(bytes_of(c->user), BYTES("example.org"), hash), 0);
	if (c->by_hash)
		stunmsg_put(w, STUN_USERHASH, bytes_make(hash, sizeof hash));
	else
		stunmsg_put(w, STUN_USERNAME, bytes_of(c->user));
	stunmsg_put(w, STUN_REALM, BYTES("example.org"));
	stunmsg_put(w, STUN_NONCE, bytes_make(c->nonce, c->nonce_n));
	if (c->is_sha256) {
		stunmsg_put_algorithms(w, 1 << STUN_ALGORITHM_MD5 | 1 << STUN_ALGORITHM_SHA256);
		stunmsg_put_u32(w, STUN_PASSWORD_ALGORITHM, STUN_ALGORITHM_SHA256 << 16);
	}
	assert_int_equal(stunmsg_long_term_key(c->is_sha256 ? STUN_ALGORITHM_SHA256 : STUN_ALGORITHM_MD5, bytes_of(c->user),
	                                       BYTES("example.org"), bytes_of(c->password), key, &n), 0);
	stunmsg_put_integrity(w, bytes_make(key, n), c->is_sha256);
}

struct stunmsg play_ask(struct play_client *c, const struct play_ask *a)
{
	static const uint8_t cookie[4] = { 0x21, 0x12, 0xa4, 0x42 };
	uint8_t out[1024];
	struct stunmsg_writer w;
	struct stunmsg m = { 0 };

	if (!a->is_same_id) {
		memcpy(c->id, cookie, 4);
		random_bytes(c->id + 4, 12);
	}
	stunmsg_begin(&w, out, sizeof out, STUN_REQUEST, a->method, c->id);
	if (a->put)
		a->put(&w, a->arg);
	if (c->nonce_n && !a->is_unsigned)
		sign(c, &w);
	play_clear(c->play);
	play_from_client(c, stunmsg_end(&w));
	const struct play_out *o = play_last(c->play);
	if (o && o->n && stunmsg_parse(bytes_make(o->bytes, o->n), &m) == 0 && m.has & STUN_HAS_NONCE) {
		memcpy(c->nonce, m.nonce.p, m.nonce.n);
		c->nonce_n = m.nonce.n;
	}
	return m;
}

unsigned play_code(struct stunmsg m)
{
	return m.class == STUN_SUCCESS ? 0 : m.error ? m.error : 1;
}

void play_put_all(struct stunmsg_writer *w, void *attributes)
{
	for (const struct play_attribute *a = attributes; a->type; a++)
		stunmsg_put(w, a->type, a->value);
}

struct stunmsg play_ask_all(struct play_client *c, uint16_t method, struct play_attribute *all)
{
	return play_ask(c, &(struct play_ask){ .method = method, .put = play_put_all, .arg = all });
}

struct stunmsg play_last_message(const struct play *p)
{
	struct stunmsg m;

	assert_non_null(play_last(p));
	assert_int_equal(stunmsg_parse(bytes_make(play_last(p)->bytes, play_last(p)->n), &m), 0);
	return m;
}

static void put_udp(struct stunmsg_writer *w, void *arg)
{
	(void)arg;
	stunmsg_put_u32(w, STUN_REQUESTED_TRANSPORT, 17u << 24);
}

struct stunaddr play_allocate(struct play_client *c)
{
	struct play_ask ask = { .method = STUN_ALLOCATE, .put = put_udp };

	if (!c->nonce_n)
		assert_int_equal(play_code(play_ask(c, &ask)), 401);
	struct stunmsg m = play_ask(c, &ask);
	assert_int_equal(play_code(m), 0);
	return m.relayed;
}

struct bind {
	uint16_t channel;
	const struct stunaddr *peer;
	int64_t lifetime_s;
};

static void put_peer(struct stunmsg_writer *w, void *arg)
{
	const struct bind *b = arg;

	if (b->channel)
		stunmsg_put_u32(w, STUN_CHANNEL_NUMBER, (uint32_t)b->channel << 16);
	stunmsg_put_address(w, STUN_XOR_PEER_ADDRESS, b->peer);
}

unsigned play_permit(struct play_client *c, const struct stunaddr *peer)
{
	struct bind b = { .peer = peer };

	return play_code(play_ask(c, &(struct play_ask){ .method = STUN_CREATE_PERMISSION, .put = put_peer, .arg = &b }));
}

unsigned play_bind(struct play_client *c, uint16_t channel, const struct stunaddr *peer)
{
	struct bind b = { .channel = channel, .peer = peer };

	return play_code(play_ask(c, &(struct play_ask){ .method = STUN_CHANNEL_BIND, .put = put_peer, .arg = &b }));
}

static void put_lifetime(struct stunmsg_writer *w, void *arg)
{
	const struct bind *b = arg;

	if (b->lifetime_s >= 0)
		stunmsg_put_u32(w, STUN_LIFETIME, (uint32_t)b->lifetime_s);
}

unsigned play_refresh(struct play_client *c, int64_t lifetime_s)
{
	struct bind b = { .lifetime_s = lifetime_s };

	return play_code(play_ask(c, &(struct play_ask){ .method = STUN_REFRESH, .put = put_lifetime, .arg = &b }));
}

#include "pep/caps.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "pep/caps_hash.h"
#include "domain.h"
#include "names.h"
#include "pep/pep.h"

#include <stdio.h>
#include <stdlib.h>

enum { KNOWN_MAX = 5000, REMOTE_MAX = 20000, OWNERS_MAX = 200 };
#define ID "caps" /* of our questions, and a number */

/* What some clients want. Two kinds of owners: the table of known ones, and entities. */
struct caps {
	struct list node; /* in by_use, while it is known by its hash */
	unsigned refs;
	unsigned n;
	struct bytes interests[CAPS_INTERESTS_MAX]; /* views of text */
	size_t key_n;
	uint8_t text[]; /* key, interests */
};

struct caps_bare {
	struct list entities;
	size_t n;
	uint8_t bare[];
};

/* A client that we see. */
struct caps_entity {
	struct list node;        /* in its bare JID's list */
	struct list remote_node; /* in the table's, for clients at other domains */
	struct caps_bare *bare;
	struct caps *caps;   /* NULL: not known (yet) */
	uint64_t asked;      /* number of the question that is open; 0: none */
	struct names owners; /* accounts that it has sent presence to */
	char *said;          /* "hash ver node" of its presence */
	size_t full_n;
	uint8_t full[];
};

static struct bytes full_of(const struct caps_entity *e)
{
	return bytes_make(e->full, e->full_n);
}

static bool is_ours(const struct im *im, struct bytes full)
{
	struct jid j = jid_of_normal(full);

	return domain_of(im, jid_domain(&j)) != NULL;
}

/* ---- sets of interests ---- */

static void unref(struct caps *c)
{
	if (c && --c->refs == 0)
		free(c);
}

static struct caps *make(struct bytes key, const struct bytes *interests, unsigned n)
{
	size_t texts = key.n;

	for (unsigned i = 0; i < n; i++)
		texts += interests[i].n;
	struct caps *c = calloc(1, sizeof *c + texts);
	if (!c)
		return NULL;
	c->refs = 1;
	c->n = n;
	c->key_n = key.n;
	memcpy(c->text, key.p, key.n);
	uint8_t *at = c->text + key.n;
	for (unsigned i = 0; i < n; i++) {
		memcpy(at, interests[i].p, interests[i].n);
		c->interests[i] = bytes_make(at, interests[i].n);
		at += interests[i].n;
	}
	return c;
}

static void forget(struct im *im, struct caps *c)
{
	map_del(&im->caps.known, bytes_make(c->text, c->key_n));
	list_del(&c->node);
	unref(c);
}

static void remember(struct im *im, struct caps *c)
{
	if (map_get(&im->caps.known, bytes_make(c->text, c->key_n)))
		return;
	if (im->caps.known.count >= KNOWN_MAX)
		forget(im, LIST_OWNER(im->caps.by_use.next, struct caps, node));
	if (map_add(&im->caps.known, bytes_make(c->text, c->key_n), c))
		return;
	c->refs++;
	list_add_tail(&im->caps.by_use, &c->node);
}

static struct caps *known(struct im *im, struct bytes key)
{
	struct caps *c = map_get(&im->caps.known, key);

	if (c) {
		list_del(&c->node);
		list_add_tail(&im->caps.by_use, &c->node);
		c->refs++;
	}
	return c;
}

/* ---- entities ---- */

static struct caps_entity *find(const struct im *im, struct bytes full)
{
	struct jid j = jid_of_normal(full);
	struct caps_bare *b = map_get(&im->caps.entities, jid_bare(&j));

	if (!b)
		return NULL;
	LIST_EACH (it, &b->entities) {
		struct caps_entity *e = LIST_OWNER(it, struct caps_entity, node);
		if (bytes_eq(full_of(e), full))
			return e;
	}
	return NULL;
}

static void drop(struct im *im, struct caps_entity *e)
{
	struct caps_bare *b = e->bare;

	list_del(&e->node);
	if (list_is_linked(&e->remote_node)) {
		list_del(&e->remote_node);
		im->caps.n_remote--;
	}
	if (list_is_empty(&b->entities)) {
		map_del(&im->caps.entities, bytes_make(b->bare, b->n));
		free(b);
	}
	unref(e->caps);
	names_clear(&e->owners);
	free(e->said);
	free(e);
}

static struct caps_bare *bare_of(struct im *im, struct bytes bare)
{
	struct caps_bare *b = map_get(&im->caps.entities, bare);

	if (b)
		return b;
	b = calloc(1, sizeof *b + bare.n);
	if (!b)
		return NULL;
	list_init(&b->entities);
	b->n = bare.n;
	memcpy(b->bare, bare.p, bare.n);
	if (map_add(&im->caps.entities, bytes_make(b->bare, b->n), b)) {
		free(b);
		return NULL;
	}
	return b;
}

static struct caps_entity *add(struct im *im, struct bytes full)
{
	struct jid j = jid_of_normal(full);
	bool is_remote = !is_ours(im, full);

	if (is_remote && im->caps.n_remote >= REMOTE_MAX) /* the one that came first makes room */
		drop(im, LIST_OWNER(im->caps.remote.next, struct caps_entity, remote_node));
	struct caps_entity *e = calloc(1, sizeof *e + full.n);
	struct caps_bare *b = e ? bare_of(im, jid_bare(&j)) : NULL;
	if (!b) {
		free(e);
		im_stats[STAT_NO_MEMORY]++;
		return NULL;
	}
	e->bare = b;
	e->full_n = full.n;
	memcpy(e->full, full.p, full.n);
	list_add_tail(&b->entities, &e->node);
	if (is_remote) {
		list_add_tail(&im->caps.remote, &e->remote_node);
		im->caps.n_remote++;
	}
	return e;
}

/* ---- what it wants ---- */

static bool wants(const struct caps_entity *e, struct bytes node)
{
	for (unsigned i = 0; e->caps && i < e->caps->n; i++)
		if (bytes_eq(e->caps->interests[i], node))
			return true;
	return false;
}

bool caps_wants(const struct im *im, struct bytes full, struct bytes node)
{
	const struct caps_entity *e = find(im, full);

	return e && wants(e, node);
}

void caps_each_remote(struct im *im, struct bytes bare, struct bytes node, void (*fn)(struct im *im, struct bytes full, void *arg),
		      void *arg)
{
	struct caps_bare *b = map_get(&im->caps.entities, bare);

	if (!b)
		return;
	LIST_EACH (it, &b->entities) {
		struct caps_entity *e = LIST_OWNER(it, struct caps_entity, node);
		if (list_is_linked(&e->remote_node) && wants(e, node))
			fn(im, full_of(e), arg);
	}
}

static void send_last(struct im *im, const struct caps_entity *e, struct bytes owner)
{
	pep_send_last(im, owner, full_of(e), e->caps->interests, e->caps->n);
}

/* Its wants are known: all whom it has shown itself to have something for it. A client of ours sees its own account's
 * items, and while presence is shared those of its contacts here. */
static void show_all(struct im *im, const struct caps_entity *e)
{
	if (list_is_linked(&e->remote_node)) {
		for (int i = 0; i < e->owners.n; i++)
			send_last(im, e, bytes_of(e->owners.v[i]));
	} else {
		send_last(im, e, im->config.has_presence ? BYTES_NONE : bytes_make(e->bare->bare, e->bare->n));
	}
}

void caps_show(struct im *im, struct user *u, struct bytes contact)
{
	struct caps_bare *b = map_get(&im->caps.entities, contact);

	if (!b || !im->config.has_presence)
		return;
	LIST_EACH (it, &b->entities) {
		struct caps_entity *e = LIST_OWNER(it, struct caps_entity, node);
		if (e->caps)
			send_last(im, e, user_jid(u));
	}
}

/* ---- asking ---- */

static struct bytes key_of(struct im *im, const struct caps_said *said)
{
	struct buf *b = &im->out2;

	buf_clear(b);
	buf_put_bytes(b, said->hash);
	buf_put_u8(b, ' ');
	buf_put_bytes(b, said->ver);
	return arena_dup(&im->arena, buf_bytes(b));
}

/* As the account that it has shown itself to: that one may (XEP-0115 6.2). */
static void ask(struct im *im, struct caps_entity *e, struct bytes from, const struct caps_said *said)
{
	struct buf *b = &im->out, node;
	char id[32];

	e->asked = im_next_id(im);
	im_stats[STAT_CAPS_ASKED]++;
	(void)snprintf(id, sizeof id, ID "%llx", (unsigned long long)e->asked);
	buf_init(&node, 2048);
	buf_put_bytes(&node, said->node);
	buf_put_u8(&node, '#');
	buf_put_bytes(&node, said->ver);
	buf_clear(b);
	buf_put_str(b, "<iq type='get'");
	xml_write_attr(b, "id", bytes_of(id));
	xml_write_attr(b, "from", from);
	xml_write_attr(b, "to", full_of(e));
	buf_put_str(b, "><query xmlns='" NS_DISCO_INFO "'");
	xml_write_attr(b, "node", buf_bytes(&node));
	buf_put_str(b, "/></iq>");
	buf_fini(&node);
	if (!buf_failed(b))
		post(im, STANZA_IQ, TYPE_GET, from, full_of(e), buf_bytes(b));
}

/* Another announcement than before, or the first. */
static void learn(struct im *im, struct caps_entity *e, struct user *u, const struct caps_said *said, struct bytes key)
{
	free(e->said);
	e->said = strndup((const char *)key.p, key.n);
	unref(e->caps);
	e->caps = known(im, key);
	e->asked = 0;
	if (e->caps)
		show_all(im, e);
	else
		ask(im, e, user_jid(u), said);
}

void caps_presence(struct im *im, struct user *u, struct bytes full, struct bytes stanza)
{
	struct caps_entity *e = find(im, full);
	struct caps_said said;
	struct xml_node *n;

	if (!memmem(stanza.p, stanza.n, NS_CAPS, sizeof NS_CAPS - 1))
		return;
	if (xml_pool_parse(im->parsers, stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n) || !caps_said(n, &said))
		return;
	if (!e && !(e = add(im, full)))
		return;
	struct bytes key = key_of(im, &said);
	bool is_new_owner = !names_has(&e->owners, user_jid(u));
	names_add(&e->owners, user_jid(u), OWNERS_MAX);
	if (!e->said || !bytes_eq_str(key, e->said))
		learn(im, e, u, &said, key);
	else if (is_new_owner && e->caps)
		send_last(im, e, user_jid(u));
}

void caps_gone(struct im *im, struct bytes full, struct bytes owner)
{
	struct caps_entity *e = find(im, full);

	if (!e)
		return;
	if (owner.n)
		(void)names_del(&e->owners, owner); /* may never have been told */
	if (!owner.n || !e->owners.n)
		drop(im, e);
}

static bool is_asked(const struct caps_entity *e, struct bytes sid)
{
	char id[32];

	(void)snprintf(id, sizeof id, ID "%llx", (unsigned long long)e->asked);
	return e->asked && e->said && bytes_eq_str(sid, id);
}

void caps_answer(struct im *im, struct user *u, struct item *it)
{
	struct caps_entity *e = u && bytes_starts(it->e.sid, BYTES(ID)) ? find(im, it->e.from) : NULL;
	struct bytes interests[CAPS_INTERESTS_MAX];
	struct xml_node *n;

	if (!e || !is_asked(e, it->e.sid))
		return;
	e->asked = 0;
	if (it->e.type == TYPE_ERROR || xml_pool_parse(im->parsers, it->e.stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n))
		return;
	const struct xml_node *query = xml_child(n, "query", NS_DISCO_INFO);
	struct bytes key = bytes_of(e->said);
	size_t space = bytes_find(key, ' ');
	const struct caps_said said = { .hash = bytes_make(key.p, space), .ver = bytes_skip(key, space + 1) };
	bool is_true = caps_is_true(query, &said, &im->arena);
	e->caps = make(key, interests, caps_interests(query, interests));
	if (!e->caps) {
		im_stats[STAT_NO_MEMORY]++;
		return;
	}
	if (is_true)
		remember(im, e->caps);
	else
		im_stats[STAT_CAPS_FALSE]++; /* it speaks for itself alone (XEP-0115 5.4) */
	show_all(im, e);
}

void caps_init(struct im *im)
{
	list_init(&im->caps.by_use);
	list_init(&im->caps.remote);
}

void caps_fini(struct im *im)
{
	struct caps_bare *b;
	size_t at = 0;

	while (at = 0, (b = map_next(&im->caps.entities, &at)))
		drop(im, LIST_OWNER(b->entities.next, struct caps_entity, node));
	while (!list_is_empty(&im->caps.by_use))
		forget(im, LIST_OWNER(im->caps.by_use.next, struct caps, node));
	map_fini(&im->caps.entities);
	map_fini(&im->caps.known);
}

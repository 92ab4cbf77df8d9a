#include "location.h"

#include "base/err.h"
#include "base/text.h"
#include "sip/uri.h"

#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 8, NAME_CHARS = 2 * NAME_BYTES };

struct registrant {
	struct list bindings;
	uint32_t n;
	size_t jid_n;
	uint8_t jid[];
};

struct bytes binding_jid(const struct binding *b)
{
	return bytes_make(b->user->jid, b->user->jid_n);
}

void location_init(struct location *l, const struct location_owner *o, void *arg, uint64_t first)
{
	*l = (struct location){ .owner = o, .arg = arg, .sequence = first, .per_user_max = 1, .max = 1 };
	list_init(&l->all);
}

/* ---- looking ---- */

static struct registrant *registrant_of(const struct location *l, struct bytes jid)
{
	return map_get(&l->users, jid);
}

struct binding *location_of_reg(const struct location *l, uint64_t reg)
{
	return map_get_u64(&l->regs, reg);
}

struct binding *location_next(const struct location *l, struct bytes jid, const struct binding *after)
{
	struct registrant *r = after ? after->user : registrant_of(l, jid);
	struct list *next = after ? after->node.next : r ? r->bindings.next : NULL;

	return next && next != &r->bindings ? LIST_OWNER(next, struct binding, node) : NULL;
}

size_t location_count(const struct location *l, struct bytes jid)
{
	const struct registrant *r = registrant_of(l, jid);

	return r ? r->n : 0;
}

static bool is_same_address(const union sip_sockaddr *a, const union sip_sockaddr *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port && !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr);
}

static bool is_same_way(const struct sip_source *a, const struct sip_source *b)
{
	if (a->flow || b->flow)
		return a->flow == b->flow;
	return a->transport == b->transport && is_same_address(&a->addr, &b->addr);
}

struct binding *location_of_source(const struct location *l, struct bytes jid, const struct sip_source *from)
{
	for (struct binding *b = NULL; (b = location_next(l, jid, b));)
		if (is_same_way(&b->from, from))
			return b;
	return NULL;
}

struct binding *location_of_resource(const struct location *l, struct bytes jid, struct bytes resource)
{
	for (struct binding *b = NULL; (b = location_next(l, jid, b));)
		if (bytes_eq_str(resource, b->resource))
			return b;
	return NULL;
}

/* RFC 5626 6: an instance is one client, whatever its contact. We keep its newest flow. */
static bool is_same_client(const struct binding *b, const struct location_contact *c)
{
	struct sipuri old, new;

	if (c->instance.n || b->instance[0])
		return bytes_eq_str(c->instance, b->instance);
	return sipuri_parse(bytes_of(b->contact), &old) == 0 && sipuri_parse(c->uri, &new) == 0 && sipuri_equal(&old, &new);
}

static struct binding *binding_of(const struct location *l, struct bytes jid, const struct location_contact *c)
{
	for (struct binding *b = NULL; (b = location_next(l, jid, b));)
		if (is_same_client(b, c))
			return b;
	return NULL;
}

/* ---- texts ---- */

static char *dup(struct bytes v)
{
	return strndup(v.p ? (const char *)v.p : "", v.n);
}

/* A client without +sip.instance keeps its name as long as it keeps its contact. */
static char *resource_of(const struct location_contact *c)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char name[4 + NAME_CHARS + 1] = "sip-";

	if (c->instance.n)
		return dup(c->instance);
	if (EVP_Digest(c->uri.p, c->uri.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return NULL;
	text_hex(bytes_make(digest, NAME_BYTES), name + 4);
	return strdup(name);
}

static void binding_free(struct binding *b)
{
	if (!b)
		return;
	free(b->contact);
	free(b->instance);
	free(b->resource);
	free(b->call_id);
	free(b->agent);
	free(b);
}

/* ---- changing ---- */

static struct registrant *registrant_make(struct location *l, struct bytes jid)
{
	struct registrant *r = registrant_of(l, jid);

	if (r)
		return r;
	r = calloc(1, sizeof *r + jid.n);
	if (!r)
		return NULL;
	memcpy(r->jid, jid.p, jid.n);
	r->jid_n = jid.n;
	list_init(&r->bindings);
	if (map_add(&l->users, bytes_make(r->jid, r->jid_n), r)) {
		free(r);
		return NULL;
	}
	return r;
}

static void registrant_settle(struct location *l, struct registrant *r)
{
	if (r->n)
		return;
	map_del(&l->users, bytes_make(r->jid, r->jid_n));
	free(r);
}

static void take_out(struct location *l, struct binding *b)
{
	struct registrant *r = b->user;

	map_del_u64(&l->regs, b->reg);
	list_del(&b->node);
	list_del(&b->all);
	r->n--;
	b->node.next = NULL;
}

void location_remove(struct location *l, struct binding *b, enum line_gone why)
{
	struct registrant *r = b->user;

	take_out(l, b);
	l->owner->gone(l->arg, b, why);
	binding_free(b);
	registrant_settle(l, r);
}

/* A contact as it will be; not in the table yet. */
static struct binding *binding_new(const struct location_update *u, const struct location_contact *c, uint64_t now_ms)
{
	struct binding *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->contact = dup(c->uri);
	b->instance = dup(c->instance);
	b->resource = resource_of(c);
	b->call_id = dup(u->call_id);
	b->agent = dup(u->agent);
	b->cseq = u->cseq;
	b->q_milli = c->q_milli;
	b->from = u->from;
	b->expires_at_ms = now_ms + 1000ull * c->expires_s;
	if (b->contact && b->instance && b->resource && b->call_id && b->agent)
		return b;
	binding_free(b);
	return NULL;
}

/* The old one's number and name stay: it is the same session. */
static void swap_in(struct location *l, struct binding *old, struct binding *new)
{
	struct binding was = *old;
	struct registrant *r = old->user;

	list_del(&old->node);
	old->expires_at_ms = new->expires_at_ms;
	old->cseq = new->cseq;
	old->q_milli = new->q_milli;
	old->from = new->from;
	old->contact = new->contact;
	old->call_id = new->call_id;
	old->agent = new->agent;
	new->contact = was.contact;
	new->call_id = was.call_id;
	new->agent = was.agent;
	list_add_head(&r->bindings, &old->node);
	binding_free(new);
	l->owner->placed(l->arg, old, false);
}

static int put_in(struct location *l, struct registrant *r, struct binding *b)
{
	b->reg = ++l->sequence;
	b->user = r;
	if (map_add_u64(&l->regs, b->reg, b))
		return ERR_NOMEM;
	list_add_head(&r->bindings, &b->node);
	list_add_tail(&l->all, &b->all);
	r->n++;
	return 0;
}

static bool is_too_long(const struct location_update *u)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->contacts[i].uri.n > LOCATION_TEXT_MAX || u->contacts[i].instance.n > LOCATION_RESOURCE_MAX)
			return true;
	return u->n > LOCATION_CONTACTS_MAX || u->call_id.n > LOCATION_TEXT_MAX || u->agent.n > LOCATION_TEXT_MAX;
}

static bool is_older(const struct binding *b, const struct location_update *u)
{
	return bytes_eq_str(u->call_id, b->call_id) && u->cseq <= b->cseq;
}

/* RFC 3261 10.3 6 and 7: is every change allowed? */
static int check(const struct location *l, const struct location_update *u, size_t *n_new)
{
	size_t n_gone = 0;

	*n_new = 0;
	for (struct binding *b = NULL; u->removes_all && (b = location_next(l, u->jid, b));)
		if (is_older(b, u))
			return ERR_BAD_STATE;
	for (size_t i = 0; i < u->n; i++) {
		const struct binding *b = binding_of(l, u->jid, &u->contacts[i]);
		if (b && is_older(b, u))
			return ERR_BAD_STATE;
		*n_new += !b && u->contacts[i].expires_s;
		n_gone += b && !u->contacts[i].expires_s;
	}
	if (*n_new && location_count(l, u->jid) + *n_new - n_gone > l->per_user_max)
		return ERR_FULL;
	return *n_new && l->regs.count + *n_new > l->max ? ERR_LIMIT : 0;
}

static int make_all(const struct location_update *u, uint64_t now_ms, struct binding **made)
{
	for (size_t i = 0; i < u->n; i++) {
		made[i] = u->contacts[i].expires_s ? binding_new(u, &u->contacts[i], now_ms) : NULL;
		if (u->contacts[i].expires_s && !made[i])
			return ERR_NOMEM;
	}
	return 0;
}

static void free_all(struct binding **made, size_t n)
{
	for (size_t i = 0; i < n; i++)
		binding_free(made[i]);
}

/* Two contacts of one request may be one client: then the last one holds. */
static int commit_one(struct location *l, const struct location_update *u, size_t i, struct binding *made)
{
	struct binding *old = binding_of(l, u->jid, &u->contacts[i]);

	if (!made && old)
		location_remove(l, old, LINE_UNREGISTERED);
	if (!made)
		return 0;
	if (old) {
		swap_in(l, old, made);
		return 0;
	}
	struct registrant *r = registrant_make(l, u->jid);
	int rc = r ? put_in(l, r, made) : ERR_NOMEM;
	if (rc)
		binding_free(made);
	else
		l->owner->placed(l->arg, made, true);
	if (r)
		registrant_settle(l, r);
	return rc;
}

int location_update(struct location *l, const struct location_update *u, uint64_t now_ms)
{
	struct binding *made[LOCATION_CONTACTS_MAX] = { NULL }, *b;
	size_t n_new;

	if (is_too_long(u))
		return ERR_LIMIT;
	int rc = check(l, u, &n_new);
	if (rc)
		return rc;
	rc = make_all(u, now_ms, made);
	if (rc) {
		free_all(made, u->n);
		return rc;
	}
	while (u->removes_all && (b = location_next(l, u->jid, NULL)))
		location_remove(l, b, LINE_UNREGISTERED);
	for (size_t i = 0; i < u->n; i++) {
		int one = commit_one(l, u, i, made[i]);
		rc = rc ? rc : one;
	}
	return rc;
}

void location_flow_gone(struct location *l, uint64_t flow)
{
	LIST_EACH (it, &l->all) {
		struct binding *b = LIST_OWNER(it, struct binding, all);
		if (flow && b->from.flow == flow)
			location_remove(l, b, LINE_FLOW_LOST);
	}
}

void location_expire(struct location *l, uint64_t now_ms)
{
	LIST_EACH (it, &l->all) {
		struct binding *b = LIST_OWNER(it, struct binding, all);
		if (b->expires_at_ms <= now_ms)
			location_remove(l, b, LINE_EXPIRED);
	}
}

void location_fini(struct location *l)
{
	LIST_EACH (it, &l->all) {
		struct binding *b = LIST_OWNER(it, struct binding, all);
		struct registrant *r = b->user;
		take_out(l, b);
		binding_free(b);
		registrant_settle(l, r);
	}
	map_fini(&l->users);
	map_fini(&l->regs);
}

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

struct binding *location_of_source(const struct location *l, struct bytes jid, const struct sip_source *from)
{
	for (struct binding *b = NULL; (b = location_next(l, jid, b));)
		for (size_t i = 0; i < b->n; i++)
			if (way_is_same(&b->flows[i].from, from))
				return b;
	return NULL;
}

const struct binding_flow *binding_flow_of(const struct binding *b, uint64_t id)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->flows[i].id == id)
			return &b->flows[i];
	return NULL;
}

const struct binding_flow *binding_flow_from(const struct binding *b, const struct sip_source *from)
{
	for (size_t i = 0; i < b->n; i++)
		if (way_is_same(&b->flows[i].from, from))
			return &b->flows[i];
	return NULL;
}

struct binding *location_of_resource(const struct location *l, struct bytes jid, struct bytes resource)
{
	for (struct binding *b = NULL; (b = location_next(l, jid, b));)
		if (bytes_eq_str(resource, b->resource))
			return b;
	return NULL;
}

/* RFC 5626 6: an instance is one client, whatever its contact. */
static bool is_same_client(const struct binding *b, const struct location_contact *c)
{
	struct sipuri old, new;

	if (c->instance.n || b->instance[0])
		return bytes_eq_str(c->instance, b->instance);
	return sipuri_parse(bytes_of(b->flows[0].contact), &old) == 0 && sipuri_parse(c->uri, &new) == 0 && sipuri_equal(&old, &new);
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

static void flow_drop(struct location *l, struct binding *b, size_t i)
{
	way_give(&l->ways, b->flows[i].way);
	free(b->flows[i].contact);
	free(b->flows[i].call_id);
	free(b->flows[i].agent);
	free(b->flows[i].app);
	b->n--;
	memmove(&b->flows[i], &b->flows[i + 1], (b->n - i) * sizeof b->flows[0]);
}

static void binding_free(struct location *l, struct binding *b)
{
	if (!b)
		return;
	while (b->n)
		flow_drop(l, b, b->n - 1);
	free(b->instance);
	free(b->resource);
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
	binding_free(l, b);
	registrant_settle(l, r);
}

/* A contact as it will be, with the one flow; not in the table yet. */
static struct binding *binding_new(struct location *l, const struct location_update *u, const struct location_contact *c, uint64_t now_ms)
{
	struct binding *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	struct binding_flow *f = &b->flows[b->n++];
	*f = (struct binding_flow){ .from = u->from, .id = ++l->sequence, .since_ms = now_ms, .expires_at_ms = now_ms + 1000ull * c->expires_s,
				    .reg_id = c->instance.n ? c->reg_id : 0, .silent_ms = c->silent_ms, .cseq = u->cseq, .q_milli = c->q_milli,
				    .contact = dup(c->uri), .call_id = dup(u->call_id), .agent = dup(u->agent),
				    .app = dup(u->app), .way = way_take(&l->ways, &u->from, now_ms) };
	b->instance = dup(c->instance);
	b->resource = resource_of(c);
	if (f->way && f->contact && f->call_id && f->agent && f->app && b->instance && b->resource)
		return b;
	binding_free(l, b);
	return NULL;
}

/* Does a registration with this reg-id stand in this flow's place? One without is of a client with one flow. */
static bool is_replaced(const struct binding_flow *f, uint32_t reg_id)
{
	return !reg_id || !f->reg_id || f->reg_id == reg_id;
}

/* The client's number and name stay: it is the same session. Beyond the most flows its oldest one goes. */
static void take_flow(struct location *l, struct binding *old, struct binding *new)
{
	struct registrant *r = old->user;
	struct binding_flow f = new->flows[0];

	for (size_t i = old->n; i-- > 0;) {
		if (!is_replaced(&old->flows[i], f.reg_id))
			continue;
		if (way_is_same(&old->flows[i].from, &f.from)) {
			f.since_ms = old->flows[i].since_ms;
			f.id = old->flows[i].id;
		}
		old->epoch += strcmp(old->flows[i].call_id, f.call_id) != 0;
		flow_drop(l, old, i);
	}
	if (old->n == LOCATION_FLOWS_MAX)
		flow_drop(l, old, old->n - 1);
	memmove(&old->flows[1], &old->flows[0], old->n * sizeof f);
	old->flows[0] = f;
	old->n++;
	new->n = 0;
	binding_free(l, new);
	list_del(&old->node);
	list_add_head(&r->bindings, &old->node);
	l->owner->placed(l->arg, old, false);
}

/* NULL: it was the last one. */
static struct binding *lose_flow(struct location *l, struct binding *b, size_t i, enum line_gone why)
{
	if (b->n == 1) {
		location_remove(l, b, why);
		return NULL;
	}
	flow_drop(l, b, i);
	if (i == 0)
		l->owner->placed(l->arg, b, false);
	return b;
}

static void remove_contact(struct location *l, struct binding *b, uint32_t reg_id)
{
	for (size_t i = b->n; b && reg_id && i-- > 0;)
		if (b->flows[i].reg_id == reg_id)
			b = lose_flow(l, b, i, LINE_UNREGISTERED);
	if (!reg_id)
		location_remove(l, b, LINE_UNREGISTERED);
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

/* RFC 3261 10.3 7, of what this reg-id stands for. */
static bool is_older(const struct binding *b, const struct location_update *u, uint32_t reg_id)
{
	for (size_t i = 0; i < b->n; i++)
		if (is_replaced(&b->flows[i], reg_id) && bytes_eq_str(u->call_id, b->flows[i].call_id) && u->cseq <= b->flows[i].cseq)
			return true;
	return false;
}

/* RFC 3261 10.3 6 and 7: is every change allowed? */
static int check(const struct location *l, const struct location_update *u, size_t *n_new)
{
	size_t n_gone = 0;

	*n_new = 0;
	for (struct binding *b = NULL; u->removes_all && (b = location_next(l, u->jid, b));)
		if (is_older(b, u, 0))
			return ERR_BAD_STATE;
	for (size_t i = 0; i < u->n; i++) {
		const struct binding *b = binding_of(l, u->jid, &u->contacts[i]);
		if (b && is_older(b, u, u->contacts[i].reg_id))
			return ERR_BAD_STATE;
		*n_new += !b && u->contacts[i].expires_s;
		n_gone += b && !u->contacts[i].expires_s && !u->contacts[i].reg_id;
	}
	if (*n_new && location_count(l, u->jid) + *n_new - n_gone > l->per_user_max)
		return ERR_FULL;
	return *n_new && l->regs.count + *n_new > l->max ? ERR_LIMIT : 0;
}

static int make_all(struct location *l, const struct location_update *u, uint64_t now_ms, struct binding **made)
{
	for (size_t i = 0; i < u->n; i++) {
		made[i] = u->contacts[i].expires_s ? binding_new(l, u, &u->contacts[i], now_ms) : NULL;
		if (u->contacts[i].expires_s && !made[i])
			return ERR_NOMEM;
	}
	return 0;
}

static void free_all(struct location *l, struct binding **made, size_t n)
{
	for (size_t i = 0; i < n; i++)
		binding_free(l, made[i]);
}

/* Two contacts of one request may be one client: then the last one holds. */
static int commit_one(struct location *l, const struct location_update *u, size_t i, struct binding *made)
{
	struct binding *old = binding_of(l, u->jid, &u->contacts[i]);

	if (!made && old)
		remove_contact(l, old, u->contacts[i].reg_id);
	if (!made)
		return 0;
	if (old) {
		take_flow(l, old, made);
		return 0;
	}
	struct registrant *r = registrant_make(l, u->jid);
	int rc = r ? put_in(l, r, made) : ERR_NOMEM;
	if (rc)
		binding_free(l, made);
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
	rc = make_all(l, u, now_ms, made);
	if (rc) {
		free_all(l, made, u->n);
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

struct binding *location_way_lost(struct location *l, struct binding *b, const struct sip_source *from)
{
	for (size_t i = b->n; b && i-- > 0;)
		if (way_is_same(&b->flows[i].from, from))
			b = lose_flow(l, b, i, LINE_FLOW_LOST);
	return b;
}

void location_flow_gone(struct location *l, uint64_t flow)
{
	const struct sip_source from = { .flow = flow };

	if (!flow || !way_of(&l->ways, &from))
		return; /* a stranger's */
	LIST_EACH (it, &l->all)
		(void)location_way_lost(l, LIST_OWNER(it, struct binding, all), &from); /* others may be left */
}

/* RFC 5626 4.4.2: by UDP nothing ends when a client has gone; one that promised keep-alives and sends none has. */
static bool is_silent(const struct binding_flow *f, uint64_t now_ms)
{
	return f->silent_ms && f->way->heard_ms + f->silent_ms <= now_ms;
}

void location_heard(struct location *l, const struct sip_source *from, uint64_t now_ms)
{
	struct way *w = way_of(&l->ways, from);

	if (w)
		w->heard_ms = now_ms;
}

void location_expire(struct location *l, uint64_t now_ms)
{
	LIST_EACH (it, &l->all) {
		struct binding *b = LIST_OWNER(it, struct binding, all);
		for (size_t i = b->n; b && i-- > 0;)
			if (b->flows[i].expires_at_ms <= now_ms)
				b = lose_flow(l, b, i, LINE_EXPIRED);
			else if (is_silent(&b->flows[i], now_ms))
				b = lose_flow(l, b, i, LINE_FLOW_LOST);
	}
}

void location_fini(struct location *l)
{
	LIST_EACH (it, &l->all) {
		struct binding *b = LIST_OWNER(it, struct binding, all);
		struct registrant *r = b->user;
		take_out(l, b);
		binding_free(l, b);
		registrant_settle(l, r);
	}
	map_fini(&l->users);
	map_fini(&l->regs);
	map_fini(&l->ways);
}

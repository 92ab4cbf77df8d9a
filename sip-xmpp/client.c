#include "client.h"

#include "base/err.h"
#include "run/session.h"
#include "sip/line.h"

#include <stdlib.h>

struct person {
	struct list clients;
	size_t n;
	uint8_t bare[];
};

struct bytes client_bare(const struct client *c)
{
	return bytes_make(c->person->bare, c->person->n);
}

/* ---- tables ---- */

struct client *client_of_reg(const struct xlate *x, uint64_t reg)
{
	return map_get_u64(&x->clients->regs, reg);
}

struct client *client_of_conn(const struct xlate *x, uint64_t conn)
{
	return map_get_u64(&x->clients->conns, conn);
}

static struct person *person_of(const struct xlate *x, struct bytes bare)
{
	return map_get(&x->clients->persons, bare);
}

struct client *client_of_jid(const struct xlate *x, const struct jid *j)
{
	struct person *p = person_of(x, jid_bare(j));
	struct client *any = NULL;

	if (!p)
		return NULL;
	LIST_EACH (it, &p->clients) {
		struct client *c = LIST_OWNER(it, struct client, node);
		if (!jid_is_bare(j) && c->full && bytes_eq_str(j->full, c->full))
			return c;
		/* For a user as a whole a client speaks, and no phone of the call manager. */
		if (jid_is_bare(j) && !client_is_phone(c) && (!any || any->state != CLIENT_OPEN))
			any = c;
	}
	return any;
}

struct client *phone_of(const struct xlate *x, struct bytes bare)
{
	struct person *p = person_of(x, bare);

	if (!p)
		return NULL;
	LIST_EACH (it, &p->clients) {
		struct client *c = LIST_OWNER(it, struct client, node);
		if (client_is_phone(c))
			return c;
	}
	return NULL;
}

static struct person *person_make(struct xlate *x, struct bytes bare)
{
	struct person *p = person_of(x, bare);

	if (p)
		return p;
	p = calloc(1, sizeof *p + bare.n);
	if (!p)
		return NULL;
	p->n = bare.n;
	memcpy(p->bare, bare.p, bare.n);
	list_init(&p->clients);
	if (map_add(&x->clients->persons, bytes_make(p->bare, p->n), p)) {
		free(p);
		return NULL;
	}
	return p;
}

static void person_settle(struct xlate *x, struct person *p)
{
	if (!list_is_empty(&p->clients))
		return;
	map_del(&x->clients->persons, bytes_make(p->bare, p->n));
	free(p);
}

/* ---- sessions ---- */

static struct chan *core(const struct xlate *x)
{
	return bus_chan(x->bus, PROG_IM, 0);
}

static void retry(struct client *c, uint64_t ms)
{
	if (loop_timer_set(c->x->loop, &c->again, ms))
		log_error("xlate.client.waits", LOG_STR("reason", err_name(ERR_NOMEM)), LOG_BYTES("user", client_bare(c)));
}

static void forget_conn(struct client *c)
{
	if (c->conn)
		map_del_u64(&c->x->clients->conns, c->conn);
	c->conn = 0;
	c->state = CLIENT_WAITING;
	free(c->full);
	c->full = NULL;
	client_stanza_fini(c, false);
}

static void enter(struct client *c)
{
	struct xlate *x = c->x;
	struct chan *im = core(x);

	loop_timer_del(x->loop, &c->again);
	if (!im)
		return; /* its coming is told */
	c->conn = SESSION_CONN_SIP | xlate_next_id(x);
	c->sent = c->delivered = c->acked = 0;
	if (map_add_u64(&x->clients->conns, c->conn, c)) {
		c->conn = 0;
		retry(c, CLIENT_AGAIN_MS);
		return;
	}
	c->state = CLIENT_ENTERING;
	struct buf *b = chan_begin(im, MSG_SESSION_ENTER, 0);
	wire_put_u64(b, c->conn);
	wire_put_str(b, client_bare(c));
	wire_put_str(b, bytes_of(c->resource));
	wire_put_u32(b, SESSION_SM | (c->is_tls ? SESSION_TLS : 0) | (client_is_phone(c) ? SESSION_PHONE : 0));
	if (chan_end(im)) {
		forget_conn(c);
		retry(c, CLIENT_AGAIN_MS);
	}
}

static void on_again(void *arg)
{
	struct client *c = arg;

	xlate_begin(c->x);
	if (c->state == CLIENT_WAITING)
		enter(c);
	else if (c->state == CLIENT_ENTERING) /* no answer at all */
		client_break(c);
}

static void tell_closed(struct client *c, uint8_t how)
{
	struct chan *im = core(c->x);

	if (!c->conn)
		return;
	struct buf *b = chan_begin(im, MSG_SESSION_CLOSED, 0);
	wire_put_u64(b, c->conn);
	wire_put_u8(b, how);
	(void)chan_end(im); /* a gh-im that has gone has no session either */
}

void client_break(struct client *c)
{
	c->x->clients->n_lost++;
	tell_closed(c, SESSION_LOST);
	forget_conn(c);
	retry(c, CLIENT_AGAIN_MS);
}

static void client_free(struct client *c)
{
	struct person *p = c->person;

	forget_conn(c);
	loop_timer_del(c->x->loop, &c->again);
	client_publish_fini(c);
	if (c->reg)
		map_del_u64(&c->x->clients->regs, c->reg);
	list_del(&c->node);
	person_settle(c->x, p);
	free(c->resource);
	free(c);
}

void client_end(struct client *c, bool is_lost)
{
	tell_closed(c, is_lost ? SESSION_LOST : SESSION_OVER);
	client_free(c);
}

static struct client *client_new(struct xlate *x, uint64_t reg, struct bytes bare, struct bytes resource)
{
	struct person *p = x->clients->persons.count < CLIENTS_MAX ? person_make(x, bare) : NULL;
	struct client *c = p ? calloc(1, sizeof *c) : NULL;

	if (!c || !(c->resource = strndup((const char *)resource.p, resource.n)) ||
	    (reg && map_add_u64(&x->clients->regs, reg, c))) {
		xlate_stats[STAT_NO_MEMORY]++;
		if (p)
			person_settle(x, p);
		if (c)
			free(c->resource);
		free(c);
		return NULL;
	}
	c->x = x;
	c->reg = reg;
	c->person = p;
	loop_timer_init(&c->again, on_again, c);
	client_stanza_init(c);
	list_init(&c->publications);
	list_add_head(&p->clients, &c->node);
	return c;
}

struct client *phone_new(struct xlate *x, struct bytes bare)
{
	struct client *c = client_new(x, 0, bare, BYTES(PHONE_RESOURCE));

	if (c)
		enter(c);
	return c;
}

int client_sender(const struct xlate *x, uint64_t reg, struct jid *out)
{
	const struct client *c = client_of_reg(x, reg);

	if (!c)
		return ERR_NOT_FOUND;
	*out = jid_of_normal(c->full ? bytes_of(c->full) : client_bare(c));
	return 0;
}

/* ---- from gh-line ---- */

int client_on_registered(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	uint64_t reg = wire_u64(&w);
	struct bytes bare = wire_str(&w), resource = wire_str(&w);

	(void)from;
	xlate_begin(x);
	(void)wire_str(&w); /* contact, flow, expiry: gh-line's business */
	(void)wire_u64(&w);
	(void)wire_u32(&w);
	(void)wire_str(&w);
	uint8_t flags = wire_u8(&w);
	if (wire_end(&w) || !reg || !bare.n || !resource.n)
		return ERR_SYNTAX;
	if (client_of_reg(x, reg))
		return 0; /* it is the same session */
	struct client *c = client_new(x, reg, bare, resource);
	if (!c)
		return 0; /* told again when it registers again */
	c->is_tls = flags & LINE_IS_TLS;
	enter(c);
	return 0;
}

int client_on_gone(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct client *c = client_of_reg(x, wire_u64(&w));
	uint8_t why = wire_u8(&w);

	(void)from;
	xlate_begin(x);
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (c)
		client_end(c, why != LINE_UNREGISTERED);
	return 0;
}

/* ---- from gh-im ---- */

int client_on_opened(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct client *c = client_of_conn(x, wire_u64(&w));
	struct bytes full = wire_str(&w);

	(void)from;
	xlate_begin(x);
	(void)wire_str(&w);
	(void)wire_u32(&w);
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (!c || c->state != CLIENT_ENTERING)
		return 0; /* given up meanwhile: the close crossed it */
	c->full = strndup((const char *)full.p, full.n);
	if (!c->full) {
		client_break(c);
		return 0;
	}
	c->state = CLIENT_OPEN;
	x->clients->n_opened++;
	client_show(c);
	return 0;
}

static void drop(struct client *c, struct bytes condition)
{
	struct chan *line = bus_chan(c->x->bus, PROG_LINE, 0);

	log_info("xlate.client.dropped", LOG_BYTES("user", client_bare(c)), LOG_STR("resource", c->resource),
		 LOG_BYTES("reason", condition));
	if (c->reg) {
		wire_put_u64(chan_begin(line, MSG_LINE_DROP, 0), c->reg);
		(void)chan_end(line); /* a gh-line that has gone has no registration */
	}
	client_free(c);
}

/* There is no such account, or its domain has gone. */
static bool is_for_good(struct bytes condition)
{
	return bytes_eq_str(condition, "item-not-found") || bytes_eq_str(condition, "not-authorized");
}

int client_on_refused(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct client *c = client_of_conn(x, wire_u64(&w));
	struct bytes condition = wire_str(&w);

	(void)from;
	xlate_begin(x);
	(void)wire_str(&w);
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (!c || c->state != CLIENT_ENTERING)
		return 0;
	if (is_for_good(condition)) {
		drop(c, condition);
		return 0;
	}
	log_warn("xlate.client.refused", LOG_BYTES("user", client_bare(c)), LOG_STR("resource", c->resource),
		 LOG_BYTES("reason", condition));
	forget_conn(c);
	retry(c, CLIENT_REFUSED_MS);
	return 0;
}

int client_on_close(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct client *c = client_of_conn(x, wire_u64(&w));
	struct bytes condition = wire_str(&w);

	(void)from;
	xlate_begin(x);
	(void)wire_str(&w);
	(void)wire_bytes(&w);
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (c) {
		map_del_u64(&x->clients->conns, c->conn); /* gh-im has forgotten it */
		c->conn = 0;
		drop(c, condition);
	}
	return 0;
}

/* ---- the feature ---- */

static struct client **all_of(struct xlate *x, size_t *n)
{
	struct clients *all = x->clients;
	size_t at = 0, cap = all->regs.count + all->persons.count + 1;
	struct client **out = malloc(cap * sizeof(struct client *));

	*n = 0;
	if (!out)
		die("xlate.clients", "no memory");
	for (struct person *p; (p = map_next(&all->persons, &at));)
		LIST_EACH (it, &p->clients)
			out[(*n)++] = LIST_OWNER(it, struct client, node);
	return out;
}

static void up(struct xlate *x, enum prog p)
{
	size_t n;

	if (p != PROG_IM)
		return;
	struct client **all = all_of(x, &n);
	for (size_t i = 0; i < n; i++)
		if (all[i]->state == CLIENT_WAITING)
			enter(all[i]);
	free(all);
}

static void down(struct xlate *x, enum prog p)
{
	size_t n;

	if (p != PROG_IM && p != PROG_LINE)
		return;
	struct client **all = all_of(x, &n);
	for (size_t i = 0; i < n; i++) {
		if (p == PROG_IM)
			forget_conn(all[i]); /* all sessions are gone with it */
		else if (!client_is_phone(all[i]))
			client_end(all[i], true);
	}
	free(all);
}

static void show(struct xlate *x, struct proc_ask *ask)
{
	size_t n, open = 0, published = 0;
	struct client **all = all_of(x, &n);

	for (size_t i = 0; i < n; i++) {
		open += all[i]->state == CLIENT_OPEN;
		published += all[i]->n_publications > 0;
	}
	free(all);
	proc_record_begin(ask);
	proc_record_str(ask, "part", "clients");
	proc_record_int(ask, "clients", (int64_t)n);
	proc_record_int(ask, "open", (int64_t)open);
	proc_record_int(ask, "published", (int64_t)published);
	proc_record_int(ask, "opened", (int64_t)x->clients->n_opened);
	proc_record_int(ask, "lost", (int64_t)x->clients->n_lost);
	proc_record_end(ask);
}

static int init(struct xlate *x)
{
	x->clients = calloc(1, sizeof *x->clients);
	if (!x->clients)
		return ERR_NOMEM;
	x->client_send = client_send;
	return 0;
}

static void fini(struct xlate *x)
{
	size_t n;

	if (!x->clients)
		return;
	struct client **all = all_of(x, &n);
	for (size_t i = 0; i < n; i++) {
		client_stanza_fini(all[i], true);
		client_free(all[i]);
	}
	free(all);
	map_fini(&x->clients->regs);
	map_fini(&x->clients->conns);
	map_fini(&x->clients->persons);
	free(x->clients);
	x->clients = NULL;
}

const struct feature client_feature = { .name = "clients", .init = init, .fini = fini, .up = up, .down = down, .show = show };

#include "acme.h"

#include "base/err.h"
#include "check.h"
#include "conf.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	CHAIN_MAX_BYTES = 240 << 10, /* what gh-keys reads as one file */
	COMMITS_MAX = 30,            /* in WINDOW_MS: the history of settings shall not be pushed out by a gh-pki gone mad */
	WINDOW_MS = 3600000,
};

static void end(struct conf *c, int rc, const char *why)
{
	struct chan *to = bus_chan(c->bus, PROG_PKI, 0);
	struct buf *b = chan_begin(to, MSG_ACME_KEPT, c->acme.id);

	wire_put_u32(b, (uint32_t)rc);
	wire_put_str(b, bytes_of(why));
	(void)chan_end(to); /* a gh-pki that has gone finds it in its settings */
	c->acme.id = 0;
	c->acme.is_commit = false;
	buf_fini(&c->acme.chain);
}

/* The first error of the whole settings with the new chain. */
bool acme_is_sound(struct conf *c, const struct rows *next, char why[static 512])
{
	static const struct keyring unknown; /* gh-keys has compared chain and key */
	struct check *found = malloc(sizeof *found);
	struct check_against against = { .running = &c->store.running, .keys = &unknown, .is_appliance = conf_is_appliance(c),
					 .wall_s = (int64_t)(loop_wall_ms(c->loop) / 1000) };

	snprintf(why, 512, "%s", found ? "" : err_text(ERR_NOMEM));
	if (!found)
		return false;
	check_rows(next, &against, found);
	for (size_t i = 0; i < found->n && !why[0]; i++) {
		if (found->v[i].is_error)
			snprintf(why, 512, "%s: %s", found->v[i].path, found->v[i].text);
	}
	free(found);
	return !why[0];
}

static bool is_too_often(struct conf *c)
{
	uint64_t now = loop_now(c->loop);

	if (now - c->acme.window_ms >= WINDOW_MS) {
		c->acme.window_ms = now;
		c->acme.n_commits = 0;
	}
	return c->acme.n_commits >= COMMITS_MAX;
}

static void commit(struct conf *c)
{
	const struct setting_row *row = setting_row(SET_CERTIFICATE_CHAIN);
	struct rows next = { 0 };
	char path[96], note[96], why[512] = "";
	const char *wanted = "";
	struct buf value;

	snprintf(path, sizeof path, "certificate %s chain", c->acme.name);
	snprintf(note, sizeof note, "certificate %s", c->acme.name);
	buf_init(&value, 1 << 20);
	int rc = setting_check(row, buf_bytes(&c->acme.chain), &value, &wanted);
	if (!rc)
		rc = rows_copy(&next, &c->store.running);
	if (!rc)
		rc = rows_set(&next, bytes_of(path), buf_bytes(&value));
	bool is_same = !rc && bytes_eq(buf_bytes(&value), rows_value(&c->store.running, SET_CERTIFICATE_CHAIN, bytes_of(c->acme.name)));
	buf_fini(&value);
	if (is_same) {
		rows_fini(&next);
		end(c, 0, "");
		return;
	}
	if (!rc && !acme_is_sound(c, &next, why))
		rc = ERR_DENIED;
	struct txn_start start = { .rows = &next, .by = "acme", .note = note };
	if (!rc) {
		c->acme.is_commit = true;
		c->acme.n_commits++;
		rc = txn_start(&c->txn, &start); /* acme_committed follows, perhaps before this returns */
	}
	rows_fini(&next);
	if (rc)
		end(c, rc, why[0] ? why : wanted[0] ? wanted : err_text(rc));
}

/* ---- gh-keys reads it as a file of an operator (cmd_certificate.c) ---- */

/* name: the id of MSG_ACME_CHAIN. Of one that a new gh-pki does not know of nothing is kept. */
static bool is_current(const struct conf *c, const char *name)
{
	uint64_t id = 0;

	return bytes_to_u64(bytes_of(name), UINT32_MAX, &id) == 0 && c->acme.id && id == c->acme.id;
}

static bool take_chain(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);

	(void)o;
	if (!is_current(c, name))
		return true;
	for (unsigned i = 0; i < n; i++) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		if (!wire_failed(&w) && bytes_eq_str(key, "pem"))
			buf_put_bytes(&c->acme.chain, value);
	}
	return true;
}

static void judged(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	(void)o;
	if (!is_current(c, name))
		return;
	if (rc || buf_failed(&c->acme.chain) || buf_len(&c->acme.chain) == 0)
		end(c, rc ? rc : ERR_LIMIT, rc ? text : err_text(ERR_LIMIT));
	else
		commit(c);
}

static void ask_keys(struct conf *c, struct bytes name, struct bytes chain)
{
	struct bytes running = rows_value(&c->store.running, SET_CERTIFICATE_CHAIN, name);
	struct bytes args[] = { name, running, running, chain };
	char id[16];
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = "certificate import", .args = args, .n_args = 4, .record = take_chain,
				 .done = judged, .is_own = true, .name = id };

	snprintf(id, sizeof id, "%u", c->acme.id);
	relay_start(c, NULL, &ask);
}

/* Certificates and nothing else: a key in it would be kept by gh-keys. */
static int check_chain(struct conf *c, struct bytes name, struct bytes chain, const char **why)
{
	struct buf value;

	*why = "this certificate has not acme on";
	if (!bytes_eq_str(rows_value(&c->store.running, SET_CERTIFICATE_ACME, name), "on"))
		return ERR_DENIED;
	*why = "the chain is too long";
	if (chain.n > CHAIN_MAX_BYTES)
		return ERR_LIMIT;
	buf_init(&value, 1 << 20);
	int rc = setting_check(setting_row(SET_CERTIFICATE_CHAIN), chain, &value, why);
	buf_fini(&value);
	return rc;
}

int acme_on_chain(void *conf, struct chan *from, const struct frame *f)
{
	struct conf *c = conf;
	struct wire w = wire_of(f->body);
	struct bytes name = wire_str(&w), chain = wire_bytes(&w);
	const char *why = "another commit is under way, or not confirmed yet";

	(void)from;
	if (wire_end(&w) || f->id == 0)
		return ERR_PROTOCOL;
	if (c->acme.id && !c->acme.is_commit && c->acme.id != f->id)
		c->acme.id = 0; /* a new gh-pki; what the old one asked is answered to nobody */
	int rc = c->acme.id || c->txn.state != TXN_IDLE || txn_confirm_left_ms(&c->txn) ? ERR_AGAIN : check_chain(c, name, chain, &why);
	if (!rc && is_too_often(c)) {
		why = "more than 30 chains in one hour";
		rc = ERR_AGAIN;
	}
	if (!rc && name.n >= sizeof c->acme.name)
		rc = ERR_LIMIT;
	if (rc) {
		struct chan *to = bus_chan(c->bus, PROG_PKI, 0);
		struct buf *b = chan_begin(to, MSG_ACME_KEPT, f->id);
		wire_put_u32(b, (uint32_t)rc);
		wire_put_str(b, bytes_of(why));
		(void)chan_end(to); /* as in end() */
		return 0;
	}
	c->acme.id = f->id;
	snprintf(c->acme.name, sizeof c->acme.name, "%.*s", BYTES_FMT(name));
	buf_fini(&c->acme.chain);
	buf_init(&c->acme.chain, 1 << 20);
	ask_keys(c, name, chain);
	return 0;
}

bool acme_committed(struct conf *c, const struct txn_result *r)
{
	char text[520];

	if (!c->acme.is_commit)
		return false;
	snprintf(text, sizeof text, "%s%s%s", r->path, r->path[0] ? ": " : "", r->why);
	end(c, r->rc, text);
	return true;
}

void acme_fini(struct conf *c)
{
	buf_fini(&c->acme.chain);
}

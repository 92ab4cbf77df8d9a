/* Operators at the web: gh-admin hands over one end of a pair for each. Who it is shows the log-in on it, or that the
 * same gh-admin names one of its own who has logged in: then it may do what that one may, with a candidate of its own.
 * gh-snmp hands over one, too: nobody logs in on it, and it may ask what `monitored` names and nothing else; gh-admin one for collectors. */
#include "base/err.h"
#include "conf.h"

#include <stdio.h>
#include <unistd.h>

/* What SNMP's tables are made of. */
static const char *const monitored[] = {
	"show version", "show processes", "show counters [program]", "show listeners", "show federation [domain]", "show sip [domain]",
	"certificate show [name]", "show interfaces", NULL,
};
/* What collectors read (OPER_LIKE_COLLECTOR). */
static const char *const collected[] = { "show metrics [format]", NULL };

bool handed_may_ask(const struct oper *o, const struct command *cmd)
{
	if (!o->monitors)
		return true;
	if (o->monitors == collected && !rows_has_below(&o->conf->store.running, BYTES("web metrics-source")))
		return false;
	for (const char *const *words = o->monitors; *words; words++)
		if (strcmp(cmd->words, *words) == 0)
			return true;
	return false;
}

static void be_monitor(struct oper *o, const char *by, const char *const *monitors)
{
	o->monitors = monitors;
	snprintf(o->by, sizeof o->by, "%s", by);
	o->role = OPER_AUDITOR;
	o->wanted = OPER_AUDITOR;
	o->is_known = true;
}

static struct oper *find(struct conf *c, uint64_t number)
{
	LIST_EACH (it, &c->opers) {
		struct oper *o = LIST_OWNER(it, struct oper, node);
		if (o->way == OPER_WAY_HANDED && o->through == PROG_ADMIN && o->number == number && o->is_known && !o->is_closing)
			return o;
	}
	return NULL;
}

static void be_like(struct conf *c, struct oper *o, uint64_t number)
{
	const struct oper *other = find(c, number);
	const struct account *a = other ? accounts_find(&c->accounts, bytes_of(other->account)) : NULL;

	if (!a) {
		oper_evict(o, "the session that it belongs to has ended");
		return;
	}
	o->like = number;
	o->wanted = other->wanted;
	oper_become(o, a);
}

int handed_operator(void *arg, struct chan *from, const struct frame *f)
{
	struct conf *c = arg;
	struct wire w = wire_of(f->body);
	uint64_t number = wire_u64(&w);
	struct bytes peer = wire_str(&w);
	uint64_t like = wire_u64(&w);
	char source[ACCOUNT_FROM_BYTES];

	if (wire_end(&w) < 0 || f->fd < 0 || number == 0 || (like && chan_prog(from) != PROG_ADMIN) || peer.n == 0 || peer.n >= sizeof source) {
		if (f->fd >= 0)
			(void)close(f->fd); /* nobody will use it */
		return ERR_PROTOCOL;
	}
	snprintf(source, sizeof source, "%.*s", BYTES_FMT(peer));
	struct oper *o = oper_accept(c, f->fd, false, source);
	if (!o)
		return 0; /* no place: the other side sees its end */
	o->through = chan_prog(from);
	if (o->through == PROG_SNMP) {
		be_monitor(o, "gh-snmp", monitored);
		return 0;
	}
	if (like == OPER_LIKE_COLLECTOR) {
		be_monitor(o, "collector", collected);
		return 0;
	}
	o->number = number;
	if (like)
		be_like(c, o, like);
	return 0;
}

/* With gh-admin go those who came through it: nobody else may take over their ends of the pairs. */
void handed_down(struct conf *c, enum prog through)
{
	char why[40];

	snprintf(why, sizeof why, "%s has ended", prog_name(through));
	LIST_EACH (it, &c->opers) {
		struct oper *o = LIST_OWNER(it, struct oper, node);
		if (o->way == OPER_WAY_HANDED && o->through == through)
			oper_evict(o, why);
	}
}

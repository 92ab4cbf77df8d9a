#include "iq/report.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"

#include <stdlib.h>

enum { KEPT = 200, LOG_BURST = 20 };

struct report {
	struct list node;
	uint64_t at_ms; /* wall time */
	char reason[16];
	unsigned n_stanzas; /* that it names */
	size_t by_n, jid_n;
	uint8_t text[]; /* by, jid */
};

/* XEP-0377 3.1; others are not told apart. */
static const char *reason_of(const struct xml_node *report)
{
	struct bytes r = xml_attr(report, "reason");

	return bytes_eq_str(r, "urn:xmpp:reporting:spam") ? "spam" : bytes_eq_str(r, "urn:xmpp:reporting:abuse") ? "abuse" : "other";
}

static void drop(struct im *im, struct report *r)
{
	list_del(&r->node);
	im->n_reports--;
	free(r);
}

static void keep(struct im *im, struct bytes by, struct bytes jid, const char *reason, unsigned n_stanzas)
{
	struct report *r = calloc(1, sizeof *r + by.n + jid.n);

	if (!r) {
		im_stats[STAT_NO_MEMORY]++;
		return;
	}
	r->at_ms = loop_wall_ms(im->loop);
	memcpy(r->reason, reason, strlen(reason));
	r->n_stanzas = n_stanzas;
	r->by_n = by.n;
	r->jid_n = jid.n;
	memcpy(r->text, by.p, by.n);
	memcpy(r->text + by.n, jid.p, jid.n);
	list_add_tail(&im->reports, &r->node);
	if (++im->n_reports > KEPT)
		drop(im, LIST_OWNER(im->reports.next, struct report, node));
}

void report_take(struct im *im, const struct iq *q, const struct xml_node *item, struct bytes jid)
{
	const struct xml_node *report = xml_child(item, "report", NS_REPORTING);
	unsigned n_stanzas = 0;
	uint32_t suppressed;

	if (!report)
		return;
	for (const struct xml_node *n = xml_first(report); n; n = xml_next(n))
		n_stanzas += xml_is(n, "stanza-id", NS_STANZA_ID);
	im_stats[STAT_REPORTS]++;
	keep(im, user_jid(q->user), jid, reason_of(report), n_stanzas);
	if (log_limit_pass(&im->report_log, LOG_BURST, loop_now(im->loop), &suppressed))
		log_warn("im.reported", LOG_BYTES("jid", jid), LOG_BYTES("by", user_jid(q->user)), LOG_STR("reason", reason_of(report)),
			 LOG_INT("not_shown_before", suppressed));
}

void show_reports(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;

	(void)args;
	(void)n;
	LIST_EACH (it, &im->reports) {
		const struct report *r = LIST_OWNER(it, struct report, node);
		char at[TEXT_TIME_BYTES];
		text_time(r->at_ms, false, at);
		proc_record_begin(ask);
		proc_record_str(ask, "at", at);
		proc_record_text(ask, "reported", bytes_make(r->text + r->by_n, r->jid_n));
		proc_record_text(ask, "by", bytes_make(r->text, r->by_n));
		proc_record_str(ask, "reason", r->reason);
		proc_record_int(ask, "messages", r->n_stanzas);
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}

void reports_fini(struct im *im)
{
	LIST_EACH (it, &im->reports)
		drop(im, LIST_OWNER(it, struct report, node));
}

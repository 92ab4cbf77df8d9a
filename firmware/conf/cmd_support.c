/* support bundle: what somebody who helps from afar needs to see of this box, as one file for the operator. Nothing is in
 * it that an auditor could not read by the commands of the table, so no secret can be: settings are masked as in
 * `show settings`, keys are only named, and log lines have none. */
#include "base/err.h"
#include "base/log.h"
#include "conf.h"
#include "conf_text.h"
#include "run/stats.h"
#include "run/version.h"
#include "run/words.h"
#include "support_archive.h"

#include <stdio.h>
#include <stdlib.h>

enum { PART_MAX = 12 << 20, PIECE_BYTES = 64 << 10, SILENCE_MS = 10000 };

struct support {
	struct support_archive *archive;
	struct buf out, part; /* of the archive, not yet given; the file that is being gathered */
	size_t at;            /* part of the table */
	bool is_over;         /* the part is cut: it would be too long */
	bool is_whole;        /* the archive's end is in out */
	size_t given;         /* of out, to the operator just now */
	uint64_t bytes;
	char file[128];
};

/* ---- parts of our own ---- */

static void put_settings(struct conf *c, struct buf *out)
{
	const struct rows *r = &c->store.running;

	for (size_t i = 0; i < r->n; i++) {
		struct buf value;
		buf_init(&value, 1 << 20);
		conf_text_put_value(&r->v[i], &value);
		buf_put_str(out, "set ");
		buf_put_bytes(out, r->v[i].path);
		buf_put_u8(out, ' ');
		words_put_text(out, buf_bytes(&value));
		buf_put_u8(out, '\n');
		buf_fini(&value);
	}
}

static void put_version(struct conf *c, struct buf *out)
{
	buf_putf(out, "version=%s generation=%u uptime_s=%llu wall_ms=%llu\n", GATEHOUSE_VERSION, c->store.generation,
	         (unsigned long long)((loop_now(c->loop) - c->started_ms) / 1000), (unsigned long long)loop_wall_ms(c->loop));
}

static void put_processes(struct conf *c, struct buf *out)
{
	for (size_t i = 0; i < c->n_processes; i++) {
		const struct conf_process *p = &c->processes[i];
		buf_putf(out, "program=%s instance=%u state=%s pid=%u restarts=%u\n", prog_name(p->prog), p->instance, p->state,
		         p->pid, p->restarts);
	}
}

static void put_own_counters(struct conf *c, struct buf *out)
{
	const char *name;
	uint64_t value;

	(void)c;
	for (size_t at = 0; stats_next(&at, &name, &value);)
		buf_putf(out, "program=%s instance=0 counter=%s value=%llu\n", prog_name(PROG_CONF), name, (unsigned long long)value);
}

/* ---- the table ---- */

static const struct part {
	const char *file;
	void (*put)(struct conf *c, struct buf *out); /* what we know ourselves; NULL: nothing */
	unsigned targets;                             /* who is asked for the rest; 0: nobody */
	const char *verb, *arg;
} parts[] = {
	{ "version", put_version, 0, NULL, NULL },
	{ "settings", put_settings, 0, NULL, NULL },
	{ "processes", put_processes, 0, NULL, NULL },
	{ "counters", put_own_counters, P_WORK, "show counters", NULL },
	{ "alarms", NULL, P(PROG_LOG), "show alarms", NULL },
	{ "alarms-history", NULL, P(PROG_LOG), "show alarms history", NULL },
	{ "syslog", NULL, P(PROG_LOG), "show syslog", NULL },
	{ "revocation", NULL, P(PROG_PKI), "show revocation", NULL },
	{ "stapling", NULL, P(PROG_PKI), "show stapling", NULL },
	{ "keys", NULL, P(PROG_KEYS), "show keys", NULL },
	{ "acme", NULL, P(PROG_PKI), "show acme", NULL },
	{ "identity", NULL, P(PROG_KEYS), "show identity", NULL },
	{ "upgrade", NULL, P(PROG_UPDATE), "upgrade status", NULL },
	{ "routes", NULL, P(PROG_SWITCH), "show routes", NULL },
	{ "federation", NULL, P(PROG_S2S), "show federation", NULL },
	{ "sip", NULL, P(PROG_SIP), "show sip", NULL },
	{ "sip-routes", NULL, P(PROG_SIP), "show sip routes", NULL },
	{ "turn", NULL, P(PROG_TURN), "show turn", NULL },
	{ "links", NULL, P(PROG_LINK), "show links", NULL },
	{ "line", NULL, P(PROG_LINE), "show line-state", NULL },
	{ "uploads", NULL, P(PROG_FILES), "show uploads", NULL },
	{ "upload-scan", NULL, P(PROG_SCAN), "show upload scan", NULL },
	{ "publish", NULL, P(PROG_PUBLISH), "show publish", NULL },
	{ "compliance", NULL, P(PROG_COMPLY), "show compliance", NULL },
	{ "captures", NULL, P(PROG_CAPTURE), "capture status", NULL },
	{ "interfaces", NULL, P(PROG_PRIV), "show interfaces", NULL },
	{ "time", NULL, P(PROG_TIME), "show time", NULL },
	{ "time-sources", NULL, P(PROG_TIME), "show time sources", NULL },
	{ "dns", NULL, P(PROG_DNS), "show dns", NULL },
	{ "log", NULL, P(PROG_LOG), "show log", "last=5000" },
};
enum { N_PARTS = sizeof parts / sizeof parts[0] };

/* ---- in turn ---- */

static void next_part(struct conf *c, struct oper *o);

static void forget(struct conf *c)
{
	struct support *s = c->support;

	if (!s)
		return;
	c->support = NULL;
	support_archive_free(s->archive);
	buf_fini(&s->out);
	buf_fini(&s->part);
	free(s);
}

static void finish(struct conf *c, struct oper *o)
{
	struct support *s = c->support;
	char text[200];

	log_info("conf.support.bundle", LOG_STR("by", o->by), LOG_INT("bytes", s->bytes));
	snprintf(text, sizeof text, "%s: look into it before you give it away", s->file);
	forget(c);
	transfer_end(c, o, 0, text);
}

static void give(struct conf *c, struct oper *o);

static void given(struct conf *c, struct oper *o)
{
	buf_consume(&c->support->out, c->support->given);
	c->support->bytes += c->support->given;
	give(c, o);
}

/* Gives what is ready, piece by piece, then goes on with the next part. */
static void give(struct conf *c, struct oper *o)
{
	struct support *s = c->support;
	struct bytes ready = buf_bytes(&s->out);

	if (ready.n == 0) {
		if (s->is_whole)
			finish(c, o);
		else
			next_part(c, o);
		return;
	}
	s->given = ready.n < PIECE_BYTES ? ready.n : PIECE_BYTES;
	transfer_give(c, o, s->file, bytes_make(ready.p, s->given), given);
}

static void end_part(struct conf *c, struct oper *o, int rc, const char *text)
{
	struct support *s = c->support;
	char name[64];

	if (s->is_over)
		buf_put_str(&s->part, "# cut here: it is too long\n");
	if (rc < 0)
		buf_putf(&s->part, "# %s\n", text);
	snprintf(name, sizeof name, "support/%s.txt", parts[s->at].file);
	rc = support_archive_put(s->archive, name, buf_bytes(&s->part), loop_wall_ms(c->loop));
	buf_fini(&s->part);
	s->at++;
	if (rc == 0 && s->at == N_PARTS) {
		rc = support_archive_end(s->archive);
		s->is_whole = true;
	}
	if (rc < 0)
		transfer_end(c, o, rc, err_text(rc));
	else
		give(c, o);
}

/* key=value, quoted as in the log. A record is taken whole or not at all; PART_MAX leaves room for the last lines. */
static bool take_record(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct support *s = c->support;
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);

	(void)o, (void)name;
	if (!s)
		return true; /* nobody gathers any more */
	s->is_over |= buf_len(&s->part) + 2 * f->body.n + 4096 > PART_MAX;
	if (s->is_over)
		return true;
	for (unsigned i = 0; i < n && !wire_failed(&w); i++) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		buf_putf(&s->part, "%s%.*s=", i ? " " : "", BYTES_FMT(key));
		words_put(&s->part, value);
	}
	buf_put_u8(&s->part, '\n');
	return true;
}

static void on_part_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	(void)name;
	if (rc == ERR_BAD_STATE)
		transfer_end(c, o, rc, text); /* the operator stops it */
	else
		end_part(c, o, rc, text);
}

static void next_part(struct conf *c, struct oper *o)
{
	struct support *s = c->support;
	const struct part *p = &parts[s->at];
	struct bytes arg = bytes_of(p->arg ? p->arg : "");
	const struct relay_ask ask = { .targets = p->targets, .verb = p->verb, .args = &arg, .n_args = p->arg != NULL,
				       .silence_ms = SILENCE_MS, .record = take_record, .done = on_part_done };

	buf_init(&s->part, PART_MAX);
	s->is_over = false;
	if (p->put)
		p->put(c, &s->part);
	if (p->targets)
		relay_start(c, o, &ask);
	else
		end_part(c, o, 0, "");
}

COMMAND_FN(cmd_support_bundle)
{
	(void)cmd, (void)args;
	if (!transfer_begin(c, o, 0, forget))
		return;
	struct support *s = c->support = calloc(1, sizeof *s);
	if (s) {
		buf_init(&s->out, 2 * PART_MAX);
		buf_init(&s->part, PART_MAX);
		s->archive = support_archive_new(&s->out);
	}
	if (!s || !s->archive) {
		transfer_end(c, o, ERR_NOMEM, err_text(ERR_NOMEM));
		return;
	}
	transfer_file_name(c, ".support.tar.gz", s->file);
	next_part(c, o);
}

#include "adhoc/adhoc_run.h"

#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "proto/form.h"
#include "proto/xmpp.h"
#include "command/commands.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 256 << 10, NOTES_BYTES = 64 << 10, WHAT_BYTES = 200 };

static void run_free(struct im *im, struct adhoc_run *r)
{
	list_del(&r->node);
	im->adhoc.n_runs--;
	for (unsigned i = 0; i < ADHOC_FIELDS_MAX; i++)
		for (unsigned k = 0; k < r->values[i].n; k++)
			if (r->values[i].v[k].n && r->command->fields[i].kind == ADHOC_SECRET)
				secret_wipe((void *)(uintptr_t)r->values[i].v[k].p, r->values[i].v[k].n);
	arena_fini(&r->arena);
	buf_fini(&r->out);
	buf_fini(&r->notes);
	free(r);
}

/* ---- its end ---- */

const char *adhoc_form_type(const struct adhoc_command *c)
{
	return c->who == ADHOC_ADMINS ? NS_ADMIN : NS_OWN;
}

void adhoc_put_command(struct buf *b, const struct adhoc_command *c, const char *id, const char *status)
{
	buf_putf(b, "<command xmlns='" NS_COMMANDS "' node='%s' sessionid='%s' status='%s'>", c->node, id, status);
}

static void put_result(struct buf *b, const struct adhoc_run *r)
{
	adhoc_put_command(b, r->command, r->id, "completed");
	buf_put_bytes(b, buf_bytes(&r->notes));
	if (r->command->result || (r->command->columns && buf_len(&r->out))) {
		form_begin(b, "result", adhoc_form_type(r->command));
		buf_put_bytes(b, buf_bytes(&r->out));
		form_end(b);
	}
	buf_put_str(b, "</command>");
}

static void refuse(struct adhoc_run *r, enum stanza_error error, const char *text)
{
	struct im *im = r->im;

	im_stats[STAT_ADHOC_REFUSED]++;
	iq_late_refuse(im, r->later, &(struct stanza_refusal){ .error = error, .text = text });
	run_free(im, r);
}

void adhoc_finish(struct adhoc_run *r)
{
	struct im *im = r->im;

	if (r->n_failed && !r->n_done) {
		refuse(r, r->error, r->why);
		return;
	}
	buf_clear(&im->out2);
	put_result(&im->out2, r);
	if (buf_failed(&im->out2) || buf_failed(&r->out)) {
		refuse(r, STANZA_RESOURCE_CONSTRAINT, "The answer is too large");
		return;
	}
	iq_late_result(im, r->later, buf_bytes(&im->out2));
	run_free(im, r);
}

static enum stanza_error error_of(int rc)
{
	static const struct {
		int rc;
		enum stanza_error error;
	} rows[] = {
		{ ERR_EXISTS, STANZA_CONFLICT },           { ERR_NOT_FOUND, STANZA_ITEM_NOT_FOUND },
		{ ERR_DENIED, STANZA_NOT_ALLOWED },        { ERR_RANGE, STANZA_NOT_ACCEPTABLE },
		{ ERR_SYNTAX, STANZA_NOT_ACCEPTABLE },     { ERR_FULL, STANZA_RESOURCE_CONSTRAINT },
		{ ERR_LIMIT, STANZA_RESOURCE_CONSTRAINT }, { ERR_NOMEM, STANZA_RESOURCE_CONSTRAINT },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].rc == rc)
			return rows[i].error;
	return STANZA_INTERNAL_SERVER_ERROR;
}

void adhoc_failed(struct adhoc_run *r, struct bytes about, int rc, const char *text)
{
	struct buf line;

	if (!r->n_failed++) {
		r->error = error_of(rc);
		(void)snprintf(r->why, sizeof r->why, "%s", text); /* ours; cut where it is longer */
	}
	buf_init(&line, 4096);
	buf_put_bytes(&line, about);
	buf_put_str(&line, ": ");
	buf_put_str(&line, text);
	buf_put_str(&r->notes, "<note type='error'>");
	text_xml_escape(buf_bytes(&line), &r->notes);
	buf_put_str(&r->notes, "</note>");
	buf_fini(&line);
}

/* ---- its steps ---- */

/* Who did it stands there too; of what is secret, nothing. */
static void put_own(struct buf *what, const struct adhoc_run *r)
{
	buf_put_bytes(what, r->by);
	for (unsigned i = 0; i < ADHOC_FIELDS_MAX && r->command->fields[i].var; i++) {
		if (r->command->fields[i].kind == ADHOC_SECRET)
			continue;
		for (unsigned k = 0; k < r->values[i].n && buf_len(what) < WHAT_BYTES; k++) {
			buf_put_u8(what, ' ');
			buf_put_bytes(what, r->values[i].v[k]);
		}
	}
}

/* The people of it, or the domain. */
static int audit(struct adhoc_run *r)
{
	struct adhoc_values people = r->values[0];
	enum adhoc_kind kind = r->command->fields[0].kind;
	struct buf what;

	buf_init(&what, 128 << 10);
	if (r->command->who != ADHOC_ADMINS) {
		put_own(&what, r);
	} else if (people.n && (kind == ADHOC_JID || kind == ADHOC_JIDS)) {
		for (unsigned i = 0; i < people.n && buf_len(&what) < WHAT_BYTES; i++) {
			if (i)
				buf_put_u8(&what, ' ');
			buf_put_bytes(&what, people.v[i]);
		}
	} else {
		buf_put_bytes(&what, r->domain);
	}
	int rc = buf_failed(&what) ? ERR_NOMEM : adhoc_audit(r->im, r->by, r->command->verb, buf_bytes(&what));
	buf_fini(&what);
	return rc;
}

static void step(struct adhoc_run *r)
{
	bool is_look = r->command->who != ADHOC_ADMINS && !r->command->fields[0].var; /* at what is one's own */

	if (!r->is_audited && !is_look && audit(r)) {
		refuse(r, STANZA_RESOURCE_CONSTRAINT, "What cannot be written into the audit trail is not done");
		return;
	}
	r->is_audited = true;
	r->command->step(r->im, r);
}

static void on_turn_end(void *arg)
{
	struct im *im = arg;

	/* Those that a step makes due again are dealt with once more after it. */
	LIST_EACH (it, &im->adhoc.runs) {
		struct adhoc_run *r = LIST_OWNER(it, struct adhoc_run, node);
		if (!r->is_waiting) {
			r->is_waiting = true;
			step(r);
		}
	}
}

void adhoc_again(struct adhoc_run *r)
{
	r->is_waiting = false;
	loop_defer_call(r->im->loop, &r->im->adhoc.turn);
}

/* ---- the verb ---- */

struct bytes adhoc_record_value(struct bytes fields, uint16_t n, const char *key)
{
	struct wire w = wire_of(fields);

	for (; n && !wire_failed(&w); n--) {
		struct bytes k = wire_str(&w), v = wire_bytes(&w);
		if (bytes_eq_str(k, key))
			return v;
	}
	return BYTES_NONE;
}

static void on_record(void *arg, struct bytes fields, uint16_t n)
{
	struct adhoc_run *r = arg;

	if (r->command->record)
		r->command->record(r, fields, n);
}

/* What is said to operators names commands of theirs. */
static const char *own_text(int rc, const char *text)
{
	switch (rc) {
	case ERR_NOT_FOUND: return "there is none of this name";
	case ERR_EXISTS: return "there is one of this name already";
	case ERR_FULL: return "there are as many as one person may have: delete one that is not used";
	case ERR_DENIED: return "your password is the directory's: it is changed there";
	}
	return text;
}

static void on_done(void *arg, int rc, const char *text)
{
	struct adhoc_run *r = arg;
	enum adhoc_kind kind = r->command->fields[0].kind;
	bool is_of_people = r->command->fields[0].var && (kind == ADHOC_JID || kind == ADHOC_JIDS);

	if (rc)
		adhoc_failed(r, is_of_people ? r->values[0].v[r->at] : r->domain, rc, r->command->who == ADHOC_ADMINS ? text : own_text(rc, text));
	else
		r->n_done++;
	r->at++;
	r->is_checked = false;
	adhoc_again(r);
}

void adhoc_call(struct adhoc_run *r, const struct bytes *args, size_t n)
{
	const struct proc_asker who = { on_record, on_done, r };
	struct proc_ask *ask = proc_ask_new(&who);

	if (!ask) {
		on_done(r, ERR_NOMEM, err_text(ERR_NOMEM));
		return;
	}
	for (size_t i = 0; i < im_n_commands; i++) {
		if (strcmp(im_commands[i].verb, r->command->verb) == 0) {
			im_commands[i].fn(r->im, ask, args, n);
			return;
		}
	}
	proc_done(ask, ERR_UNKNOWN, err_text(ERR_UNKNOWN));
}

/* ---- its begin ---- */

int adhoc_run_start(struct im *im, struct iq *q, const struct adhoc_command *c, const char *id, const struct xml_node *form,
                    const char **why)
{
	struct jid to = jid_of_normal(q->it->e.to);
	struct adhoc_run *r;

	*why = "Too many commands run";
	if (im->adhoc.n_runs >= ADHOC_RUNS_MAX)
		return ERR_FULL;
	r = calloc(1, sizeof *r);
	if (!r)
		return ERR_NOMEM;
	r->im = im;
	r->command = c;
	arena_init(&r->arena, ARENA_BYTES);
	buf_init(&r->out, ADHOC_OUT_BYTES);
	buf_init(&r->notes, NOTES_BYTES);
	list_add_tail(&im->adhoc.runs, &r->node);
	im->adhoc.n_runs++;
	if (id)
		memcpy(r->id, id, sizeof r->id);
	else
		random_hex(r->id, ADHOC_ID_BYTES);
	r->by = arena_dup(&r->arena, session_bare(q->session));
	r->domain = arena_dup(&r->arena, jid_domain(&to));
	int rc = r->by.p && r->domain.p ? 0 : ERR_NOMEM;
	if (!rc && form)
		rc = adhoc_form_read(form, adhoc_form_type(c), c->fields, &r->arena, r->values, why);
	if (!rc && !(r->later = iq_keep(q)))
		rc = ERR_NOMEM;
	if (rc) {
		run_free(im, r);
		return rc;
	}
	im_stats[STAT_ADHOC_RUN]++;
	adhoc_again(r);
	return 0;
}

void adhoc_runs_init(struct im *im)
{
	list_init(&im->adhoc.runs);
	loop_defer_init(&im->adhoc.turn, on_turn_end, im);
}

/* After the last ask of gh-store was answered. */
void adhoc_runs_fini(struct im *im)
{
	loop_defer_cancel(&im->adhoc.turn);
	while (!list_is_empty(&im->adhoc.runs)) {
		struct adhoc_run *r = LIST_OWNER(im->adhoc.runs.next, struct adhoc_run, node);
		free(r->later);
		run_free(im, r);
	}
}

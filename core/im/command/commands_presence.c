/* show presence: what a person's clients and phones say, and the one presence that is composed of it. */
#include "command/commands.h"

#include "ask.h"
#include "base/err.h"
#include "base/text.h"
#include "presence/compose.h"
#include "user.h"

struct row {
	const char *what;
	struct bytes resource;
	const struct composed_input *input;
	const char *by;
};

static void record(struct proc_ask *ask, const struct row *r)
{
	char since[TEXT_TIME_BYTES] = "";

	if (r->input->at_ms)
		text_time(r->input->at_ms, false, since);
	proc_record_begin(ask);
	proc_record_str(ask, "what", r->what);
	proc_record_text(ask, "resource", r->resource);
	proc_record_str(ask, "presence", shown_name((enum shown)r->input->shown));
	proc_record_str(ask, "by", r->by);
	proc_record_int(ask, "priority", r->input->priority);
	proc_record_str(ask, "idle", r->input->is_idle ? "yes" : "no");
	proc_record_str(ask, "since", since);
	proc_record_end(ask);
}

static void show(struct im *im, struct proc_ask *ask, const struct user *u)
{
	const struct session *best;
	struct composed c = compose_of(im, u, &best);
	struct composed_input in = { .shown = SHOWN_OFFLINE };

	if (best)
		compose_input(im, best, &in);
	record(ask, &(struct row){ "composed", best ? session_resource(best) : BYTES_NONE, &in, composed_by_name((enum composed_by)c.by) });
	if (u)
		LIST_EACH (it, &u->sessions) {
			const struct session *s = LIST_OWNER(it, struct session, node);
			if (!session_is_available(s))
				continue;
			compose_input(im, s, &in);
			record(ask, &(struct row){ s->priority < 0 ? "phone" : "device", session_resource(s), &in, "" });
		}
}

/* The account is there, or not. */
static void on_known(struct im *im, struct ask *a, int rc)
{
	struct wire w = wire_of(bytes_make(a->body + 1, a->n - 1)); /* behind the op */

	if (!rc)
		show(im, a->arg, user_find(im, wire_str(&w)));
	arena_reset(&im->arena);
	proc_done(a->arg, rc, command_text(rc));
}

void show_presence(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes jid;

	if (command_account(im, ask, args, n, 1, &jid))
		return;
	wire_put_str(ask_begin(im, STORE_USER_GET), jid);
	ask_send_free(im, NULL, on_known, ask, 0);
	arena_reset(&im->arena);
}

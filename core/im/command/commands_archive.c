/* show archive, user archive delete: how much is kept of what people say, and away with it. */
#include "command/commands.h"

#include "base/err.h"
#include "base/text.h"
#include "archive/archive.h"
#include "archive/archive_clean.h"
#include "ask.h"

static void on_state(struct im *im, struct ask *a, struct wire *w)
{
	struct proc_ask *ask = a->arg;
	uint64_t n = wire_u64(w), bytes = wire_u64(w), first = wire_u64(w);
	char at[TEXT_TIME_BYTES] = "";

	if (wire_failed(w))
		return;
	if (first)
		text_time(first >> STORE_ARCHIVE_TIME_SHIFT, false, at);
	proc_record_begin(ask);
	proc_record_str(ask, "archive", im->config.has_archive ? "on" : "off");
	proc_record_str(ask, "search", im->config.has_archive_search ? "on" : "off");
	proc_record_int(ask, "messages", n);
	proc_record_int(ask, "bytes", bytes);
	proc_record_str(ask, "oldest", at);
	proc_record_end(ask);
}

static void on_done(struct im *im, struct ask *a, int rc)
{
	(void)im;
	proc_done(a->arg, rc, command_text(rc));
}

void show_archive(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes jid = BYTES_NONE;

	if (n && command_account(im, ask, args, n, 1, &jid))
		return;
	wire_put_str(ask_begin(im, STORE_ARCHIVE_STATE), jid);
	ask_send_free(im, on_state, on_done, ask, 0);
	arena_reset(&im->arena);
}

static void on_dropped(struct im *im, struct ask *a, int rc)
{
	if (!rc)
		archive_clean_soon(im);
	on_done(im, a, rc);
}

void user_archive_delete(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes jid;

	if (command_account(im, ask, args, n, 1, &jid))
		return;
	archive_flush(im);
	wire_put_str(ask_begin(im, STORE_ARCHIVE_DROP), jid);
	ask_send_free(im, NULL, on_dropped, ask, 0);
	arena_reset(&im->arena);
}

#include "net/bans_command.h"

#include "base/err.h"
#include "base/log.h"

enum { SECONDS_USUAL = 3600, SECONDS_MAX = 366 * 86400, RECORDS_MAX = 1000 };

static const char no_range[] = "no range of addresses: 192.0.2.7, 198.51.100.0/24, 2001:db8::/32";

static void join(const struct bytes *words, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_str(out, " ");
		buf_put_bytes(out, words[i]);
	}
}

static const char *words_for(int rc)
{
	return rc == ERR_SYNTAX ? no_range : rc == ERR_RANGE ? "that is everybody" : rc == ERR_FULL ? "there are 1000 already" : "";
}

bool bans_command_add(struct proc_ask *ask, const struct bytes *args, size_t n, const struct bans_door *d)
{
	uint64_t seconds = SECONDS_USUAL;
	bool has_seconds = n > 1 && bytes_to_u64(args[1], SECONDS_MAX, &seconds) == 0;
	size_t at = has_seconds ? 2 : 1;
	struct buf reason;

	buf_init(&reason, 4096);
	join(args + (n ? at : 0), n > at ? n - at : 0, &reason);
	int rc = n ? bans_add(d->bans, args[0], buf_bytes(&reason), seconds ? d->now_ms + seconds * 1000 : 0, d->now_ms) : ERR_SYNTAX;
	if (rc)
		proc_done(ask, rc, words_for(rc));
	else
		log_info("client.banned", LOG_BYTES("range", args[0]), LOG_INT("seconds", (int64_t)seconds), LOG_BYTES("reason", buf_bytes(&reason)));
	buf_fini(&reason);
	return rc == 0;
}

void bans_command_added(struct proc_ask *ask, const struct bytes *args, const struct bans_door *d, size_t put_out)
{
	proc_record_begin(ask);
	proc_record_str(ask, "program", d->program);
	proc_record_int(ask, "worker", d->worker);
	proc_record_text(ask, "range", args[0]);
	proc_record_int(ask, "put-out", (int64_t)put_out);
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

void bans_command_remove(struct proc_ask *ask, const struct bytes *args, size_t n, const struct bans_door *d)
{
	struct prefix range;

	if (!n || prefix_parse(args[0], &range)) {
		proc_done(ask, ERR_SYNTAX, no_range);
		return;
	}
	size_t removed = bans_remove(d->bans, &range);
	removed += d->strangers ? strangers_pardon(d->strangers, &range, d->now_ms) : 0;
	if (removed)
		log_info("client.unbanned", LOG_BYTES("range", args[0]), LOG_INT("bans", (int64_t)removed));
	proc_done(ask, removed ? 0 : ERR_NOT_FOUND, "");
}

static void record(struct proc_ask *ask, const struct bans_door *d, const char *range, const char *by, const char *reason,
                   uint64_t until_ms, uint64_t refused)
{
	proc_record_begin(ask);
	proc_record_str(ask, "range", range);
	proc_record_str(ask, "by", by);
	proc_record_str(ask, "reason", reason);
	if (until_ms)
		proc_record_int(ask, "left-s", (int64_t)((until_ms - d->now_ms + 999) / 1000));
	else
		proc_record_str(ask, "left-s", "-");
	proc_record_int(ask, "refused", (int64_t)refused);
	proc_record_str(ask, "program", d->program);
	proc_record_int(ask, "worker", d->worker);
	proc_record_end(ask);
}

void bans_command_show(struct proc_ask *ask, const struct bans_door *d)
{
	char text[STRANGER_TEXT_BYTES];
	uint64_t until_ms;
	size_t n = 0, at = 0;

	bans_expire(d->bans, d->now_ms);
	for (size_t i = 0; i < d->bans->n; i++) {
		const struct ban *b = &d->bans->v[i];
		record(ask, d, b->text, b->is_setting ? "setting" : "operator", b->reason, b->until_ms, b->refused);
	}
	for (; n < RECORDS_MAX && d->strangers && strangers_next_out(d->strangers, &at, d->now_ms, text, &until_ms); n++)
		record(ask, d, text, "penalty", "wrong passwords", until_ms, 0);
	proc_done(ask, 0, n == RECORDS_MAX ? "there are more" : "");
}

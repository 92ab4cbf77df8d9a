#include "run/tap.h"

#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"

#include <stdio.h>

static void finish(struct tap *t, const char *why)
{
	struct proc_ask *ask = t->ask;

	loop_timer_del(t->taps->loop, &t->end);
	secret_wipe(t->key, sizeof t->key);
	t->ask = NULL;
	t->taps->n--;
	proc_done(ask, 0, why);
}

static void on_end(void *arg)
{
	finish(arg, "time is over");
}

void taps_init(struct taps *t, struct loop *loop)
{
	*t = (struct taps){ .loop = loop };
	for (unsigned i = 0; i < TAPS_MAX; i++) {
		t->v[i].taps = t;
		loop_timer_init(&t->v[i].end, on_end, &t->v[i]);
	}
}

void taps_command(struct taps *t, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct tap *tap = NULL;
	uint64_t seconds = 0;

	for (unsigned i = 0; i < TAPS_MAX && !tap; i++)
		tap = t->v[i].ask ? NULL : &t->v[i];
	if (n < 2 || n > 3 || args[0].n == 0 || args[0].n >= sizeof tap->domain ||
	    bytes_to_u64(args[1], TAP_SECONDS_MAX, &seconds) || seconds == 0 || (n == 3 && !bytes_eq_str(args[2], "hashed"))) {
		proc_done(ask, ERR_SYNTAX, "wants a domain, seconds (at most 3600) and maybe: hashed");
		return;
	}
	if (!tap || loop_timer_set(t->loop, &tap->end, seconds * 1000)) {
		proc_done(ask, ERR_FULL, "too many captures of federation run already");
		return;
	}
	tap->ask = ask;
	tap->is_hashed = n == 3;
	tap->records = 0;
	tap->bytes = 0;
	random_bytes(tap->key, sizeof tap->key);
	snprintf(tap->domain, sizeof tap->domain, "%.*s", BYTES_FMT(args[0]));
	t->n++;
}

struct tap *taps_next(struct taps *t, struct bytes domain, const struct tap *after)
{
	for (size_t i = after ? (size_t)(after - t->v) + 1 : 0; i < TAPS_MAX; i++)
		if (t->v[i].ask && bytes_eq_str(domain, t->v[i].domain))
			return &t->v[i];
	return NULL;
}

void tap_put(struct tap *t, bool is_in, uint64_t stream, struct bytes masked)
{
	char stamp[TEXT_TIME_BYTES], id[17];

	text_time(loop_wall_ms(t->taps->loop), true, stamp);
	snprintf(id, sizeof id, "%016llx", (unsigned long long)stream);
	proc_record_begin(t->ask);
	proc_record_str(t->ask, "time", stamp);
	proc_record_str(t->ask, "direction", is_in ? "in" : "out");
	proc_record_str(t->ask, "stream", stream ? id : "-");
	proc_record_text(t->ask, "masked", masked);
	proc_record_end(t->ask);
	t->bytes += masked.n;
	if (++t->records >= TAP_RECORDS_MAX || t->bytes >= TAP_BYTES_MAX)
		finish(t, "enough records");
}

struct bytes tap_key(const struct tap *t)
{
	return t->is_hashed ? bytes_make(t->key, sizeof t->key) : BYTES_NONE;
}

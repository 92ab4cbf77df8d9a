/* What operators ask, by way of gh-conf. Arguments of start: ticket, interface, "limits and filter". */
#include "capture.h"

#include "base/err.h"
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

/* ---- a socket and its command find each other ---- */

static void free_socket(struct waiting_socket *s)
{
	s->ticket = 0;
	loop_timer_del(s->all->loop, &s->end);
}

static void on_socket_late(void *arg)
{
	struct waiting_socket *s = arg;

	(void)close(s->fd); /* nobody wanted it */
	free_socket(s);
}

static void on_command_late(void *arg)
{
	struct waiting_command *w = arg;

	w->ticket = 0;
	proc_done(w->ask, ERR_TIMEOUT, "gh-super gave no socket");
}

static void meet(struct captures *a)
{
	for (unsigned i = 0; i < CAPTURES_MAX; i++) {
		struct waiting_command *w = &a->commands[i];
		for (unsigned k = 0; w->ticket && k < SOCKETS_MAX; k++) {
			struct waiting_socket *s = &a->sockets[k];
			if (s->ticket != w->ticket || strcmp(s->interface, w->interface) != 0)
				continue;
			free_socket(s);
			loop_timer_del(a->loop, &w->end);
			capture_begin(a, w, s->fd);
			w->ticket = 0;
		}
	}
}

int capture_on_socket(void *arg, struct chan *from, const struct frame *f)
{
	struct captures *a = arg;
	struct wire w = wire_of(f->body);
	struct bytes name = wire_str(&w);

	(void)from;
	if (wire_end(&w) || f->fd < 0 || f->id == 0 || name.n >= sizeof a->sockets[0].interface)
		return ERR_PROTOCOL;
	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		struct waiting_socket *s = &a->sockets[i];
		if (s->ticket)
			continue;
		s->ticket = f->id;
		s->fd = f->fd;
		snprintf(s->interface, sizeof s->interface, "%.*s", BYTES_FMT(name));
		if (loop_timer_set(a->loop, &s->end, SOCKET_WAIT_MS))
			on_socket_late(s);
		meet(a);
		return 0;
	}
	(void)close(f->fd); /* more than operators there are */
	return 0;
}

static void start(struct captures *a, struct proc_ask *ask, const struct bytes *args, size_t n, bool is_foreground)
{
	char why[LIMITS_WHY_MAX] = "";
	struct waiting_command *w = NULL;
	uint64_t ticket = 0;

	for (unsigned i = 0; i < CAPTURES_MAX && !w; i++)
		w = a->commands[i].ticket ? NULL : &a->commands[i];
	if (!w || n != 3 || bytes_to_u64(args[0], UINT32_MAX, &ticket) || !ticket || args[1].n >= sizeof w->interface) {
		proc_done(ask, ERR_SYNTAX, "wants an interface, then limits, then a filter");
		return;
	}
	struct bytes text = args[2];
	int rc = limits_read(&text, &w->limits, why);
	if (!rc && text.n > FILTER_TEXT_MAX) {
		snprintf(why, sizeof why, "the filter is longer than %d bytes", FILTER_TEXT_MAX);
		rc = ERR_LIMIT;
	}
	if (!rc)
		rc = loop_timer_set(a->loop, &w->end, SOCKET_WAIT_MS);
	if (rc) {
		proc_done(ask, rc, why);
		return;
	}
	w->ticket = (uint32_t)ticket;
	w->ask = ask;
	w->is_foreground = is_foreground;
	snprintf(w->interface, sizeof w->interface, "%.*s", BYTES_FMT(args[1]));
	snprintf(w->text, sizeof w->text, "%.*s", BYTES_FMT(text));
	meet(a);
}

static void on_start(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	start(arg, ask, args, n, false);
}

static void on_pcap(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	start(arg, ask, args, n, true);
}

/* ---- the others ---- */

/* Of a number or, for gh-conf, "ticket" and a ticket. Without an argument: all. */
static void on_stop(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct captures *a = arg;
	uint64_t wanted = 0;
	unsigned stopped = 0;
	bool is_ticket = n == 2 && bytes_eq_str(args[0], "ticket");
	char text[160] = "";

	if (n > 0 && (bytes_to_u64(args[n - 1], UINT32_MAX, &wanted) || !wanted)) {
		proc_done(ask, ERR_SYNTAX, "wants the number of a capture (capture status)");
		return;
	}
	for (unsigned i = 0; i < CAPTURES_MAX; i++) {
		struct capture *c = &a->v[i];
		if (!c->number || (wanted && (is_ticket ? c->ticket : c->number) != wanted))
			continue;
		if (is_ticket)
			c->ask = NULL; /* its answer has ended: this one takes its place */
		capture_stop(c, "it was stopped");
		snprintf(text, sizeof text, "%llu packets in %s", (unsigned long long)c->packets, c->file);
		stopped++;
	}
	if (stopped == 0 && wanted && !is_ticket)
		proc_done(ask, ERR_NOT_FOUND, "no capture of that number runs");
	else
		proc_done(ask, 0, stopped == 1 ? text : stopped ? "stopped" : "no capture runs");
}

static void put_status(struct proc_ask *ask, unsigned number, const char *interface, const char *state, const char *file,
                       uint64_t packets, uint64_t bytes, uint64_t lost)
{
	proc_record_begin(ask);
	proc_record_int(ask, "capture", number);
	proc_record_str(ask, "interface", interface);
	proc_record_str(ask, "file", file);
	proc_record_int(ask, "packets", (int64_t)packets);
	proc_record_int(ask, "bytes", (int64_t)bytes);
	proc_record_int(ask, "lost", (int64_t)lost);
	proc_record_str(ask, "state", state);
	proc_record_end(ask);
}

static void on_status(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct captures *a = arg;
	char state[80];

	(void)args, (void)n;
	for (unsigned i = 0; i < ENDED_MAX; i++) {
		const struct ended *e = &a->ended[(a->n_ended + i) % ENDED_MAX];
		if (e->number)
			put_status(ask, e->number, e->interface, e->why, e->file, e->packets, e->bytes, e->lost);
	}
	for (unsigned i = 0; i < CAPTURES_MAX; i++) {
		const struct capture *c = &a->v[i];
		if (!c->number)
			continue;
		uint64_t ran_s = (loop_now(a->loop) - c->began_ms) / 1000;
		snprintf(state, sizeof state, "runs, %llu s left",
		         (unsigned long long)(c->limits.seconds > ran_s ? c->limits.seconds - ran_s : 0));
		put_status(ask, c->number, c->interface, state, c->file, c->packets, c->bytes + buf_len(&c->out), c->lost);
	}
	proc_done(ask, 0, "");
}

static bool is_being_written(const struct captures *a, const char *name)
{
	for (unsigned i = 0; i < CAPTURES_MAX; i++)
		if (a->v[i].number && strcmp(a->v[i].file, name) == 0)
			return true;
	return false;
}

static void on_list(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	static struct files_item items[FILES_MAX];
	struct captures *a = arg;
	size_t n_items = files_list(&a->files, items);

	(void)args, (void)n;
	for (size_t i = 0; i < n_items; i++) {
		proc_record_begin(ask);
		proc_record_str(ask, "file", items[i].name);
		proc_record_int(ask, "bytes", (int64_t)items[i].bytes);
		proc_record_str(ask, "state", is_being_written(a, items[i].name) ? "being written" : "complete");
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}

static void on_delete(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	static struct files_item items[FILES_MAX];
	struct captures *a = arg;
	bool is_all = n == 1 && bytes_eq_str(args[0], "all"), is_found = false;
	size_t n_items = files_list(&a->files, items);
	int rc = 0;

	for (size_t i = 0; n == 1 && i < n_items && !rc; i++) {
		if (!is_all && !bytes_eq_str(args[0], items[i].name))
			continue;
		is_found = true;
		if (!is_being_written(a, items[i].name))
			rc = files_delete(&a->files, bytes_of(items[i].name));
		else if (!is_all)
			rc = ERR_BAD_STATE;
	}
	if (rc == ERR_BAD_STATE)
		proc_done(ask, rc, "it is being written: capture stop first");
	else if (!rc && !is_found && !is_all)
		proc_done(ask, ERR_NOT_FOUND, "no such file (capture list)");
	else
		proc_done(ask, rc, "");
}

/* For gh-conf, which hands the parts on as the operator takes them. */
static void on_read(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct captures *a = arg;
	uint64_t offset;

	if (n != 2 || bytes_to_u64(args[1], INT64_MAX, &offset)) {
		proc_done(ask, ERR_SYNTAX, "");
		return;
	}
	int got = files_read(&a->files, args[0], offset, a->part);
	if (got < 0) {
		proc_done(ask, got, got == ERR_NOT_FOUND ? "no such file (capture list)" : "");
		return;
	}
	proc_record_begin(ask);
	proc_record_text(ask, "part", bytes_make(a->part, (size_t)got));
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

const struct proc_command capture_commands[] = {
	{ "capture start", on_start },   { "pcap", on_pcap },     { "capture stop", on_stop },
	{ "capture status", on_status }, { "capture list", on_list }, { "capture delete", on_delete },
	{ "capture read", on_read },
};
const size_t capture_n_commands = sizeof capture_commands / sizeof capture_commands[0];

void capture_commands_init(struct captures *a)
{
	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		a->sockets[i].all = a;
		loop_timer_init(&a->sockets[i].end, on_socket_late, &a->sockets[i]);
	}
	for (unsigned i = 0; i < CAPTURES_MAX; i++) {
		a->commands[i].all = a;
		loop_timer_init(&a->commands[i].end, on_command_late, &a->commands[i]);
	}
}

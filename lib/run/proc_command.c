/* Operator commands: a verb and arguments come, records and a result go back. */
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "run/proc_impl.h"
#include "run/stats.h"

#include <stdlib.h>

enum { ARGS_MAX = 32, RECORD_MAX_BYTES = 4 << 20 };

struct proc_ask {
	struct proc *proc; /* NULL: asked from inside */
	struct proc_asker inside;
	unsigned conf_instance;
	uint32_t id;
	struct buf fields; /* of the record that is being made */
	uint16_t n_fields;
};

static struct chan *asker(const struct proc_ask *a)
{
	return bus_chan(a->proc->bus, PROG_CONF, a->conf_instance);
}

void proc_record_begin(struct proc_ask *a)
{
	buf_clear(&a->fields);
	a->n_fields = 0;
}

void proc_record_text(struct proc_ask *a, const char *key, struct bytes value)
{
	wire_put_str(&a->fields, bytes_of(key));
	wire_put_bytes(&a->fields, value);
	a->n_fields++;
}

void proc_record_str(struct proc_ask *a, const char *key, const char *value)
{
	proc_record_text(a, key, bytes_of(value));
}

void proc_record_int(struct proc_ask *a, const char *key, int64_t value)
{
	struct buf text;

	buf_init(&text, 64);
	buf_putf(&text, "%lld", (long long)value);
	proc_record_text(a, key, buf_bytes(&text));
	buf_fini(&text);
}

void proc_record_end(struct proc_ask *a)
{
	if (buf_failed(&a->fields))
		return; /* a record over the limit is left out rather than cut */
	if (!a->proc) {
		a->inside.record(a->inside.arg, buf_bytes(&a->fields), a->n_fields);
		return;
	}
	struct chan *c = asker(a);
	struct buf *b = chan_begin(c, MSG_RECORD, a->id);
	wire_put_u16(b, a->n_fields);
	buf_put_bytes(b, buf_bytes(&a->fields));
	(void)chan_end(c); /* an operator that has gone needs no records */
}

static void tell_conf(const struct proc_ask *a, int rc, const char *text)
{
	struct chan *c = asker(a);
	struct buf *b = chan_begin(c, MSG_COMMAND_DONE, a->id);

	wire_put_u32(b, (uint32_t)rc);
	wire_put_str(b, bytes_of(text));
	(void)chan_end(c); /* as above */
}

void proc_done(struct proc_ask *a, int rc, const char *text)
{
	if (a->proc)
		tell_conf(a, rc, text);
	else
		a->inside.done(a->inside.arg, rc, text);
	/* new passwords pass here, too */
	if (buf_len(&a->fields))
		secret_wipe((void *)(uintptr_t)buf_bytes(&a->fields).p, buf_len(&a->fields));
	buf_fini(&a->fields);
	free(a);
}

struct proc_ask *proc_ask_new(const struct proc_asker *who)
{
	struct proc_ask *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->inside = *who;
	buf_init(&a->fields, RECORD_MAX_BYTES);
	return a;
}

static void show_counters(struct proc_ask *a)
{
	const char *name;
	uint64_t value;

	for (size_t at = 0; stats_next(&at, &name, &value);) {
		proc_record_begin(a);
		proc_record_str(a, "program", prog_name(a->proc->def->prog));
		proc_record_int(a, "instance", a->proc->instance);
		proc_record_str(a, "counter", name);
		proc_record_int(a, "value", (int64_t)value);
		proc_record_end(a);
	}
	proc_done(a, 0, "");
}

static const struct proc_command *find(const struct proc_def *def, struct bytes verb)
{
	for (size_t i = 0; i < def->n_commands; i++)
		if (bytes_eq_str(verb, def->commands[i].verb))
			return &def->commands[i];
	return NULL;
}

static void run(struct proc *p, struct proc_ask *a, struct bytes verb, const struct bytes *args, size_t n)
{
	const struct proc_command *c = find(p->def, verb);

	if (c)
		c->fn(p->program, a, args, n);
	else if (bytes_eq_str(verb, "show counters"))
		show_counters(a);
	else if (bytes_eq_str(verb, "log debug"))
		proc_debug_begin(p, a, args, n);
	else if (bytes_eq_str(verb, "log debug off"))
		proc_debug_end(p, a);
	else if (bytes_eq_str(verb, "show log debug"))
		proc_debug_show(p, a);
	else
		proc_done(a, ERR_UNKNOWN, "this program does not know the command");
}

int proc_on_command(void *arg, struct chan *from, const struct frame *f)
{
	struct proc *p = arg;
	struct wire w = wire_of(f->body);
	struct bytes verb = wire_str(&w), args[ARGS_MAX];
	size_t n = wire_u16(&w);

	if (wire_failed(&w) || n > ARGS_MAX)
		return ERR_PROTOCOL;
	for (size_t i = 0; i < n; i++)
		args[i] = wire_bytes(&w);
	if (wire_end(&w))
		return ERR_PROTOCOL;
	struct proc_ask *a = calloc(1, sizeof *a);
	if (!a)
		return 0; /* the operator's own time-out tells */
	a->proc = p;
	a->conf_instance = chan_instance(from);
	a->id = f->id;
	buf_init(&a->fields, RECORD_MAX_BYTES);
	run(p, a, verb, args, n);
	/* Passwords and keys pass here: nothing of them stays behind. */
	secret_wipe((void *)(uintptr_t)f->body.p, f->body.n);
	return 0;
}

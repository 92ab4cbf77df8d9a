/* Settings snapshots: gh-conf proposes, the program accepts or refuses, then all switch. */
#include "base/err.h"
#include "base/log.h"
#include "run/proc_impl.h"

static void accept_snapshot(struct chan *to, uint32_t generation)
{
	wire_put_u32(chan_begin(to, MSG_SNAPSHOT_ACCEPT, 0), generation);
	(void)chan_end(to); /* a gh-conf that is gone asks again when it is back */
}

static void refuse_snapshot(struct chan *to, uint32_t generation, const char *path, const char *why)
{
	struct buf *b = chan_begin(to, MSG_SNAPSHOT_REFUSE, 0);

	wire_put_u32(b, generation);
	wire_put_str(b, bytes_of(path));
	wire_put_str(b, bytes_of(why));
	(void)chan_end(to);
}

int proc_on_snapshot(void *arg, struct chan *from, const struct frame *f)
{
	struct proc *p = arg;
	struct wire w = wire_of(f->body);
	uint32_t generation = wire_u32(&w);
	const char *path = "", *why = "";
	struct settings *s = NULL;

	if (wire_failed(&w))
		return ERR_PROTOCOL;
	w = wire_of(f->body);
	int rc = settings_decode(&w, &s);
	if (rc) {
		refuse_snapshot(from, generation, "", err_text(rc));
		return 0;
	}
	if (p->def->check && p->def->check(p->program, s, &path, &why)) {
		refuse_snapshot(from, generation, path, why);
		settings_free(s);
		return 0;
	}
	settings_free(p->next);
	p->next = s;
	accept_snapshot(from, generation);
	return 0;
}

int proc_on_switch(void *arg, struct chan *from, const struct frame *f)
{
	struct proc *p = arg;
	struct wire w = wire_of(f->body);
	uint32_t generation = wire_u32(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (!p->next || settings_generation(p->next) != generation)
		return 0; /* dropped meanwhile */
	struct settings *old = p->settings;
	p->settings = p->next;
	p->next = NULL;
	log_set_stderr(settings_bool(p->settings, SET_LOG_STDERR));
	log_set_level((enum log_level)settings_enum(p->settings, SET_LOG_LEVEL));
	if (p->def->apply)
		p->def->apply(p->program, p->settings);
	settings_free(old);
	proc_applied(p);
	return 0;
}

int proc_on_drop(void *arg, struct chan *from, const struct frame *f)
{
	(void)from;
	(void)f;
	proc_settings_down(arg);
	return 0;
}

void proc_settings_down(struct proc *p)
{
	settings_free(p->next);
	p->next = NULL;
}

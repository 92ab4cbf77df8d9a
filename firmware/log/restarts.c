#include "base/err.h"
#include "logd.h"

#include <stdio.h>
#include <stdlib.h>

/* A restart stands for ten minutes: who looks at the box then sees it; who looks later has the history. */
enum { STANDS_MS = 10 * 60000, INSTANCES_MAX = 16 };

struct process {
	bool is_known;
	uint32_t restarts;
	uint64_t until_ms; /* 0: no alarm */
};

struct restarts {
	struct process of[PROG_COUNT][INSTANCES_MAX];
};

int restarts_open(struct logd *l)
{
	l->restarts = calloc(1, sizeof *l->restarts);
	return l->restarts ? 0 : ERR_NOMEM;
}

void restarts_close(struct logd *l)
{
	free(l->restarts);
}

static void key_of(enum prog p, unsigned instance, char out[static 32])
{
	(void)snprintf(out, 32, "%s/%u", prog_name(p), instance);
}

int restarts_on_process(void *program, struct chan *from, const struct frame *f)
{
	struct logd *l = program;
	struct wire w = wire_of(f->body);
	unsigned prog = wire_u8(&w), instance = wire_u8(&w);
	char key[32], text[64];

	(void)from;
	(void)wire_u32(&w); /* pid */
	uint32_t restarts = wire_u32(&w);
	(void)wire_str(&w);
	if (wire_end(&w) || prog >= PROG_COUNT || instance >= INSTANCES_MAX)
		return ERR_PROTOCOL;
	struct process *p = &l->restarts->of[prog][instance];
	/* Of what was before gh-log came, only its own end is news: it cannot have seen that. */
	if (restarts > p->restarts && (p->is_known || prog == PROG_LOG)) {
		key_of((enum prog)prog, instance, key);
		(void)snprintf(text, sizeof text, "ended by itself; restarts since gh-super began: %u", restarts);
		alarm_raise(ALARM_PROGRAM_RESTARTS, key, ALARM_USUAL, text);
		p->until_ms = loop_now(l->loop) + STANDS_MS;
	}
	p->is_known = true;
	p->restarts = restarts;
	return 0;
}

void restarts_tick(struct logd *l)
{
	char key[32];

	for (unsigned prog = 0; prog < PROG_COUNT; prog++) {
		for (unsigned i = 0; i < INSTANCES_MAX; i++) {
			struct process *p = &l->restarts->of[prog][i];
			if (!p->until_ms || loop_now(l->loop) < p->until_ms)
				continue;
			p->until_ms = 0;
			key_of((enum prog)prog, i, key);
			alarm_clear(ALARM_PROGRAM_RESTARTS, key);
		}
	}
}

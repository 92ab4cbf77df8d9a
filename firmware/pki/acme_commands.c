#include "acme.h"

#include "base/err.h"
#include "base/text.h"
#include "run/proc.h"

#include <stdio.h>

static void put_time(struct proc_ask *ask, const char *key, int64_t s)
{
	char text[TEXT_TIME_BYTES] = "";

	if (s > 0)
		text_time((uint64_t)s * 1000, false, text);
	proc_record_str(ask, key, text);
}

static const char *state_of(const struct acme *a, const struct acme_certificate *c)
{
	if (a->certificate == c)
		return a->step == STEP_KEEP ? "waits for a commit" : "ordering";
	if (!a->config.directory[0])
		return "no acme directory";
	if (c->failures)
		return "failed";
	return c->is_due || c->is_asked ? "due" : "good";
}

static void put_names(struct proc_ask *ask, const struct acme_names *names)
{
	struct buf b;

	buf_init(&b, 16 << 10);
	for (size_t i = 0; i < names->n; i++)
		buf_putf(&b, "%s%s", i ? " " : "", names->v[i]);
	proc_record_text(ask, "names", buf_bytes(&b));
	buf_fini(&b);
}

static void put_certificate(struct acme *a, struct proc_ask *ask, const struct acme_certificate *c)
{
	int64_t now_s = (int64_t)(loop_wall_ms(a->loop) / 1000);
	uint64_t now = loop_now(a->loop);

	proc_record_begin(ask);
	proc_record_str(ask, "certificate", c->name);
	proc_record_str(ask, "state", state_of(a, c));
	proc_record_str(ask, "step", a->certificate == c ? acme_step_names[a->step] : "");
	put_names(ask, &c->names);
	put_time(ask, "until", c->until_s);
	put_time(ask, "renewal", acme_renewal_s(c));
	put_time(ask, "suggested", c->info.at_s);
	proc_record_str(ask, "explanation", c->info.explanation);
	put_time(ask, "tried", c->tried_s);
	proc_record_int(ask, "failures", c->failures);
	put_time(ask, "again", c->failures && c->next_ms > now ? now_s + (int64_t)((c->next_ms - now) / 1000) : 0);
	proc_record_str(ask, "why", c->why);
	proc_record_end(ask);
}

/* show acme: the account, then each certificate. */
void acme_cmd_show(struct acme *a, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	size_t found = 0;

	if (!n) {
		proc_record_begin(ask);
		proc_record_str(ask, "directory", a->config.directory);
		proc_record_str(ask, "account", a->kid);
		proc_record_str(ask, "challenge", a->config.challenge ? a->config.challenge : "");
		proc_record_str(ask, "terms", a->directory.terms);
		proc_record_str(ask, "agreed", a->config.is_agreed ? "on" : "off");
		proc_record_int(ask, "issued", (int64_t)a->issued_n);
		proc_record_int(ask, "failed", (int64_t)a->failed_n);
		proc_record_end(ask);
	}
	LIST_EACH (it, &a->certificates) {
		const struct acme_certificate *c = LIST_OWNER(it, struct acme_certificate, node);
		if (n && !bytes_eq_str(args[0], c->name))
			continue;
		put_certificate(a, ask, c);
		found++;
	}
	proc_done(ask, n && !found ? ERR_NOT_FOUND : 0, n && !found ? "no such certificate with acme on" : "");
}

void acme_cmd_renew(struct acme *a, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct acme_certificate *c = n == 1 ? acme_find(a, args[0]) : NULL;

	if (!c || !a->config.directory[0]) {
		proc_done(ask, ERR_NOT_FOUND,
			  c ? "there is no acme directory" : "no such certificate with acme on: set certificate * acme on, commit");
		return;
	}
	if (a->certificate == c) {
		proc_done(ask, ERR_EXISTS, "it is being ordered: show acme");
		return;
	}
	c->is_asked = true;
	c->next_ms = 0;
	acme_next(a);
	proc_done(ask, 0, a->certificate == c ? "ordered: show acme says how it goes" : "it is ordered after the one under way");
}

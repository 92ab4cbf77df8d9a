#include "lockout.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "conf.h"
#include "run/disk.h"

#define LOCKOUT_FILE "lockout"

static void save(struct conf *c)
{
	struct buf b;

	c->lockout.is_waiting = false;
	c->lockout.written_ms = loop_now(c->loop);
	buf_init(&b, LOCKOUT_FILE_MAX);
	lockout_put(&c->throttle, loop_now(c->loop), loop_wall_ms(c->loop), &b);
	int rc = buf_failed(&b) ? ERR_LIMIT : disk_replace(c->store.dir_fd, LOCKOUT_FILE, buf_bytes(&b));
	if (rc < 0)
		log_error("conf.lockout.unsaved", LOG_STR("why", err_text(rc)));
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
	if (c->lockout.has_failures)
		(void)accounts_save(&c->accounts); /* said in the log */
	c->lockout.has_failures = false;
}

static void on_timer(void *arg)
{
	save(arg);
}

void lockout_init(struct conf *c)
{
	struct buf b;

	c->lockout = (struct lockout){ 0 };
	loop_timer_init(&c->lockout.timer, on_timer, c);
	buf_init(&b, LOCKOUT_FILE_MAX);
	int rc = disk_read(c->store.dir_fd, LOCKOUT_FILE, &b);
	if (rc == 0)
		rc = lockout_read(buf_bytes(&b), &c->throttle, loop_now(c->loop), loop_wall_ms(c->loop));
	else
		throttle_init(&c->throttle);
	if (rc < 0 && rc != ERR_NOT_FOUND)
		log_error("conf.lockout.damaged", LOG_STR("why", err_text(rc)));
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
}

void lockout_changed(struct conf *c)
{
	struct lockout *l = &c->lockout;
	uint64_t since_ms = loop_now(c->loop) - l->written_ms;

	if (l->is_waiting)
		return;
	l->is_waiting = l->written_ms && since_ms < LOCKOUT_WRITE_MS &&
	                loop_timer_set(c->loop, &l->timer, LOCKOUT_WRITE_MS - since_ms) == 0;
	if (!l->is_waiting)
		save(c);
}

void lockout_forgiven(struct conf *c)
{
	loop_timer_del(c->loop, &c->lockout.timer);
	save(c);
}

void lockout_failed(struct conf *c)
{
	c->lockout.has_failures = true;
	lockout_changed(c);
}

void lockout_fini(struct conf *c)
{
	loop_timer_del(c->loop, &c->lockout.timer);
	if (c->lockout.is_waiting)
		save(c);
}

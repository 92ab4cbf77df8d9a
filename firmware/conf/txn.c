#include "txn.h"

#include "base/err.h"
#include "base/log.h"
#include "listeners.h"

#include <stdio.h>

static void finish(struct txn *t, int rc, struct bytes path, const char *why)
{
	uint32_t again = t->again;
	struct txn_result r = { .rc = rc, .generation = t->next_generation };

	snprintf(r.path, sizeof r.path, "%.*s", BYTES_FMT(path));
	snprintf(r.why, sizeof r.why, "%s", why);
	loop_timer_del(t->loop, &t->wait);
	t->state = TXN_IDLE;
	rows_fini(&t->next);
	t->again = 0;
	txn_offer_again(t, again);
	t->ops->done(t->arg, &r, t->is_by_itself);
}

static void offer_running(struct txn *t, enum prog p, unsigned instance)
{
	t->slots[p][instance].is_offered = true;
	t->slots[p][instance].offered = t->store->generation;
	t->ops->snapshot(t->arg, p, instance, t->store->generation, &t->store->running);
}

/* Everybody forgets the new snapshot. Who was asked before it had its first settings lost those on
 * the way (a program keeps one snapshot in waiting) and is offered them again. */
static void drop(struct txn *t, int rc, struct bytes path, const char *why)
{
	bool was_binding = t->state == TXN_BINDING;

	for (unsigned p = 0; p < PROG_COUNT; p++) {
		for (unsigned i = 0; i < TXN_INSTANCES_MAX; i++) {
			struct txn_slot *s = &t->slots[p][i];
			bool was_asked = s->is_asked && s->is_up;
			s->is_asked = s->is_accepted = false;
			if (was_asked)
				t->ops->drop(t->arg, (enum prog)p, i, t->next_generation);
			if (was_asked && !s->is_settled)
				offer_running(t, (enum prog)p, i);
		}
	}
	if (was_binding)
		t->ops->listeners(t->arg, &t->store->running);
	finish(t, rc, path, why);
}

static void settle(struct txn_slot *s, uint32_t generation)
{
	s->is_settled = true;
	s->is_offered = false;
	s->has = generation;
}

/* The new rows are running: tell who accepted, and offer them to who came in between. */
static void switch_all(struct txn *t, const struct rows *old)
{
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		for (unsigned i = 0; i < TXN_INSTANCES_MAX; i++) {
			struct txn_slot *s = &t->slots[p][i];
			if (s->is_asked && s->is_up) {
				settle(s, t->store->generation);
				t->ops->switch_to(t->arg, (enum prog)p, i, t->store->generation);
			} else if (s->is_up && !s->is_leaving && rows_differ_for(old, &t->store->running, (enum prog)p)) {
				offer_running(t, (enum prog)p, i);
			}
			s->is_asked = s->is_accepted = false;
		}
	}
}

static void on_confirm_timer(void *arg);

static void arm_confirm(struct txn *t, uint32_t back_to)
{
	uint64_t after_ms = (uint64_t)t->confirm_minutes * 60 * 1000;

	t->back_to = back_to;
	if (loop_timer_set(t->loop, &t->confirm, after_ms) < 0)
		log_error("conf.confirm.timer", LOG_INT("generation", t->store->generation));
}

static void write_and_switch(struct txn *t)
{
	uint32_t before = t->store->generation;
	uint64_t wall = loop_wall_ms(t->loop);
	struct rows old = { 0 };
	int rc = 0;

	/* The deadline goes to disk first: a crash after the commit must still go back. */
	if (t->confirm_minutes > 0)
		rc = store_set_pending(t->store, before, wall + (uint64_t)t->confirm_minutes * 60 * 1000);
	if (rc == 0)
		rc = rows_copy(&old, &t->store->running);
	if (rc == 0)
		rc = store_commit(t->store, t->next_generation, &t->next, t->by, t->note, wall);
	if (rc < 0) {
		if (t->confirm_minutes > 0)
			(void)store_set_pending(t->store, 0, 0); /* may not be there; a restart would only go back to what runs */
		drop(t, rc, BYTES_NONE, "the settings could not be written");
	} else {
		if (t->confirm_minutes > 0)
			arm_confirm(t, before);
		switch_all(t, &old);
		t->ops->switched(t->arg, &old, t->by);
		finish(t, 0, BYTES_NONE, "");
	}
	rows_fini(&old);
}

/* All programs have accepted: now the ports. */
static void bind_ports(struct txn *t)
{
	if (!listeners_differ(&t->store->running, &t->next)) {
		write_and_switch(t);
		return;
	}
	t->state = TXN_BINDING;
	t->ops->listeners(t->arg, &t->next);
}

static void go_on_if_all_accepted(struct txn *t)
{
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		for (unsigned i = 0; i < TXN_INSTANCES_MAX; i++) {
			if (t->slots[p][i].is_asked && !t->slots[p][i].is_accepted)
				return;
		}
	}
	bind_ports(t);
}

/* The wait for answers is over. */
static void on_wait(void *arg)
{
	struct txn *t = arg;
	char why[96] = "gh-super did not answer about the ports";

	for (unsigned p = 0; t->state == TXN_ASKING && p < PROG_COUNT; p++) {
		for (unsigned i = 0; i < TXN_INSTANCES_MAX; i++) {
			if (t->slots[p][i].is_asked && !t->slots[p][i].is_accepted)
				snprintf(why, sizeof why, "%s did not answer", prog_name((enum prog)p));
		}
	}
	drop(t, ERR_TIMEOUT, BYTES_NONE, why);
}

/* Begins with t->next in place. */
static void ask_all(struct txn *t)
{
	t->next_generation = t->store->generation + 1;
	t->state = TXN_ASKING;
	if (loop_timer_set(t->loop, &t->wait, TXN_WAIT_MS) < 0) {
		drop(t, ERR_NOMEM, BYTES_NONE, err_text(ERR_NOMEM));
		return;
	}
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		if (!rows_differ_for(&t->store->running, &t->next, (enum prog)p))
			continue;
		for (unsigned i = 0; i < TXN_INSTANCES_MAX; i++)
			t->slots[p][i].is_asked = t->slots[p][i].is_up && !t->slots[p][i].is_leaving;
	}
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		for (unsigned i = 0; i < TXN_INSTANCES_MAX; i++) {
			if (t->slots[p][i].is_asked)
				t->ops->snapshot(t->arg, (enum prog)p, i, t->next_generation, &t->next);
		}
	}
	go_on_if_all_accepted(t);
}

int txn_start(struct txn *t, const struct txn_start *start)
{
	if (t->state != TXN_IDLE)
		return ERR_AGAIN;
	if (loop_timer_is_set(&t->confirm))
		return ERR_BAD_STATE;
	t->next = *start->rows;
	*start->rows = (struct rows){ 0 };
	snprintf(t->by, sizeof t->by, "%s", start->by);
	snprintf(t->note, sizeof t->note, "%s", start->note);
	t->confirm_minutes = start->confirm_minutes;
	t->is_by_itself = false;
	ask_all(t);
	return 0;
}

int txn_confirm(struct txn *t)
{
	if (!loop_timer_is_set(&t->confirm))
		return ERR_BAD_STATE;
	int rc = store_set_pending(t->store, 0, 0);
	if (rc < 0)
		return rc; /* still pending: better to go back than to promise what the disk does not know */
	loop_timer_del(t->loop, &t->confirm);
	return 0;
}

/* Back to the rows before the commit. They were running, so nobody is expected to refuse; who does
 * keeps what it has and the error says so. */
static int go_back(struct txn *t, bool is_by_itself)
{
	int rc = 0;

	if (t->state != TXN_IDLE)
		return ERR_AGAIN;
	if (t->back_to == 0)
		rows_fini(&t->next);
	else
		rc = store_load(t->store, t->back_to, &t->next);
	if (rc < 0)
		return rc;
	loop_timer_del(t->loop, &t->confirm);
	if (is_by_itself)
		snprintf(t->by, sizeof t->by, "gh-conf");
	snprintf(t->note, sizeof t->note, "back to %u: %s", t->back_to,
	         is_by_itself ? "not confirmed" : "reverted");
	t->confirm_minutes = 0;
	t->is_by_itself = is_by_itself;
	(void)store_set_pending(t->store, 0, 0); /* not there: the worst is one more way back after a restart */
	ask_all(t);
	return 0;
}

static void on_confirm_timer(void *arg)
{
	struct txn *t = arg;
	int rc = go_back(t, true);

	if (rc == 0)
		return;
	log_error("conf.confirm.back", LOG_INT("to", t->back_to), LOG_STR("why", err_name(rc)));
	(void)loop_timer_set(t->loop, &t->confirm, TXN_WAIT_MS); /* again; without memory a restart does it */
}

int txn_revert(struct txn *t)
{
	return loop_timer_is_set(&t->confirm) ? go_back(t, false) : ERR_BAD_STATE;
}

uint64_t txn_confirm_left_ms(const struct txn *t)
{
	uint64_t now = loop_now(t->loop);

	if (!loop_timer_is_set(&t->confirm))
		return 0;
	return t->confirm.at_ms > now ? t->confirm.at_ms - now : 1;
}

void txn_init(struct txn *t, struct loop *l, struct store *s, const struct txn_ops *ops, void *arg)
{
	uint64_t at = 0, now = loop_wall_ms(l);

	*t = (struct txn){ .loop = l, .store = s, .ops = ops, .arg = arg };
	loop_timer_init(&t->wait, on_wait, t);
	loop_timer_init(&t->confirm, on_confirm_timer, t);
	if (!store_pending(s, &t->back_to, &at))
		return;
	if (t->back_to >= s->generation) { /* the commit it was for never came to disk */
		(void)store_set_pending(s, 0, 0); /* harmless if it stays */
		return;
	}
	(void)loop_timer_set(l, &t->confirm, at > now ? at - now : 0); /* as above */
}

void txn_fini(struct txn *t)
{
	loop_timer_del(t->loop, &t->wait);
	loop_timer_del(t->loop, &t->confirm);
	rows_fini(&t->next);
}

static struct txn_slot *slot_of(struct txn *t, enum prog p, unsigned instance)
{
	return p < PROG_COUNT && instance < TXN_INSTANCES_MAX ? &t->slots[p][instance] : NULL;
}

void txn_up(struct txn *t, enum prog p, unsigned instance)
{
	struct txn_slot *s = slot_of(t, p, instance);

	if (!s)
		return;
	*s = (struct txn_slot){ .is_up = true };
	offer_running(t, p, instance);
}

void txn_offer_again(struct txn *t, uint32_t programs)
{
	if (t->state != TXN_IDLE) {
		t->again |= programs;
		return;
	}
	for (unsigned p = 0; p < PROG_COUNT; p++)
		for (unsigned i = 0; programs & 1u << p && i < TXN_INSTANCES_MAX; i++)
			if (t->slots[p][i].is_up && !t->slots[p][i].is_leaving)
				offer_running(t, (enum prog)p, i);
}

void txn_down(struct txn *t, enum prog p, unsigned instance)
{
	struct txn_slot *s = slot_of(t, p, instance);
	char why[96];

	if (!s)
		return;
	bool was_asked = s->is_asked && !s->is_accepted && t->state == TXN_ASKING;
	*s = (struct txn_slot){ 0 };
	if (!was_asked)
		return;
	snprintf(why, sizeof why, "%s ended while it checked the settings", prog_name(p));
	drop(t, ERR_CLOSED, BYTES_NONE, why);
}

void txn_leaving(struct txn *t, enum prog p, unsigned instance)
{
	struct txn_slot *s = slot_of(t, p, instance);

	if (!s || !s->is_up)
		return;
	s->is_leaving = true;
	if (t->state != TXN_ASKING || !s->is_asked || s->is_accepted)
		return;
	s->is_asked = false;
	go_on_if_all_accepted(t);
}

void txn_accepted(struct txn *t, enum prog p, unsigned instance, uint32_t generation)
{
	struct txn_slot *s = slot_of(t, p, instance);

	if (!s || !s->is_up)
		return;
	if (t->state == TXN_ASKING && s->is_asked && generation == t->next_generation) {
		s->is_accepted = true;
		go_on_if_all_accepted(t);
	} else if (!s->is_asked && s->is_offered && generation == s->offered) {
		settle(s, generation);
		t->ops->switch_to(t->arg, p, instance, generation);
	}
}

void txn_refused(struct txn *t, enum prog p, unsigned instance, uint32_t generation, struct bytes path,
                 struct bytes why)
{
	struct txn_slot *s = slot_of(t, p, instance);
	char text[256];

	if (!s || !s->is_up)
		return;
	snprintf(text, sizeof text, "%s: %.*s", prog_name(p), BYTES_FMT(why));
	if (t->state == TXN_ASKING && s->is_asked && generation == t->next_generation) {
		drop(t, ERR_DENIED, path, text);
	} else if (s->is_offered && generation == s->offered) {
		s->is_offered = false;
		log_error("conf.snapshot.refused", LOG_STR("program", prog_name(p)), LOG_INT("instance", instance),
		          LOG_INT("generation", generation), LOG_BYTES("path", path), LOG_BYTES("why", why));
	}
}

void txn_bound(struct txn *t, int rc, struct bytes path, const char *why)
{
	if (t->state != TXN_BINDING)
		return;
	if (rc < 0)
		drop(t, rc, path, why);
	else
		write_and_switch(t);
}

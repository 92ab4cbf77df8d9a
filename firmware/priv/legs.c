#include "legs.h"

#include <stdio.h>
#include <string.h>

/* Its own, or a free one: there are as many as legs can be wanted and stand from before. */
static struct leg *leg_of(struct legs *l, const char *key)
{
	struct leg *free_one = NULL;

	for (size_t i = 0; i < LEGS_MAX; i++) {
		if (strcmp(l->v[i].key, key) == 0)
			return &l->v[i];
		if (!l->v[i].key[0] && !free_one)
			free_one = &l->v[i];
	}
	if (free_one)
		snprintf(free_one->key, sizeof free_one->key, "%s", key);
	return free_one;
}

static void judge(struct leg *leg, const char *why, uint64_t patience_ms, uint64_t now_ms, legs_fn fn, void *arg)
{
	if (!why) {
		if (leg->is_raised)
			fn(arg, leg->key, NULL);
		leg->is_raised = false;
		leg->since_ms = 0;
		return;
	}
	if (!leg->since_ms)
		leg->since_ms = now_ms;
	if (!leg->is_raised && now_ms - leg->since_ms < patience_ms)
		return;
	leg->is_raised = true;
	fn(arg, leg->key, why);
}

static void look_at(struct legs *l, const struct wanted_interface *w, const struct have *h, uint64_t now_ms, legs_fn fn, void *arg)
{
	const struct have_link *bond = plan_device(w, h);
	char key[LEG_KEY_BYTES];

	for (unsigned m = 0; m < w->n_members; m++) {
		const struct have_link *card = plan_card(h, w->members[m]);
		snprintf(key, sizeof key, "%s %s", w->name, w->members[m]);
		struct leg *leg = leg_of(l, key);
		if (!leg)
			continue; /* next time: those of before have gone by then */
		leg->is_wanted = true;
		/* a bond or a card that is not there is another alarm's */
		const char *why = bond && card ? bond_member_trouble(bond, card) : NULL;
		bool is_silent = why && bond->is_lacp && card->is_up && card->has_carrier; /* LACP takes its time */
		judge(leg, why, is_silent ? LEGS_PATIENCE_LACP_MS : LEGS_PATIENCE_MS, now_ms, fn, arg);
	}
}

bool legs_look(struct legs *l, const struct wanted *w, const struct have *h, uint64_t now_ms, legs_fn fn, void *arg)
{
	bool has_bond = false;

	for (size_t i = 0; i < LEGS_MAX; i++)
		l->v[i].is_wanted = false;
	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].kind != WANTED_BOND)
			continue;
		has_bond = true;
		look_at(l, &w->v[i], h, now_ms, fn, arg);
	}
	for (size_t i = 0; i < LEGS_MAX; i++) {
		struct leg *leg = &l->v[i];
		if (leg->is_wanted || !leg->key[0])
			continue;
		if (leg->is_raised)
			fn(arg, leg->key, NULL);
		*leg = (struct leg){ 0 };
	}
	return has_bond;
}

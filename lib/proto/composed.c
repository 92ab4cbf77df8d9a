#include "proto/composed.h"

#include <assert.h>

static bool is_phone(const struct composed_input *i)
{
	return i->priority < 0;
}

/* what a person says, not a timer. */
static bool is_manual(const struct composed_input *i)
{
	return !is_phone(i) && (i->shown == SHOWN_DND || i->shown == SHOWN_CHAT);
}

static bool is_device(const struct composed_input *i)
{
	return !is_phone(i);
}

static bool is_newer(const struct composed_input *a, const struct composed_input *b)
{
	return a->at_ms > b->at_ms;
}

/* A line in use says more than one that is not. */
static bool is_busier(const struct composed_input *a, const struct composed_input *b)
{
	return a->shown != b->shown ? a->shown > b->shown : is_newer(a, b);
}

static bool is_better(const struct composed_input *a, const struct composed_input *b)
{
	if (a->shown != b->shown)
		return a->shown < b->shown;
	if (a->is_idle != b->is_idle)
		return !a->is_idle;
	return a->priority != b->priority ? a->priority > b->priority : is_newer(a, b);
}

typedef bool (*is_fn)(const struct composed_input *i);
typedef bool (*beats_fn)(const struct composed_input *a, const struct composed_input *b);

/* n: there is none. */
static size_t first_of(const struct composed_input *in, size_t n, is_fn is, beats_fn beats)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++)
		if (is(&in[i]) && (best == n || beats(&in[i], &in[best])))
			best = i;
	return best;
}

struct composed composed_of(const struct composed_input *in, size_t n)
{
	size_t manual = first_of(in, n, is_manual, is_newer), phone = first_of(in, n, is_phone, is_busier),
	       device = first_of(in, n, is_device, is_better);

	if (manual < n)
		return (struct composed){ in[manual].shown, COMPOSED_MANUAL, manual };
	/* A telephone that is free says nothing of where somebody is, unless there is nothing else. */
	if (phone < n && (device == n || in[phone].shown == SHOWN_DND))
		return (struct composed){ in[phone].shown, COMPOSED_PHONE, phone };
	if (device < n)
		return (struct composed){ in[device].shown, COMPOSED_DEVICE, device };
	return (struct composed){ SHOWN_OFFLINE, COMPOSED_NOBODY, 0 };
}

const char *shown_name(enum shown s)
{
	static const char *const names[] = { "chat", "available", "away", "xa", "dnd", "offline" };

	static_assert(sizeof names / sizeof names[0] == SHOWN_COUNT, "a name for each");
	return names[s];
}

const char *composed_by_name(enum composed_by by)
{
	static const char *const names[] = { "nobody", "manual", "phone", "device" };

	static_assert(sizeof names / sizeof names[0] == COMPOSED_BY_COUNT, "a name for each");
	return names[by];
}

#include "run/alarm.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wire.h"

#include <stdlib.h>

#define ALARM(id, name, severity, text, action) { name, severity, text, action },
static const struct alarm_row rows[] = {
#include "run/alarms.def"
};
#undef ALARM
_Static_assert(sizeof rows / sizeof rows[0] == ALARM_COUNT, "one row an alarm");

static const char *const severity_names[] = { "critical", "major", "minor", "warning" };
_Static_assert(sizeof severity_names / sizeof severity_names[0] == ALARM_SEVERITY_COUNT, "one name a severity");

struct standing {
	struct list node;
	enum alarm alarm;
	enum alarm_severity severity;
	char key[ALARM_KEY_MAX + 1], text[ALARM_TEXT_MAX + 1];
};

/* The alarms of this process, as its counters: any part of a program may raise one. */
static struct {
	struct list all;
	size_t n;
	alarm_sink_fn sink;
	void *arg;
	bool is_over; /* the limit was logged; until one goes */
} self = { .all = { &self.all, &self.all } };

const struct alarm_row *alarm_row(enum alarm a)
{
	return &rows[a];
}

int alarm_of(struct bytes name, enum alarm *out)
{
	for (unsigned i = 0; i < ALARM_COUNT; i++) {
		if (bytes_eq_str(name, rows[i].name)) {
			*out = (enum alarm)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

const char *alarm_severity_name(enum alarm_severity s)
{
	return s < ALARM_SEVERITY_COUNT ? severity_names[s] : "?";
}

/* At most room - 1 bytes, cut between two characters; what is no UTF-8 or a control becomes '?'. */
static void put_text(char *out, size_t room, const char *in)
{
	size_t n = 0;

	for (; in[n] && n + 1 < room; n++)
		out[n] = (unsigned char)in[n] < ' ' || in[n] == 0x7f ? '?' : in[n];
	while (in[n] && n > 0 && ((unsigned char)in[n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; !text_is_utf8(bytes_make(out, n)) && i < n; i++)
		out[i] = (unsigned char)out[i] >= 0x80 ? '?' : out[i];
	out[n] = '\0';
}

static struct standing *find(enum alarm a, const char *key)
{
	LIST_EACH(node, &self.all) {
		struct standing *s = LIST_OWNER(node, struct standing, node);
		if (s->alarm == a && strcmp(s->key, key) == 0)
			return s;
	}
	return NULL;
}

static void tell(const struct standing *s, bool is_raised)
{
	const struct alarm_news n = { s->alarm, is_raised, s->severity, bytes_of(s->key), bytes_of(s->text) };

	if (self.sink)
		self.sink(self.arg, &n);
}

/* NULL: no more room. */
static struct standing *add(enum alarm a, const char *key)
{
	struct standing *s = self.n < ALARM_STANDING_MAX ? calloc(1, sizeof *s) : NULL;

	if (!s) {
		if (!self.is_over)
			log_warn("alarm.over", LOG_STR("alarm", rows[a].name), LOG_STR("key", key));
		self.is_over = true;
		return NULL;
	}
	s->alarm = a;
	memcpy(s->key, key, strlen(key) + 1);
	list_add_tail(&self.all, &s->node);
	self.n++;
	return s;
}

void alarm_raise(enum alarm a, const char *key, int severity, const char *text)
{
	enum alarm_severity wanted = severity == ALARM_USUAL ? rows[a].severity : (enum alarm_severity)severity;
	char k[ALARM_KEY_MAX + 1], t[ALARM_TEXT_MAX + 1];

	put_text(k, sizeof k, key ? key : "");
	put_text(t, sizeof t, text && *text ? text : rows[a].text);
	struct standing *s = find(a, k);
	if (s && s->severity == wanted && strcmp(s->text, t) == 0)
		return;
	if (!s && !(s = add(a, k)))
		return;
	s->severity = wanted;
	memcpy(s->text, t, sizeof t);
	tell(s, true);
}

static void end(struct standing *s)
{
	tell(s, false);
	list_del(&s->node);
	self.n--;
	self.is_over = false;
	free(s);
}

void alarm_clear(enum alarm a, const char *key)
{
	char k[ALARM_KEY_MAX + 1];

	put_text(k, sizeof k, key ? key : "");
	struct standing *s = find(a, k);
	if (s)
		end(s);
}

void alarm_set(enum alarm a, const char *key, bool is_raised, const char *text)
{
	if (is_raised)
		alarm_raise(a, key, ALARM_USUAL, text);
	else
		alarm_clear(a, key);
}

void alarm_clear_all(enum alarm a)
{
	LIST_EACH(node, &self.all) {
		struct standing *s = LIST_OWNER(node, struct standing, node);
		if (s->alarm == a)
			end(s);
	}
}

void alarm_set_sink(alarm_sink_fn fn, void *arg)
{
	self.sink = fn;
	self.arg = arg;
	LIST_EACH(node, &self.all)
		tell(LIST_OWNER(node, struct standing, node), true);
}

void alarm_put(struct buf *b, const struct alarm_news *n)
{
	wire_put_str(b, bytes_of(rows[n->alarm].name));
	wire_put_u8(b, n->is_raised);
	wire_put_u8(b, (uint8_t)n->severity);
	wire_put_str(b, n->key);
	wire_put_str(b, n->text);
}

static bool is_text(struct bytes v, size_t max)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] == 0x7f)
			return false;
	return v.n <= max && text_is_utf8(v);
}

int alarm_decode(struct bytes body, struct alarm_news *out)
{
	struct wire w = wire_of(body);
	struct bytes name = wire_str(&w);
	unsigned is_raised = wire_u8(&w), severity = wire_u8(&w);
	struct alarm_news n = { .is_raised = is_raised, .severity = (enum alarm_severity)severity };

	n.key = wire_str(&w);
	n.text = wire_str(&w);
	if (wire_end(&w) || is_raised > 1 || severity >= ALARM_SEVERITY_COUNT || alarm_of(name, &n.alarm) ||
	    !is_text(n.key, ALARM_KEY_MAX) || !is_text(n.text, ALARM_TEXT_MAX))
		return ERR_PROTOCOL;
	*out = n;
	return 0;
}

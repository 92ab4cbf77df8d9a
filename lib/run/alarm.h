/* run/alarm.h - conditions that an administrator must know of, from when they begin until they end
 * (issue: alarms by name, raised, cleared, with a history).
 *
 *	alarm_raise(ALARM_PARTNER_UNREACHABLE, "b.example", ALARM_USUAL, "no address of it answers");
 *	alarm_clear(ALARM_PARTNER_UNREACHABLE, "b.example");
 *
 * A program calls these whenever it sees the condition, as often as it likes: only news is sent to gh-log.
 * What stands is kept here (bounded) and sent again when gh-log comes back. When a program dies, gh-log keeps
 * its alarms for a while, and clears those that its successor does not raise again. No thread safety. */
#ifndef RUN_ALARM_H
#define RUN_ALARM_H

#include "base/bytes.h"
#include "base/buf.h"

/* Perceived severity (X.733, RFC 3877). */
enum alarm_severity { ALARM_CRITICAL, ALARM_MAJOR, ALARM_MINOR, ALARM_WARNING, ALARM_SEVERITY_COUNT };
enum { ALARM_USUAL = -1 }; /* the severity of the alarm's row */

#define ALARM(id, name, severity, text, action) ALARM_##id,
enum alarm {
#include "run/alarms.def"
	ALARM_COUNT
};
#undef ALARM

struct alarm_row {
	const char *name;
	enum alarm_severity severity;
	const char *text, *action;
};
const struct alarm_row *alarm_row(enum alarm a);
int alarm_of(struct bytes name, enum alarm *out); /* ERR_UNKNOWN */
const char *alarm_severity_name(enum alarm_severity s);

enum {
	ALARM_KEY_MAX = 255,     /* longer keys and texts are cut */
	ALARM_TEXT_MAX = 255,
	ALARM_STANDING_MAX = 256, /* of one process; what is over is counted and logged */
};

/* key: for what; "" when there is only one. severity: ALARM_USUAL or another than the row's. text: what exactly, no
 * secrets; NULL or "": the row's text. A second raise with another severity or text is news, too. */
void alarm_raise(enum alarm a, const char *key, int severity, const char *text);
/* Harmless when it does not stand. */
void alarm_clear(enum alarm a, const char *key);
/* Raises or clears: for a condition that is looked at again and again. */
void alarm_set(enum alarm a, const char *key, bool is_raised, const char *text);
/* All keys of one alarm. */
void alarm_clear_all(enum alarm a);

/* What MSG_ALARM_STANDS says of one. */
enum alarm_event { ALARM_STANDS, ALARM_RAISED, ALARM_CHANGED, ALARM_CLEARED, ALARM_EVENT_COUNT };

/* ---- for the skeleton (run/proc) and gh-log ---- */
struct alarm_news {
	enum alarm alarm;
	bool is_raised;
	enum alarm_severity severity;
	struct bytes key, text;
};
/* Where news goes from now on; what stands is sent at once. NULL: nowhere, it is kept. */
typedef void (*alarm_sink_fn)(void *arg, const struct alarm_news *n);
void alarm_set_sink(alarm_sink_fn fn, void *arg);
/* Body of MSG_ALARM. decode: ERR_PROTOCOL for what no honest program sends; views into the input. */
void alarm_put(struct buf *b, const struct alarm_news *n);
int alarm_decode(struct bytes body, struct alarm_news *out);

#endif

/* book.h - the alarms of the box: which stand, and what was. Both survive gh-log's restart and a power cut.
 * An alarm is one of a program for a key. What a program's predecessor raised is in doubt from its death on; the
 * successor has a minute to raise it again, otherwise it is cleared. The caller brings the time. */
#ifndef LOGD_BOOK_H
#define LOGD_BOOK_H

#include "base/list.h"
#include "run/alarm.h"
#include "run/prog.h"

enum {
	BOOK_STANDING_MAX = 1000,
	BOOK_HISTORY_MAX = 1000,
	BOOK_CONFIRM_MS = 60000,     /* a successor's time to raise again */
	BOOK_ABSENT_MS = 5 * 60000,  /* a program that does not come back */
};

enum book_event { BOOK_RAISED, BOOK_CHANGED, BOOK_CLEARED, BOOK_EVENT_COUNT };

struct book_alarm {
	struct list node;
	enum alarm alarm;
	enum prog prog;
	unsigned instance;
	enum alarm_severity severity;
	uint64_t since_ms;   /* wall clock */
	uint64_t doubt_ms;   /* monotonic: cleared then, unless raised again; 0: no doubt */
	uint32_t number;     /* its place in SNMP's table; not used twice while gh-log lives */
	char key[ALARM_KEY_MAX + 1], text[ALARM_TEXT_MAX + 1];
};

struct book_past {
	enum book_event event;
	uint64_t at_ms; /* wall clock */
	enum alarm alarm;
	enum prog prog;
	unsigned instance;
	enum alarm_severity severity;
	char key[ALARM_KEY_MAX + 1], text[ALARM_TEXT_MAX + 1];
};

struct book {
	int dir_fd, fd; /* fd < 0: it cannot be written now */
	uint64_t records; /* in the file */
	struct list standing;
	size_t n_standing, n_of[ALARM_SEVERITY_COUNT];
	struct book_past *past; /* a ring */
	size_t past_at, n_past; /* next place; filled */
	uint32_t next_number;
	bool is_dirty, is_full;
	/* News, after it was written. Optional. */
	void (*news)(void *arg, const struct book_past *p, const struct book_alarm *a);
	void *arg;
};

/* Reads what was; all that stands is in doubt. dir_fd stays the caller's. ERR_NOMEM; a file that cannot be read or
 * written is logged, and the book goes on in memory. */
int book_open(struct book *b, int dir_fd, uint64_t now_ms);
void book_close(struct book *b);

struct book_time {
	uint64_t now_ms, wall_ms;
};
void book_news(struct book *b, enum prog prog, unsigned instance, const struct alarm_news *n, struct book_time t);
/* Its channel came or went. */
void book_up(struct book *b, enum prog prog, unsigned instance, uint64_t now_ms);
void book_down(struct book *b, enum prog prog, unsigned instance, uint64_t now_ms);
/* Once a second or so: ends doubts, brings the file to the disk. */
void book_tick(struct book *b, struct book_time t);
/* From the newest: i-th, or NULL. */
const struct book_past *book_past(const struct book *b, size_t i);
const char *book_event_name(enum book_event e);

/* One record of the file, for tests and the fuzzer: ERR_PROTOCOL when it is none. */
int book_decode(struct bytes body, bool *is_standing, struct book_past *out);

#endif

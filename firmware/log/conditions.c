/* Alarms about conditions that gh-log itself sees: room on the disk of the box's state, and programs whose lines did not all
 * come. */
#include "base/err.h"
#include "logd.h"

#include <stdio.h>
#include <sys/vfs.h>

/* MISSED_STANDS_MS: programs miss lines by bursts; who looks at the box then sees it. */
enum { DISK_EVERY_TICKS = 10, DISK_BACK_PERCENT = 2, MISSED_STANDS_MS = 10 * 60000 };

/* All programs' folders lie on the disk of ours. */
void conditions_disk(struct logd *l)
{
	struct statfs s;
	char text[64];

	if (fstatfs(l->dir_fd, &s) < 0 || s.f_blocks == 0)
		return; /* the kernel does not say */
	unsigned left = (unsigned)(s.f_bavail * 100 / s.f_blocks);
	if (left < l->disk_free) {
		(void)snprintf(text, sizeof text, "less than %u %% of it are free (system disk-free)", l->disk_free);
		alarm_raise(ALARM_DISK_NEARLY_FULL, "", ALARM_USUAL, text);
	} else if (left >= l->disk_free + DISK_BACK_PERCENT || left == 100) {
		alarm_clear(ALARM_DISK_NEARLY_FULL, "");
	}
}

/* "gh-s2s[0]" as in the alarm about restarts: "gh-s2s/0". */
static void key_of(struct bytes who, char out[static 32])
{
	size_t n = bytes_find(who, '[');
	struct bytes instance = bytes_skip(who, n + 1);

	instance.n -= instance.n > 0; /* the bracket */
	(void)snprintf(out, 32, "%.*s/%.*s", (int)n, (const char *)who.p, BYTES_FMT(instance));
}

void conditions_line(struct logd *l, const struct line *line)
{
	char key[32];

	if (!bytes_eq_str(line->event, "log.missed"))
		return;
	key_of(line->who, key);
	alarm_raise(ALARM_LOG_DROPPED, key, ALARM_USUAL, NULL);
	l->missed_until_ms = loop_now(l->loop) + MISSED_STANDS_MS;
}

void conditions_tick(struct logd *l)
{
	if (l->missed_until_ms && loop_now(l->loop) >= l->missed_until_ms) {
		alarm_clear_all(ALARM_LOG_DROPPED);
		l->missed_until_ms = 0;
	}
	if (l->ticks++ % DISK_EVERY_TICKS == 0 && l->disk_free)
		conditions_disk(l);
}

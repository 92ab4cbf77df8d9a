#include "base/log.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, VALUE_MAX_BYTES = 512, LIMIT_WINDOW_MS = 60000 };

static const char *const level_names[] = { "error", "warn", "info", "debug" };
_Static_assert(sizeof level_names / sizeof level_names[0] == LOG_LEVEL_COUNT, "one name a level");

/* The one place where a process keeps who it is for its lines. Set at start. */
static struct {
	char who[32];
	enum log_level level;
	int pipe; /* -1: none */
	bool is_silent; /* descriptor 2 is for what the pipe does not take */
	log_watch_fn watch; /* NULL: none */
	uint32_t missed; /* lines that the pipe did not take */
} log_self = { .who = "gatehouse", .level = LOG_LEVEL_INFO, .pipe = -1 };

void log_set_pipe(int fd)
{
	log_self.pipe = fd;
}

void log_set_stderr(bool is_on)
{
	log_self.is_silent = !is_on;
}

void log_open(const char *program, unsigned instance, enum log_level level)
{
	snprintf(log_self.who, sizeof log_self.who, "%s[%u]", program, instance);
	log_self.level = level;
}

void log_set_level(enum log_level level)
{
	log_self.level = level;
}

void log_set_watch(log_watch_fn fn)
{
	log_self.watch = fn;
}

bool log_is_on(enum log_level level)
{
	return level <= log_self.level || (log_self.watch && level == LOG_LEVEL_DEBUG);
}

static bool is_plain(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] == '"' || v.p[i] == '\\' || v.p[i] >= 0x7f || v.p[i] == '=')
			return false;
	return v.n > 0;
}

static void put_value(struct buf *b, struct bytes v)
{
	if (v.n > VALUE_MAX_BYTES)
		v.n = VALUE_MAX_BYTES;
	if (is_plain(v)) {
		buf_put_bytes(b, v);
		return;
	}
	buf_put_u8(b, '"');
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		size_t n = c < 0x80 ? 1 : text_shown(bytes_skip(v, i));
		if (c == '"' || c == '\\')
			buf_putf(b, "\\%c", c);
		else if (c < ' ' || c == 0x7f || n == 0)
			buf_putf(b, "\\x%02x", c);
		else
			buf_put(b, v.p + i, n);
		i += n > 1 ? n - 1 : 0;
	}
	buf_put_u8(b, '"');
}

static void put_head(struct buf *line, enum log_level level, const char *event)
{
	struct timespec ts;
	char stamp[TEXT_TIME_BYTES];

	clock_gettime(CLOCK_REALTIME, &ts);
	text_time((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000, true, stamp);
	buf_putf(line, "%s %s %s %s", stamp, level_names[level], log_self.who, event);
}

/* A line is shorter than what a pipe takes whole or not at all (PIPE_BUF). */
static bool pipe_takes(struct bytes line)
{
	return write(log_self.pipe, line.p, line.n) == (ssize_t)line.n;
}

static bool pipe_says_missed(void)
{
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	put_head(&line, LOG_LEVEL_WARN, "log.missed");
	buf_putf(&line, " lines=%u\n", log_self.missed);
	bool is_taken = pipe_takes(buf_bytes(&line));
	buf_fini(&line);
	return is_taken;
}

/* A log that cannot be written must not stop the service. */
static void send_line(struct bytes line)
{
	bool is_taken = false;

	if (log_self.pipe >= 0 && log_self.missed && pipe_says_missed())
		log_self.missed = 0;
	if (log_self.pipe >= 0 && !log_self.missed)
		is_taken = pipe_takes(line);
	log_self.missed += log_self.pipe >= 0 && !is_taken;
	if (!is_taken || !log_self.is_silent)
		(void)!write(STDERR_FILENO, line.p, line.n);
}

static void write_line(enum log_level level, const char *event, const struct log_kv *kv, size_t n)
{
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	put_head(&line, level, event);
	for (size_t i = 0; i < n; i++) {
		size_t before = buf_len(&line);
		buf_putf(&line, " %s=", kv[i].key);
		if (kv[i].kind == LOG_KV_INT)
			buf_putf(&line, "%lld", (long long)kv[i].number);
		else if (kv[i].kind == LOG_KV_ID)
			buf_putf(&line, "%016llx", (unsigned long long)kv[i].number);
		else
			put_value(&line, kv[i].bytes);
		if (buf_failed(&line) || buf_len(&line) > LINE_MAX_BYTES - 8)
			buf_truncate(&line, before); /* a pair that does not fit is left out */
	}
	buf_put_u8(&line, '\n');
	send_line(buf_bytes(&line));
	buf_fini(&line);
}

void log_write(enum log_level level, const char *event, const struct log_kv *kv, size_t n)
{
	if (level <= log_self.level || (level == LOG_LEVEL_DEBUG && log_self.watch && log_self.watch(kv, n)))
		write_line(level, event, kv, n);
}

void log_write_watched(const char *event, const struct log_kv *kv, size_t n)
{
	write_line(LOG_LEVEL_DEBUG, event, kv, n);
}

bool log_limit_pass(struct log_limit *l, uint32_t burst, uint64_t now_ms, uint32_t *suppressed)
{
	*suppressed = 0;
	if (l->passed == 0 || now_ms - l->window_start_ms >= LIMIT_WINDOW_MS) {
		*suppressed = l->held;
		*l = (struct log_limit){ .window_start_ms = now_ms };
	}
	if (l->passed >= burst) {
		l->held++;
		return false;
	}
	l->passed++;
	return true;
}

void die(const char *event, const char *why)
{
	log_self.is_silent = false; /* who looks why a box does not start looks there */
	log_error(event, LOG_STR("why", why));
	exit(1);
}

/* base/log.h - lines of one event word and key=value pairs on descriptor 2:
 *   info gh-s2s[0] s2s.out.closed id=5f00000000000001 domain=b.example reason=timeout
 * Values with spaces, quotes or control bytes are quoted and escaped, and so is what is not UTF-8 and what could turn
 * or break the line where it is shown. No bodies, passwords, tokens
 * or keys at any level. Repeated lines of one cause go through log_limit. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_COUNT };

/* Once at start: the program's name and instance for each line, and the highest level written. */
void log_open(const char *program, unsigned instance, enum log_level level);
/* Lines also go into this pipe (not blocking), whose reader is gh-log. A line that finds it full goes to descriptor 2
 * instead, and how many did is said when it has room again. */
void log_set_pipe(int fd);
/* Off: to descriptor 2 only while the pipe takes none. On at start. */
void log_set_stderr(bool is_on);
void log_set_level(enum log_level level);
/* Debug lines that fn finds worth it are written below LOG_LEVEL_DEBUG, too: then log_is_on(LOG_LEVEL_DEBUG) holds. NULL, at
 * start: none. */
struct log_kv;
typedef bool (*log_watch_fn)(const struct log_kv *kv, size_t n);
void log_set_watch(log_watch_fn fn);
bool log_is_on(enum log_level level);

/* A pair of a line. Make them with the macros below. */
struct log_kv {
	const char *key;
	enum { LOG_KV_BYTES, LOG_KV_INT, LOG_KV_ID } kind;
	struct bytes bytes;
	int64_t number;
};
#define LOG_STR(k, s) ((struct log_kv){ .key = (k), .kind = LOG_KV_BYTES, .bytes = bytes_of(s) })
#define LOG_BYTES(k, b) ((struct log_kv){ .key = (k), .kind = LOG_KV_BYTES, .bytes = (b) })
#define LOG_INT(k, v) ((struct log_kv){ .key = (k), .kind = LOG_KV_INT, .number = (int64_t)(v) })
/* 16 hex digits: connection and trace ids. */
#define LOG_ID(k, v) ((struct log_kv){ .key = (k), .kind = LOG_KV_ID, .number = (int64_t)(v) })

/* One line, whatever the level that is on: the macros below ask log_is_on first. event: dotted words
 * ("c2s.auth.failed"). */
void log_write(enum log_level level, const char *event, const struct log_kv *kv, size_t n);

/* A debug line whatever the level is: its subject is one that an operator watches. */
void log_write_watched(const char *event, const struct log_kv *kv, size_t n);

#define LOG_LINE(level, event, ...)                                                                \
	do {                                                                                       \
		if (log_is_on(level)) {                                                            \
			const struct log_kv log_kv_[] = { __VA_ARGS__ };                           \
			log_write(level, event, log_kv_, sizeof log_kv_ / sizeof log_kv_[0]);      \
		}                                                                                  \
	} while (0)
#define log_error(event, ...) LOG_LINE(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_LINE(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...) LOG_LINE(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_LINE(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
/* A debug line that is written at every level when is_watched ("log debug domain"). */
#define log_debug_of(is_watched, event, ...)                                                       \
	do {                                                                                       \
		bool log_w_ = (is_watched);                                                        \
		if (log_w_ || log_is_on(LOG_LEVEL_DEBUG)) {                                        \
			const struct log_kv log_kv_[] = { __VA_ARGS__ };                           \
			if (log_w_)                                                                \
				log_write_watched(event, log_kv_, sizeof log_kv_ / sizeof log_kv_[0]); \
			else                                                                       \
				log_write(LOG_LEVEL_DEBUG, event, log_kv_, sizeof log_kv_ / sizeof log_kv_[0]); \
		}                                                                                  \
	} while (0)

/* Lets through `burst` lines of one cause a minute; when the cause is quiet or the minute is over,
 * *suppressed gives how many were held back (write it as a pair of the next line). */
struct log_limit {
	uint64_t window_start_ms;
	uint32_t passed, held;
};
bool log_limit_pass(struct log_limit *l, uint32_t burst, uint64_t now_ms, uint32_t *suppressed);

/* Start-up failures and broken invariants of an unprivileged process: one error line, then exit 1. */
_Noreturn void die(const char *event, const char *why);

#endif

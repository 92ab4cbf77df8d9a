/* run/log_watch.h - domains and people whose debug lines are written for a while, whatever the level
 * (`log debug domain`, `log debug user`): each line of this program in which the name stands as a whole. A watch ends by
 * itself and survives nothing: neither its program nor a restart. No thread safety. */
#ifndef RUN_LOG_WATCH_H
#define RUN_LOG_WATCH_H

#include "base/bytes.h"

#include <stdint.h>

enum log_watch_kind { LOG_WATCH_DOMAIN, LOG_WATCH_USER, LOG_WATCH_KINDS };
enum { LOG_WATCHES_MAX = 16, LOG_WATCH_NAME_MAX = 511, LOG_WATCH_SECONDS_MAX = 3600 };

struct log_watch {
	enum log_watch_kind kind;
	uint64_t until_ms;
	size_t n;
	char name[LOG_WATCH_NAME_MAX + 1];
};

const char *log_watch_kind_name(enum log_watch_kind k);
/* A name that is watched already gets the new end. name: a domain or bare JID in normal form. ERR_FULL, ERR_LIMIT. */
int log_watch_add(enum log_watch_kind kind, struct bytes name, uint64_t until_ms);
/* Ends those whose time is over at now_ms; the earliest end of the others, UINT64_MAX: none stands. */
uint64_t log_watch_expire(uint64_t now_ms);
void log_watch_end_all(void);
/* Those that stand: begin with *at = 0; NULL at the end. */
const struct log_watch *log_watch_next(size_t *at);
/* Is this domain watched? For lines in which it does not stand. */
bool log_watch_has_domain(struct bytes domain);

#endif

#include "run/log_watch.h"

#include "base/err.h"
#include "base/log.h"

static struct {
	struct log_watch v[LOG_WATCHES_MAX];
	size_t n;
} self;

static const char *const kind_names[] = { "domain", "user" };
_Static_assert(sizeof kind_names / sizeof kind_names[0] == LOG_WATCH_KINDS, "one name a kind");

const char *log_watch_kind_name(enum log_watch_kind k)
{
	return kind_names[k];
}

static struct bytes name_of(const struct log_watch *w)
{
	return bytes_make(w->name, w->n);
}

/* Could a byte belong to a longer name? A domain may follow '@', and a user may be followed by '/'. */
static bool is_of_name(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80 || c == '-' || c == '.' || c == '_';
}

static bool stands_in(struct bytes text, struct bytes name)
{
	for (size_t i = 0; i + name.n <= text.n; i++) {
		if (memcmp(text.p + i, name.p, name.n) != 0)
			continue;
		if ((i == 0 || !is_of_name(text.p[i - 1])) && (i + name.n == text.n || !is_of_name(text.p[i + name.n])))
			return true;
	}
	return false;
}

static bool is_watched(const struct log_kv *kv, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; kv[i].kind == LOG_KV_BYTES && k < self.n; k++)
			if (stands_in(kv[i].bytes, name_of(&self.v[k])))
				return true;
	}
	return false;
}

static void end(size_t i)
{
	log_info("log.debug.ended", LOG_STR("kind", kind_names[self.v[i].kind]), LOG_BYTES("name", name_of(&self.v[i])));
	self.v[i] = self.v[--self.n];
	if (self.n == 0)
		log_set_watch(NULL);
}

int log_watch_add(enum log_watch_kind kind, struct bytes name, uint64_t until_ms)
{
	struct log_watch *w = NULL;

	if (name.n == 0 || name.n > LOG_WATCH_NAME_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < self.n; i++)
		if (self.v[i].kind == kind && bytes_eq(name_of(&self.v[i]), name))
			w = &self.v[i];
	if (!w && self.n == LOG_WATCHES_MAX)
		return ERR_FULL;
	if (!w)
		w = &self.v[self.n++];
	*w = (struct log_watch){ .kind = kind, .until_ms = until_ms, .n = name.n };
	memcpy(w->name, name.p, name.n);
	log_set_watch(is_watched);
	log_info("log.debug.begun", LOG_STR("kind", kind_names[kind]), LOG_BYTES("name", name));
	return 0;
}

uint64_t log_watch_expire(uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = self.n; i-- > 0;) {
		if (self.v[i].until_ms <= now_ms)
			end(i);
		else if (self.v[i].until_ms < next)
			next = self.v[i].until_ms;
	}
	return next;
}

void log_watch_end_all(void)
{
	while (self.n > 0)
		end(self.n - 1);
}

const struct log_watch *log_watch_next(size_t *at)
{
	return *at < self.n ? &self.v[(*at)++] : NULL;
}

bool log_watch_has_domain(struct bytes domain)
{
	for (size_t i = 0; i < self.n; i++)
		if (self.v[i].kind == LOG_WATCH_DOMAIN && bytes_eq(name_of(&self.v[i]), domain))
			return true;
	return false;
}

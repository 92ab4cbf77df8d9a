#include "server.h"

#include "base/err.h"
#include "base/log.h"
#include "net/dns_settings.h"
#include "run/alarm.h"
#include "sql.h"

#include <stdio.h>
#include <string.h>

enum { PORT = 5432, AGAIN_MS = 3000, MS = 1000 };

static const enum setting texts[] = { SET_STORE_SERVER, SET_STORE_DATABASE, SET_STORE_USER, SET_STORE_PASSWORD, SET_STORE_AUTHORITY };

bool server_settings_differ(const struct settings *a, const struct settings *b)
{
	unsigned was = settings_enum(a, SET_STORE_ENGINE), is = settings_enum(b, SET_STORE_ENGINE);
	bool does = settings_bool(a, SET_STORE_CLEAR) != settings_bool(b, SET_STORE_CLEAR) ||
		    settings_int(a, SET_STORE_TIMEOUT) != settings_int(b, SET_STORE_TIMEOUT);

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		does |= !bytes_eq(settings_text(a, texts[i]), settings_text(b, texts[i]));
	return was != is || (is != STORE_SQLITE && does);
}

static uint32_t timeout_ms(const struct server *s)
{
	return (uint32_t)settings_int(s->settings, SET_STORE_TIMEOUT) * MS;
}

static void hang_up(struct server *s)
{
	dns_cancel(s->query);
	s->query = NULL;
	loop_watch_del(&s->watch);
	loop_timer_del(s->loop, &s->timer);
	db_dial_free(s->dial);
	s->dial = NULL;
}

static void try_address(struct server *s);

/* One line when it begins to fail, and when the reason is another. */
static void failed(struct server *s, const char *step, const char *words)
{
	char why[DB_WHY_BYTES];

	(void)snprintf(why, sizeof why, "%s: %.200s", step, words);
	hang_up(s);
	s->failures++;
	if (!s->is_failing || strcmp(why, s->why) != 0)
		log_error("store.server.failed", LOG_STR("server", s->host), LOG_INT("port", s->port), LOG_STR("step", step), LOG_STR("what", words),
		          LOG_STR("do", "people cannot log in until it is there; it is tried again by itself"));
	(void)snprintf(s->why, sizeof s->why, "%s", why);
	s->is_failing = true;
	alarm_raise(ALARM_STORE_SERVER, "", ALARM_USUAL, s->why);
	if (loop_timer_set(s->loop, &s->timer, AGAIN_MS))
		die("store.server", "no memory");
}

/* Another address of it may answer. */
static void failed_there(struct server *s, const char *step, const char *words)
{
	char kept[DB_WHY_BYTES];

	(void)snprintf(kept, sizeof kept, "%s", words);
	if (s->addr_at + 1 < s->addrs.n) {
		hang_up(s);
		s->addr_at++;
		try_address(s);
		return;
	}
	failed(s, step, kept);
}

static void open_it(struct server *s)
{
	struct db_dial *dial = s->dial;
	char why[DB_WHY_BYTES] = "";

	s->dial = NULL;
	hang_up(s);
	if (db_open_dialled(dial, sql_postgresql.steps, sql_postgresql.n_steps, &s->db, why)) {
		failed(s, "database", why);
		return;
	}
	log_info("store.server.up", LOG_STR("server", s->host), LOG_INT("port", s->port), LOG_STR("version", db_server_version(s->db)));
	alarm_clear(ALARM_STORE_SERVER, "");
	s->is_failing = false;
	s->why[0] = '\0';
	s->ready(s->arg, s->db);
}

static void go_on(void *arg, unsigned events);

static void wait_for(struct server *s, int wants)
{
	loop_watch_del(&s->watch);
	if (loop_watch_add(s->loop, &s->watch, db_dial_fd(s->dial), wants == DB_DIAL_WANTS_READ ? LOOP_READ : LOOP_WRITE, go_on, s))
		failed_there(s, "connect", "no memory");
}

static void go_on(void *arg, unsigned events)
{
	struct server *s = arg;
	int rc = db_dial_go_on(s->dial);

	(void)events;
	if (rc == DB_DIAL_READY)
		open_it(s);
	else if (rc < 0)
		failed_there(s, rc == ERR_AUTH ? "login" : "connect", db_dial_why(s->dial));
	else
		wait_for(s, rc);
}

static void keep(char *out, size_t room, struct bytes v)
{
	(void)snprintf(out, room, "%.*s", BYTES_FMT(v));
}

static void try_address(struct server *s)
{
	char address[DNS_ADDR_TEXT_BYTES], database[64], user[64], password[256];
	bool has_lists = false;
	struct db_server d = {
		.host = s->host, .address = address, .port = s->port, .database = database, .user = user, .password = password,
		.is_clear = settings_bool(s->settings, SET_STORE_CLEAR), .is_tls_13 = settings_enum(s->settings, SET_TLS_MINIMUM) != 0,
		.anchors = STORE_ANCHORS_FILE, .answer_ms = timeout_ms(s),
	};

	if (server_write_trust(s->settings, s->system_anchors, &has_lists)) {
		failed(s, "trust", "the files of authorities cannot be written");
		return;
	}
	d.revoked = has_lists ? STORE_REVOKED_FILE : NULL;
	dns_addr_text(&s->addrs.addrs[s->addr_at], address);
	keep(database, sizeof database, settings_text(s->settings, SET_STORE_DATABASE));
	keep(user, sizeof user, settings_text(s->settings, SET_STORE_USER));
	keep(password, sizeof password, settings_text(s->settings, SET_STORE_PASSWORD));
	int rc = db_dial_start(&d, &s->dial);
	explicit_bzero(password, sizeof password);
	if (rc || loop_timer_set(s->loop, &s->timer, d.answer_ms))
		failed(s, "connect", "no memory");
	else if (db_dial_fd(s->dial) < 0)
		failed_there(s, "connect", db_dial_why(s->dial));
	else
		wait_for(s, DB_DIAL_WANTS_WRITE);
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct server *s = arg;

	s->query = NULL;
	s->addrs = *a;
	s->addr_at = 0;
	if (a->rc || !a->n)
		failed(s, "dns", err_text(a->rc ? a->rc : ERR_DNS_NODATA));
	else
		try_address(s);
}

static void begin(struct server *s)
{
	if (setting_split_host(settings_text(s->settings, SET_STORE_SERVER), PORT, s->host, &s->port)) {
		failed(s, "settings", "store server is not set");
		return;
	}
	s->query = dns_addr(s->dns, s->host, on_addresses, s);
	if (!s->query)
		failed(s, "dns", "no memory");
}

/* An attempt took too long, or the next one is due. */
static void on_timer(void *arg)
{
	struct server *s = arg;

	if (s->dial)
		failed_there(s, "connect", err_text(ERR_TIMEOUT));
	else
		begin(s);
}

int server_init(struct server *s, struct loop *loop, void (*ready)(void *arg, struct db *d), void *arg)
{
	s->loop = loop;
	s->ready = ready;
	s->arg = arg;
	loop_timer_init(&s->timer, on_timer, s);
	s->dns = dns_new(loop);
	return s->dns ? 0 : ERR_NOMEM;
}

void server_use(struct server *s, const struct settings *settings)
{
	int rc = dns_settings_apply(s->dns, settings);

	s->settings = settings;
	if (rc)
		log_error("store.dns", LOG_STR("reason", err_name(rc)));
	if (s->db)
		return;
	hang_up(s);
	begin(s);
}

void server_fini(struct server *s)
{
	hang_up(s);
	dns_free(s->dns);
	s->dns = NULL;
}

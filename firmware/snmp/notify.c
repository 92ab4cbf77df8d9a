#include "library.h"

#include "notify.h"

#include "base/err.h"
#include "base/log.h"
#include "engine.h"
#include "run/alarm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STAT_NAME(id, name) name,
const char *const notify_stat_names[NOTIFY_STAT_COUNT] = { NOTIFY_STATS(STAT_NAME) };
uint64_t notify_stats[NOTIFY_STAT_COUNT];

enum { TICK_MS = 500, KEY_MAX = 63 };

/* A receiver of informs is first asked for its engine's id (RFC 3414 4), then told one thing after the other. */
enum receiver_state { RECEIVER_IDLE, RECEIVER_DISCOVERS, RECEIVER_WAITS, RECEIVER_PAUSES };

struct receiver {
	struct notify *notify;
	char key[KEY_MAX + 1], address[256], user[ENGINE_NAME_MAX + 1]; /* key "": free place */
	uint16_t port;
	bool is_confirmed, needs_privacy;
	struct loop_watch watch;
	void *session; /* NULL: none */
	uint8_t engine[ENGINE_ID_MAX];
	size_t n_engine; /* 0: not known */
	enum receiver_state state;
	uint64_t again_ms;
	struct notice *queue[NOTIFY_QUEUE_MAX];
	size_t at, n;
	uint64_t n_failed; /* in a row */
};

struct notify {
	struct loop *loop;
	uint64_t started_ms;
	const struct settings *settings;
	struct receiver receivers[NOTIFY_RECEIVERS_MAX];
	struct loop_timer tick;
};

/* ---- messages ---- */

static void add_alarm(netsnmp_pdu *pdu, const struct mib_alarm *a)
{
	oid name[MIB_ROOT_N + 6];
	uint8_t since[8];

	for (size_t i = 0; i < MIB_ROOT_N; i++)
		name[i] = mib_root[i];
	mib_time(a->since_ms, since);
	const struct {
		uint32_t arc;
		struct value v;
	} objects[] = {
		{ 2, { .type = VALUE_OCTETS, .octets = bytes_of(a->name) } },
		{ 3, { .type = VALUE_OCTETS, .octets = bytes_of(a->key) } },
		{ 4, { .type = VALUE_INTEGER, .number = a->severity + 1 } },
		{ 5, { .type = VALUE_OCTETS, .octets = bytes_make(since, sizeof since) } },
		{ 6, { .type = VALUE_OCTETS, .octets = bytes_of(a->program) } },
		{ 7, { .type = VALUE_GAUGE32, .number = a->instance } },
		{ 8, { .type = VALUE_OCTETS, .octets = bytes_of(a->text) } },
	};
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
		const oid rest[] = { 1, 9, 5, 1, objects[i].arc, a->number };
		memcpy(name + MIB_ROOT_N, rest, sizeof rest);
		library_put(pdu, name, sizeof name / sizeof name[0], &objects[i].v, 0);
	}
}

/* sysUpTime.0, snmpTrapOID.0, then the notification's objects (RFC 3416 4.2.6). */
static void add_objects(netsnmp_pdu *pdu, const struct notice *w, uint64_t started_ms, uint64_t now_ms)
{
	static const oid up_time[] = { 1, 3, 6, 1, 2, 1, 1, 3, 0 }, what[] = { 1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0 };
	static const uint32_t cold_start[] = { 1, 3, 6, 1, 6, 3, 1, 1, 5, 1 };
	uint32_t ours[MIB_ROOT_N + 2];
	const struct value since = { .type = VALUE_SINCE, .number = started_ms };

	memcpy(ours, mib_root, sizeof mib_root);
	ours[MIB_ROOT_N] = 0;
	ours[MIB_ROOT_N + 1] = w->kind == NOTICE_RAISED ? 1 : 2;
	const struct value name = { .type = VALUE_NAME,
		                    .octets = w->kind == NOTICE_COLD_START ? bytes_make(cold_start, sizeof cold_start) : bytes_make(ours, sizeof ours) };
	library_put(pdu, up_time, OID_LENGTH(up_time), &since, now_ms);
	library_put(pdu, what, OID_LENGTH(what), &name, now_ms);
	if (w->kind != NOTICE_COLD_START)
		add_alarm(pdu, &w->alarm);
}

static bool set_id(u_char **to, size_t *n, struct bytes id)
{
	*to = malloc(id.n);
	if (*to)
		memcpy(*to, id.p, id.n);
	*n = *to ? id.n : 0;
	return *to != NULL;
}

/* Version 3, in a user's name at the engine of that id. NULL without memory. */
static netsnmp_pdu *message(int command, const char *user, int level, struct bytes id)
{
	netsnmp_pdu *pdu = snmp_pdu_create(command);

	if (!pdu)
		return NULL;
	pdu->version = SNMP_VERSION_3;
	pdu->securityModel = SNMP_SEC_MODEL_USM;
	pdu->securityLevel = level;
	pdu->securityName = strdup(user);
	pdu->securityNameLen = strlen(user);
	bool is_made = pdu->securityName && (id.n == 0 || (set_id(&pdu->securityEngineID, &pdu->securityEngineIDLen, id) &&
	                                                   set_id(&pdu->contextEngineID, &pdu->contextEngineIDLen, id)));
	if (is_made)
		return pdu;
	snmp_free_pdu(pdu);
	return NULL;
}

/* ---- one receiver ---- */

static int take(netsnmp_transport *t, void *to, int room, void **opaque, int *n)
{
	ssize_t got = recv(t->sock, to, (size_t)room, MSG_DONTWAIT);

	*opaque = NULL;
	*n = 0;
	return got > 0 ? (int)got : -1;
}

static int give(netsnmp_transport *t, const void *what, int n, void **opaque, int *n_opaque)
{
	(void)opaque, (void)n_opaque;
	ssize_t sent = send(t->sock, what, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* What does not go out now is as good as lost on the way: the library asks again. */
	return sent < 0 ? n : (int)sent;
}

static void on_ready(void *arg, unsigned events)
{
	struct receiver *r = arg;

	(void)events;
	if (r->session)
		library_read(r->session, r->watch.fd);
}

static int on_message(int what, netsnmp_session *session, int id, netsnmp_pdu *pdu, void *arg)
{
	(void)what, (void)session, (void)id, (void)pdu, (void)arg;
	return 1; /* nobody asks here */
}

static int connect_to(const struct receiver *r)
{
	struct sockaddr_storage to = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to;
	socklen_t n = sizeof *v4;

	if (inet_pton(AF_INET, r->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(r->port);
	} else if (inet_pton(AF_INET6, r->address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(r->port);
		n = sizeof *v6;
	} else {
		return -1;
	}
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, n) < 0) {
		(void)close(fd); /* there is no way there now */
		return -1;
	}
	return fd;
}

static bool open_session(struct receiver *r)
{
	int fd = r->session ? -1 : connect_to(r);

	if (r->session)
		return true;
	if (fd < 0)
		return false;
	r->session = library_session(fd, take, give, on_message, r, !r->is_confirmed);
	if (r->session && loop_watch_add(r->notify->loop, &r->watch, fd, LOOP_READ, on_ready, r) < 0) {
		snmp_sess_close(r->session);
		r->session = NULL;
	}
	return r->session != NULL;
}

static void close_session(struct receiver *r)
{
	if (!r->session)
		return;
	loop_watch_del(&r->watch);
	snmp_sess_close(r->session); /* what waits for an answer there is forgotten */
	r->session = NULL;
}

static int level_of(const struct receiver *r)
{
	return r->needs_privacy ? SNMP_SEC_LEVEL_AUTHPRIV : SNMP_SEC_LEVEL_AUTHNOPRIV;
}

static struct notice *first(const struct receiver *r)
{
	return r->n ? r->queue[r->at] : NULL;
}

static void drop_first(struct receiver *r)
{
	free(r->queue[r->at]);
	r->at = (r->at + 1) % NOTIFY_QUEUE_MAX;
	r->n--;
}

/* It did not acknowledge: again later, from the beginning, as it may be another engine by then. */
static void fail(struct receiver *r, const char *why)
{
	notify_stats[NOTIFY_SILENT]++;
	if (r->n_failed++ == 0)
		log_warn("snmp.receiver.silent", LOG_STR("receiver", r->key), LOG_STR("address", r->address), LOG_STR("why", why));
	r->state = RECEIVER_PAUSES;
	r->again_ms = loop_now(r->notify->loop) + NOTIFY_AGAIN_MS;
	if (r->n_engine)
		engine_user_gone(bytes_of(r->user), bytes_make(r->engine, r->n_engine));
	r->n_engine = 0;
	alarm_raise(ALARM_SNMP_RECEIVER, r->key, ALARM_USUAL, why);
}

static void send_next(struct receiver *r);

static int on_acknowledged(int what, netsnmp_session *session, int id, netsnmp_pdu *pdu, void *arg)
{
	struct receiver *r = arg;

	(void)session, (void)id;
	if (what == NETSNMP_CALLBACK_OP_RESEND)
		return 1;
	if (what == NETSNMP_CALLBACK_OP_TIMED_OUT || what == NETSNMP_CALLBACK_OP_SEND_FAILED) {
		fail(r, "it does not acknowledge");
		return 1;
	}
	if (what == NETSNMP_CALLBACK_OP_SEC_ERROR) {
		fail(r, "it does not know the user, or has other passwords");
		return 1;
	}
	if (pdu->command != SNMP_MSG_RESPONSE)
		return 1; /* a report: a clock that is to be set, or an error, of which the library tells next */
	notify_stats[NOTIFY_INFORMS]++;
	if (r->n_failed)
		log_info("snmp.receiver.back", LOG_STR("receiver", r->key), LOG_INT("waiting", r->n));
	r->n_failed = 0;
	alarm_clear(ALARM_SNMP_RECEIVER, r->key);
	drop_first(r);
	r->state = RECEIVER_IDLE;
	send_next(r);
	return 1;
}

/* Its report of a user that it cannot know has its engine's id. */
static int on_discovered(int what, netsnmp_session *session, int id, netsnmp_pdu *pdu, void *arg)
{
	struct receiver *r = arg;

	(void)session, (void)id;
	if (what == NETSNMP_CALLBACK_OP_RESEND || r->state != RECEIVER_DISCOVERS)
		return 1;
	if (what == NETSNMP_CALLBACK_OP_TIMED_OUT || what == NETSNMP_CALLBACK_OP_SEND_FAILED) {
		fail(r, "it does not answer");
		return 1;
	}
	if (!pdu || pdu->securityEngineIDLen < 5 || pdu->securityEngineIDLen > ENGINE_ID_MAX)
		return 1;
	r->n_engine = pdu->securityEngineIDLen;
	memcpy(r->engine, pdu->securityEngineID, r->n_engine);
	if (bytes_eq(bytes_make(r->engine, r->n_engine), engine_id()) ||
	    engine_user_at(r->notify->settings, bytes_of(r->user), bytes_make(r->engine, r->n_engine)) < 0) {
		r->n_engine = 0;
		fail(r, "its engine's id cannot be used");
		return 1;
	}
	r->state = RECEIVER_IDLE;
	return 1; /* the tick goes on: the library is not done with this message */
}

/* The library frees what it could not send only when we do. */
static bool send_message(struct receiver *r, netsnmp_pdu *pdu, netsnmp_callback on_answer)
{
	if (!pdu)
		return false;
	int id = on_answer ? snmp_sess_async_send(r->session, pdu, on_answer, r) : snmp_sess_send(r->session, pdu);
	if (id == 0)
		snmp_free_pdu(pdu);
	return id != 0;
}

static void send_inform(struct receiver *r)
{
	netsnmp_pdu *pdu;

	if (r->n_engine == 0) {
		r->state = RECEIVER_DISCOVERS;
		pdu = message(SNMP_MSG_GET, "", SNMP_SEC_LEVEL_NOAUTH, BYTES_NONE);
		if (!send_message(r, pdu, on_discovered))
			fail(r, "it cannot be asked who it is");
		return;
	}
	r->state = RECEIVER_WAITS;
	pdu = message(SNMP_MSG_INFORM, r->user, level_of(r), bytes_make(r->engine, r->n_engine));
	if (pdu)
		add_objects(pdu, first(r), r->notify->started_ms, loop_now(r->notify->loop));
	if (!send_message(r, pdu, on_acknowledged))
		fail(r, "it cannot be told");
}

static void send_trap(struct receiver *r)
{
	netsnmp_pdu *pdu = message(SNMP_MSG_TRAP2, r->user, level_of(r), engine_id());

	if (pdu)
		add_objects(pdu, first(r), r->notify->started_ms, loop_now(r->notify->loop));
	if (send_message(r, pdu, NULL))
		notify_stats[NOTIFY_TRAPS]++;
	else
		notify_stats[NOTIFY_DROPPED]++;
	drop_first(r);
}

static void send_next(struct receiver *r)
{
	if (r->state == RECEIVER_PAUSES && loop_now(r->notify->loop) >= r->again_ms) {
		close_session(r); /* it may be reached another way by now */
		r->state = RECEIVER_IDLE;
	}
	if (r->state != RECEIVER_IDLE || !first(r))
		return;
	if (!open_session(r)) {
		if (r->is_confirmed) {
			fail(r, "there is no way to it");
			return;
		}
		notify_stats[NOTIFY_DROPPED] += r->n;
		while (first(r))
			drop_first(r);
		return;
	}
	if (r->is_confirmed)
		send_inform(r);
	while (!r->is_confirmed && first(r))
		send_trap(r);
}

/* ---- all ---- */

static bool is_there(const struct receiver *r)
{
	return r->key[0] != '\0';
}

static void on_tick(void *arg)
{
	struct notify *n = arg;
	bool is_wanted = false;

	for (size_t i = 0; i < NOTIFY_RECEIVERS_MAX; i++) {
		struct receiver *r = &n->receivers[i];
		if (!is_there(r) || !r->n)
			continue;
		if (r->session)
			snmp_sess_timeout(r->session); /* it asks again, or gives up */
		send_next(r);
		is_wanted |= r->n > 0;
	}
	if (is_wanted)
		(void)loop_timer_set(n->loop, &n->tick, TICK_MS); /* it has been set, so it has room */
}

static void enqueue(struct receiver *r, const struct notice *what)
{
	struct notice *copy = malloc(sizeof *copy);

	if (r->n == NOTIFY_QUEUE_MAX || !copy) {
		notify_stats[NOTIFY_DROPPED]++;
		/* The one under way is not taken from under the library's answer. */
		if (!copy || r->state == RECEIVER_WAITS) {
			free(copy);
			return;
		}
		drop_first(r);
	}
	*copy = *what;
	r->queue[(r->at + r->n++) % NOTIFY_QUEUE_MAX] = copy;
}

void notify_send(struct notify *n, const struct notice *what)
{
	bool is_any = false;

	for (size_t i = 0; i < NOTIFY_RECEIVERS_MAX; i++) {
		if (!is_there(&n->receivers[i]))
			continue;
		enqueue(&n->receivers[i], what);
		send_next(&n->receivers[i]);
		is_any |= n->receivers[i].n > 0;
	}
	if (is_any && !loop_timer_is_set(&n->tick) && loop_timer_set(n->loop, &n->tick, TICK_MS) < 0)
		log_error("snmp.notify.timer", LOG_STR("why", err_text(ERR_NOMEM)));
}

static void remove_receiver(struct receiver *r)
{
	close_session(r);
	if (r->n_engine)
		engine_user_gone(bytes_of(r->user), bytes_make(r->engine, r->n_engine));
	while (first(r))
		drop_first(r);
	alarm_clear(ALARM_SNMP_RECEIVER, r->key);
	*r = (struct receiver){ .notify = r->notify };
}

static struct receiver *find(struct notify *n, struct bytes key)
{
	for (size_t i = 0; i < NOTIFY_RECEIVERS_MAX; i++)
		if (bytes_eq_str(key, n->receivers[i].key))
			return &n->receivers[i];
	return NULL;
}

static void read_receiver(struct receiver *r, const struct settings *s, struct bytes key)
{
	struct bytes user = settings_text_at(s, SET_SNMP_TRAP_USER, key);

	snprintf(r->key, sizeof r->key, "%.*s", BYTES_FMT(key));
	snprintf(r->user, sizeof r->user, "%.*s", BYTES_FMT(user));
	if (setting_split_host(settings_text_at(s, SET_SNMP_TRAP_ADDRESS, key), NOTIFY_PORT, r->address, &r->port) < 0)
		r->address[0] = '\0'; /* gh-conf takes no such setting */
	r->is_confirmed = settings_bool_at(s, SET_SNMP_TRAP_CONFIRMED, key);
	r->needs_privacy = settings_text_at(s, SET_SNMP_USER_PRIVACY_SECRET, user).n > 0;
}

static bool is_same(const struct receiver *a, const struct receiver *b)
{
	return strcmp(a->key, b->key) == 0 && strcmp(a->user, b->user) == 0 && strcmp(a->address, b->address) == 0 && a->port == b->port &&
	       a->is_confirmed == b->is_confirmed && a->needs_privacy == b->needs_privacy;
}

/* With a new password it is asked anew who it is; what waits for it stays. */
static void refresh(struct receiver *r)
{
	if (r->n_engine)
		engine_user_gone(bytes_of(r->user), bytes_make(r->engine, r->n_engine));
	close_session(r);
	r->n_engine = 0;
	r->state = RECEIVER_IDLE;
}

static void apply_one(struct notify *n, const struct settings *s, const struct settings *before, struct bytes key)
{
	struct receiver *r = find(n, key);
	static struct receiver wanted;

	wanted = (struct receiver){ .notify = n };
	if (settings_text_at(s, SET_SNMP_TRAP_ADDRESS, key).n == 0 || key.n == 0 || key.n > KEY_MAX)
		return;
	read_receiver(&wanted, s, key);
	if (r && is_same(r, &wanted)) {
		if (engine_user_differs(s, before, bytes_of(r->user)))
			refresh(r);
		return;
	}
	if (r)
		remove_receiver(r);
	r = find(n, BYTES_NONE);
	if (r)
		*r = wanted;
	else
		log_error("snmp.receivers.full", LOG_BYTES("receiver", key));
}

void notify_apply(struct notify *n, const struct settings *s, const struct settings *before)
{
	struct bytes key;

	n->settings = s;
	for (size_t i = 0; i < NOTIFY_RECEIVERS_MAX; i++) {
		struct receiver *r = &n->receivers[i];
		if (is_there(r) && settings_text_at(s, SET_SNMP_TRAP_ADDRESS, bytes_of(r->key)).n == 0)
			remove_receiver(r);
	}
	for (size_t at = 0; settings_next_key(s, SET_SNMP_TRAP_ADDRESS, &at, &key);)
		apply_one(n, s, before, key);
	if (!loop_timer_is_set(&n->tick))
		(void)loop_timer_set(n->loop, &n->tick, TICK_MS); /* without memory the next notice sets it */
}

struct notify *notify_new(struct loop *loop, uint64_t started_ms)
{
	struct notify *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->loop = loop;
	n->started_ms = started_ms;
	for (size_t i = 0; i < NOTIFY_RECEIVERS_MAX; i++)
		n->receivers[i].notify = n;
	loop_timer_init(&n->tick, on_tick, n);
	return n;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	loop_timer_del(n->loop, &n->tick);
	for (size_t i = 0; i < NOTIFY_RECEIVERS_MAX; i++)
		if (is_there(&n->receivers[i]))
			remove_receiver(&n->receivers[i]);
	free(n);
}

/* gh-conf: joins the parts to the bus, gh-super and the operators' socket. */
#include "conf.h"

#include "base/err.h"
#include "base/log.h"
#include "run/service.h"
#include "firewall.h"
#include "listeners.h"
#include "recovery.h"
#include "resolver.h"
#include "run/oper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* ---- what the commit machine wants said ---- */

static void send_rows(struct conf *c, enum prog p, unsigned instance, uint32_t generation, const struct rows *r)
{
	struct chan *to = bus_chan(c->bus, p, instance);
	uint32_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += (r->v[i].row->readers & P(p)) != 0;
	struct buf *b = chan_begin(to, MSG_SNAPSHOT, 0);
	wire_put_u32(b, generation);
	wire_put_u32(b, n);
	for (size_t i = 0; i < r->n; i++) {
		if (!(r->v[i].row->readers & P(p)))
			continue;
		wire_put_str(b, r->v[i].path);
		wire_put_bytes(b, r->v[i].value);
	}
	if (chan_end(to) < 0)
		log_error("conf.snapshot.unsent", LOG_STR("program", prog_name(p)), LOG_INT("instance", instance));
}

static void send_snapshot(void *arg, enum prog p, unsigned instance, uint32_t generation, const struct rows *r)
{
	struct conf *c = arg;
	struct rows with = { 0 }, own = { 0 };
	bool is_copy, is_own;

	if (offers_put(&c->offers, r, p, &with, &is_copy)) {
		log_error("conf.offers", LOG_STR("why", err_text(ERR_NOMEM)));
		is_copy = false;
	}
	r = is_copy ? &with : r;
	if (resolver_put(r, p, &own, &is_own)) {
		log_error("conf.offers", LOG_STR("why", err_text(ERR_NOMEM)));
		is_own = false;
	}
	send_rows(c, p, instance, generation, is_own ? &own : r);
	rows_fini(&own);
	rows_fini(&with);
}

static void send_verdict(struct conf *c, enum msg m, enum prog p, unsigned instance, uint32_t generation)
{
	struct chan *to = bus_chan(c->bus, p, instance);

	wire_put_u32(chan_begin(to, m, 0), generation);
	if (chan_end(to) < 0)
		log_error("conf.verdict.unsent", LOG_STR("program", prog_name(p)), LOG_INT("instance", instance));
}

static void send_switch(void *arg, enum prog p, unsigned instance, uint32_t generation)
{
	send_verdict(arg, MSG_SNAPSHOT_SWITCH, p, instance, generation);
}

static void send_drop(void *arg, enum prog p, unsigned instance, uint32_t generation)
{
	send_verdict(arg, MSG_SNAPSHOT_DROP, p, instance, generation);
}

/* On the appliance. A host without gh-priv has its own filter: show firewall. */
static void send_firewall(struct conf *c, const struct rows *r)
{
	struct chan *to = bus_chan(c->bus, PROG_PRIV, 0);
	struct buf b;

	if (!to)
		return;
	buf_init(&b, OPER_FRAME_MAX - 4096);
	int rc = firewall_put(r, &b);
	if (!rc) {
		wire_put_bytes(chan_begin(to, MSG_FIREWALL, 0), buf_bytes(&b));
		rc = chan_end(to);
	}
	if (rc)
		log_error("conf.firewall.unsent", LOG_STR("why", err_text(rc)));
	buf_fini(&b);
}

/* The filter opens before the port does; that of a commit that fails is taken back with its ports. */
static void send_listeners(void *arg, const struct rows *r)
{
	struct conf *c = arg;

	send_firewall(c, r);
	struct chan *to = bus_chan(c->bus, PROG_SUPER, 0);

	c->listeners_id = bus_next_id(c->bus);
	listeners_put(r, chan_begin(to, MSG_LISTENERS_SET, c->listeners_id));
	if (chan_end(to) < 0)
		txn_bound(&c->txn, ERR_CLOSED, BYTES_NONE, "gh-super cannot be reached");
}

/* The relay's kernel path: where a client may come by UDP and no setting is against it. */
static bool wants_xdp(const struct rows *r)
{
	struct listener l;

	if (bytes_eq_str(rows_value(r, SET_TURN_FAST_PATH, BYTES_NONE), "off"))
		return false;
	for (size_t at = 0; listeners_next(r, &at, &l);)
		if (strcmp(l.name, "turn-udp") == 0)
			return true;
	return false;
}

/* SNMP: where a manager may ask, or is to be told of alarms. */
static bool wants_snmp(const struct rows *r)
{
	for (size_t i = 0; i < r->n; i++) {
		bool is_listener = r->v[i].row->id == SET_SNMP_LISTEN && !bytes_eq_str(r->v[i].value, "off");
		if (is_listener || r->v[i].row->id == SET_SNMP_TRAP_ADDRESS)
			return true;
	}
	return false;
}

/* Such rows are there on the appliance only (check_network). */
static bool wants_dhcp(const struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		if ((r->v[i].row->id == SET_IF_IPV4 || r->v[i].row->id == SET_IF_IPV6) && bytes_eq_str(r->v[i].value, "dhcp"))
			return true;
	return false;
}

static bool wants_publish(const struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].row->id == SET_PUBLISH_URL)
			return true;
	return false;
}

/* How many of a program the settings want, beside its role. */
static unsigned instances_of(const struct rows *r, enum prog p)
{
	uint64_t n = service_of(p)->instances_min;

	/* canonical, both numbers */
	if (p == PROG_ACCESS)
		(void)bytes_to_u64(rows_value(r, SET_ACCESS_WORKERS, BYTES_NONE), TXN_INSTANCES_MAX, &n);
	if (p == PROG_TURN && bytes_eq_str(rows_value(r, SET_TURN_HIGH_CAPACITY, BYTES_NONE), "on")) /* G-EDGE-02 */
		(void)bytes_to_u64(rows_value(r, SET_TURN_WORKERS, BYTES_NONE), TXN_INSTANCES_MAX, &n);
	if (p == PROG_XDP)
		n = wants_xdp(r);
	if (p == PROG_SNMP)
		n = wants_snmp(r);
	if (p == PROG_DHCP)
		n = wants_dhcp(r);
	if (p == PROG_DNS)
		n = resolver_is_wanted(r);
	if (p == PROG_PUBLISH)
		n = wants_publish(r);
	if (p == PROG_DIR)
		n = bytes_eq_str(rows_value(r, SET_DIR_ENABLED, BYTES_NONE), "on");
	if (p == PROG_COMPLY)
		n = !bytes_eq_str(rows_value(r, SET_COMPLY_MODE, BYTES_NONE), "off");
	if (p == PROG_SCAN)
		n = bytes_eq_str(rows_value(r, SET_UPLOAD_ENABLED, BYTES_NONE), "on") && !bytes_eq_str(rows_value(r, SET_UPLOAD_SCAN, BYTES_NONE), "off");
	if (p == PROG_FILES)
		n = bytes_eq_str(rows_value(r, SET_UPLOAD_ENABLED, BYTES_NONE), "on");
	return (unsigned)n;
}

/* gh-super starts and ends these; what every role has, and has once, it starts by itself. */
static bool is_told(enum prog p)
{
	return service_of(p)->roles != ROLE_BOTH || p == PROG_SNMP || p == PROG_DHCP || p == PROG_DNS;
}

static void send_instances(struct conf *c)
{
	struct buf *b = chan_begin(bus_chan(c->bus, PROG_SUPER, 0), MSG_INSTANCES_SET, 0);
	uint16_t n = 0;

	for (unsigned p = 0; p < PROG_COUNT; p++)
		n += is_told((enum prog)p);
	wire_put_u16(b, n);
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		if (!is_told((enum prog)p))
			continue;
		wire_put_u8(b, (uint8_t)p);
		wire_put_u8(b, (uint8_t)(conf_runs(c, (enum prog)p) ? instances_of(&c->store.running, (enum prog)p) : 0));
	}
	(void)chan_end(bus_chan(c->bus, PROG_SUPER, 0)); /* without gh-super this program ends */
}

static void on_commit_done(void *arg, const struct txn_result *r, bool is_by_itself)
{
	struct conf *c = arg;

	if (r->rc < 0)
		log_warn("conf.commit.refused", LOG_STR("by", c->txn.by), LOG_INT("generation", r->generation),
		         LOG_STR("path", r->path), LOG_STR("why", r->why));
	if (!acme_committed(c, r) && !linked_committed(c, r) && !is_by_itself)
		commit_answer(c, r);
}

static void apply_own(struct conf *c)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	struct bytes level = rows_value(&c->store.running, SET_LOG_LEVEL, BYTES_NONE);

	log_set_stderr(!bytes_eq_str(rows_value(&c->store.running, SET_LOG_STDERR, BYTES_NONE), "off"));
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++) {
		if (bytes_eq_str(level, levels[i]))
			log_set_level((enum log_level)i);
	}
	send_instances(c);
	recovery_publish(c);
}

static void on_switched(void *arg, const struct rows *old, const char *by)
{
	struct conf *c = arg;

	audit_commit(c, old, by);
	expiry_look(&c->expiry);
	apply_own(c);
	send_firewall(c, &c->store.running); /* other rows than those of ports count, too */
}

static const struct txn_ops ops = {
	.snapshot = send_snapshot,   .switch_to = send_switch,  .drop = send_drop,
	.listeners = send_listeners, .done = on_commit_done,    .switched = on_switched,
};

/* ---- messages ---- */

static int on_accept(void *arg, struct chan *from, const struct frame *f)
{
	struct conf *c = arg;
	struct wire w = wire_of(f->body);
	uint32_t generation = wire_u32(&w);

	if (wire_end(&w) < 0)
		return ERR_PROTOCOL;
	txn_accepted(&c->txn, chan_prog(from), chan_instance(from), generation);
	return 0;
}

static int on_refuse(void *arg, struct chan *from, const struct frame *f)
{
	struct conf *c = arg;
	struct wire w = wire_of(f->body);
	uint32_t generation = wire_u32(&w);
	struct bytes path = wire_str(&w), why = wire_str(&w);

	if (wire_end(&w) < 0)
		return ERR_PROTOCOL;
	txn_refused(&c->txn, chan_prog(from), chan_instance(from), generation, path, why);
	return 0;
}

/* gh-super's codes for what the kernel said. */
static const char *port_error(int rc)
{
	switch (rc) {
	case ERR_EXISTS:
		return "another program has it";
	case ERR_NOT_FOUND:
		return "not an address of this box";
	case ERR_DENIED:
		return "gh-super may not open it (ports below 1024 need root)";
	default:
		return err_text(rc);
	}
}

static int on_listeners_done(void *arg, struct chan *from, const struct frame *f)
{
	struct conf *c = arg;
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);
	struct bytes name = wire_str(&w), addr = wire_str(&w);
	uint16_t port = wire_u16(&w);
	char why[400];

	(void)from;
	if (wire_end(&w) < 0)
		return ERR_PROTOCOL;
	if (f->id != c->listeners_id)
		return 0; /* about a set that another one has replaced */
	snprintf(why, sizeof why, "%.*s port %u cannot be opened: %s", BYTES_FMT(addr), port, port_error(rc));
	if (c->txn.state == TXN_BINDING)
		txn_bound(&c->txn, rc, listeners_path(&c->txn.next, name, addr, port), why);
	else if (rc < 0)
		log_error("conf.listener.failed", LOG_BYTES("listener", name), LOG_STR("why", why));
	return 0;
}

static struct conf_process *process_of(struct conf *c, enum prog p, unsigned instance)
{
	for (size_t i = 0; i < c->n_processes; i++) {
		if (c->processes[i].prog == p && c->processes[i].instance == instance)
			return &c->processes[i];
	}
	if (c->n_processes == CONF_PROCESSES_MAX)
		return NULL;
	struct conf_process *new = &c->processes[c->n_processes++];
	*new = (struct conf_process){ .prog = p, .instance = instance };
	return new;
}

static int on_process(void *arg, struct chan *from, const struct frame *f)
{
	struct conf *c = arg;
	struct wire w = wire_of(f->body);
	unsigned prog = wire_u8(&w), instance = wire_u8(&w);
	uint32_t pid = wire_u32(&w), restarts = wire_u32(&w);
	struct bytes state = wire_str(&w);

	(void)from;
	if (wire_end(&w) < 0 || prog >= PROG_COUNT)
		return ERR_PROTOCOL;
	struct conf_process *p = process_of(c, (enum prog)prog, instance);
	if (!p)
		return 0;
	p->pid = pid;
	p->restarts = restarts;
	snprintf(p->state, sizeof p->state, "%.*s", BYTES_FMT(state));
	if (bytes_eq_str(state, "stopping"))
		txn_leaving(&c->txn, (enum prog)prog, instance);
	return 0;
}

static int on_record(void *arg, struct chan *from, const struct frame *f)
{
	return relay_record(arg, from, f);
}

static int on_command_done(void *arg, struct chan *from, const struct frame *f)
{
	return relay_command_done(arg, from, f);
}

static int on_backup_answer(void *arg, struct chan *from, const struct frame *f)
{
	struct conf *c = arg;
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);

	if (!wire_failed(&w) && restore_on_answer(c, chan_prog(from), f->id, rc))
		return 0;
	return transfer_on_answer(c, from, f);
}

static int on_offers(void *arg, struct chan *from, const struct frame *f)
{
	struct conf *c = arg;
	struct wire w = wire_of(f->body);
	bool is_new = false;

	(void)from;
	int rc = offers_read(&c->offers, &w, &is_new);
	if (!rc && is_new) {
		log_info("conf.offered", LOG_INT("name-servers", c->offers.dns.n), LOG_INT("time-servers", c->offers.ntp.n));
		txn_offer_again(&c->txn, offers_readers());
	}
	return rc;
}

static int on_update_answer(void *arg, struct chan *from, const struct frame *f)
{
	return transfer_on_answer(arg, from, f);
}

static const struct bus_handler handlers[] = {
	{ MSG_SNAPSHOT_ACCEPT, on_accept },       { MSG_SNAPSHOT_REFUSE, on_refuse },
	{ MSG_LISTENERS_DONE, on_listeners_done }, { MSG_PROCESS, on_process },
	{ MSG_OPERATOR, handed_operator },
	{ MSG_RECORD, on_record },                { MSG_COMMAND_DONE, on_command_done },
	{ MSG_CAPTURE_OPENED, capture_on_opened }, { MSG_ACME_CHAIN, acme_on_chain },
	{ MSG_LINK_KEEP, linked_on_keep },        { MSG_AUDIT, audit_on_person },
	{ MSG_NETWORK_OFFERS, on_offers },
	{ MSG_BACKUP_ANSWER, on_backup_answer },  { MSG_UPDATE_ANSWER, on_update_answer },
};

/* ---- life ---- */

static int prepare(struct proc *p, void **program)
{
	struct conf *c = calloc(1, sizeof *c);
	int fd = proc_open_folder(p);

	if (!c || fd < 0) {
		free(c);
		return fd < 0 ? fd : ERR_NOMEM;
	}
	/* OpenSSL reads its own files now; later nothing outside the folder can be opened. */
	if (!OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_DIGESTS |
	                         OPENSSL_INIT_NO_LOAD_CONFIG, NULL)) {
		free(c);
		return ERR_NOMEM;
	}
	int rc = proc_fork_helper(p, hasher_work, &c->helper_fd);
	if (rc < 0) {
		free(c);
		return rc;
	}
	c->zones = zones_load(ZONE_FOLDER); /* without memory: names are not looked at */
	c->proc = p;
	c->store.dir_fd = fd;
	c->owner = getuid();
	*program = c;
	return 0;
}

/* factory-reset settings, asked for before this start. */
static int reset_settings(struct conf *c)
{
	int folder = c->store.dir_fd;

	if (faccessat(folder, CONF_RESET_FILE, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	int rc = store_wipe(folder);
	if (!rc && (unlinkat(folder, CONF_RESET_FILE, 0) < 0 || fsync(folder) < 0))
		rc = ERR_IO;
	log_write(rc ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, rc ? "conf.reset.failed" : "conf.reset", NULL, 0);
	return rc;
}

/* Nobody could log in any more: gh-super starts this program anew, with another helper. */
static void on_helper_lost(void *arg)
{
	struct conf *c = arg;

	log_error("conf.helper.lost", LOG_STR("why", "the process that hashes passwords has ended"));
	proc_exit(c->proc, 1);
}

static int init_accounts(struct conf *c)
{
	int rc = accounts_open(&c->accounts, c->store.dir_fd);

	rc = rc < 0 ? rc : tokens_open(&c->tokens, c->store.dir_fd);
	throttle_init(&c->token_throttle);
	if (trail_open(&c->trail, c->loop, c->store.dir_fd) < 0)
		log_error("conf.audit.unwritten", LOG_STR("why", "the trail cannot be opened"));
	if (rc == 0 && proc_is_appliance(c->proc) && factory_account(&c->accounts, loop_wall_ms(c->loop) / 1000) < 0)
		log_error("conf.accounts.unsaved", LOG_STR("why", "the factory account cannot be made"));
	lockout_init(c);
	if (proc_is_appliance(c->proc))
		recovery_take(c);
	scrypt_fresh(&c->nobody);
	return rc < 0 ? rc : hasher_init(&c->hasher, c->loop, c->helper_fd, on_helper_lost, c);
}

static int init(void *program)
{
	struct conf *c = program;

	c->loop = proc_loop(c->proc);
	c->bus = proc_bus(c->proc);
	c->started_ms = loop_now(c->loop);
	list_init(&c->opers);
	transfer_init(c);
	int rc = reset_settings(c);
	if (!rc)
		rc = store_open(&c->store, c->store.dir_fd);
	if (!rc)
		rc = restore_resume(c);
	if (rc < 0)
		return rc;
	log_info("conf.running", LOG_INT("generation", c->store.generation), LOG_INT("settings", c->store.running.n));
	rc = init_accounts(c);
	if (rc < 0)
		return rc;
	audit_complete(c);
	txn_init(&c->txn, c->loop, &c->store, &ops, c);
	clock_watch_init(c);
	expiry_init(&c->expiry, c->loop, &c->store.running);
	send_listeners(c, &c->store.running);
	apply_own(c);
	return 0;
}

static void on_socket(void *arg, unsigned events)
{
	struct conf *c = arg;
	int fd = accept4(c->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0)
		(void)oper_accept(c, fd, true, ""); /* who is refused has been told */
}

static void on_listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	struct conf *c = program;

	(void)addr;
	(void)port;
	if (strcmp(name, "ghsh") != 0) {
		if (fd >= 0)
			(void)close(fd); /* not ours */
		return;
	}
	if (c->socket.loop) {
		int old = c->socket.fd;
		loop_watch_del(&c->socket);
		(void)close(old); /* replaced, or gone */
	}
	if (fd >= 0 && loop_watch_add(c->loop, &c->socket, fd, LOOP_READ, on_socket, c) < 0)
		log_error("conf.socket", LOG_STR("why", "cannot be watched"));
}

static void on_up(void *program, struct chan *ch)
{
	struct conf *c = program;

	if (chan_prog(ch) == PROG_PRIV)
		send_firewall(c, &c->store.running);
	if (restore_is_asked(chan_prog(ch)))
		restore_ask(c, chan_prog(ch)); /* its settings come after its answer */
	else
		txn_up(&c->txn, chan_prog(ch), chan_instance(ch));
}

static void on_down(void *program, struct chan *ch)
{
	struct conf *c = program;

	txn_down(&c->txn, chan_prog(ch), chan_instance(ch));
	relay_down(c, chan_prog(ch), chan_instance(ch));
	if (chan_prog(ch) == PROG_ADMIN || chan_prog(ch) == PROG_SNMP)
		handed_down(c, chan_prog(ch));
	transfer_down(c, chan_prog(ch));
}

static void on_stop(void *program, uint32_t grace_ms)
{
	struct conf *c = program;

	(void)grace_ms;
	oper_close_all(c);
	lockout_fini(c);
	txn_fini(&c->txn);
	expiry_fini(&c->expiry);
	clock_watch_fini(c);
	acme_fini(c);
	backup_fini(&c->backup);
	loop_timer_del(c->loop, &c->restore.again);
	hasher_fini(&c->hasher);
	approvals_fini(&c->approvals);
	accounts_close(&c->accounts);
	tokens_close(&c->tokens);
	trail_close(&c->trail);
	store_close(&c->store);
	proc_exit(c->proc, 0);
}

static const struct proc_def conf_program = {
	.prog = PROG_CONF,
	.backend = LOOP_POLL,
	.handlers = handlers,
	.n_handlers = sizeof handlers / sizeof handlers[0],
	.prepare = prepare,
	.init = init,
	.listener = on_listener,
	.up = on_up,
	.down = on_down,
	.stop = on_stop,
};

int main(int argc, char **argv)
{
	return proc_main(argc, argv, &conf_program);
}

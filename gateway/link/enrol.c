#include "enrol.h"

#include "enrol_code.h"

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	OPEN_MS = 600000, /* the edge waits for the code to be typed */
	JOIN_MS = 25000,  /* the core for all of it: an operator waits */
	TRIES = 5,        /* connections whose code is wrong, before the edge shows another one */
	TEXT_MAX = 64 << 10,
};

enum step {
	STEP_NONE,
	/* edge */
	STEP_SELF,    /* gh-keys makes what is presented until there is a certificate */
	STEP_OPEN,    /* the code stands on the console */
	STEP_REQUEST, /* a core has proved that it has the code: gh-keys makes the request */
	STEP_ASKED,   /* it is under way */
	STEP_KEEP,    /* gh-conf keeps what came */
	/* core */
	STEP_AUTHORITY,   /* gh-keys: ours */
	STEP_OWN_REQUEST, /* and a certificate of it for this core */
	STEP_OWN_SIGN,
	STEP_DIAL,
	STEP_HELLO,
	STEP_SIGN, /* gh-keys: the edge's */
	STEP_GIVEN,
	STEP_CORE_KEEP,
};

struct enrolment {
	struct joint *joint;
	enum step step;
	char code[ENROL_CODE_BYTES], node[LINK_NODE_MAX + 1], host[256], pin[65];
	uint16_t port;
	unsigned tries;
	struct proc_ask *ask; /* who waits */
	struct trunk *trunk;
	struct dns_query *query;
	struct tls_store *store;
	struct loop_timer timer;
	uint8_t exporter[ENROL_EXPORTER_BYTES];
	struct buf in, authority, own, certificate;
	uint32_t id; /* of the question under way */
};

/* ---- end ---- */

static void forget_texts(struct enrolment *e)
{
	struct buf *all[] = { &e->in, &e->authority, &e->own, &e->certificate };

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		buf_fini(all[i]);
}

static void end(struct enrolment *e, int rc, const char *text)
{
	struct trunk *t = e->trunk;
	struct proc_ask *ask = e->ask;

	log_info("link.enrolment.over", LOG_STR("node", e->node), LOG_STR("result", rc ? err_name(rc) : "done"), LOG_STR("detail", text));
	e->step = STEP_NONE;
	e->trunk = NULL;
	e->ask = NULL;
	e->id = 0;
	dns_cancel(e->query);
	e->query = NULL;
	loop_timer_del(e->joint->loop, &e->timer);
	secret_wipe(e->code, sizeof e->code);
	forget_texts(e);
	tls_store_free(e->store);
	e->store = NULL;
	if (t)
		link_shutdown(&t->link); /* the last message goes out */
	if (ask)
		proc_done(ask, rc, text);
}

/* Edge: this core did not do; the code stands for another try. */
static void again(struct enrolment *e, const char *why)
{
	struct trunk *t = e->trunk;

	e->trunk = NULL;
	e->id = 0;
	buf_fini(&e->in);
	e->step = STEP_OPEN;
	log_warn("link.enrolment.failed", LOG_STR("reason", why), LOG_INT("tries_left", e->tries));
	if (t)
		trunk_drop(t, why);
	if (e->tries == 0)
		end(e, ERR_LIMIT, "too many wrong codes");
}

static bool is_core_step(enum step s)
{
	return s >= STEP_AUTHORITY;
}

static void fail(struct enrolment *e, int rc, const char *text)
{
	if (is_core_step(e->step) || e->step <= STEP_SELF)
		end(e, rc, text);
	else
		again(e, text);
}

static void on_timer(void *arg)
{
	struct enrolment *e = arg;

	end(e, ERR_TIMEOUT, is_core_step(e->step) ? "the edge does not answer: is the address right, and link enrol open there?" : "nobody has used the code");
}

/* ---- questions ---- */

static struct buf *ask_keys(struct enrolment *e, enum step step, enum link_op op)
{
	struct joint *j = e->joint;
	struct buf *b;

	e->step = step;
	e->id = bus_next_id(j->bus);
	b = chan_begin(bus_chan(j->bus, PROG_KEYS, 0), MSG_LINK_ASK, e->id);
	wire_put_u8(b, op);
	return b;
}

static void asked(struct enrolment *e)
{
	if (chan_end(bus_chan(e->joint->bus, PROG_KEYS, 0)))
		fail(e, ERR_AGAIN, "gh-keys is away");
}

static void put_row(struct buf *b, const char *path, struct bytes value)
{
	wire_put_str(b, bytes_of(path));
	wire_put_bytes(b, value);
}

static void keep(struct enrolment *e, enum step step)
{
	struct chan *conf = bus_chan(e->joint->bus, PROG_CONF, 0);
	char path[128], address[300];
	bool is_core = step == STEP_CORE_KEEP, has_own = buf_len(&e->own) > 0;

	e->step = step;
	e->id = bus_next_id(e->joint->bus);
	struct buf *b = chan_begin(conf, MSG_LINK_KEEP, e->id);
	wire_put_u16(b, (uint16_t)(is_core ? 3 + 2 * has_own : 3));
	put_row(b, "link authority own", buf_bytes(&e->authority));
	if (!is_core || has_own) {
		put_row(b, "certificate " LINK_KEY " chain", buf_bytes(is_core ? &e->own : &e->certificate));
		put_row(b, "link certificate", BYTES(LINK_KEY)); /* so that its end is watched, and its key kept */
	}
	if (is_core) {
		snprintf(path, sizeof path, "link edge %s address", e->node);
		snprintf(address, sizeof address, "%s %u", e->host, e->port);
		put_row(b, path, bytes_of(address));
		snprintf(path, sizeof path, "link edge %s pin", e->node);
		put_row(b, path, bytes_of(e->pin));
	}
	if (chan_end(conf))
		fail(e, ERR_AGAIN, "gh-conf is away");
}

static void say(struct enrolment *e, enum enrol_message type, struct bytes payload)
{
	if (enrol_put(link_out(&e->trunk->link), e->code, e->exporter, type, payload))
		fail(e, ERR_LIMIT, "a message is too long");
	else
		link_kick(&e->trunk->link);
}

/* ---- edge ---- */

static void show_code(struct enrolment *e, struct bytes pem)
{
	struct proc_ask *ask = e->ask;

	e->store = tls_store_new(e->joint->keys);
	if (!e->store || tls_store_require_13(e->store) || tls_store_add_certificate(e->store, BYTES(LINK_KEY), pem) ||
	    tls_store_add_domain(e->store, LINK_ROLE_EDGE, BYTES(LINK_KEY)) || loop_timer_set(e->joint->loop, &e->timer, OPEN_MS)) {
		end(e, ERR_NOMEM, "the certificate for a start cannot be used");
		return;
	}
	enrol_code_make(e->code);
	e->tries = TRIES;
	e->step = STEP_OPEN;
	e->ask = NULL;
	log_info("link.enrolment.open", LOG_INT("seconds", OPEN_MS / 1000));
	proc_record_begin(ask);
	proc_record_str(ask, "code", e->code);
	proc_record_int(ask, "valid-s", OPEN_MS / 1000);
	proc_record_end(ask);
	proc_done(ask, 0, "type it at a core: link join NAME HOST PORT CODE");
}

void enrol_command(void *joint, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct joint *j = joint;
	struct enrolment *e = j->enrol;

	(void)args, (void)n;
	if (!j->is_edge) {
		proc_done(ask, ERR_BAD_STATE, "this box is no edge: set link listen first");
		return;
	}
	if (e->step == STEP_OPEN)
		end(e, ERR_CLOSED, "another code is asked for");
	if (e->step != STEP_NONE) {
		proc_done(ask, ERR_BAD_STATE, "an enrolment is under way");
		return;
	}
	e->ask = ask;
	e->node[0] = '\0';
	(void)ask_keys(e, STEP_SELF, LINK_SELF);
	asked(e);
}

static bool is_label(struct bytes name)
{
	if (name.n == 0 || name.n > LINK_NODE_MAX || name.p[0] == '-' || name.p[name.n - 1] == '-')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!((name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '-'))
			return false;
	return true;
}

static void heard_hello(struct enrolment *e, struct bytes payload)
{
	struct wire w = wire_of(payload);
	struct bytes node = wire_str(&w);

	if (wire_end(&w) || !is_label(node)) {
		again(e, "malformed");
		return;
	}
	snprintf(e->node, sizeof e->node, "%.*s", BYTES_FMT(node));
	(void)ask_keys(e, STEP_REQUEST, LINK_REQUEST);
	asked(e);
}

static void heard_certificate(struct enrolment *e, struct bytes payload)
{
	struct wire w = wire_of(payload);
	struct bytes certificate = wire_bytes(&w), authority = wire_bytes(&w);

	if (wire_end(&w) || certificate.n == 0 || authority.n == 0) {
		again(e, "malformed");
		return;
	}
	buf_put_bytes(&e->certificate, certificate);
	buf_put_bytes(&e->authority, authority);
	keep(e, STEP_KEEP);
}

/* ---- core ---- */

/* CN of our certificate, for people. */
void joint_own_node(const struct joint *j, char out[static LINK_NODE_MAX + 1])
{
	struct bytes name = settings_text(j->settings, SET_SYSTEM_NAME);
	size_t n = 0;

	for (; n < name.n && n < LINK_NODE_MAX; n++)
		out[n] = (char)tolower(name.p[n]);
	out[n] = '\0';
	if (!is_label(bytes_make(out, n)))
		snprintf(out, LINK_NODE_MAX + 1, "core");
}

void enrol_join_command(void *joint, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct joint *j = joint;
	struct enrolment *e = j->enrol;
	char code[ENROL_CODE_BYTES];
	uint64_t port = 0;

	if (e->step != STEP_NONE) {
		proc_done(ask, ERR_BAD_STATE, "an enrolment is under way");
		return;
	}
	if (n != 4 || !is_label(args[0]) || args[1].n == 0 || args[1].n >= sizeof e->host || bytes_to_u64(args[2], UINT16_MAX, &port) || port == 0) {
		proc_done(ask, ERR_SYNTAX, "wants a name of a-z, 0-9 and '-', a host, a port and the code that the edge shows");
		return;
	}
	if (enrol_code_read(args[3], code)) {
		proc_done(ask, ERR_SYNTAX, "that is no code: it has twenty letters and digits, without I, O, 0 and 1");
		return;
	}
	if (loop_timer_set(j->loop, &e->timer, JOIN_MS)) {
		proc_done(ask, ERR_NOMEM, "");
		return;
	}
	memcpy(e->code, code, sizeof code);
	secret_wipe(code, sizeof code);
	e->ask = ask;
	snprintf(e->node, sizeof e->node, "%.*s", BYTES_FMT(args[0]));
	snprintf(e->host, sizeof e->host, "%.*s", BYTES_FMT(args[1]));
	e->port = (uint16_t)port;
	wire_put_bytes(ask_keys(e, STEP_AUTHORITY, LINK_AUTHORITY), settings_text_at(j->settings, SET_LINK_AUTHORITY, BYTES("own")));
	asked(e);
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct enrolment *e = arg;
	struct sockaddr_storage to;

	e->query = NULL;
	if (a->rc || a->n == 0) {
		end(e, a->rc ? a->rc : ERR_DNS_NODATA, "the host has no address");
		return;
	}
	socklen_t n = dns_addr_sockaddr(&a->addrs[0], e->port, &to);
	int rc = trunk_dial(e->joint, NULL, TRUNK_SIGNAL, (struct sockaddr *)&to, n, &e->trunk);
	if (rc)
		end(e, rc, err_text(rc));
	else
		e->trunk->is_enrol = true;
}

static void dial(struct enrolment *e)
{
	e->step = STEP_DIAL;
	e->store = tls_store_new(e->joint->keys);
	if (!e->store || tls_store_require_13(e->store) || !(e->query = dns_addr(e->joint->dns, e->host, on_addresses, e)))
		end(e, ERR_NOMEM, "no memory");
}

/* A certificate for ourselves, unless there is one of this authority's making. */
static void have_authority(struct enrolment *e)
{
	struct bytes chain = settings_text_at(e->joint->settings, SET_CERTIFICATE_CHAIN, settings_text(e->joint->settings, SET_LINK_CERTIFICATE));

	if (chain.n && settings_is_set(e->joint->settings, SET_LINK_AUTHORITY, BYTES("own"))) {
		dial(e);
		return;
	}
	(void)ask_keys(e, STEP_OWN_REQUEST, LINK_REQUEST);
	asked(e);
}

static void ask_sign(struct enrolment *e, enum step step, struct bytes request, enum link_role role, const char *node)
{
	struct buf *b = ask_keys(e, step, LINK_SIGN);

	wire_put_bytes(b, buf_bytes(&e->authority));
	wire_put_bytes(b, request);
	wire_put_u8(b, role);
	wire_put_str(b, bytes_of(node));
	asked(e);
}

/* SHA-256 of the public key that the request is for: no other key is this edge. */
static int read_pin(struct bytes der, char out[static 65])
{
	const uint8_t *p = der.p;
	uint8_t digest[EVP_MAX_MD_SIZE], *spki = NULL;
	unsigned n = 0;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
	EVP_PKEY *key = req ? X509_REQ_get0_pubkey(req) : NULL;
	int spki_n = key ? i2d_PUBKEY(key, &spki) : 0;
	int rc = spki_n > 0 && EVP_Digest(spki, (size_t)spki_n, digest, &n, EVP_sha256(), NULL) == 1 ? 0 : ERR_SYNTAX;

	if (!rc)
		text_hex(bytes_make(digest, n), out);
	OPENSSL_free(spki);
	X509_REQ_free(req);
	return rc;
}

static void heard_request(struct enrolment *e, struct bytes payload)
{
	struct wire w = wire_of(payload);
	struct bytes der = wire_bytes(&w);

	if (wire_end(&w) || read_pin(der, e->pin))
		end(e, ERR_SYNTAX, "the edge's request is malformed");
	else
		ask_sign(e, STEP_SIGN, der, LINK_ROLE_IS_EDGE, e->node);
}

/* ---- answers ---- */

static void give(struct enrolment *e)
{
	struct buf b;

	buf_init(&b, ENROL_MESSAGE_MAX);
	wire_put_bytes(&b, buf_bytes(&e->certificate));
	wire_put_bytes(&b, buf_bytes(&e->authority));
	e->step = STEP_GIVEN;
	say(e, ENROL_CERTIFICATE, buf_bytes(&b));
	buf_fini(&b);
}

static void request(struct enrolment *e, struct bytes der)
{
	struct buf b;

	buf_init(&b, ENROL_MESSAGE_MAX);
	wire_put_bytes(&b, der);
	e->step = STEP_ASKED;
	say(e, ENROL_REQUEST, buf_bytes(&b));
	buf_fini(&b);
}

static void answered(struct enrolment *e, struct bytes got)
{
	char node[LINK_NODE_MAX + 1];

	switch (e->step) {
	case STEP_SELF:
		show_code(e, got);
		break;
	case STEP_REQUEST:
		request(e, got);
		break;
	case STEP_AUTHORITY:
		buf_put_bytes(&e->authority, got);
		have_authority(e);
		break;
	case STEP_OWN_REQUEST:
		joint_own_node(e->joint, node);
		ask_sign(e, STEP_OWN_SIGN, got, LINK_ROLE_IS_CORE, node);
		break;
	case STEP_OWN_SIGN:
		buf_put_bytes(&e->own, got);
		dial(e);
		break;
	case STEP_SIGN:
		buf_put_bytes(&e->certificate, got);
		give(e);
		break;
	default:
		break; /* it is no more waited for */
	}
}

int enrol_on_keys(void *joint, struct chan *from, const struct frame *f)
{
	struct enrolment *e = ((struct joint *)joint)->enrol;
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);
	struct bytes why = wire_str(&w), got = rc ? BYTES_NONE : wire_bytes(&w);
	char text[128];

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (f->id != e->id || e->step == STEP_NONE)
		return 0;
	e->id = 0;
	snprintf(text, sizeof text, "gh-keys: %.*s", BYTES_FMT(why));
	if (rc)
		fail(e, rc, text);
	else
		answered(e, got);
	return 0;
}

int enrol_on_kept(void *joint, struct chan *from, const struct frame *f)
{
	struct enrolment *e = ((struct joint *)joint)->enrol;
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);
	struct bytes why = wire_str(&w);
	char text[300];

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (f->id != e->id || (e->step != STEP_KEEP && e->step != STEP_CORE_KEEP))
		return 0;
	e->id = 0;
	snprintf(text, sizeof text, "%.*s", (int)(why.n < 280 ? why.n : 280), (const char *)why.p);
	if (rc) {
		fail(e, rc, text);
		return 0;
	}
	if (e->step == STEP_KEEP)
		say(e, ENROL_DONE, BYTES_NONE);
	end(e, 0, e->step == STEP_CORE_KEEP ? "the edge is enrolled, and dialled from now on: show links" : "");
	return 0;
}

void enrol_down(struct joint *j)
{
	if (j->enrol->id)
		fail(j->enrol, ERR_AGAIN, "a program has been restarted: try again");
}

/* ---- the connection ---- */

bool enrol_is_open(const struct joint *j)
{
	return j->enrol->step == STEP_OPEN && !j->enrol->trunk;
}

struct tls_store *enrol_store(const struct joint *j)
{
	return j->enrol->store;
}

void enrol_secured(struct trunk *t)
{
	struct enrolment *e = t->joint->enrol;
	struct buf b;

	if ((e->step != STEP_DIAL || e->trunk != t) && !enrol_is_open(t->joint)) {
		trunk_drop(t, "no-enrolment");
		return;
	}
	e->trunk = t;
	t->is_enrol = true;
	buf_fini(&e->in);
	if (tls_exporter(t->link.tls, e->exporter) || loop_timer_set(t->joint->loop, &t->tick, JOIN_MS)) {
		fail(e, ERR_UNSUPPORTED, "no key of this connection");
		return;
	}
	if (e->step != STEP_DIAL)
		return;
	e->step = STEP_HELLO;
	buf_init(&b, ENROL_MESSAGE_MAX);
	wire_put_str(&b, bytes_of(e->node));
	say(e, ENROL_HELLO, buf_bytes(&b));
	buf_fini(&b);
}

static void heard(struct enrolment *e, enum enrol_message type, struct bytes payload)
{
	if (e->step == STEP_OPEN && type == ENROL_HELLO)
		heard_hello(e, payload);
	else if (e->step == STEP_ASKED && type == ENROL_CERTIFICATE)
		heard_certificate(e, payload);
	else if (e->step == STEP_HELLO && type == ENROL_REQUEST)
		heard_request(e, payload);
	else if (e->step == STEP_GIVEN && type == ENROL_DONE)
		keep(e, STEP_CORE_KEEP);
	else
		fail(e, ERR_PROTOCOL, "a message out of turn");
}

void enrol_data(struct trunk *t, struct bytes in)
{
	struct enrolment *e = t->joint->enrol;
	enum enrol_message type;
	struct bytes payload;
	size_t used;

	if (e->trunk != t)
		return;
	buf_put_bytes(&e->in, in);
	int rc = buf_failed(&e->in) ? ERR_LIMIT : enrol_take(buf_bytes(&e->in), e->code, e->exporter, &type, &payload, &used);
	if (rc == ERR_AGAIN)
		return;
	if (rc == ERR_AUTH && !is_core_step(e->step) && e->tries)
		e->tries--;
	if (rc) {
		fail(e, rc, rc == ERR_AUTH ? "the code is not the one that the edge shows" : err_text(rc));
		return;
	}
	heard(e, type, payload);
	if (e->trunk == t)
		buf_consume(&e->in, used);
}

void enrol_lost(struct trunk *t, const char *why)
{
	struct enrolment *e = t->joint->enrol;

	if (e->trunk != t)
		return;
	e->trunk = NULL;
	if (e->step == STEP_CORE_KEEP)
		return; /* all is said: the edge runs */
	if (e->step == STEP_HELLO)
		fail(e, ERR_AUTH, "the edge has ended it: the code is wrong, or too old");
	else
		fail(e, ERR_CLOSED, why);
}

struct enrolment *enrol_new(struct joint *j)
{
	struct enrolment *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->joint = j;
	loop_timer_init(&e->timer, on_timer, e);
	buf_init(&e->in, 2 * ENROL_MESSAGE_MAX);
	buf_init(&e->authority, TEXT_MAX);
	buf_init(&e->own, TEXT_MAX);
	buf_init(&e->certificate, TEXT_MAX);
	return e;
}

void enrol_free(struct enrolment *e)
{
	if (!e)
		return;
	forget_texts(e);
	tls_store_free(e->store);
	secret_wipe(e, sizeof *e);
	free(e);
}

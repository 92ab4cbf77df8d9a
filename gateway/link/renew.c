#include "renew.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LOOK_MS = 6 * 3600000, /* a clock that was wrong may be right by then */
	FIRST_LOOK_MS = 60000, /* after settings: the links are there by then */
	SERVE_MS = 5000, /* between two of edges: signatures are work */
	WAIT_MS = 20000,       /* for the other side, gh-keys and gh-conf */
	TEXT_MAX = 32 << 10,
};

enum step {
	STEP_NONE,
	STEP_REQUEST,  /* gh-keys: our request */
	STEP_OWN_SIGN, /* core: gh-keys signs our own */
	STEP_ASKED,    /* edge: a core has it */
	STEP_KEEP,     /* gh-conf keeps what came */
	STEP_HEAR,     /* core: an edge's request comes */
	STEP_SIGN,     /* core: gh-keys signs it */
	STEP_SAID,     /* core: the answer is on its way */
};

struct renewal {
	struct joint *joint;
	enum step step;
	uint32_t id;
	uint64_t serve_at_ms; /* not before */
	struct loop_timer look, wait;
	struct proc_ask *ask;
	struct link pair; /* the other end is a lane's */
	bool has_pair;
	char edge[LINK_NAME_BYTES];
	struct buf text;
};

/* ---- end ---- */

static void end(struct renewal *r, int rc, const char *why)
{
	struct proc_ask *ask = r->ask;

	if (rc)
		log_warn("link.renewal.failed", LOG_STR("for", r->edge[0] ? r->edge : "this box"), LOG_STR("reason", err_name(rc)), LOG_STR("detail", why));
	else
		log_info("link.renewed", LOG_STR("for", r->edge[0] ? r->edge : "this box"));
	r->step = STEP_NONE;
	r->id = 0;
	r->ask = NULL;
	if (r->has_pair)
		link_close(&r->pair);
	r->has_pair = false;
	buf_fini(&r->text);
	loop_timer_del(r->joint->loop, &r->wait);
	if (ask)
		proc_done(ask, rc, why);
}

static void on_wait(void *arg)
{
	end(arg, ERR_TIMEOUT, "no answer");
}

/* ---- questions ---- */

static struct buf *ask_keys(struct renewal *r, enum step step, enum link_op op)
{
	struct joint *j = r->joint;
	struct buf *b;

	r->step = step;
	r->id = bus_next_id(j->bus);
	b = chan_begin(bus_chan(j->bus, PROG_KEYS, 0), MSG_LINK_ASK, r->id);
	wire_put_u8(b, op);
	return b;
}

static void asked(struct renewal *r)
{
	if (chan_end(bus_chan(r->joint->bus, PROG_KEYS, 0)))
		end(r, ERR_AGAIN, "gh-keys is away");
}

static struct bytes authority(const struct joint *j)
{
	return settings_text_at(j->settings, SET_LINK_AUTHORITY, BYTES("own"));
}

static void ask_sign(struct renewal *r, enum step step, struct bytes request, enum link_role role, const char *node)
{
	struct buf *b = ask_keys(r, step, LINK_SIGN);

	wire_put_bytes(b, authority(r->joint));
	wire_put_bytes(b, request);
	wire_put_u8(b, role);
	wire_put_str(b, bytes_of(node));
	asked(r);
}

static void keep(struct renewal *r, struct bytes pem)
{
	struct chan *conf = bus_chan(r->joint->bus, PROG_CONF, 0);

	r->step = STEP_KEEP;
	r->id = bus_next_id(r->joint->bus);
	struct buf *b = chan_begin(conf, MSG_LINK_KEEP, r->id);
	wire_put_u16(b, 1);
	wire_put_str(b, BYTES("certificate " LINK_KEY " chain"));
	wire_put_bytes(b, pem);
	if (chan_end(conf))
		end(r, ERR_AGAIN, "gh-conf is away");
}

/* ---- the stream: length u32 and bytes, one way and the other ---- */

static void say(struct renewal *r, struct bytes text)
{
	wire_put_bytes(link_out(&r->pair), text);
	link_kick(&r->pair);
}

static void on_data(void *arg, struct bytes in)
{
	struct renewal *r = arg;

	buf_put_bytes(&r->text, in);
	struct wire w = wire_of(buf_bytes(&r->text));
	struct bytes all = wire_bytes(&w);
	if (buf_failed(&r->text))
		end(r, ERR_LIMIT, "the other side says too much");
	else if (wire_failed(&w))
		return; /* more is to come */
	else if (r->step == STEP_HEAR)
		ask_sign(r, STEP_SIGN, all, LINK_ROLE_IS_EDGE, r->edge);
	else if (r->step == STEP_ASKED)
		keep(r, all);
}

static void on_closed(void *arg, int why)
{
	struct renewal *r = arg;

	r->has_pair = false;
	if (r->step == STEP_SAID)
		end(r, 0, "");
	else if (r->step != STEP_KEEP) /* else all is there */
		end(r, why ? why : ERR_CLOSED, "the other side has ended it");
}

static const struct link_owner owner = { .data = on_data, .closed = on_closed };

static int take_pair(struct renewal *r, int fd)
{
	buf_fini(&r->text);
	int rc = link_accept(&r->pair, r->joint->loop, fd, &owner, r, TEXT_MAX);
	r->has_pair = rc == 0;
	return rc;
}

/* Edge: to a core, by a stream like those of clients. */
static void ask_core(struct renewal *r, struct bytes request)
{
	static const struct meta m = { .service = "link-renew", .transport = "link", .tls = "TLSv1.3", .address_n = 4 };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		end(r, ERR_SYS, "no pair of sockets");
		return;
	}
	int rc = take_pair(r, fds[0]);
	if (rc) {
		(void)close(fds[1]);
		end(r, rc, "");
		return;
	}
	r->step = STEP_ASKED;
	say(r, request);
	lane_open(r->joint, fds[1], &m);
}

int renew_serve(struct trunk *t, int fd)
{
	struct joint *j = t->joint;
	struct renewal *r = j->renewal;
	uint64_t now = loop_now(j->loop);
	if (r->step != STEP_NONE || now < r->serve_at_ms || loop_timer_set(j->loop, &r->wait, WAIT_MS)) {
		(void)close(fd); /* the edge comes again */
		return ERR_AGAIN;
	}
	r->serve_at_ms = now + SERVE_MS;
	snprintf(r->edge, sizeof r->edge, "%s", t->name);
	r->step = STEP_HEAR;
	int rc = take_pair(r, fd);
	if (rc)
		end(r, rc, "");
	return rc;
}

/* ---- answers ---- */

static bool is_core(const struct joint *j)
{
	size_t at = 0;
	struct edge_place place;

	return dial_next(j, &at, &place);
}

static void answered(struct renewal *r, struct bytes got)
{
	char node[LINK_NODE_MAX + 1];

	switch (r->step) {
	case STEP_REQUEST:
		if (is_core(r->joint)) {
			joint_own_node(r->joint, node);
			ask_sign(r, STEP_OWN_SIGN, got, LINK_ROLE_IS_CORE, node);
		} else
			ask_core(r, got);
		break;
	case STEP_OWN_SIGN:
		keep(r, got);
		break;
	case STEP_SIGN:
		r->step = STEP_SAID;
		say(r, got);
		link_shutdown(&r->pair);
		break;
	default:
		break;
	}
}

int renew_on_keys(struct joint *j, const struct frame *f)
{
	struct renewal *r = j->renewal;
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);
	struct bytes why = wire_str(&w), got = rc ? BYTES_NONE : wire_bytes(&w);
	char text[128];

	if (wire_end(&w))
		return ERR_SYNTAX;
	if (f->id != r->id || r->step == STEP_NONE)
		return 0;
	r->id = 0;
	snprintf(text, sizeof text, "gh-keys: %.*s", BYTES_FMT(why));
	if (rc)
		end(r, rc, text);
	else
		answered(r, got);
	return 0;
}

int renew_on_kept(struct joint *j, const struct frame *f)
{
	struct renewal *r = j->renewal;
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);
	struct bytes why = wire_str(&w);
	char text[300];

	if (wire_end(&w))
		return ERR_SYNTAX;
	if (f->id != r->id || r->step != STEP_KEEP)
		return 0;
	snprintf(text, sizeof text, "%.*s", (int)(why.n < 280 ? why.n : 280), (const char *)why.p);
	end(r, rc, text);
	return 0;
}

void renew_down(struct joint *j)
{
	if (j->renewal->id)
		end(j->renewal, ERR_AGAIN, "a program has been restarted");
}

/* ---- begin ---- */

static int begin(struct renewal *r)
{
	if (r->step != STEP_NONE)
		return ERR_AGAIN;
	if (authority(r->joint).n == 0)
		return ERR_NOT_FOUND;
	if (loop_timer_set(r->joint->loop, &r->wait, WAIT_MS))
		return ERR_NOMEM;
	r->edge[0] = '\0';
	(void)ask_keys(r, STEP_REQUEST, LINK_REQUEST);
	asked(r);
	return 0;
}

void renew_command(void *joint, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct renewal *r = ((struct joint *)joint)->renewal;

	(void)args, (void)n;
	if (r->step == STEP_NONE && authority(r->joint).n) {
		r->ask = ask;
		if (begin(r) == 0)
			return; /* end() answers */
		r->ask = NULL;
	}
	proc_done(ask, ERR_BAD_STATE, r->step == STEP_NONE ? "this box is not enrolled: there is no link authority own" : "a renewal is under way");
}

/* Only what an enrolment has brought: other certificates are their administrator's. */
static void on_look(void *arg)
{
	struct renewal *r = arg;
	const struct settings *s = r->joint->settings;
	struct bytes pem = settings_text_at(s, SET_CERTIFICATE_CHAIN, BYTES(LINK_KEY));

	if (!r->joint->is_stopping && bytes_eq_str(settings_text(s, SET_LINK_CERTIFICATE), LINK_KEY) && renew_is_due(pem, loop_wall_ms(r->joint->loop)))
		(void)begin(r); /* what keeps it from beginning is looked at again in six hours */
	(void)loop_timer_set(r->joint->loop, &r->look, LOOK_MS); /* no memory: with the next settings */
}

void renew_apply(struct joint *j)
{
	(void)loop_timer_set(j->loop, &j->renewal->look, FIRST_LOOK_MS); /* no memory: with the next settings */
}

struct renewal *renew_new(struct joint *j)
{
	struct renewal *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->joint = j;
	loop_timer_init(&r->look, on_look, r);
	loop_timer_init(&r->wait, on_wait, r);
	buf_init(&r->text, TEXT_MAX);
	return r;
}

void renew_free(struct renewal *r)
{
	if (!r)
		return;
	if (r->has_pair)
		link_close(&r->pair);
	buf_fini(&r->text);
	free(r);
}

/* user policy show, user policy set: who may see a person's presence (D-AUT-04 to 06). */
#include "command/commands.h"

#include "base/err.h"
#include "ask.h"
#include "iq/blocking.h"
#include "presence/authorise.h"
#include "user.h"

/* ---- show ---- */

static void record(struct im *im, struct proc_ask *ask, struct bytes policy)
{
	struct wire w = wire_of(policy);
	struct buf *b = &im->out2;
	uint8_t otherwise = policy.n ? wire_u8(&w) : AUTHORISE_UNSET;

	buf_clear(b);
	for (uint16_t n = policy.n ? wire_u16(&w) : 0; n && !wire_failed(&w); n--) {
		buf_put_str(b, buf_len(b) ? " " : "");
		buf_put_bytes(b, wire_str(&w));
	}
	proc_record_begin(ask);
	proc_record_str(ask, "default", authorise_default_name(otherwise < AUTHORISE_DEFAULT_COUNT ? otherwise : AUTHORISE_UNSET));
	proc_record_text(ask, "allowed", buf_bytes(b));
	proc_record_end(ask);
}

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	if (wire_u8(w) != STORE_USER_POLICY || a->number)
		return;
	a->number = 1; /* shown */
	record(im, a->arg, wire_bytes(w));
}

static void on_shown(struct im *im, struct ask *a, int rc)
{
	if (!rc && !a->number)
		record(im, a->arg, BYTES_NONE);
	proc_done(a->arg, rc, command_text(rc));
}

void user_policy_show(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes jid;

	if (command_account(im, ask, args, n, 1, &jid))
		return;
	wire_put_str(ask_begin(im, STORE_USER_GET), jid);
	ask_send_free(im, on_item, on_shown, ask, 0);
	arena_reset(&im->arena);
}

/* ---- set ---- */

static int take(struct im *im, struct user *u, struct bytes policy)
{
	bool *were = blocking_note(im, u);
	int rc = were ? authorise_set(u, policy) : ERR_NOMEM;

	if (!rc)
		blocking_changed(im, u, were);
	arena_reset(&im->arena);
	return rc;
}

/* It is on disk: for the person, if they are here, it is so from now on. */
static void on_set(struct im *im, struct ask *a, int rc)
{
	struct wire w = wire_of(bytes_make(a->body + 1, a->n - 1)); /* behind the op */
	struct user *u = user_find(im, wire_str(&w));

	(void)wire_str(&w);
	if (!rc && u && u->state == USER_READY)
		rc = take(im, u, wire_bytes(&w));
	proc_done(a->arg, rc, command_text(rc));
}

/* The policy's bytes; "" or what is wrong. */
static const char *read_policy(struct im *im, const struct bytes *args, size_t n, struct buf *b)
{
	uint8_t otherwise = 0;

	while (otherwise < AUTHORISE_DEFAULT_COUNT && !bytes_eq_str(args[0], authorise_default_name(otherwise)))
		otherwise++;
	if (otherwise == AUTHORISE_DEFAULT_COUNT)
		return "what others get must be ask, allow, block or unset";
	if (n - 1 > AUTHORISE_JIDS_MAX)
		return "too many addresses";
	buf_clear(b);
	wire_put_u8(b, otherwise);
	wire_put_u16(b, (uint16_t)(n - 1));
	for (size_t i = 1; i < n; i++) {
		struct jid j;
		if (jid_parse(args[i], &im->arena, &j) || j.resource_n)
			return "each that is allowed must be name@domain, or a domain";
		wire_put_str(b, j.full);
	}
	return buf_failed(b) || buf_len(b) > AUTHORISE_BYTES_MAX ? err_text(ERR_LIMIT) : "";
}

void user_policy_set(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes jid;

	if (command_account(im, ask, args, n, 2, &jid))
		return;
	const char *why = read_policy(im, args + 1, n - 1, &im->out2);
	if (*why) {
		proc_done(ask, ERR_RANGE, why);
	} else {
		struct buf *b = ask_begin(im, STORE_BLOB_PUT);
		wire_put_str(b, jid);
		wire_put_str(b, BYTES(STORE_POLICY_KEY));
		wire_put_bytes(b, buf_bytes(&im->out2));
		ask_send_free(im, NULL, on_set, ask, 0);
	}
	arena_reset(&im->arena);
}

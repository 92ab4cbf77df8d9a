/* user device ...: programs that hold a token for logging in again (fast.h). */
#include "command/commands.h"
#include "auth/fast.h"

#include "base/err.h"
#include "base/text.h"
#include "ask.h"

#include <stdlib.h>

/* ---- list ---- */

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	struct proc_ask *ask = a->arg;
	char made[TEXT_TIME_BYTES], used[TEXT_TIME_BYTES] = "never", ends[TEXT_TIME_BYTES];
	struct bytes client = wire_str(w), name = wire_str(w), label = wire_str(w);
	uint64_t created = wire_u64(w), last = wire_u64(w);
	struct bytes address = wire_str(w);
	uint64_t expires = wire_u64(w);

	(void)im;
	if (wire_failed(w))
		return;
	text_time(created, false, made);
	text_time(expires, false, ends);
	if (last)
		text_time(last, false, used);
	proc_record_begin(ask);
	proc_record_text(ask, "device", client);
	proc_record_text(ask, "name", name);
	proc_record_text(ask, "app-password", label);
	proc_record_str(ask, "created", made);
	proc_record_str(ask, "used", used);
	proc_record_text(ask, "address", address);
	proc_record_str(ask, "expires", ends);
	proc_record_end(ask);
}

static void on_listed(struct im *im, struct ask *a, int rc)
{
	(void)im;
	proc_done(a->arg, rc, rc == ERR_NOT_FOUND ? "there is no such account" : err_text(rc));
}

void user_device_list(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes jid;

	if (command_account(im, ask, args, n, 1, &jid))
		return;
	wire_put_str(ask_begin(im, STORE_FAST_LIST), jid);
	ask_send_free(im, on_item, on_listed, ask, 0);
	arena_reset(&im->arena);
}

/* ---- revoke ---- */

struct revocation {
	struct proc_ask *ask;
	size_t jid_n, client_n;
	uint8_t names[]; /* address, client */
};

static void on_deleted(struct im *im, struct ask *a, int rc)
{
	struct revocation *r = a->arg;

	if (!rc)
		fast_revoked(im, bytes_make(r->names, r->jid_n), bytes_make(r->names + r->jid_n, r->client_n));
	proc_done(r->ask, rc, rc == ERR_NOT_FOUND ? "there is no such account, or no such device: user device list" : err_text(rc));
	free(r);
}

void user_device_revoke(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes jid;

	if (command_account(im, ask, args, n, 2, &jid))
		return;
	bool is_client = args[1].n && args[1].n <= STORE_FAST_CLIENT_MAX;
	struct revocation *r = is_client ? malloc(sizeof *r + jid.n + args[1].n) : NULL;
	if (r) {
		*r = (struct revocation){ .ask = ask, .jid_n = jid.n, .client_n = args[1].n };
		memcpy(r->names, jid.p, jid.n);
		memcpy(r->names + jid.n, args[1].p, args[1].n);
		struct buf *b = ask_begin(im, STORE_FAST_DEL);
		wire_put_str(b, jid);
		wire_put_str(b, args[1]);
		ask_send_free(im, NULL, on_deleted, r, 0);
	} else {
		proc_done(ask, is_client ? ERR_NOMEM : ERR_RANGE, is_client ? err_text(ERR_NOMEM) : "a device has 1 to 64 bytes: user device list");
	}
	arena_reset(&im->arena);
}

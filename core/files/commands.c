#include "files.h"

#include "base/err.h"

/* What operators ask. */

static void record_user(struct proc_ask *ask, const struct owner *o)
{
	proc_record_begin(ask);
	proc_record_text(ask, "user", bytes_make(o->jid, o->jid_n));
	proc_record_int(ask, "files", o->files);
	proc_record_int(ask, "bytes", (int64_t)o->bytes);
	proc_record_int(ask, "coming", o->uploads);
	proc_record_end(ask);
}

static void show_uploads(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct files *f = program;
	size_t at = 0;

	(void)args, (void)n;
	proc_record_begin(ask);
	proc_record_str(ask, "user", "(all)");
	proc_record_int(ask, "files", f->n_files);
	proc_record_int(ask, "bytes", (int64_t)f->bytes);
	proc_record_int(ask, "quarantined", f->n_quarantined);
	proc_record_int(ask, "transfers", f->n_transfers);
	proc_record_int(ask, "limit", (int64_t)f->config.total);
	proc_record_int(ask, "disk-free-percent", shelf_free(&f->shelf));
	proc_record_str(ask, "state", !f->is_counted ? "counting" : f->is_low ? "full" : "ready");
	proc_record_end(ask);
	for (const struct owner *o; (o = map_next(&f->owners, &at));)
		if (o->files || o->uploads)
			record_user(ask, o);
	proc_done(ask, 0, "");
}

static void begun(struct proc_ask *ask, int rc)
{
	if (rc)
		proc_done(ask, rc, rc == ERR_AGAIN ? "the files are being counted: try again in a moment" : err_text(rc));
}

static void upload_list(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	begun(ask, n == 1 && args[0].n ? job_list(program, ask, args[0]) : ERR_SYNTAX);
}

static void upload_delete_user(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	begun(ask, n == 1 && args[0].n ? job_delete(program, ask, args[0], BYTES_NONE) : ERR_SYNTAX);
}

static void upload_delete_file(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	begun(ask, n == 1 && args[0].n == SLOT_ID_BYTES * 2 ? job_delete(program, ask, BYTES_NONE, args[0]) : ERR_NOT_FOUND);
}

const struct proc_command files_commands[] = {
	{ "show uploads", show_uploads },
	{ "upload list", upload_list },
	{ "upload delete user", upload_delete_user },
	{ "upload delete file", upload_delete_file },
};
const size_t files_n_commands = sizeof files_commands / sizeof files_commands[0];

#include "run/drain_command.h"

#include "base/err.h"
#include "base/text.h"

int drain_command_read(const struct bytes *args, size_t n, bool *is_off, uint64_t *seconds)
{
	*is_off = n && bytes_eq_str(args[0], "off");
	*seconds = 0;
	return n && !*is_off && bytes_to_u64(args[0], DRAIN_MAX_S, seconds) ? ERR_SYNTAX : 0;
}

bool drain_command(struct proc_ask *ask, const struct bytes *args, size_t n, struct drain *d, bool *is_draining)
{
	bool is_off;
	uint64_t seconds;

	if (drain_command_read(args, n, &is_off, &seconds)) {
		proc_done(ask, ERR_SYNTAX, "off, seconds up to 86400, or nothing");
		return false;
	}
	if (n)
		drain_end(d);
	*is_draining = !is_off;
	if (n && !is_off && drain_begin(d, seconds * 1000)) {
		proc_done(ask, ERR_NOMEM, "");
		return false;
	}
	return true;
}

void drain_command_done(struct proc_ask *ask, const char *program, unsigned worker, bool is_draining, const struct drain *d, size_t clients)
{
	proc_record_begin(ask);
	proc_record_str(ask, "program", program);
	proc_record_int(ask, "worker", worker);
	proc_record_str(ask, "new-logins", is_draining ? "no" : "yes");
	proc_record_int(ask, "clients", (int64_t)clients);
	proc_record_int(ask, "over-in-s", (int64_t)((drain_left_ms(d) + 999) / 1000));
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

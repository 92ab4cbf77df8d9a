/* show syslog. */
#include "logd.h"

void cmd_show_syslog(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct logd *l = program;

	(void)args;
	(void)n;
	LIST_EACH(node, &l->remotes.all) {
		const struct remote *r = LIST_OWNER(node, struct remote, node);
		proc_record_begin(ask);
		proc_record_str(ask, "name", r->key);
		proc_record_str(ask, "server", r->conf.host);
		proc_record_int(ask, "port", r->conf.port);
		proc_record_str(ask, "transport", remote_transport_name(r->conf.transport));
		proc_record_str(ask, "state", remote_state_name(r));
		proc_record_int(ask, "sent", (int64_t)r->sent);
		proc_record_int(ask, "waiting", (int64_t)spool_waiting(&r->spool));
		proc_record_int(ask, "lost", (int64_t)r->spool.lost);
		proc_record_str(ask, "trouble", r->why);
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}

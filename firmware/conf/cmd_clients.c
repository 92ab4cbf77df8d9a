#include "base/err.h"
#include "conf.h"

/* Each door looks among its own: it is enough that one of them has the client. */
COMMAND_FN(cmd_client_kick)
{
	const struct relay_ask ask = {
		.targets = CLIENT_DOORS, .verb = "client kick", .args = args->v, .n_args = args->n, .none = "there is no such client",
	};

	(void)cmd;
	relay_start(c, o, &ask);
}

COMMAND_FN(cmd_client_unban)
{
	const struct relay_ask ask = {
		.targets = CLIENT_DOORS, .verb = "client unban", .args = args->v, .n_args = args->n, .none = "nobody there is banned by an operator or a penalty",
	};

	(void)cmd;
	relay_start(c, o, &ask);
}

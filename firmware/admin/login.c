#include "session.h"

/* Name and password as a frame (run/oper.h). */

void login_put(struct ask *q, const struct ask_ops *ops, const struct session_login *l)
{
	bool is_new = l->new_password.n > 0;

	ask_begin(q, is_new ? OPER_LOGIN_NEW : OPER_LOGIN, ops);
	wire_put_str(&q->frame, l->user);
	wire_put_bytes(&q->frame, l->password);
	if (is_new)
		wire_put_bytes(&q->frame, l->new_password);
	wire_put_str(&q->frame, l->code);
}

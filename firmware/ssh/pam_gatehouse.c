/* pam_gatehouse - PAM's questions answered by gh-conf's accounts: password, one-time code, and a new password when the old one
 * is over (OPER_LOGIN, run/oper.h). For sshd: "auth required pam_gatehouse.so socket=PATH", the same for account. A stranger's name
 * is asked the same questions as everybody's. Passwords are wiped. */
#define PAM_SM_AUTH
#define PAM_SM_ACCOUNT
#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/wire.h"
#include "run/oper.h"

enum { ANSWER_MS = 60000, ROUNDS_MAX = 6, IN_MAX = 1 << 20, TEXT_BYTES = 256 };

struct dialogue {
	pam_handle_t *pam;
	const char *name;
	int fd;
	struct buf in;
	char *password, *fresh, *code;
	/* the last answer */
	int rc;
	unsigned need; /* enum oper_need; 0: it was DONE */
	char text[TEXT_BYTES];
};

static void wipe(char **secret)
{
	if (*secret)
		secret_wipe(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

static int send_frame(struct dialogue *d, struct buf *body)
{
	struct buf out;
	int rc = ERR_LIMIT;

	buf_init(&out, 8192);
	wire_put_u32(&out, (uint32_t)buf_len(body));
	buf_put_bytes(&out, buf_bytes(body));
	if (!buf_failed(&out) && !buf_failed(body))
		rc = send(d->fd, buf_bytes(&out).p, buf_len(&out), MSG_NOSIGNAL) == (ssize_t)buf_len(&out) ? 0 : ERR_CLOSED;
	secret_wipe(out.p, out.cap);
	secret_wipe(body->p, body->cap);
	buf_fini(&out);
	buf_fini(body);
	return rc;
}

/* 1: it was the last of an answer. */
static int on_frame(struct dialogue *d, struct bytes frame)
{
	struct wire w = wire_of(frame);
	unsigned type = wire_u8(&w);
	struct bytes text;

	if (type != OPER_DONE && type != OPER_NEED)
		return 0;
	d->need = 0;
	d->rc = 0;
	if (type == OPER_DONE) {
		d->rc = (int)wire_u32(&w);
	} else {
		d->need = wire_u8(&w);
		(void)wire_u16(&w);
	}
	text = wire_str(&w);
	snprintf(d->text, sizeof d->text, "%.*s", (int)(text.n < TEXT_BYTES - 1 ? text.n : TEXT_BYTES - 1), (const char *)text.p);
	return wire_failed(&w) ? ERR_PROTOCOL : 1;
}

static int read_answer(struct dialogue *d)
{
	int rc = 0;

	while (rc == 0) {
		struct wire head = wire_of(buf_bytes(&d->in));
		uint32_t n = wire_u32(&head);
		if (!wire_failed(&head) && n > 0 && wire_left(&head) >= n) {
			rc = on_frame(d, bytes_make(buf_bytes(&d->in).p + 4, n));
			buf_consume(&d->in, 4 + (size_t)n);
			continue;
		}
		struct pollfd p = { .fd = d->fd, .events = POLLIN };
		uint8_t *to = buf_reserve(&d->in, 4096);
		ssize_t got = to && poll(&p, 1, ANSWER_MS) > 0 ? recv(d->fd, to, 4096, 0) : -1;
		if (got <= 0)
			return ERR_CLOSED;
		buf_commit(&d->in, (size_t)got);
	}
	return rc < 0 ? rc : 0;
}

static int hello(struct dialogue *d)
{
	struct buf b;

	buf_init(&b, 64);
	wire_put_u8(&b, OPER_HELLO);
	wire_put_u16(&b, OPER_VERSION);
	wire_put_u8(&b, OPER_AUDITOR);
	int rc = send_frame(d, &b);
	rc = rc ? rc : read_answer(d);
	return rc ? rc : d->rc;
}

/* Where the person sits, so that what is tried there delays that place and nobody at the console. */
static int say_from(struct dialogue *d)
{
	const void *from = NULL;
	struct buf b;

	if (pam_get_item(d->pam, PAM_RHOST, &from) != PAM_SUCCESS || !from)
		from = "";
	buf_init(&b, 512);
	wire_put_u8(&b, OPER_FROM);
	wire_put_str(&b, bytes_of(from));
	int rc = send_frame(d, &b);
	rc = rc ? rc : read_answer(d);
	return rc ? rc : d->rc;
}

static int login(struct dialogue *d)
{
	struct buf b;

	buf_init(&b, 4096);
	wire_put_u8(&b, d->fresh ? OPER_LOGIN_NEW : OPER_LOGIN);
	wire_put_str(&b, bytes_of(d->name));
	wire_put_bytes(&b, bytes_of(d->password));
	if (d->fresh)
		wire_put_bytes(&b, bytes_of(d->fresh));
	wire_put_str(&b, bytes_of(d->code ? d->code : ""));
	int rc = send_frame(d, &b);
	return rc ? rc : read_answer(d);
}

/* *out: the person's words, wiped and freed by the caller. */
static bool ask(struct dialogue *d, const char *prompt, char **out)
{
	wipe(out);
	return pam_prompt(d->pam, PAM_PROMPT_ECHO_OFF, out, "%s", prompt) == PAM_SUCCESS && *out && strlen(*out) <= OPER_PASSWORD_MAX;
}

static bool ask_fresh(struct dialogue *d)
{
	char *again = NULL;

	(void)pam_info(d->pam, "%s", d->text); /* it is said, or not: the questions tell as well */
	bool is_good = ask(d, "New password: ", &d->fresh) && ask(d, "New password once more: ", &again) && strcmp(d->fresh, again) == 0;
	wipe(&again);
	return is_good;
}

/* gh-conf closes after three tries; sshd begins anew with another connection. */
static int converse(struct dialogue *d)
{
	if (!ask(d, "Password: ", &d->password))
		return PAM_AUTH_ERR;
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		if (login(d) < 0)
			return PAM_AUTHINFO_UNAVAIL;
		if (d->need == 0 && d->rc == 0)
			return PAM_SUCCESS;
		bool is_fresh = d->need == OPER_NEED_PASSWORD_NEW || (d->need == 0 && d->rc == ERR_RANGE);
		if (is_fresh && ask_fresh(d))
			continue;
		if (d->need == OPER_NEED_CODE && ask(d, "Code: ", &d->code))
			continue;
		if (d->need == 0 && d->rc == ERR_AGAIN)
			(void)pam_error(d->pam, "%s", d->text); /* how long to wait */
		return PAM_AUTH_ERR;
	}
	return PAM_MAXTRIES;
}

static int open_socket(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = strlen(path) < sizeof to.sun_path ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

	if (fd < 0)
		return -1;
	memcpy(to.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	close(fd);
	return -1;
}

static const char *socket_of(int argc, const char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "socket=", 7) == 0)
			return argv[i] + 7;
	return "/run/gatehouse/ghsh.sock";
}

int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	struct dialogue d = { .pam = pam, .fd = open_socket(socket_of(argc, argv)) };
	int rc = PAM_AUTHINFO_UNAVAIL;

	(void)flags;
	if (d.fd < 0) {
		pam_syslog(pam, LOG_ERR, "gh-conf cannot be reached");
		return rc;
	}
	buf_init(&d.in, IN_MAX);
	if (pam_get_user(pam, &d.name, NULL) == PAM_SUCCESS && d.name && strlen(d.name) <= OPER_NAME_MAX && hello(&d) == 0 &&
	    say_from(&d) == 0)
		rc = converse(&d);
	close(d.fd);
	buf_fini(&d.in);
	wipe(&d.password);
	wipe(&d.fresh);
	wipe(&d.code);
	return rc;
}

int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)pam, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

/* Whether the account may do anything is for gh-conf, at the operators' socket; with a key no question was asked before. */
int pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)pam, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

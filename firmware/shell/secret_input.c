#include "secret_input.h"

#include "base/err.h"
#include "base/secret.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

/* One line, byte by byte: what follows belongs to the next command. */
static int read_line(struct buf *out)
{
	uint8_t c;
	bool is_whole = false;

	while (!is_whole && read(STDIN_FILENO, &c, 1) == 1) {
		is_whole = c == '\n';
		if (!is_whole)
			buf_put_u8(out, c);
	}
	if (buf_failed(out) || (!is_whole && buf_len(out) == 0))
		return ERR_CLOSED;
	return buf_len(out) ? 0 : ERR_NOT_FOUND;
}

static int read_hidden(const char *prompt, struct buf *out)
{
	struct termios old, quiet;

	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return ERR_CLOSED;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0)
		return ERR_CLOSED; /* rather none than one that is seen */
	fputs(prompt, stderr); /* only now: what is typed at it must not show */
	fflush(stderr);
	int rc = read_line(out);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old); /* as it was */
	fputc('\n', stderr);
	return rc;
}

int secret_input(const char *prompt, bool is_person, bool is_new, struct buf *out)
{
	struct buf again;

	if (!is_person)
		return read_line(out);
	if (!is_new)
		return read_hidden(prompt, out);
	buf_init(&again, SECRET_MAX_BYTES);
	int rc = read_hidden(prompt, out);
	if (rc == 0)
		rc = read_hidden("Once more: ", &again);
	if (rc == 0 && !secret_eq(buf_bytes(out), buf_bytes(&again)))
		rc = ERR_SYNTAX;
	secret_wipe(again.p, again.cap);
	buf_fini(&again);
	return rc;
}

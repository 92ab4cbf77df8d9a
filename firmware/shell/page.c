#include "page.h"

#include "base/text.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { COLUMNS_PIPE = 200 };

void page_init(struct page *p, bool is_paged)
{
	struct winsize size = { 0 };

	*p = (struct page){ .rows = 24, .columns = COLUMNS_PIPE };
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	p->is_terminal = true;
	p->rows = size.ws_row > 2 ? size.ws_row : 24;
	p->columns = size.ws_col > 20 ? size.ws_col : 80;
	p->is_paged = is_paged && isatty(STDIN_FILENO);
}

/* One key, without waiting for the end of a line. The terminal is ready for it before it is asked for. */
static int ask(const char *question)
{
	struct termios old, raw;
	char key = 'q';

	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return 'q';
	raw = old;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw); /* then the key needs Enter, no more */
	fputs(question, stdout);
	fflush(stdout);
	if (read(STDIN_FILENO, &key, 1) != 1)
		key = 'q';
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &old); /* as it was */
	return key;
}

/* Asked when another line is there for a full screen, not behind the last one. False: no more of it. */
static bool wait_for_person(struct page *p)
{
	if (!p->is_paged || p->n_lines < p->rows - 1)
		return !p->is_over;
	int key = ask("-- more: space, or q --");
	fputs("\r\033[K", stdout);
	p->is_over = key == 'q' || key == 3;
	p->n_lines = key == '\n' ? p->rows - 2 : 0;
	return !p->is_over;
}

static size_t letter_bytes(struct bytes v)
{
	size_t n = v.p[0] < 0x80 ? 1 : v.p[0] < 0xe0 ? 2 : v.p[0] < 0xf0 ? 3 : 4;

	return n <= v.n && text_is_utf8(bytes_make(v.p, n)) ? n : 0;
}

void page_put_safe(struct buf *out, struct bytes v)
{
	while (v.n > 0) {
		size_t n = letter_bytes(v);
		bool is_control = n == 0 || v.p[0] < 0x20 || v.p[0] == 0x7f || (v.p[0] == 0xc2 && v.p[1] < 0xa0);
		if (is_control)
			buf_put_u8(out, ' ');
		else
			buf_put(out, v.p, n);
		v = bytes_skip(v, n ? n : 1);
	}
}

/* A text of the box keeps its tabs. */
static void put(const struct page *p, struct bytes line)
{
	struct buf b;

	if (!p->is_terminal) {
		if (line.n > 0)
			(void)!fwrite(line.p, 1, line.n, stdout); /* a closed pipe shows at the end, in the exit code */
		return;
	}
	buf_init(&b, 64 << 20);
	while (line.n > 0) {
		size_t n = bytes_find(line, '\t');
		page_put_safe(&b, bytes_make(line.p, n));
		if (n < line.n)
			buf_put_u8(&b, '\t');
		line = bytes_skip(line, n + 1);
	}
	(void)!fwrite(buf_bytes(&b).p, 1, buf_len(&b), stdout); /* as above */
	buf_fini(&b);
}

void page_line(struct page *p, struct bytes line)
{
	if (!wait_for_person(p))
		return;
	put(p, line);
	putchar('\n');
	p->n_lines++;
}

void page_text(struct page *p, struct bytes text)
{
	while (text.n > 0 && !p->is_over) {
		size_t n = bytes_find(text, '\n');
		if (n == text.n) {
			if (wait_for_person(p))
				put(p, bytes_make(text.p, n));
			return;
		}
		page_line(p, bytes_make(text.p, n));
		text = bytes_skip(text, n + 1);
	}
}

size_t page_columns(const struct page *p)
{
	return p->columns;
}

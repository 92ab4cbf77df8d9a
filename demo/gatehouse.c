/* gatehouse: commands for people who try it. The box itself is run by gh-super. */
#include "demo.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"gatehouse demo [--once] [--dir FOLDER]\n"
	"\n"
	"Two companies on loopback addresses, each with its own gateway, authority and names. Makes their\n"
	"people chat, shows how, and stays up until Ctrl-C.\n"
	"  --once  end after the chat; exit code 0 only when all messages arrived\n"
	"  --dir   keep everything in this folder instead of a temporary one\n";

static int demo(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "once", no_argument, NULL, 'o' },
		{ "dir", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	struct demo_options o = { 0 };

	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		if (c == 'o')
			o.is_once = true;
		else if (c == 'd')
			o.dir = optarg;
		else
			return 2;
	}
	return demo_run(&o) < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	int code = argc > 1 && strcmp(argv[1], "demo") == 0 ? demo(argc - 1, argv + 1) : 2;

	if (code == 2)
		fputs(usage, stderr);
	return code;
}

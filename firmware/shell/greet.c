#include "greet.h"

#include "base/err.h"
#include "run/version.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

static bool is_worth_showing(const struct ifaddrs *i)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;

	if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK))
		return false;
	return i->ifa_addr->sa_family == AF_INET || (i->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr));
}

static void say_address(const struct ifaddrs *i)
{
	const void *at = i->ifa_addr->sa_family == AF_INET ?
	                         (const void *)&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr :
	                         (const void *)&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(i->ifa_addr->sa_family, at, text, sizeof text))
		fprintf(stderr, "  %s: %s\n", i->ifa_name, text);
}

/* G-BOOT-05, -06: where the box is reached, or that it is not. */
static void say_addresses(void)
{
	struct ifaddrs *all = NULL;
	unsigned n = 0;

	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!is_worth_showing(i))
			continue;
		say_address(i);
		n++;
	}
	freeifaddrs(all);
	if (n == 0)
		fputs("  no address yet\n", stderr);
}

/* A whole line, without what is no letter of a name; the rest of a longer one is thrown away. */
static int read_name(char name[static OPER_NAME_MAX + 1])
{
	size_t n = 0;
	int c;

	while ((c = getchar()) != '\n') {
		if (c == EOF)
			return ERR_CLOSED;
		if (c > ' ' && n < OPER_NAME_MAX)
			name[n++] = (char)c;
	}
	name[n] = 0;
	return 0;
}

int greet_ask_name(char name[static OPER_NAME_MAX + 1])
{
	int rc;

	(void)setvbuf(stdin, NULL, _IONBF, 0); /* what is typed ahead is the password's */
	do {
		fprintf(stderr, "\nGatehouse %s\n", GATEHOUSE_VERSION);
		say_addresses();
		fputs("\nlogin: ", stderr);
		fflush(stderr);
		rc = read_name(name);
	} while (rc == 0 && !name[0]);
	return rc;
}

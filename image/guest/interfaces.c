#include "guest.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static json_t *find(json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
			return item;
	item = json_pack("{s:s, s:[]}", "name", name, "ip-addresses");
	json_array_append_new(list, item); /* borrowed from the list from here on */
	return item;
}

static unsigned ones(const uint8_t *mask, size_t n)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++)
		count += (unsigned)__builtin_popcount(mask[i]);
	return count;
}

static void put_ethernet(json_t *item, const struct sockaddr_ll *a)
{
	char text[18];

	if (a->sll_halen != 6)
		return;
	snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", a->sll_addr[0], a->sll_addr[1], a->sll_addr[2], a->sll_addr[3], a->sll_addr[4],
	         a->sll_addr[5]);
	json_object_set_new(item, "hardware-address", json_string(text));
}

static void put_address(json_t *item, int family, const void *address, const void *mask, size_t n)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, address, text, sizeof text))
		json_array_append_new(json_object_get(item, "ip-addresses"),
		                      json_pack("{s:s, s:s, s:i}", "ip-address", text, "ip-address-type", family == AF_INET ? "ipv4" : "ipv6", "prefix",
		                                mask ? (int)ones(mask, n) : 0));
}

static void put(json_t *list, const struct ifaddrs *i)
{
	json_t *item = find(list, i->ifa_name);

	if (!item || !i->ifa_addr)
		return;
	if (i->ifa_addr->sa_family == AF_PACKET)
		put_ethernet(item, (const struct sockaddr_ll *)(const void *)i->ifa_addr);
	else if (i->ifa_addr->sa_family == AF_INET)
		put_address(item, AF_INET, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr,
		            i->ifa_netmask ? &((const struct sockaddr_in *)(const void *)i->ifa_netmask)->sin_addr : NULL, 4);
	else if (i->ifa_addr->sa_family == AF_INET6)
		put_address(item, AF_INET6, &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr,
		            i->ifa_netmask ? &((const struct sockaddr_in6 *)(const void *)i->ifa_netmask)->sin6_addr : NULL, 16);
}

json_t *guest_interfaces(void)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return NULL;
	json_t *list = json_array();
	for (const struct ifaddrs *i = all; list && i; i = i->ifa_next)
		put(list, i);
	freeifaddrs(all);
	return list;
}

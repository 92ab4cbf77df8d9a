#include "esp.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "gatehouse-", suffix[] = ".efi";

/* LEFT[-DONE], of which `left` counts, and nothing behind. */
static bool read_counter(const char *p, const char *end, int *left)
{
	unsigned tries, done;
	int n = 0;

	if (sscanf(p, "%4u-%4u%n", &tries, &done, &n) != 2 || p + n != end)
		n = 0;
	if (n == 0 && (sscanf(p, "%4u%n", &tries, &n) != 1 || p + n != end))
		return false;
	*left = (int)tries;
	return true;
}

bool esp_name_parse(const char *name, char version[ESP_VERSION], int *left)
{
	size_t n = strlen(name), head = sizeof prefix - 1, tail = sizeof suffix - 1;

	if (n <= head + tail || n >= ESP_NAME || strncmp(name, prefix, head) != 0 || strcmp(name + n - tail, suffix) != 0)
		return false;
	size_t m = strspn(name + head, "0123456789.");
	bool is_counted = name[head + m] == '+';
	if (!is_counted)
		m = n - head - tail;
	if (m == 0 || m >= ESP_VERSION || strspn(name + head, "0123456789.") < m)
		return false;
	memcpy(version, name + head, m);
	version[m] = 0;
	*left = -1;
	return !is_counted || read_counter(name + head + m + 1, name + n - tail, left);
}

void esp_name_put(const char *version, unsigned left, char name[ESP_NAME])
{
	snprintf(name, ESP_NAME, "%s%s+%u%s", prefix, version, left, suffix);
}

#include "provision.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Environment xmlns=\"http://schemas.dmtf.org/ovf/environment/1\" " \
	     "xmlns:oe=\"http://schemas.dmtf.org/ovf/environment/1\" xmlns:ve=\"http://www.vmware.com/schema/ovfenv\" oe:id=\"\" ve:vCenterId=\"vm-1\">" \
	     "<PlatformSection><Kind>VMware ESXi</Kind></PlatformSection><PropertySection>"
#define TAIL "</PropertySection></Environment>"

static int read(const char *properties, char *out, size_t room)
{
	char document[8192];
	struct buf lines;

	snprintf(document, sizeof document, "%s", properties);
	buf_init(&lines, PROVISION_MAX);
	int rc = ovf_lines(bytes_of(document), &lines);
	snprintf(out, room, "%.*s", BYTES_FMT(buf_bytes(&lines)));
	buf_fini(&lines);
	return rc;
}

static void test_properties_are_lines(void **state)
{
	char out[1024];

	(void)state;
	assert_int_equal(read(HEAD "<Property oe:key=\"ipv4-address\" oe:value=\"192.0.2.10/24\"/><Property oe:key=\"ipv4-gateway\" oe:value=\"192.0.2.1\"/>"
				   "<Property oe:key=\"somebody.elses\" oe:value=\"x\"/><Property oe:key=\"dns\" oe:value=\"\"/>" TAIL,
			      out, sizeof out),
			 0);
	assert_string_equal(out, "set interface a ipv4 static\nset interface a ipv4-address \"192.0.2.10/24\"\n"
				 "set interface a ipv4-gateway \"192.0.2.1\"\ncommit\n");
}

static void test_none_of_ours(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(read(HEAD "<Property oe:key=\"x\" oe:value=\"y\"/>" TAIL, out, sizeof out), 0);
	assert_string_equal(out, "");
}

static void test_a_value_is_one_word(void **state)
{
	static const char *const bad[] = { "x&quot; y", "x&#10;factory-reset all", "back\\\\slash", "&#127;" };
	char out[256], text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(text, sizeof text, HEAD "<Property oe:key=\"name\" oe:value=\"%s\"/>" TAIL, bad[i]);
		assert_int_equal(read(text, out, sizeof out), ERR_SYNTAX);
	}
}

static void test_broken_documents(void **state)
{
	static const char *const bad[] = { "", "<a", HEAD, "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>",
					   "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a>" };
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(read(bad[i], out, sizeof out), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_properties_are_lines),
		cmocka_unit_test(test_none_of_ours),
		cmocka_unit_test(test_a_value_is_one_word),
		cmocka_unit_test(test_broken_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

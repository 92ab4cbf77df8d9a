/* A document comes in pieces of every size; what it tells is the same each time. */
#include "proto/xml_document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/err.h"

static const struct xml_limits limits = { .stanza_bytes = 120, .depth = 3, .attrs = 3, .nodes = 4, .has_comments = true };

enum { ROOT = 1, BOX, SHELF };

static int holds(int parent, const struct xml_node *n)
{
	if (parent == 0)
		return xml_is(n, "root", "urn:r") ? ROOT : ERR_XML_NAMESPACE;
	return xml_is(n, "box", "urn:r") && parent < 8 ? (parent == ROOT ? BOX : parent + 1) : 0;
}

static void read_in(struct bytes in, size_t piece, struct buf *log)
{
	struct xml_document *d = xml_document_new(&limits, holds);
	struct xml_document_event ev = { .kind = XML_DOCUMENT_NONE };
	int rc = 0;

	assert_non_null(d);
	while (!rc && ev.kind != XML_DOCUMENT_END) {
		struct bytes part = bytes_make(in.p, in.n < piece ? in.n : piece);
		in = bytes_skip(in, part.n);
		rc = xml_document_feed(d, part, in.n == 0);
		assert_true(rc || in.n == 0 || xml_document_feed(d, part, false) == ERR_BAD_STATE);
		while (!rc && (rc = xml_document_next(d, &ev)) == 0 && ev.kind != XML_DOCUMENT_NONE && ev.kind != XML_DOCUMENT_END) {
			static const char *const names[] = { "", "open", "item", "close" };
			buf_putf(log, "%s %d ", names[ev.kind], ev.holds);
			if (ev.node)
				xml_write(log, ev.node, "urn:r");
			buf_put_str(log, "; ");
		}
	}
	buf_put_str(log, rc ? err_name(rc) : "end");
	xml_document_free(d);
}

static void check(const char *text, const char *want)
{
	for (size_t piece = 1; piece < 300; piece = piece < 12 ? piece + 1 : piece * 3) {
		struct buf log;
		buf_init(&log, 1 << 16);
		read_in(bytes_of(text), piece, &log);
		assert_string_equal(buf_cstr(&log), want);
		buf_fini(&log);
	}
}

static void test_told_in_order(void **state)
{
	(void)state;
	check("<?xml version='1.0' encoding='utf-8'?>\n<!-- of a box --><root xmlns='urn:r' xmlns:p='urn:p'>\n"
	      "<box name='a'><i p:k='v'>x &amp; <j/>y</i><p:i/><box/></box><i xml:lang='de'/><box name='b'></box></root>\n",
	      "open 1 <root/>; open 2 <box name='a'/>; item 2 <i xmlns:a0='urn:p' a0:k='v'>x &amp; <j/>y</i>; item 2 <i xmlns='urn:p'/>; "
	      "open 3 <box/>; close 3 ; close 2 ; item 1 <i xml:lang='de'/>; open 2 <box name='b'/>; close 2 ; close 1 ; end");
}

static void test_refused(void **state)
{
	(void)state;
	check("", "xml-syntax");
	check("<root/>", "xml-namespace");
	check("<root xmlns='urn:r'><box>", "open 1 <root/>; open 2 <box/>; xml-syntax");
	check("<root xmlns='urn:r'>text</root>", "open 1 <root/>; xml-text");
	check("<root xmlns='urn:r'><p:i/></root>", "open 1 <root/>; xml-syntax");
	check("<root xmlns='urn:r'><?do it?></root>", "open 1 <root/>; xml-restricted");
	check("<!DOCTYPE root [<!ENTITY a 'b'>]><root xmlns='urn:r'>&a;</root>", "xml-restricted");
	check("<?xml version='1.0' encoding='latin1'?><root xmlns='urn:r'/>", "xml-encoding");
	check("<root xmlns='urn:r'><i a='' b='' c='' d=''/></root>", "open 1 <root/>; xml-attrs");
	check("<root xmlns='urn:r'><i><i><i><i/></i></i></i></root>", "open 1 <root/>; xml-depth");
	check("<root xmlns='urn:r'><i><a/><a/><a/><a/><a/></i></root>", "open 1 <root/>; xml-nodes");
	check("<root xmlns='urn:r'><box><box><box><box><box><box><box><box/></box></box></box></box></box></box></box></root>",
	      "open 1 <root/>; open 2 <box/>; open 3 <box/>; open 4 <box/>; open 5 <box/>; open 6 <box/>; open 7 <box/>; open 8 <box/>; item 8 <box/>; "
	      "close 8 ; close 7 ; close 6 ; close 5 ; close 4 ; close 3 ; close 2 ; close 1 ; end");
}

static void test_too_long(void **state)
{
	struct buf text, log;

	(void)state;
	for (int i = 0; i < 3; i++) { /* in text, in one tag, in many elements */
		buf_init(&text, 1 << 16);
		buf_init(&log, 1 << 16);
		buf_put_str(&text, "<root xmlns='urn:r'><i");
		buf_put_str(&text, i == 1 ? " a='" : ">");
		for (int k = 0; k < 2000; k++)
			buf_put_u8(&text, 'x');
		if (i == 2)
			buf_put_str(&text, "<a/></i></root>");
		read_in(buf_bytes(&text), i == 2 ? 1 << 16 : 50, &log);
		assert_string_equal(buf_cstr(&log), "open 1 <root/>; xml-size");
		buf_fini(&text);
		buf_fini(&log);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_in_order),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

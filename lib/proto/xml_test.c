/* Streams go in, in one piece and in drips; a log of events comes out and is the same each time. */
#include "proto/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/err.h"
#include "proto/xmpp.h"

#define HEADER_C                                                                                   \
	"<stream:stream xmlns='jabber:client' to='a.example' version='1.0' "                       \
	"xmlns:stream='http://etherx.jabber.org/streams'>"
#define HEADER_S                                                                                   \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' " \
	"xmlns:stream='http://etherx.jabber.org/streams'>"
#define HEADER_ODD                                                                                 \
	"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:server' "              \
	"xmlns:q='urn:q&amp;a' to='b.example'>"

static struct xml_pool *pool;
static const struct xml_limits small = {
	.header_bytes = 300, .stanza_bytes = 200, .depth = 4, .attrs = 4, .nodes = 6
};

static void log_event(struct buf *log, const struct xml_event *ev)
{
	switch (ev->kind) {
	case XML_EVENT_OPEN:
		buf_putf(log, "open %s %s;", ev->node->name, ev->content_ns);
		break;
	case XML_EVENT_STANZA:
		xml_write(log, ev->node, ev->content_ns);
		buf_putf(log, " [%s%.*s];", ev->is_inner_portable ? "" : "!", BYTES_FMT(ev->inner));
		break;
	case XML_EVENT_CLOSE:
		buf_put_str(log, "close;");
		break;
	default:
		break;
	}
}

/* Takes events until there are none; the arena is reset after each call, as contracts allow. */
static int drain(struct xml_stream *s, struct arena *a, struct buf *log)
{
	struct xml_event ev;
	int rc;

	do {
		arena_reset(a);
		rc = xml_stream_next(s, a, &ev);
		log_event(log, &ev);
	} while (rc == 0 && ev.kind != XML_EVENT_NONE);
	return rc;
}

static void read_all(const char *text, size_t n, size_t chunk, const struct xml_limits *l, struct buf *log)
{
	struct bytes in = bytes_make(text, n);
	struct xml_stream s;
	struct arena a;
	int rc = 0;

	arena_init(&a, 1 << 20);
	xml_stream_init(&s, pool, l);
	while (in.n && rc == 0) {
		size_t take = chunk < in.n ? chunk : in.n;
		rc = xml_stream_feed(&s, bytes_make(in.p, take));
		if (rc == 0)
			rc = drain(&s, &a, log);
		in = bytes_skip(in, take);
	}
	if (rc)
		buf_putf(log, "%s", err_name(rc));
	xml_stream_fini(&s);
	arena_fini(&a);
}

static void check(const char *text, size_t n, const struct xml_limits *l, const char *want)
{
	static const size_t chunks[] = { 1 << 20, 1, 2, 3, 7, 40, 100 };

	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		struct buf log;
		buf_init(&log, 1 << 20);
		read_all(text, n, chunks[i], l, &log);
		if (strcmp(buf_cstr(&log), want) != 0)
			print_error("chunks of %zu: %s\n", chunks[i], text);
		assert_string_equal(buf_cstr(&log), want);
		buf_fini(&log);
	}
}

struct row {
	const char *in, *want;
};

static void check_rows(const struct row *rows, size_t n, const struct xml_limits *l)
{
	for (size_t i = 0; i < n; i++)
		check(rows[i].in, strlen(rows[i].in), l, rows[i].want);
}
#define CHECK_ROWS(rows, l) check_rows(rows, sizeof(rows) / sizeof((rows)[0]), l)

#define OPEN_C "open stream jabber:client;"
#define OPEN_S "open stream jabber:server;"

static const struct row good[] = {
	{ HEADER_C "</stream:stream>", OPEN_C "close;" },
	{ " \r\n" HEADER_C " \n </stream:stream> junk", OPEN_C "close;" },
	{ HEADER_C "</stream:stream><a>&</b>", OPEN_C "close;" },
	{ HEADER_C "<presence/>\r\n\r\n<presence/>\r", OPEN_C "<presence/> [];<presence/> [];" },
	{ HEADER_S "<message to='a'><body>x &amp; y</body></message>",
	  OPEN_S "<message to='a'><body>x &amp; y</body></message> [<body>x &amp; y</body>];" },
	{ HEADER_S "<db:result to='a'>k</db:result>",
	  OPEN_S "<result xmlns='jabber:server:dialback' to='a'>k</result> [k];" },
	{ HEADER_C "<stream:features><a xmlns='urn:a'/></stream:features>",
	  OPEN_C "<features xmlns='http://etherx.jabber.org/streams'><a xmlns='urn:a'/></features> "
	         "[<a xmlns='urn:a'/>];" },
	{ HEADER_C "<iq><q xmlns='urn:a' xml:lang='de'><![CDATA[<>]]]]>&#228;<r xmlns=''/>t</q></iq>",
	  OPEN_C "<iq><q xmlns='urn:a' xml:lang='de'>&lt;&gt;]]\xc3\xa4<r xmlns=''/>t</q></iq> "
	         "[<q xmlns='urn:a' xml:lang='de'><![CDATA[<>]]]]>&#228;<r xmlns=''/>t</q>];" },
	{ HEADER_C "<iq><b>x>y>\r\nz</b></iq>", OPEN_C "<iq><b>x&gt;y&gt;\nz</b></iq> [<b>x>y>\r\nz</b>];" },
	/* A prefix of the stanza's own tag, of the header, and a declared content namespace make the
	 * inner bytes unfit for another stream; a prefix declared inside does not. */
	{ HEADER_C "<iq xmlns:p='urn:p'><p:q/></iq>", OPEN_C "<iq><q xmlns='urn:p'/></iq> [!<p:q/>];" },
	{ HEADER_C "<iq><stream:q/></iq>",
	  OPEN_C "<iq><q xmlns='http://etherx.jabber.org/streams'/></iq> [!<stream:q/>];" },
	{ HEADER_C "<iq><b xmlns='jabber:client'/></iq>", OPEN_C "<iq><b/></iq> [!<b xmlns='jabber:client'/>];" },
	{ HEADER_C "<iq xmlns='jabber:client'><b/></iq>", OPEN_C "<iq><b/></iq> [<b/>];" },
	{ HEADER_C "<iq><p:q xmlns:p='urn:p' p:a='1'/></iq>",
	  OPEN_C "<iq><q xmlns='urn:p' xmlns:a0='urn:p' a0:a='1'/></iq> [<p:q xmlns:p='urn:p' p:a='1'/>];" },
	{ HEADER_C "<iq a='&lt;&#10;&quot;&apos;>'/>", OPEN_C "<iq a='&lt;&#10;\"&apos;&gt;'/> [];" },
	{ HEADER_C "<stream:\xc3\xa4/>",
	  OPEN_C "<\xc3\xa4 xmlns='http://etherx.jabber.org/streams'/> [];" },
	/* Other prefixes, another name of the root, entities in a namespace. */
	{ HEADER_ODD "<q:x/> <iq><q:y/></iq></s:stream>",
	  OPEN_S "<x xmlns='urn:q&amp;a'/> [];<iq><y xmlns='urn:q&amp;a'/></iq> [!<q:y/>];close;" },
	{ "<stream:stream xmlns='urn:z' xmlns:stream='http://etherx.jabber.org/streams'><iq><a/></iq>",
	  "open stream urn:z;<iq><a/></iq> [!<a/>];" },
	{ "<stream xmlns='jabber:client'/>", "open stream jabber:client;close;" },
	{ "\xef\xbb\xbf" HEADER_C, OPEN_C },
	{ "<?xml version='1.0' encoding='utf-8' standalone='yes'?>" HEADER_C, OPEN_C },
};

/* RFC 6120 11.1, 11.3, 11.6, 4.9.3; Namespaces in XML 1.0. */
static const struct row bad[] = {
	{ "<!DOCTYPE x [<!ENTITY a 'b'>]>" HEADER_C, "xml-restricted" },
	{ "<!-- c -->" HEADER_C, "xml-restricted" },
	{ "<?php x?>" HEADER_C, "xml-restricted" },
	{ HEADER_C "<iq><!-- c --></iq>", OPEN_C "xml-restricted" },
	{ HEADER_C "<!-- c -->", OPEN_C "xml-restricted" },
	{ HEADER_C "<?pi x?>", OPEN_C "xml-restricted" },
	{ HEADER_C "<iq>&lol9;</iq>", OPEN_C "xml-restricted" },
	{ HEADER_C "<iq a='&lol9;'/>", OPEN_C "xml-restricted" },
	{ HEADER_C "<!DOCTYPE x>", OPEN_C "xml-syntax" },
	{ HEADER_C "<?xml version='1.0'?>", OPEN_C "xml-syntax" },
	{ "<?xml version='1.0' encoding='ISO-8859-1'?>" HEADER_C, "xml-encoding" },
	{ "<?xml version='1.0' encoding='UTF-16'?>" HEADER_C, "xml-encoding" },
	{ "\xff\xfe<", "xml-encoding" },
	{ "\xfe\xff", "xml-encoding" },
	{ "GET / HTTP/1.1\r\n", "xml-syntax" },
	{ "\x16\x03\x01\x02", "xml-syntax" },
	{ HEADER_C "hello", OPEN_C "xml-text" },
	{ HEADER_C "<iq/>hello", OPEN_C "<iq/> [];xml-text" },
	{ HEADER_C "&#65;<iq/>", OPEN_C "xml-text" },
	{ HEADER_C "<iq/><![CDATA[x]]>", OPEN_C "<iq/> [];xml-text" },
	{ HEADER_C "<iq></message>", OPEN_C "xml-syntax" },
	{ HEADER_C "</s:stream>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq a='1' a='2'/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq>\xc0\xaf</iq>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq>\xed\xa0\x80</iq>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq>\xf4\x90\x80\x80</iq>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq>\xff</iq>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq>\x01</iq>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq>&#0;</iq>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq>&#xD800;</iq>", OPEN_C "xml-syntax" },
	{ HEADER_C "<p:iq/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<db:result/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq p:a='1'/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq><a xmlns:p='urn:p'/><p:b/></iq>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq xmlns:p=''/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq xmlns:xmlns='urn:x'/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq xmlns:xml='urn:x'/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq xmlns:p='http://www.w3.org/XML/1998/namespace'/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq xmlns:p='u' xmlns:q='u' p:a='1' q:a='2'/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<a:b:c/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<:b/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<b:/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<xml:a/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<stream:0/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<stream:-a/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<stream:\xcc\x80/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq xmlns:0='u'/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<iq xmlns:='u'/>", OPEN_C "xml-syntax" },
	{ HEADER_C "<xmlns:b/>", OPEN_C "xml-syntax" },
	{ "<p:stream/>", "xml-syntax" },
};

static const struct row limits[] = {
	{ HEADER_C "<a><b><c><d/></c></b></a>", OPEN_C "<a><b><c><d/></c></b></a> [<b><c><d/></c></b>];" },
	{ HEADER_C "<a><b><c><d><e/></d></c></b></a>", OPEN_C "xml-depth" },
	{ HEADER_C "<a b='' c='' d='' e=''/>", OPEN_C "<a b='' c='' d='' e=''/> [];" },
	{ HEADER_C "<a b='' c='' d='' e='' f=''/>", OPEN_C "xml-attrs" },
	{ HEADER_C "<a xmlns:b='1' c='' d='' e='' f=''/>", OPEN_C "xml-attrs" },
	{ HEADER_C "<a><b/><b/><b/><b/><b/><b/></a>", OPEN_C "xml-nodes" },
	{ HEADER_C "<a/><a/><a/><a/><a/><a/><a/>",
	  OPEN_C "<a/> [];<a/> [];<a/> [];<a/> [];<a/> [];<a/> [];<a/> [];" },
};

static void reads_streams(void **state)
{
	(void)state;
	CHECK_ROWS(good, &xml_limits_default);
	CHECK_ROWS(bad, &xml_limits_default);
}

static void keeps_limits(void **state)
{
	(void)state;
	CHECK_ROWS(limits, &small);
}

/* A start tag, a text, a header that never end are refused when the limit is passed, not later. */
static void refuses_endless(void **state)
{
	/* start, and what drips in behind it */
	static const struct row endless[] = {
		{ HEADER_C "<a b='", ">y" }, { HEADER_C "<a>", ">y" },   { HEADER_C "<a", "yy" },
		{ HEADER_C "<a>>>", "&lt;" }, { "<a ", "  " },           { HEADER_C "<a><![CDATA[", "]>" },
		{ HEADER_C "<a b='>>>", ">>" }, { "<a b='", ">y" },      { HEADER_C "</stream:stream", " " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
		struct xml_stream s;
		struct arena a;
		struct buf log;
		size_t fed = 0, most = 0;
		arena_init(&a, 1 << 16);
		buf_init(&log, 4096);
		xml_stream_init(&s, pool, &small);
		int rc = xml_stream_feed(&s, bytes_of(endless[i].in));
		for (; rc == 0 && fed < 2000; fed++) {
			rc = drain(&s, &a, &log);
			if (xml_stream_held(&s) > most)
				most = xml_stream_held(&s);
			if (rc == 0)
				rc = xml_stream_feed(&s, bytes_of(endless[i].want));
		}
		assert_int_equal(rc, ERR_XML_SIZE);
		assert_true(fed <= 300 && most < 40000);
		assert_int_equal(xml_stream_held(&s), 0);
		assert_int_equal(xml_stream_feed(&s, bytes_of("<a/>")), ERR_BAD_STATE);
		xml_stream_fini(&s);
		buf_fini(&log);
		arena_fini(&a);
	}
}

/* Tags with '>' in their values that drip in make Expat look again and again: that ends too. */
static void bounds_rescans(void **state)
{
	struct xml_stream s;
	struct arena a;
	struct buf log;
	int rc = 0;
	size_t n = 0;

	(void)state;
	arena_init(&a, 1 << 16);
	buf_init(&log, 4096);
	xml_stream_init(&s, pool, &xml_limits_default);
	assert_int_equal(xml_stream_feed(&s, BYTES(HEADER_C "<a b='")), 0);
	for (; rc == 0 && n < 200000; n++) {
		rc = drain(&s, &a, &log);
		if (rc == 0)
			rc = xml_stream_feed(&s, BYTES(">"));
	}
	assert_int_equal(rc, ERR_LIMIT);
	assert_true(n < 10000);
	xml_stream_fini(&s);
	buf_fini(&log);
	arena_fini(&a);
}

static void idles_without_memory(void **state)
{
	struct xml_stream s;
	struct arena a;
	struct buf log;

	(void)state;
	arena_init(&a, 1 << 16);
	buf_init(&log, 4096);
	xml_stream_init(&s, pool, &xml_limits_default);
	assert_int_equal(xml_stream_held(&s), 0);
	assert_int_equal(xml_stream_feed(&s, BYTES(HEADER_C "<iq/>\r\n")), 0);
	assert_true(xml_stream_held(&s) > 0);
	assert_int_equal(drain(&s, &a, &log), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(xml_stream_feed(&s, BYTES(" \r\n\t ")), 0);
		assert_int_equal(xml_stream_held(&s), 0);
		assert_null(s.parser);
	}
	xml_stream_fini(&s);
	buf_fini(&log);
	arena_fini(&a);
}

/* RFC 6120 5.4.3.3: what was pipelined before TLS is forgotten. */
static void rest_behind_an_event(void **state)
{
	static const struct {
		const char *text;
		bool has_rest;
	} rows[] = {
		{ "<starttls/>", false }, { "<starttls/> \r\n", false }, { "<starttls/><", true },
		{ "<starttls/>x", true }, { "<starttls/></stream:stream>", true }, { "<starttls/>\x16\x03\x01", true },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct xml_stream s;
		struct xml_event ev;
		xml_stream_init(&s, pool, &xml_limits_default);
		assert_int_equal(xml_stream_feed(&s, bytes_of(HEADER_C)), 0);
		assert_int_equal(xml_stream_next(&s, &a, &ev), 0);
		assert_false(xml_stream_has_rest(&s));
		assert_int_equal(xml_stream_feed(&s, bytes_of(rows[i].text)), 0);
		assert_int_equal(xml_stream_next(&s, &a, &ev), 0);
		assert_int_equal(ev.kind, XML_EVENT_STANZA);
		assert_int_equal(xml_stream_has_rest(&s), rows[i].has_rest);
		xml_stream_fini(&s);
	}
	arena_fini(&a);
}

static void restart_forgets(void **state)
{
	struct xml_stream s;
	struct arena a;
	struct buf log;
	struct xml_event ev;

	(void)state;
	arena_init(&a, 1 << 16);
	buf_init(&log, 4096);
	xml_stream_init(&s, pool, &xml_limits_default);
	assert_int_equal(xml_stream_feed(&s, BYTES(HEADER_ODD "<iq/><evil/>")), 0);
	assert_int_equal(xml_stream_next(&s, &a, &ev), 0);
	assert_int_equal(ev.kind, XML_EVENT_OPEN);
	assert_int_equal(xml_stream_next(&s, &a, &ev), 0);
	assert_int_equal(ev.kind, XML_EVENT_STANZA);
	xml_stream_restart(&s);
	assert_int_equal(xml_stream_held(&s), 0);
	assert_int_equal(xml_stream_feed(&s, BYTES(HEADER_C "<iq/>")), 0);
	assert_int_equal(drain(&s, &a, &log), 0);
	assert_string_equal(buf_cstr(&log), OPEN_C "<iq/> [];");
	xml_stream_fini(&s);
	buf_fini(&log);
	arena_fini(&a);
}

/* Names are new each time: Expat would keep them all, were it not started anew. */
static void long_streams(void **state)
{
	struct xml_stream s;
	struct arena a;
	struct buf log, in;

	(void)state;
	arena_init(&a, 1 << 16);
	buf_init(&log, 4096);
	buf_init(&in, 1 << 16);
	xml_stream_init(&s, pool, &xml_limits_default);
	buf_put_str(&in, HEADER_C);
	for (int i = 0; i < 20000; i++) {
		buf_putf(&in, "<a%d b%d='x'/>", i, i);
		size_t n = i % 7 == 0 ? buf_len(&in) : buf_len(&in) / 2;
		assert_int_equal(xml_stream_feed(&s, bytes_make(buf_bytes(&in).p, n)), 0);
		assert_int_equal(drain(&s, &a, &log), 0);
		buf_consume(&in, n);
		if (i > 0 && i % 7 == 0) {
			buf_putf(&log, "%s", "");
			assert_non_null(strstr(buf_cstr(&log), "='x'/> [];"));
		}
		buf_clear(&log);
		assert_true(xml_stream_held(&s) < 40000);
	}
	xml_stream_fini(&s);
	buf_fini(&in);
	buf_fini(&log);
	arena_fini(&a);
}

static void parses_alone(void **state)
{
	static const struct {
		const char *in;
		int rc;
	} rows[] = {
		{ " <a xmlns='urn:a'><b>t</b></a>\n", 0 }, { "<a/>", 0 },
		{ "", ERR_XML_SYNTAX },                    { "  ", ERR_XML_SYNTAX },
		{ "<a", ERR_XML_SYNTAX },                  { "<a>", ERR_XML_SYNTAX },
		{ "<a/><b/>", ERR_XML_SYNTAX },            { "<a/>x", ERR_XML_TEXT },
		{ "x<a/>", ERR_XML_TEXT },                 { "</stream:stream>", ERR_XML_SYNTAX },
		{ "<a/></stream:stream>", ERR_XML_SYNTAX }, { "<stream:a/>", ERR_XML_SYNTAX },
		{ "<db:a/>", ERR_XML_SYNTAX },
		{ "<!-- c --><a/>", ERR_XML_RESTRICTED },  { "<a/><!-- c -->", ERR_XML_RESTRICTED },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct xml_node *n = NULL;
		int rc = xml_parse(bytes_of(rows[i].in), "urn:d", &xml_limits_default, &a, &n);
		assert_int_equal(rc, rows[i].rc);
		assert_true((rc == 0) == (n != NULL));
		if (n)
			assert_string_equal(n->ns, i == 0 ? "urn:a" : "urn:d");
	}
	arena_fini(&a);
}

/* Where a document of another standard is read. */
static void comments_are_read_over(void **state)
{
	static const char *const accepted[] = {
		"<!-- 1 --> <!-- <b/> > --><a><!---->te<!-- > -->xt</a>", "<a>text</a> <!-- 1 -->\n<!-- 2 -->\n",
		"<!--x--><a>te<!-- &lol; <!DOCTYPE y> -->xt<!-- --></a><!-- <b/> -->",
	};
	static const char *const refused[] = {
		"<!-- c -->", "<!-- a -- b --><a/>", "<a/><!-- c", "<a/><!-- c >", "<a/><!-- c --", "<a/><!-- c --><b/>",
		"<a/><!-- c -->x", "<a/><!-- c --><!DOCTYPE y>", "<a><!-- c ></a>", "<!-- c --><?pi x?><a/>", "<a><?pi x?></a>",
		"<!-- c --><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a/><!-- c --><?pi x?>", "<a/><!-- c --></stream:stream>",
	};
	struct xml_limits wide = xml_limits_default;
	struct xml_node *n;
	struct arena a;

	(void)state;
	wide.has_comments = true;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
		assert_int_equal(xml_parse(bytes_of(accepted[i]), "", &wide, &a, &n), 0);
		assert_true(xml_is(n, "a", "") && bytes_eq_str(xml_text(n), "text") && !xml_first(n) && !n->next);
	}
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_int_not_equal(xml_parse(bytes_of(refused[i]), "", &wide, &a, &n), 0);
	arena_fini(&a);
}

static void makes_trees(void **state)
{
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a, 1 << 16);
	buf_init(&b, 4096);
	struct xml_node *iq = xml_new(&a, "iq", NS_CLIENT);
	struct xml_node *q = xml_add(&a, iq, "query", "urn:q");
	assert_int_equal(xml_set_attr(&a, iq, "id", BYTES("1")), 0);
	assert_int_equal(xml_set_attr(&a, iq, "to", BYTES("x")), 0);
	assert_int_equal(xml_set_attr(&a, iq, "id", BYTES("'<&\n>'\x01")), 0);
	xml_del_attr(iq, "to");
	xml_del_attr(iq, "none");
	assert_int_equal(xml_add_text(&a, q, BYTES("a\r<\n")), 0);
	xml_add(&a, q, "x", "urn:q");
	xml_add(&a, q, "y", NULL);
	struct xml_node *copy = xml_clone(&a, iq);
	xml_write(&b, copy, NS_CLIENT);
	assert_string_equal(buf_cstr(&b), "<iq id='&apos;&lt;&amp;&#10;&gt;&apos;\xef\xbf\xbd'>"
	                                  "<query xmlns='urn:q'>a&#13;&lt;\n<x/><y xmlns=''/></query></iq>");
	assert_ptr_equal(xml_child(iq, "query", NULL), q);
	assert_null(xml_child(iq, "query", "urn:other"));
	assert_ptr_equal(xml_next(xml_first(q)), xml_child(q, "y", ""));
	assert_true(bytes_eq_str(xml_text(q), "a\r<\n"));
	xml_del_node(xml_child(q, "y", ""));
	xml_add(&a, q, "z", "urn:q");
	xml_del_node(xml_first(q));
	assert_ptr_equal(xml_first(q), xml_child(q, "z", NULL));
	xml_del_node(xml_first(q));
	assert_null(xml_first(q));
	xml_del_node(NULL);
	assert_null(xml_attr(iq, "to").p);
	assert_null(xml_child(NULL, "a", "b"));
	assert_null(xml_attr(NULL, "a").p);
	assert_null(xml_add(&a, NULL, "a", ""));
	assert_int_equal(xml_add_text(&a, NULL, BYTES("x")), ERR_NOMEM);
	buf_fini(&b);
	arena_fini(&a);
}

static bool same_tree(const struct xml_node *a, const struct xml_node *b)
{
	struct buf x, y;

	buf_init(&x, 1 << 20);
	buf_init(&y, 1 << 20);
	xml_write(&x, a, "");
	xml_write(&y, b, "");
	bool same = bytes_eq(buf_bytes(&x), buf_bytes(&y)) && !buf_failed(&x);
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

/* Trees at random: written and read they are what they were. */
static void write_read_is_same(void **state)
{
	static const char *const names[] = { "a", "b-c", "d.e", "_f", "\xc3\xa4" };
	static const char *const spaces[] = { "", "urn:a", "urn:b'&<", NS_CLIENT };
	static const char *const texts[] = { "x", "<&>'\"", "\r\n\t ", "\xf0\x9f\x98\x80", "]]>" };
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a, 1 << 18);
	buf_init(&b, 1 << 18);
	srand(7);
	for (int round = 0; round < 500; round++) {
		arena_reset(&a);
		buf_clear(&b);
		struct xml_node *root = xml_new(&a, "r", spaces[rand() % 4]), *at = root, *back = NULL;
		for (int i = 0; i < 30; i++) {
			if (rand() % 3 == 0 && at->parent)
				at = at->parent;
			if (rand() % 2 && (!at->last_child || at->last_child->name))
				assert_int_equal(xml_add_text(&a, at, bytes_of(texts[rand() % 5])), 0);
			at = xml_add(&a, at, names[rand() % 5], spaces[rand() % 4]);
			if (rand() % 2)
				assert_int_equal(xml_set_attr(&a, at, names[rand() % 5],
				                              bytes_of(texts[rand() % 5])), 0);
		}
		const char *context = spaces[rand() % 4];
		xml_write(&b, root, context);
		assert_int_equal(xml_parse(buf_bytes(&b), context, &xml_limits_default, &a, &back), 0);
		assert_true(same_tree(root, back));
		assert_true(same_tree(root, xml_clone(&a, root)));
	}
	buf_fini(&b);
	arena_fini(&a);
}

/* Every length up to far beyond the stack's patience: no recursion. */
static void writes_deep_trees(void **state)
{
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a, 256u << 20);
	buf_init(&b, 64u << 20);
	struct xml_node *top = xml_new(&a, "a", ""), *at = top;
	for (int i = 0; i < 500000; i++)
		at = xml_add(&a, at, "a", "");
	assert_non_null(at);
	xml_write(&b, xml_clone(&a, top), "");
	assert_int_equal(buf_len(&b), 500000 * 7 + 4);
	buf_fini(&b);
	arena_fini(&a);
}

static void full_arena(void **state)
{
	struct xml_stream s;
	struct xml_event ev;
	struct arena a;

	(void)state;
	for (size_t max = 0; max < 1500; max += 50) {
		arena_init(&a, max);
		xml_stream_init(&s, pool, &xml_limits_default);
		assert_int_equal(xml_stream_feed(&s, BYTES(HEADER_C "<iq a='1'><b>text</b><c/></iq>")), 0);
		int rc = xml_stream_next(&s, &a, &ev);
		if (rc == 0)
			rc = xml_stream_next(&s, &a, &ev);
		assert_true(rc == ERR_NOMEM || (rc == 0 && max > 500));
		xml_stream_fini(&s);
		arena_fini(&a);
	}
}

static int make_pool(void **state)
{
	(void)state;
	pool = xml_pool_new(4);
	return pool ? 0 : -1;
}

static int drop_pool(void **state)
{
	(void)state;
	xml_pool_free(pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_streams),      cmocka_unit_test(keeps_limits),
		cmocka_unit_test(refuses_endless),    cmocka_unit_test(bounds_rescans),
		cmocka_unit_test(idles_without_memory), cmocka_unit_test(restart_forgets), cmocka_unit_test(rest_behind_an_event),
		cmocka_unit_test(long_streams),       cmocka_unit_test(parses_alone),
		cmocka_unit_test(comments_are_read_over),
		cmocka_unit_test(makes_trees),        cmocka_unit_test(write_read_is_same),
		cmocka_unit_test(writes_deep_trees),  cmocka_unit_test(full_arena),
	};

	return cmocka_run_group_tests(tests, make_pool, drop_pool);
}

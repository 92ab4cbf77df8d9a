LIBS += proto
lib_proto_SRCS := lib/proto/xmpp.c lib/proto/xml_pool.c lib/proto/xml_build.c lib/proto/xml_ns.c \
	lib/proto/xml_header.c lib/proto/xml_stream.c lib/proto/xml_document.c \
	lib/proto/xml_tree.c lib/proto/xml_write.c lib/proto/stanza.c lib/proto/record.c lib/proto/hold.c lib/proto/envelope.c \
	lib/proto/jid.c lib/proto/jid_precis.c lib/proto/jid_dns.c lib/proto/jid_escape.c \
	lib/proto/hmac.c lib/proto/scram.c lib/proto/hashed_token.c lib/proto/oauthbearer.c lib/proto/dialback.c lib/proto/disco.c \
	lib/proto/msrp.c lib/proto/msrp_uri.c lib/proto/msrp_reader.c lib/proto/msrp_writer.c lib/proto/msrp_join.c \
	lib/proto/stunmsg_parse.c lib/proto/stunmsg_write.c lib/proto/stunmsg_integrity.c lib/proto/stunmsg_address.c \
	lib/proto/stunframe.c lib/proto/turncred.c \
	lib/proto/http1_reader.c lib/proto/http1_fields.c lib/proto/http1_response.c lib/proto/http1_writer.c lib/proto/websocket.c lib/proto/upload.c \
	lib/proto/h2.c lib/proto/h2_stream.c lib/proto/h2_flood.c lib/proto/h2_head.c \
	lib/proto/mask_xml.c lib/proto/mask_sip.c \
	lib/proto/form.c lib/proto/forward.c lib/proto/allow.c lib/proto/allow_path.c lib/proto/allow_csv.c lib/proto/csv.c \
	lib/proto/composed.c

# For the users of the layer.
proto_LD := -lexpat -lidn2 -licuuc -lcrypto

UNIT += lib/proto/xml_test
xml_test_LIBS := proto base
xml_test_LD := $(proto_LD)
UNIT += lib/proto/xml_document_test
xml_document_test_LIBS := proto base
xml_document_test_LD := $(proto_LD)
UNIT += lib/proto/jid_test
jid_test_LIBS := proto base
jid_test_LD := $(proto_LD)

UNIT += lib/proto/hmac_test
hmac_test_LIBS := proto base
hmac_test_LD := -lcrypto
UNIT += lib/proto/scram_test
scram_test_LIBS := proto base
scram_test_LD := $(proto_LD)
UNIT += lib/proto/oauthbearer_test
oauthbearer_test_LIBS := proto base
oauthbearer_test_LD := $(proto_LD)
UNIT += lib/proto/hashed_token_test
hashed_token_test_LIBS := proto base
hashed_token_test_LD := $(proto_LD)
UNIT += lib/proto/dialback_test
dialback_test_LIBS := proto base
dialback_test_LD := $(proto_LD)

UNIT += lib/proto/disco_test
disco_test_LIBS := proto base
disco_test_LD := $(proto_LD)

UNIT += lib/proto/stanza_test
stanza_test_LIBS := proto base
stanza_test_LD := $(proto_LD)
UNIT += lib/proto/composed_test
composed_test_LIBS := proto base
composed_test_LD := $(proto_LD)
UNIT += lib/proto/envelope_test
envelope_test_LIBS := proto base
envelope_test_LD := $(proto_LD)

UNIT += lib/proto/msrp_test
msrp_test_LIBS := proto base

# Figures for docs/performance.md.
TOOLS += xml-bench
xml-bench_SRCS := lib/proto/xml_bench.c
xml-bench_LIBS := proto base
xml-bench_LD := $(proto_LD)

UNIT += lib/proto/stunmsg_test lib/proto/stunframe_test
stunmsg_test_LIBS := proto base
stunmsg_test_LD := -lcrypto
stunframe_test_LIBS := proto base
stunframe_test_LD := -lcrypto

UNIT += lib/proto/turncred_test
turncred_test_LIBS := proto base
turncred_test_LD := $(proto_LD)

FUZZ += stunmsg_fuzz stunframe_fuzz
stunmsg_fuzz_LIBS := proto base
stunmsg_fuzz_LD := -lcrypto
stunframe_fuzz_LIBS := proto base
stunframe_fuzz_LD := -lcrypto

UNIT += lib/proto/http1_test
http1_test_LIBS := proto base
FUZZ += http1_fuzz
http1_fuzz_LIBS := proto base

UNIT += lib/proto/mask_test
mask_test_LIBS := proto base
mask_test_LD := $(proto_LD)

UNIT += lib/proto/websocket_test
websocket_test_LIBS := proto base
websocket_test_LD := -lcrypto
FUZZ += websocket_fuzz
websocket_fuzz_LIBS := proto base
websocket_fuzz_LD := -lcrypto

UNIT += lib/proto/upload_test
upload_test_LIBS := proto base
upload_test_LD := $(proto_LD)

UNIT += lib/proto/allow_test lib/proto/forward_test
forward_test_LIBS := proto base
allow_test_LIBS := proto base
UNIT += lib/proto/csv_test
csv_test_LIBS := proto base
FUZZ += csv_fuzz
csv_fuzz_LIBS := proto base
FUZZ += allow_fuzz
allow_fuzz_LIBS := proto base
UNIT += lib/proto/h2_head_test
h2_head_test_LIBS := proto base
h2_head_test_LD := $(proto_LD)

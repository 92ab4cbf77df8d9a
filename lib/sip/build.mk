LIBS += sip
SIP_LD := -lsofia-sip-ua
lib_sip_SRCS += lib/sip/message_text.c lib/sip/message_headers.c lib/sip/message_parse.c lib/sip/message_address.c \
	lib/sip/message_edit.c lib/sip/message_print.c lib/sip/stream.c lib/sip/uri.c lib/sip/sdp.c
lib_sip_SRCS += lib/sip/unit.c

UNIT += lib/sip/uri_test lib/sip/message_test lib/sip/stream_test
uri_test_LIBS := sip base
uri_test_LD := $(SIP_LD)
message_test_LIBS := sip base
message_test_LD := $(SIP_LD)
stream_test_LIBS := sip base
stream_test_LD := $(SIP_LD)
UNIT += lib/sip/sdp_test
sdp_test_LIBS := sip base
sdp_test_LD := $(SIP_LD)

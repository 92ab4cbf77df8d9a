LIBS += sip
SIP_LD := -lsofia-sip-ua
lib_sip_SRCS += lib/sip/message_text.c lib/sip/message_headers.c lib/sip/message_parse.c lib/sip/message_address.c \
	lib/sip/message_edit.c lib/sip/message_print.c lib/sip/stream.c lib/sip/uri.c lib/sip/sdp.c
lib_sip_SRCS += lib/sip/endpoint.c lib/sip/endpoint_server.c lib/sip/endpoint_server_machine.c lib/sip/endpoint_client.c \
	lib/sip/endpoint_client_machine.c lib/sip/endpoint_key.c lib/sip/endpoint_time.c lib/sip/endpoint_via.c \
	lib/sip/endpoint_ack.c
lib_sip_SRCS += lib/sip/unit.c
lib_sip_SRCS += lib/sip/place.c lib/sip/transport.c lib/sip/transport_conn.c lib/sip/transport_listen.c \
	lib/sip/transport_table.c lib/sip/transport_time.c lib/sip/transport_stun.c lib/sip/transport_udp.c lib/sip/locate.c

# Digest authentication.
lib_sip_SRCS += lib/sip/message_auth.c lib/sip/digest.c lib/sip/digest_client.c lib/sip/digest_server.c
UNIT += lib/sip/digest_test
digest_test_LIBS := sip base
digest_test_LD := -lsofia-sip-ua -lcrypto
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

SIP_NET_LD := -lssl -lcrypto -lcares -lresolv -levent_core $(SIP_LD)
UNIT += lib/sip/locate_test
locate_test_SRCS := lib/net/dns_fixture.c
locate_test_LIBS := sip net run base
locate_test_LD := $(SIP_NET_LD)
UNIT += lib/sip/transport_stun_test
transport_stun_test_LIBS := sip proto base
transport_stun_test_LD := -lcrypto
UNIT += lib/sip/transport_test lib/sip/transport_tls_test lib/sip/transport_churn_test
transport_churn_test_SRCS := lib/sip/transport_fixture.c lib/net/pki_fixture.c
transport_churn_test_LIBS := sip net run proto base
transport_churn_test_LD := $(SIP_NET_LD)
transport_tls_test_SRCS := lib/sip/transport_fixture.c lib/net/pki_fixture.c
transport_tls_test_LIBS := sip net run proto base
transport_tls_test_LD := $(SIP_NET_LD)
transport_test_SRCS := lib/sip/transport_fixture.c lib/net/pki_fixture.c
transport_test_LIBS := sip net run proto base
transport_test_LD := $(SIP_NET_LD)
UNIT += lib/sip/endpoint_wire_test
endpoint_wire_test_SRCS := lib/sip/transport_fixture.c lib/net/pki_fixture.c
endpoint_wire_test_LIBS := sip net run proto base
endpoint_wire_test_LD := $(SIP_NET_LD)
UNIT += lib/sip/endpoint_client_test lib/sip/endpoint_server_test
endpoint_client_test_SRCS := lib/sip/endpoint_fixture.c
endpoint_client_test_LIBS := sip net run base
endpoint_client_test_LD := $(SIP_LD) -levent_core
endpoint_server_test_SRCS := lib/sip/endpoint_fixture.c
endpoint_server_test_LIBS := sip net run base
endpoint_server_test_LD := $(SIP_LD) -levent_core
UNIT += lib/sip/endpoint_torture_test
endpoint_torture_test_SRCS := lib/net/pki_fixture.c
endpoint_torture_test_LIBS := sip net run proto base
endpoint_torture_test_LD := $(SIP_NET_LD)

LIBS += net
lib_net_SRCS += lib/net/dns.c lib/net/dns_wire.c lib/net/dns_cache.c lib/net/dns_order.c lib/net/dns_record.c lib/net/dns_settings.c lib/net/dns_command.c
UNIT += lib/net/dns_test
dns_test_SRCS := lib/net/dns_fixture.c
dns_test_LIBS := net run proto base
dns_test_LD := -lcares -lresolv -levent_core $(proto_LD)
lib_net_SRCS += lib/net/address.c lib/net/certname.c lib/net/certname_sip.c lib/net/prefix.c lib/net/reserved.c lib/net/link.c lib/net/tls.c lib/net/tls_store.c \
	lib/net/tls_settings.c lib/net/tls_ticket.c lib/net/tls_verify.c lib/net/tls_ocsp.c lib/net/dtls.c lib/net/dtls_door.c \
	lib/net/dtls_bio.c lib/net/dtls_cookie.c lib/net/keyproxy.c lib/net/keyproxy_provider.c

NET_LD := -lssl -lcrypto -lcares -levent_core
UNIT += lib/net/certname_test lib/net/certname_sip_test lib/net/tls_test lib/net/tls_sip_test
certname_test_SRCS := lib/net/pki_fixture.c
certname_test_LIBS := net base
certname_test_LD := $(NET_LD)
certname_sip_test_SRCS := lib/net/pki_fixture.c
certname_sip_test_LIBS := net base
certname_sip_test_LD := $(NET_LD)
tls_sip_test_SRCS := lib/net/pki_fixture.c lib/net/link_fixture.c
tls_sip_test_LIBS := net run base
tls_sip_test_LD := $(NET_LD)
tls_test_SRCS := lib/net/pki_fixture.c lib/net/link_fixture.c
tls_test_LIBS := net run base
tls_test_LD := $(NET_LD)
UNIT += lib/net/keyproxy_test
keyproxy_test_SRCS := lib/net/pki_fixture.c lib/net/link_fixture.c lib/net/dtls_fixture.c
keyproxy_test_LIBS := net run base
keyproxy_test_LD := $(NET_LD)
UNIT += lib/net/link_test
link_test_SRCS := lib/net/pki_fixture.c lib/net/link_fixture.c
link_test_LIBS := net run base
link_test_LD := $(NET_LD)
UNIT += lib/net/address_test
address_test_LIBS := net base
UNIT += lib/net/dtls_test
dtls_test_SRCS := lib/net/pki_fixture.c lib/net/dtls_fixture.c
dtls_test_LIBS := net run base
dtls_test_LD := $(NET_LD)
UNIT += lib/net/dtls_openssl_test
dtls_openssl_test_SRCS := lib/net/pki_fixture.c
dtls_openssl_test_LIBS := net run base
dtls_openssl_test_LD := $(NET_LD)
UNIT += lib/net/tls_settings_test
tls_settings_test_SRCS := lib/net/pki_fixture.c
tls_settings_test_LIBS := net run proto base
tls_settings_test_LD := $(NET_LD) $(proto_LD)

# Of libnet so that gh-turn and the tests of turn/xdp share it; the test runs the kernel's program.
lib_net_SRCS += lib/net/fastpath.c lib/net/meters.c
UNIT += lib/net/fastpath_test lib/net/fastpath_send_test
fastpath_test_SRCS := lib/net/fastpath_fixture.c lib/net/fastpath.c lib/net/meters.c
fastpath_test_LIBS := base
fastpath_test_LD := -lbpf
fastpath_send_test_SRCS := $(fastpath_test_SRCS)
fastpath_send_test_LIBS := proto base
fastpath_send_test_LD := -lbpf -lcrypto

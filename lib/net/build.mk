LIBS += net
lib_net_SRCS += lib/net/dns.c lib/net/dns_wire.c lib/net/dns_cache.c lib/net/dns_order.c lib/net/dns_record.c
UNIT += lib/net/dns_test
dns_test_LIBS := net run base
dns_test_LD := -lcares -lresolv -levent_core

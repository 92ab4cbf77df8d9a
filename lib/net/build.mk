LIBS += net
lib_net_SRCS := lib/net/certname.c lib/net/link.c lib/net/tls.c lib/net/tls_store.c \
	lib/net/tls_ticket.c lib/net/tls_verify.c lib/net/keyproxy.c lib/net/keyproxy_provider.c

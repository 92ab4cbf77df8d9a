LIBS += sip
lib_sip_SRCS += lib/sip/unit.c
lib_sip_SRCS += lib/sip/place.c lib/sip/transport.c lib/sip/transport_conn.c lib/sip/transport_listen.c \
	lib/sip/transport_table.c lib/sip/transport_time.c lib/sip/transport_udp.c

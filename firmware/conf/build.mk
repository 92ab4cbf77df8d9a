UNIT += firmware/conf/conf_text_test
conf_text_test_SRCS := firmware/conf/conf_text.c firmware/conf/rows.c firmware/conf/entry.c
conf_text_test_LIBS := run proto base
conf_text_test_LD := -lexpat -lidn2 -licuuc -lssl -lcrypto

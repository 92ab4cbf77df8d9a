PROGS += gh-dir
dir_PURE := core/dir/dn.c core/dir/ldap.c core/dir/ldap_filter.c core/dir/person.c
gh-dir_SRCS := $(addprefix core/dir/,main.c config.c conn.c task.c check.c people.c validate.c groups.c sync.c sync_known.c sync_changes.c sync_lists.c sync_figures.c look.c commands.c) $(dir_PURE)
gh-dir_LIBS := net run proto base
gh-dir_LD := -levent_core -lseccomp -lssl -lcrypto -lcares -lresolv -llber $(proto_LD)

UNIT += core/dir/dn_test core/dir/ldap_test core/dir/person_test
dn_test_SRCS := core/dir/dn.c
dn_test_LIBS := base
dn_test_LD :=
ldap_test_SRCS := core/dir/ldap.c core/dir/ldap_filter.c
ldap_test_LIBS := base
ldap_test_LD := -llber
person_test_SRCS := $(dir_PURE)
person_test_LIBS := proto base
person_test_LD := -llber $(proto_LD)

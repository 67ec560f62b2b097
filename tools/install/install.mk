# SPDX-License-Identifier: BSD-2-Clause
#
# install.mk - make install, uninstall, install-dkms
#
# DESTDIR and PREFIX are honoured, and each directory can be named by itself.
# The version is AGNOCAST_VERSION of the uapi header, and nowhere else: what
# carries @VERSION@ gets it here. Nothing is built; nothing outside DESTDIR is
# touched, so groups, rules and units are put in force by whoever installs.

PREFIX	?= /usr/local
DESTDIR	?=
BINDIR	?= $(PREFIX)/bin
LIBDIR	?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR	?= $(PREFIX)/share/man
DOCDIR	?= $(PREFIX)/share/doc/agnocast
UNITDIR	?= $(PREFIX)/lib/systemd/system
UDEVDIR	?= $(PREFIX)/lib/udev/rules.d
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
DKMSDIR	?= /usr/src
MODULESLOADDIR ?= /usr/lib/modules-load.d

VERSION := $(shell sed -n 's/^\#define AGNOCAST_VERSION[[:space:]]*"\(.*\)"/\1/p' \
	include/uapi/agnocast.h)
FROM	:= tools/install
CMAKEDIR = $(LIBDIR)/cmake/agnocast

INSTALL_PROGRAMS = $(BUILD)/tools/agnocastd $(filter-out %.d %.a, \
	$(wildcard $(BUILD)/cli/agnocast $(BUILD)/cli/agnocast-*))
# layout.h says what lies in shared memory; it is no part of the API.
INSTALL_HEADERS = $(filter-out %/layout.h,$(wildcard include/agnocast/*.h include/agnocast/*.hpp))
INSTALL_MAN = $(wildcard cli/*.[1-8] tools/agnocastd/*.[1-8] docs/*.[1-8] docs/man/*.[1-8])
INSTALL_DOCS = README.md DESIGN.md $(wildcard docs/*.md)

# Each file that goes to a place of its own: from:to.
INSTALL_AS = \
	$(FROM)/60-agnocast.rules:$(UDEVDIR)/60-agnocast.rules \
	$(FROM)/agnocast.pc:$(LIBDIR)/pkgconfig/agnocast.pc \
	$(FROM)/agnocastConfig.cmake:$(CMAKEDIR)/agnocastConfig.cmake \
	$(FROM)/agnocastConfigVersion.cmake:$(CMAKEDIR)/agnocastConfigVersion.cmake \
	$(FROM)/agnocastd.service:$(UNITDIR)/agnocastd.service \
	$(FROM)/agnocastd.socket:$(UNITDIR)/agnocastd.socket \
	$(FROM)/sysusers.conf:$(SYSUSERSDIR)/agnocast.conf \
	include/uapi/agnocast.h:$(INCLUDEDIR)/agnocast/uapi/agnocast.h \
	tools/completion/agnocast.bash:$(PREFIX)/share/bash-completion/completions/agnocast \
	tools/completion/agnocast.bash:$(PREFIX)/share/bash-completion/completions/agnocast-top \
	tools/completion/_agnocast:$(PREFIX)/share/zsh/site-functions/_agnocast \
	# EOL

# From one directory to another, in a tree that may be moved as a whole.
INCLUDEDIR_FROM_CMAKE = $(shell realpath -m --relative-to=$(CMAKEDIR) $(INCLUDEDIR))

FILL = sed \
	-e 's|@VERSION@|$(VERSION)|g' \
	-e 's|@PREFIX@|$(PREFIX)|g' \
	-e 's|@BINDIR@|$(BINDIR)|g' \
	-e 's|@LIBDIR@|$(LIBDIR)|g' \
	-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
	-e 's|@INCLUDEDIR_FROM_CMAKE@|$(INCLUDEDIR_FROM_CMAKE)|g'

# What install puts where, without DESTDIR: also what uninstall removes.
INSTALLED = \
	$(addprefix $(BINDIR)/,$(notdir $(INSTALL_PROGRAMS))) \
	$(LIBDIR)/libagnocast.so \
	$(addprefix $(INCLUDEDIR)/agnocast/,$(notdir $(INSTALL_HEADERS))) \
	$(foreach m,$(INSTALL_MAN),$(MANDIR)/man$(subst .,,$(suffix $m))/$(notdir $m)) \
	$(addprefix $(DOCDIR)/,$(notdir $(INSTALL_DOCS))) \
	$(foreach f,$(INSTALL_AS),$(lastword $(subst :, ,$f))) \
	# EOL

install:
	$(Q)for f in $(BUILD)/lib/libagnocast.so $(BUILD)/tools/agnocastd; do \
		[ -f $$f ] || { echo "install: $$f is not there; run make first" >&2; exit 1; }; \
	done
	$(Q)install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCLUDEDIR)/agnocast \
		$(DESTDIR)$(DOCDIR)
	$(Q)install -m 755 $(INSTALL_PROGRAMS) $(DESTDIR)$(BINDIR)
	$(Q)install -m 755 $(BUILD)/lib/libagnocast.so $(DESTDIR)$(LIBDIR)
	$(Q)install -m 644 $(INSTALL_HEADERS) $(DESTDIR)$(INCLUDEDIR)/agnocast
	$(Q)install -m 644 $(INSTALL_DOCS) $(DESTDIR)$(DOCDIR)
	$(Q)for m in $(INSTALL_MAN); do \
		install -D -m 644 $$m "$(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}" || exit; \
	done
	$(Q)for f in $(INSTALL_AS); do \
		install -d "$(DESTDIR)$$(dirname "$${f#*:}")" && \
		$(FILL) "$${f%:*}" >"$(DESTDIR)$${f#*:}" && \
		chmod 644 "$(DESTDIR)$${f#*:}" || exit; \
	done

uninstall:
	$(Q)$(RM) $(addprefix $(DESTDIR),$(INSTALLED))
	$(Q)rmdir -p --ignore-fail-on-non-empty $(sort $(dir $(addprefix $(DESTDIR),$(INSTALLED)))) \
		2>/dev/null || :

# The module's source for dkms, and its name for the boot. Not a part of
# install: a machine may have only agnocastd.
DKMS_TREE = $(DESTDIR)$(DKMSDIR)/agnocast-$(VERSION)

install-dkms:
	$(Q)install -d $(DKMS_TREE)/kernel/tracing $(DKMS_TREE)/include/uapi
	$(Q)install -m 644 kernel/*.[ch] kernel/Kbuild $(DKMS_TREE)/kernel
	$(Q)install -m 644 kernel/tracing/*.h $(DKMS_TREE)/kernel/tracing
	$(Q)install -m 644 include/uapi/agnocast.h $(DKMS_TREE)/include/uapi
	$(Q)$(FILL) $(FROM)/dkms.conf >$(DKMS_TREE)/dkms.conf
	$(Q)install -D -m 644 $(FROM)/modules-load.conf $(DESTDIR)$(MODULESLOADDIR)/agnocast.conf

uninstall-dkms:
	$(Q)$(RM) -r $(DKMS_TREE)
	$(Q)$(RM) $(DESTDIR)$(MODULESLOADDIR)/agnocast.conf

.PHONY: install install-dkms uninstall uninstall-dkms

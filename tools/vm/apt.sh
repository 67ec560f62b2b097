# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# apt.sh - getting Debian packages, for the scripts here; to be sourced

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

# fetch PACKAGE... - download into the current directory; lists may be stale
fetch()
{
	apt-get download -qq -o APT::Sandbox::User="$(id -un)" "$@" ||
		{ as_root apt-get update -qq &&
		  apt-get download -qq -o APT::Sandbox::User="$(id -un)" "$@"; }
}

# apt_install PACKAGE... - on the host
apt_install()
{
	echo "${0##*/}: installing $*" >&2
	as_root apt-get update -qq
	DEBIAN_FRONTEND=noninteractive \
		as_root apt-get install -qq -y --no-install-recommends "$@"
}

# install_missing - of the lines `PROGRAM PACKAGE` on stdin
install_missing()
{
	missing=
	while read -r program package; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null ||
			missing="$missing $package"
	done
	[ -d /usr/include/x86_64-linux-gnu/sys ] || missing="$missing libc6-dev"
	# shellcheck disable=SC2086 # a list of words
	[ -z "$missing" ] || apt_install $missing
}

# shellcheck shell=bash disable=SC2034
# contrib/lib.sh
#	What contrib/demo, contrib/pgmajors, contrib/systemd-check and regress/run share:
#	packages, the work directory, the copy of the checkout, the unprivileged user,
#	and leaving nothing behind.
#	Sourced by bash; sets no trap.
#
# The caller sets TOP (the checkout) before it sources this.

PG_MAJOR=15
PG_BINDIR=/usr/lib/postgresql/$PG_MAJOR/bin
# elsewhere than in Debian; where there is none yet Debian's will be installed
[ -d "$PG_BINDIR" ] || ! command -v pg_config >/dev/null || PG_BINDIR=$(pg_config --bindir)
STARTED=$SECONDS

# What a build needs, and what running a PostgreSQL beside it needs.
BUILD_PACKAGES="gcc libc6-dev make autoconf automake pkg-config libpq-dev libconfig-dev libssl-dev libevent-dev liblz4-dev libzstd-dev"
SERVER_PACKAGES="postgresql-$PG_MAJOR postgresql-client-$PG_MAJOR"
# What contrib/pgmajors needs; tzdata is for the servers that it brings.
MAJORS_PACKAGES="patchelf tzdata debian-archive-keyring util-linux xz-utils"

say()
{
	printf '==> [%3ds] %s\n' $((SECONDS - STARTED)) "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

is_root()
{
	[ "$(id -u)" = 0 ]
}

# need_packages PACKAGE...
#	Installs what is missing.  Without root it can only say what to install.
need_packages()
{
	local missing=() p guard=/etc/postgresql-common/createcluster.d/walbouncer.conf
	local guarded='' status=0 log

	if ! command -v dpkg-query >/dev/null; then
		say "not Debian: taking it that what is needed is installed (there: $*)"
		return 0
	fi
	for p in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null) in
			?i*) ;;
			*) missing+=("$p") ;;
		esac
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	is_root || die "packages are missing; as root: apt-get install ${missing[*]}"

	say "installing ${#missing[@]} packages: ${missing[*]}"

	# Debian's server package makes a cluster "main" and starts it when it is
	# first installed.  Ours are throwaway servers: nothing shall stay running.
	if [ ! -e "$guard" ]; then
		mkdir -p "${guard%/*}"
		echo "create_main_cluster = false" >"$guard"
		guarded=yes
	fi
	log=$(mktemp)
	{
		apt-get -q update &&
			DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
				--no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}"
	} </dev/null >"$log" 2>&1 || status=$?
	if [ -n "$guarded" ]; then
		rm -f "$guard"
		rmdir "${guard%/*}" 2>/dev/null
	fi
	if [ "$status" != 0 ]; then
		tail -n 30 "$log" >&2
		rm -f "$log"
		die "could not install the packages"
	fi
	rm -f "$log"
}

# fetch_packages DIR PACKAGE...
#	Unpacks packages below DIR without installing them, and without what they
#	depend on: for those that would have to replace something that is installed.
fetch_packages()
{
	local dir=$1 deb

	shift
	mkdir -p "$dir/debs" || return
	(cd "$dir/debs" &&
		{ apt-get -q -o APT::Sandbox::User=root download "$@" ||
			{ apt-get -q update && apt-get -q -o APT::Sandbox::User=root download "$@"; }; }) >"$dir/log" 2>&1 || return
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir" || return
	done
}

# choose_user
#	Who builds and runs everything: the caller, or as root the user postgres.
choose_user()
{
	RUN_USER=$(id -un)
	if is_root; then
		RUN_USER=postgres
		id postgres >/dev/null 2>&1 || die "the user postgres does not exist"
	fi
}

# make_workdir NAME
#	WORK: an empty directory of RUN_USER's, in a place from which programs can
#	be run and whose path is short enough for Unix sockets.
make_workdir()
{
	local name=$1 base

	for base in /tmp /var/tmp; do
		WORK=$(mktemp -d "$base/$name.XXXXXX") || continue
		printf '#!/bin/sh\nexit 0\n' >"$WORK/x"
		chmod 755 "$WORK/x"
		if "$WORK/x" 2>/dev/null; then
			rm -f "$WORK/x"
			mkdir "$WORK/tmp"
			# others may not look in, but must be able to see the owner's
			chmod 700 "$WORK"
			if is_root; then chown -R "$RUN_USER": "$WORK"; fi
			return 0
		fi
		rm -rf "$WORK"
	done
	WORK=
	die "cannot run programs from /tmp or /var/tmp"
}

# as_user COMMAND...
#	Runs a command as RUN_USER in a small, known environment.  A subshell may
#	cd first: the working directory is kept.
as_user()
{
	local env=(env -i --default-signal=INT,QUIT,PIPE HOME="$WORK" TMPDIR="$WORK/tmp" USER="$RUN_USER" LOGNAME="$RUN_USER"
		LC_ALL=C.UTF-8 TERM=dumb SHELL=/bin/sh
		PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin)
	local v

	for v in CI PG_TEST_TIMEOUT_DEFAULT WB_SMALL_FS WB_OTHER_PSQL WB_NODE_PATH WB_REQUIRE_DRIVERS ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS; do
		[ -z "${!v-}" ] || env+=("$v=${!v}")
	done
	if is_root; then
		setpriv --reuid "$RUN_USER" --regid "$(id -g "$RUN_USER")" --clear-groups \
			"${env[@]}" "$@"
	else
		"${env[@]}" "$@"
	fi
}

# copy_checkout DIR
#	The files of the checkout, without .git and without what a build made.  The
#	checkout is only read, whoever owns it.
copy_checkout()
{
	local dir=$1 list
	local git=(git -c safe.directory='*' -C "$TOP")

	mkdir -p "$dir"
	list=$(mktemp)
	if command -v git >/dev/null && [ -e "$TOP/.git" ] &&
		"${git[@]}" ls-files -z --cached --others --exclude-standard >"$list" 2>/dev/null; then
		# a file may be deleted and still be known to git
		(cd "$TOP" && while IFS= read -r -d '' f; do
			if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\0' "$f"; fi
		done <"$list" | tar --null -T - -cf -) | tar -C "$dir" --no-same-owner -xf -
	else
		(cd "$TOP" && tar --exclude=./.git --exclude=./autom4te.cache --exclude=./configure \
			--exclude=./config.status --exclude=./config.h --exclude=./Makefile \
			--exclude=./Makefile.in --exclude=./aclocal.m4 --exclude=./build-aux \
			--exclude=./build --exclude='./build-*' --exclude=./tmp_check \
			--exclude=.deps --exclude='*.o' --exclude='*.a' -cf - .) |
			tar -C "$dir" --no-same-owner -xf -
	fi
	rm -f "$list"
	[ -e "$dir/configure.ac" ] || die "could not copy $TOP"
	chmod -R u+rwX,go+rX "$dir"
	if is_root; then chown -R "$RUN_USER": "$dir"; fi
}

# processes_of DIR
#	Ids of the processes that run a program from DIR or have their working
#	directory there: a PostgreSQL server's is its data directory.
processes_of()
{
	local dir=$1 p exe cwd

	for p in /proc/[0-9]*; do
		exe=$(readlink "$p/exe" 2>/dev/null)
		cwd=$(readlink "$p/cwd" 2>/dev/null)
		case $exe in "$dir"/*) echo "${p#/proc/}"; continue ;; esac
		case $cwd in "$dir" | "$dir"/*) echo "${p#/proc/}" ;; esac
	done
}

# stop_processes_of DIR
#	Fast stop, then an immediate one, then the end.  Nobody else's are touched.
stop_processes_of()
{
	local dir=$1 sig pids n

	for sig in INT QUIT KILL; do
		pids=$(processes_of "$dir")
		[ -n "$pids" ] || return 0
		# a stopped process hears nothing until it goes on
		# shellcheck disable=SC2086
		kill -s "$sig" $pids 2>/dev/null
		# shellcheck disable=SC2086
		kill -s CONT $pids 2>/dev/null
		for n in {1..30}; do
			[ -n "$(processes_of "$dir")" ] || return 0
			sleep 0.1
		done
	done
	[ -z "$(processes_of "$dir")" ]
}

# remove_workdir
#	Ends what still runs in WORK and deletes it.
remove_workdir()
{
	[ -n "${WORK-}" ] && [ -d "$WORK" ] || return 0
	# or we would be one of them
	cd /
	stop_processes_of "$WORK"
	rm -rf "$WORK"
}

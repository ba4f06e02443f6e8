#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tools/deps.sh [demo|simulate|kernels]: installs what the build, the demo and the tests need; the first two alone
# (demo); these and what the simulator needs (simulate); all but that and what `make kernels` needs (kernels: Debian
# alone, whose kernels it boots). Debian and Ubuntu, Fedora, Alpine. The package manager is asked only when something is
# missing. Exit: 0 all there, 1 failed, 2 unknown distribution, or one without kernels to boot, 5 not root.
#
# DNS servers, podman and promtool are wanted for their programs alone. Where their packages would start services or take
# over /etc/resolv.conf (Debian), they are not installed but unpacked into .deps; the lab and the tests find them
# there. On Fedora systemd-resolved is used if it is there, and never installed.
set -eu

cd "$(dirname "$0")/.."

# Per line: what it is for ("+": the tests alone, "%": the simulator alone), then the packages' names ("-": nothing to install, "a,b": both).
all_of_it() {
	cat <<'END'
# for                 Debian, Ubuntu            Fedora                       Alpine
C-compiler            gcc,libc6-dev             gcc,glibc-devel              gcc,musl-dev
make                  make                      make                         make
git                   git                       git                          git
bash                  bash                      bash                         bash
BPF-compiler          clang,llvm                clang,llvm                   clang,llvm
+libFuzzer            @libfuzzer                compiler-rt                  compiler-rt
bpftool               @bpftool                  bpftool                      bpftool
libbpf                libbpf-dev                libbpf-devel                 libbpf-dev
libelf                libelf-dev                elfutils-libelf-devel        elfutils-dev
zlib                  zlib1g-dev                zlib-devel                   zlib-dev
libmnl                libmnl-dev                libmnl-devel                 libmnl-dev
jansson               libjansson-dev            jansson-devel                jansson-dev
libinih               libinih-dev               inih-devel                   inih-dev
pkg-config            pkg-config                pkgconf-pkg-config           pkgconf
kernel-headers        linux-libc-dev            kernel-headers               linux-headers
libseccomp            libseccomp-dev            libseccomp-devel             libseccomp-dev
+cmocka               libcmocka-dev             libcmocka-devel              cmocka-dev
+libpcap              libpcap-dev               libpcap-devel                libpcap-dev
+ldns                 libldns-dev               ldns-devel                   ldns-dev
musl                  musl-tools                musl-gcc,musl-libc-static    -
+Go                   golang-go                 golang                       go
+c-ares               libc-ares-dev             c-ares-devel                 c-ares-dev
+Node                 nodejs                    nodejs                       nodejs
+Python               python3                   python3                      python3
+Java                 @java                     java-headless                openjdk17-jre-headless
+Java-compiler        @java                     java-devel                   openjdk17-jdk
+curl                 curl                      curl                         curl
+wget                 wget                      wget                         wget
ip                    iproute2                  iproute                      iproute2
tc                    -                         iproute-tc                   -
+nft                  nftables                  nftables                     nftables
+ethtool              ethtool                   ethtool                      ethtool
nsenter,setpriv       util-linux                util-linux                   util-linux,util-linux-misc,setpriv
ps,sysctl             procps                    procps-ng                    procps-ng
coreutils             coreutils                 coreutils                    coreutils
awk                   mawk                      gawk                         gawk
modprobe              kmod                      kmod                         kmod
jq                    jq                        jq                           jq
+xz                   xz-utils                  -                            -
dig                   bind9-dnsutils            bind-utils                   bind-tools
+host                 bind9-host                -                            -
+rndc                 bind9-utils               -                            -
+kdig                 knot-dnsutils             knot-utils                   knot-utils
+dnsmasq              dnsmasq-base              dnsmasq                      dnsmasq
+ping                 iputils-ping              iputils                      iputils
+tcpdump              tcpdump                   tcpdump                      tcpdump
%gnuplot              gnuplot-nox               gnuplot                      gnuplot
DNS-server            @unpacked                 bind                         bind
+unbound              @unpacked                 unbound                      unbound
+systemd-resolved     @unpacked                 -                            -
+podman               @unpacked                 podman,runc,netavark         podman,runc,netavark
+promtool             @unpacked                 -                            -
END
}

# What tools/kernels needs beside it.
KERNEL_TOOLS="qemu-system-x86 busybox-static cpio kmod xz-utils zstd"

# Kernels of other versions, with their modules and a keyring that vouches for them, are Debian's alone; and busybox
# is linked statically and has modprobe there.
for_kernels() {
	# shellcheck disable=SC1091 # the machine's own file
	if ! (. /etc/os-release && [ "${ID:-}" = debian ]); then
		echo "make deps kernels: knows Debian alone: the kernels and their sources are Debian's" >&2
		exit 2
	fi
	want=
	for name in $KERNEL_TOOLS; do installed "$name" || want="$want $name"; done
	[ -n "$want" ] || return 0
	need_root "$want"
	echo "make deps: installing$want"
	# shellcheck disable=SC2086 # a list of names
	debian_install $want
}

is_without_tests() { [ "$for" = demo ] || [ "$for" = simulate ]; }

# What is asked for.
table() {
	case $for in
	demo) all_of_it | grep -v '^[+%]' ;;
	simulate) all_of_it | grep -v '^+' ;;
	*) all_of_it | grep -v '^%' ;;
	esac
}

distribution() {
	# shellcheck disable=SC1091 # the machine's own file
	[ -r /etc/os-release ] && . /etc/os-release
	for id in ${ID:-} ${ID_LIKE:-}; do
		case $id in
		debian | ubuntu) echo debian; return ;;
		fedora) echo fedora; return ;;
		alpine) echo alpine; return ;;
		esac
	done
	echo unknown
}

# names COLUMN: the packages of one distribution, one a line
names() {
	table | awk -v column="$1" '!/^#/ { print $column }' | tr ',' '\n' | grep -v '^[-@]' | sort -u
}

installed() {
	case $distribution in
	debian) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	fedora) rpm -q --whatprovides "$1" >/dev/null 2>&1 ;;
	alpine) apk info -e "$1" >/dev/null 2>&1 ;;
	esac
}

missing() {
	for name in $(names "$1"); do
		installed "$name" || printf '%s ' "$name"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] && return
	echo "make deps: only root can install packages; run it with sudo. Missing: $*" >&2
	exit 5
}

quietly_apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

# A fresh machine has no lists of packages, an old one has stale ones.
debian_lists() {
	[ -n "${lists_fresh:-}" ] && return
	quietly_apt update
	lists_fresh=1
}

debian_install() {
	debian_lists
	quietly_apt install --yes --no-install-recommends "$@" >/dev/null
}

# Debian has a package bpftool; Ubuntu moved the program from one package to another.
debian_bpftool() {
	PATH=$PATH:/usr/sbin:/sbin command -v bpftool >/dev/null && return
	need_root bpftool
	debian_lists
	for name in bpftool linux-bpf-tools linux-tools-generic; do
		apt-get -qq --simulate install "$name" >/dev/null 2>&1 || continue
		debian_install "$name"
		return
	done
	echo "make deps: no package with bpftool found; install it by hand" >&2
	exit 1
}

# Part of clang's own package in some releases of Ubuntu.
debian_libfuzzer() {
	echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
		clang -x c - -fsanitize=fuzzer,address,undefined -o /dev/null 2>/dev/null && return
	need_root libclang-rt-dev
	debian_lists
	apt-get -qq --simulate install libclang-rt-dev >/dev/null 2>&1 || return 0
	debian_install libclang-rt-dev
}

has_named() {
	PATH=$PATH:/usr/sbin:/sbin command -v named >/dev/null || .deps/bind9/usr/sbin/named -v >/dev/null 2>&1
}

# The libraries that the package asks for, with the version where it insists on one ("name=version").
library_names() {
	dpkg-deb -f "$1" Depends | tr ',' '\n' |
		sed -n -e 's/^ *\(bind9-libs\) (= \(.*\))$/\1=\2/p' -e 's/^ *\(lib[^ |]*\).*/\1/p'
}

# debian_unpack DIRECTORY NAME...: the files of these packages; they themselves stay in .deps/download
debian_unpack() {
	directory=.deps/$1
	shift
	rm -rf "$directory" .deps/download
	mkdir -p .deps/download
	(cd .deps/download && quietly_apt -o APT::Sandbox::User=root download "$@")
	for package in .deps/download/*.deb; do dpkg-deb -x "$package" "$directory"; done
}

# debian_libraries NAME=VERSION|NAME...: those that are missing; one that is there is never exchanged for another
debian_libraries() {
	for name; do installed "${name%%=*}" || printf '%s ' "$name"; done
}

has_unbound() {
	PATH=$PATH:/usr/sbin:/sbin command -v unbound >/dev/null || [ -x .deps/unbound/usr/sbin/unbound ]
}

debian_unbound() {
	has_unbound && return
	need_root "unbound (unpacked into .deps)"
	debian_lists
	debian_unpack unbound unbound
	# shellcheck disable=SC2046 # one word per library
	set -- $(debian_libraries $(library_names .deps/download/unbound_*.deb))
	[ $# -eq 0 ] || debian_install "$@"
	rm -rf .deps/download .deps/unbound/usr/share/doc .deps/unbound/usr/share/man
}

has_resolved() {
	[ -n "$(ls /usr/lib/systemd/systemd-resolved /lib/systemd/systemd-resolved \
		.deps/resolved/usr/lib/systemd/systemd-resolved .deps/resolved/lib/systemd/systemd-resolved 2>/dev/null)" ]
}

# With the private library of its very version, whichever systemd this machine has or has not. Older releases
# have both in the package systemd.
debian_resolved() {
	has_resolved && return
	need_root "systemd-resolved (unpacked into .deps)"
	debian_lists
	names=$(apt-cache pkgnames | grep -xE 'systemd-resolved|libsystemd-shared')
	case $names in *resolved*) ;; *) names="systemd $names" ;; esac
	# shellcheck disable=SC2086 # a list of names
	debian_unpack resolved $names
	# shellcheck disable=SC2046 # one word per library
	set -- $(for package in .deps/download/*.deb; do debian_libraries $(library_names "$package"); done |
		tr ' ' '\n' | grep -v '^libsystemd-shared' | sort -u)
	[ $# -eq 0 ] || debian_install "$@"
	rm -rf .deps/download .deps/resolved/usr/share/doc .deps/resolved/usr/share/man
}

# A Java and what compiles one class for it, of any version. The small compiler will do where no JDK is.
debian_java() {
	names=
	command -v java >/dev/null || names="default-jre-headless"
	command -v javac >/dev/null || command -v ecj >/dev/null || names="$names ecj"
	[ -n "$names" ] || return 0
	need_root "$names"
	# shellcheck disable=SC2086 # a list of names
	debian_install $names
}

debian_named() {
	has_named && return
	need_root "bind9 (unpacked into .deps)"
	debian_lists
	debian_unpack bind9 bind9
	# shellcheck disable=SC2046 # one word per library
	debian_install $(library_names .deps/download/bind9_*.deb)
	rm -rf .deps/download
	has_named || { echo "make deps: the unpacked DNS server does not start" >&2; exit 1; }
}

has_podman() {
	PATH=$PATH:/usr/sbin:/sbin command -v podman >/dev/null || [ -x .deps/podman/usr/bin/podman ]
}

# Podman and all that it needs and this machine lacks. Ubuntu 22.04 has no netavark: the test then says so.
debian_podman() {
	has_podman && return
	need_root "podman (unpacked into .deps)"
	debian_lists
	names=$(apt-get -qq --simulate --no-install-recommends install podman runc netavark iptables |
		sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p') || return 0
	[ -n "$names" ] || return 0
	# shellcheck disable=SC2086 # a list of names
	debian_unpack podman $names
	rm -rf .deps/download .deps/podman/usr/share/doc .deps/podman/usr/share/man
	# As the alternatives would have it.
	for program in iptables ip6tables; do ln -sf xtables-nft-multi ".deps/podman/usr/sbin/$program"; done
}

# Of Prometheus the program that checks metrics. Without it the test that has it do so is skipped, so no need to insist.
debian_promtool() {
	command -v promtool >/dev/null || [ -x .deps/prometheus/usr/bin/promtool ] && return
	need_root "prometheus (promtool, unpacked into .deps)"
	debian_lists
	debian_unpack prometheus prometheus || return 0
	mv .deps/prometheus/usr/bin/promtool .deps/download/
	rm -rf .deps/prometheus
	mkdir -p .deps/prometheus/usr/bin
	mv .deps/download/promtool .deps/prometheus/usr/bin/
	rm -rf .deps/download
}

install_missing() {
	want=$(missing "$1")
	[ -z "$want" ] && return
	need_root "$want"
	echo "make deps: installing $want"
	# shellcheck disable=SC2086 # a list of names
	case $distribution in
	debian) debian_install $want ;;
	fedora) dnf install --assumeyes --quiet --setopt=install_weak_deps=False $want ;;
	alpine) apk add --quiet $want ;;
	esac
}

debian_for_tests() {
	debian_libfuzzer
	debian_unbound
	debian_resolved
	debian_java
	debian_podman
	debian_promtool
}

for=${1:-}
distribution=$(distribution)
case $distribution in
debian)
	install_missing 2
	debian_bpftool
	debian_named
	is_without_tests || debian_for_tests
	;;
fedora) install_missing 3 ;;
alpine) install_missing 4 ;;
*)
	echo "make deps: knows Debian, Ubuntu, Fedora and Alpine; please install with your package manager:" >&2
	table | awk '!/^#/ { sub(/^[+%]/, ""); printf "  %s", $1 } END { print "" }' >&2
	exit 2
	;;
esac
[ "$for" != kernels ] || for_kernels
is_without_tests || tools/captures.sh
echo "make deps: all there"

#!/bin/sh
# Tries a package in a Debian that has never seen the program: install, upgrade, a new user's first
# hour, verify, remove. Needs root, and a mirror for debootstrap unless a root folder is there.
#
#   sh packaging/try.sh DEB [ROOT]
set -eu

deb=$(realpath "$1")
root=${2:-$(mktemp -d)/root}
allowed_ms=50
here() { chroot "$root" "$@"; }
say() { printf '\n== %s\n' "$*"; }

[ -x "$root/bin/sh" ] || debootstrap --variant=minbase stable "$root"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
trap 'umount "$root/proc"' EXIT

say "install a version before it, then this one over it"
old=$(mktemp -d)
dpkg-deb --raw-extract "$deb" "$old/tree"
sed -i 's/^Version: .*/Version: 0.0.0~before/' "$old/tree/DEBIAN/control"
touch "$old/tree/usr/share/oncovault/gone-in-the-next"
dpkg-deb --build --root-owner-group "$old/tree" "$old/old.deb" >/dev/null
cp "$old/old.deb" "$deb" "$root/tmp/"
rm -r "$old"
here dpkg --install /tmp/old.deb
here dpkg --install "/tmp/$(basename "$deb")"
[ ! -e "$root/usr/share/oncovault/gone-in-the-next" ]
here dpkg --verify oncovault
dpkg-deb --info "$deb" | grep -E '^ (Version|Architecture|Maintainer|Installed-Size)'

say "each program is static, and starts within $allowed_ms ms"
for program in oncovault oncovault-agent oncovault-keeper; do
    # Words of ldd(1) for what needs no loader.
    here ldd "/usr/bin/$program" 2>&1 | grep -E 'statically linked|not a dynamic executable'
    for verb in --version --help; do
        begin=$(date +%s%N)
        for _ in 1 2 3 4 5 6 7 8 9 10; do here "/usr/bin/$program" "$verb" >/dev/null; done
        ms=$((($(date +%s%N) - begin) / 10000000))
        echo "$program $verb: $ms ms, with the change of root"
        [ "$ms" -lt "$allowed_ms" ]
    done
    [ -s "$root/usr/share/man/man1/$program.1.gz" ]
    [ -s "$root/usr/share/bash-completion/completions/$program" ]
done

say "a new user: from nothing to a restore"
here useradd --create-home physics
cat >"$root/tmp/story" <<'END'
set -eu
cd
umask 077
mkdir -p plans/patient-1 .config/oncovault
head -c 3000000 /dev/urandom >plans/patient-1/dose.dcm
echo beam >plans/machine.txt
echo 'a passphrase of four words' >.config/oncovault/passphrase
cat >.config/oncovault/oncovault.toml <<CONFIG
[vault]
url = "$HOME/vault"
passphrase-file = "$HOME/.config/oncovault/passphrase"

[[dataset]]
name = "tps-plans"
paths = ["$HOME/plans"]
rpo = "4h"
CONFIG
oncovault config check
oncovault init --kit kit.html
oncovault service install --user
oncovault run --due
oncovault status || [ $? -eq 21 ]
oncovault restore latest --to restored
diff -r plans "restored$HOME/plans"
echo "restored, and the same"
END
begin=$(date +%s)
here su - physics -c 'sh /tmp/story'
echo "it took $(($(date +%s) - begin)) s"

say "remove"
here dpkg --list oncovault | tail -n 1
here dpkg --listfiles oncovault >"$root/tmp/files"
here dpkg --remove oncovault
while read -r path; do
    [ ! -f "$root$path" ] || { echo "left: $path"; exit 1; }
done <"$root/tmp/files"
[ -d "$root/home/physics/vault/log" ]
echo "gone but for the user's own: vault, key file and state are still there"

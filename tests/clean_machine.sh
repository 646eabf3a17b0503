#!/usr/bin/env bash
# Shows that the README's commands work on a machine where none of the packages is installed: makes a fresh Debian 12
# with nothing but git, clones the repository into it and runs a command there, as root and without a terminal.
# Mounts and processes live in name spaces of their own and end with the run, whatever happens.
set -euo pipefail

usage() {
  cat <<'END'
usage: tests/clean_machine.sh [--worktree] [--dir FOLDER] [COMMAND]

  --worktree     take the files as they are here, committed or not, instead of a clone of the last commit
  --dir FOLDER   make the machine in this new folder and keep it (default: a temporary one that is deleted)
  COMMAND        run by bash in the clone (default: './dev demo && ./dev test')

Needs root, debootstrap, and the Debian archive keyring.
END
}

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=''
worktree=''
while (($# > 0)); do
  case $1 in
    --worktree) worktree=yes ;;
    --dir)
      folder=${2:?--dir needs a folder}
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*)
      usage >&2
      exit 2
      ;;
    *) break ;;
  esac
  shift
done
command=${*:-./dev demo && ./dev test}
((EUID == 0)) || { echo 'clean_machine: needs root' >&2 && exit 1; }
[[ -z $folder || ! -e $folder ]] || { echo "clean_machine: $folder exists" >&2 && exit 1; }

if [[ -z $folder ]]; then
  folder=$(mktemp -d)
  trap 'rm -rf --one-file-system "$folder"' EXIT
fi
root=$folder/root
mkdir -p "$root"

# Packages come from where this machine gets its own.
# shellcheck disable=SC2016 # apt-get fills these in, not the shell.
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
  sed -n 's/^bookworm //p' | head -n 1)
[[ -n $mirror ]] || { echo 'clean_machine: no bookworm among the package sources of this machine' >&2 && exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "== making a fresh Debian 12"
debootstrap --variant=minbase --include=git,ca-certificates --keyring="$keyring" bookworm "$root" "$mirror" \
  >"$folder/debootstrap.log" 2>&1 || { tail -n 20 "$folder/debootstrap.log" >&2 && exit 1; }
rm -f "$root"/etc/apt/sources.list
for kind in sources.list sources.list.d trusted.gpg.d keyrings; do
  [[ ! -e /etc/apt/$kind ]] || cp -rL "/etc/apt/$kind" "$root/etc/apt/"
done
apt-config dump | grep -E '^Acquire::(http|https|Check|Retries)' >"$root/etc/apt/apt.conf.d/90outer-machine" || true
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -rL /usr/share/keyrings/. "$root/usr/share/keyrings/"

if [[ -n $worktree ]]; then
  mkdir -p "$root/srv/onehop"
  (cd "$repository" && git ls-files -coz --exclude-standard | tar --null --ignore-failed-read -cf - -T -) |
    tar --no-same-owner -xf - -C "$root/srv/onehop"
else
  git clone -q --no-hardlinks "$repository" "$root/srv/onehop"
fi

echo "== there, with $(chroot "$root" dpkg-query -W | wc -l) packages installed: $command"
start=$SECONDS
status=0
# shellcheck disable=SC2016 # The inner shell expands its own arguments.
unshare --mount --pid --fork --kill-child bash -euc '
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  cd "$1/srv/onehop"
  exec env -i HOME=/tmp LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    chroot "$1" bash -c "cd /srv/onehop && $2"
' clean_machine "$root" "$command" </dev/null || status=$?
echo "== clean machine: $((SECONDS - start)) s, exit status $status"
exit "$status"

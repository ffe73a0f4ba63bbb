# shellcheck shell=bash
# What the server scripts beside this file have in common. Sourced, not run.
#
# A server script is the keeper of one server. It starts the server in a directory and on an address of
# its own, says "ready", and then obeys one command a line, answering each with one line:
#
#   stop     end it as an administrator would      start    start it again, with the data it had
#   kill     a crash                               freeze   a hang: connections open, no answer
#                                                  thaw     and on it goes
#
# At the end of its input it kills the server and removes the directory. A test holds the other end of
# that pipe: whatever ends the test, SIGKILL included, ends its servers. A person types the commands,
# and Ctrl-D.
set -euo pipefail

# Debian keeps servers where only root looks for programs.
PATH=$PATH:/usr/sbin
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# What is made once for a machine and copied for every server.
cache=${CARGO_TARGET_TMPDIR:-${CARGO_TARGET_DIR:-$root/target}/tmp}/servers
# The process group of the server, and of all that were launched.
group='' launched=()

# keep DIR: the life of one server, from a new directory to its removal. The script has defined `prepare`,
# which fills the directory, and `start`, which calls `launch` and `await`; `answer_WORD` is a command of
# its own.
keep() {
  mkdir -p "$1"
  dir=$(cd "$1" && pwd -P)
  [ -z "$(ls -A "$dir")" ] || die "$dir is not empty, and would be removed at the end"
  trap finish EXIT
  trap 'exit 130' INT TERM HUP
  once authority authority
  prepare
  start
  echo ready
  local word rest
  while read -r word rest; do
    case $word in
      start) start; echo ready ;;
      stop) end "$group" TERM; echo stopped ;;
      kill) end "$group" KILL; echo killed ;;
      freeze) kill -STOP -- "-$group"; echo frozen ;;
      thaw) kill -CONT -- "-$group"; echo thawed ;;
      *) "answer_$word" "$rest" ;;
    esac
  done
}

finish() {
  local each
  trap '' INT TERM HUP
  for each in "${launched[@]}"; do end "$each" KILL; done
  rm -rf "$dir"
}

# launch COMMAND...: in a process group of its own, which the signals go to. It holds neither the keeper's
# pipes nor its lock, or nobody would see the end of them.
launch() {
  setsid "$@" </dev/null >>"$dir/log" 2>&1 9>&- &
  group=$!
  launched+=("$group")
  disown
}

# await COMMAND...: until it succeeds, for as long as what was launched lives.
await() {
  local end=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ] || ! kill -0 "$group" 2>/dev/null; then failed start; fi
    sleep 0.02
  done
}

# accepts ADDRESS PORT...: does it accept connections?
accepts() {
  local port
  for port in "${@:2}"; do (exec 3<>"/dev/tcp/$1/$port") || return 1; done
}

# end GROUP SIGNAL: returns when all of the group is gone; what ignores SIGTERM for 5 seconds is killed.
end() {
  local left=500
  kill -"$2" -- "-$1" 2>/dev/null || true
  while alive "$1"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || kill -KILL -- "-$1" 2>/dev/null || true
    sleep 0.01
  done
}

# alive GROUP: is its leader still there, our child, or any other of it that is not a zombie? (In a container
# there may be nobody to reap orphans. A leader may look like one while its threads hold the sockets.)
alive() {
  kill -0 "$1" 2>/dev/null || grep -qsE "^[0-9]+ \(.*\) [^ZX] [0-9]+ $1 " /proc/[0-9]*/stat
}

# once NAME FUNCTION: $cache/NAME is made once for this machine, by FUNCTION, which puts what is to be kept
# into the directory it is given. Whoever wants the same one meanwhile waits.
once() {
  local snapshot=$cache/$1
  mkdir -p "${snapshot%/*}"
  exec 9>"$snapshot.lock"
  flock 9
  if [ ! -d "$snapshot" ]; then
    rm -rf "$snapshot.new"
    mkdir "$snapshot.new"
    "$2" "$snapshot.new"
    mv "$snapshot.new" "$snapshot"
  fi
  exec 9>&-
}

# certificate DIR ADDRESS NAME...: DIR/{cert,key,ca}.pem. One authority signs for every server of a machine,
# so that a test needs to trust only one.
certificate() {
  local to=$1 names=IP:$2 name
  shift 2
  for name; do names+=,DNS:$name; done
  mkdir -p "$to"
  cp "$cache/authority/ca.pem" "$to"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=muster-test \
    -keyout "$to/key.pem" 2>/dev/null |
    openssl x509 -req -CA "$cache/authority/ca.pem" -CAkey "$cache/authority/ca.key" -days 825 \
      -set_serial "0x5$(openssl rand -hex 8)" -out "$to/cert.pem" 2>/dev/null -extfile <(
        printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$names")
}

authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=muster-test-authority \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
}

need() {
  local program
  for program; do
    command -v "$program" >/dev/null || die "$program is not installed: run tests/install"
  done
}

# failed WHAT: with the end of the log, which goes with the directory.
failed() {
  tail -n 20 "$dir/log" >&2
  die "could not $1; the end of its log is above"
}

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

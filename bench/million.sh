#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench/million.sh [BIN [USERS [STEP [SPARE_MB]]]]: holds USERS (a million) idle WebSockets, all joined, on
# this one machine, server and clients; at STEP of them, twice as many and so on it says what one costs
# (bench-load hold). Nobody else is let in when less than SPARE_MB of memory is left.
#
# One process holds as many sockets as it may have descriptors: so there are as many session processes
# and generators as that takes. The kernel shares connections out by chance, hence some places more; and a
# session process keeps 800 descriptors back. Only what it started is ended, however it ends.
set -eu
cd "$(dirname "$0")/.."
bin=${1:-build/release/bin} users=${2:-1000000} step=${3:-50000} spare=${4:-2048}
ulimit -n "$(ulimit -Hn)"
descriptors=$(ulimit -n)
sessions=$((users * 106 / 100 / (descriptors - 800) + 1))
[ "$sessions" -ge 2 ] || sessions=2
[ "$sessions" -le 64 ] || sessions=64
generators=$((users / (descriptors - 500) + 1))

folder=$(mktemp -d "${TMPDIR:-/tmp}/belfry-million-XXXXXX")
load='' serve=''
: >"$folder/ready"
leave() {
    trap '' INT TERM
    for pid in $load $serve; do
        kill -TERM "$pid" 2>/dev/null || continue
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap leave EXIT
trap 'exit 130' INT TERM

# Idle means idle: no heartbeats until all are there.
BELFRY_SESSION_IDLE_MS=3600000 "$bin/belfry" serve --config bench/belfry.conf --data "$folder/data" \
    --listen 127.0.0.1:0 --sessions "$sessions" >"$folder/ready" 2>"$folder/log" &
serve=$!
until url=$(sed -n 's/^belfry ready //p' "$folder/ready") && [ -n "$url" ]; do
    kill -0 "$serve" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    sleep 0.1
done
echo "$users users, $sessions session processes, $generators generators"
"$bin/bench-load" hold --url "$url" --data "$folder/data" --users "$users" --processes "$generators" \
    --step "$step" --spare_mb "$spare" --opening 32 &
load=$!
code=0
wait "$load" || code=$?
load=''
[ "$code" -eq 0 ] || tail -n 20 "$folder/log" >&2
exit "$code"

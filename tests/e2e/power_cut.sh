#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Power cuts on a real file system: a server commits on an ext4 image, is stopped at a moment of chance, and the image is copied as its disk
# has it; the server is killed, the copy takes the image's place.  Every row whose INSERT was answered is read back from it.  The first
# check shows that an image copied so loses what was not synced.  CUTS (4) says how often.
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "$0")/lib.bash"
cuts=${CUTS:-4}
disk=$work/disk
unmount() { umount "$disk" 2>/dev/null || umount -l "$disk" 2>/dev/null; }
trap 'unmount; cleanup' EXIT

mount_image() { mount -o loop "$work/image" "$disk" 2>"$work/stderr"; }
# cut_power: the image becomes what its disk holds at this moment.
cut_power() { cp --sparse=always "$work/image" "$work/copy"; }
after_the_cut() { unmount && mv "$work/copy" "$work/image" && mount_image; }

mkdir "$disk"
truncate -s 300M "$work/image"
if [[ $(id -u) != 0 ]] || ! command -v mkfs.ext4 >/dev/null || ! mkfs.ext4 -q "$work/image" || ! mount_image; then
    skip "power cuts" "no image can be mounted here (not root, or in a container)"
    finish
fi
echo unsynced >"$disk/unsynced"
echo synced >"$disk/synced" && sync -f "$disk/synced"
echo unsynced >"$disk/late"
cut_power && after_the_cut || { bad "the image cannot be mounted again" "$(<"$work/stderr")"; finish; }
equal "what was synced is there" "$(cat "$disk/synced")" synced
equal "what was not is lost: the cut is one" "$(cat "$disk/late" 2>/dev/null)" ""

data=$disk/data
# write TABLE: one row after the other, noting each that was answered.
write() {
    local i=$RANDOM$RANDOM
    while :; do
        i=$((i + 1))
        curl -sf -m 20 -o /dev/null -X POST "$url/api/sql" -H 'Content-Type: application/json' \
            -d "{\"sql\":\"INSERT INTO power.$1 VALUES ($i)\"}" && echo "$i" >>"$work/acknowledged-$1"
    done
}
for ((round = 1; round <= cuts; round++)); do
    serve "$data" || finish
    for t in a b c; do
        curl -sf -o /dev/null -X POST "$url/api/sql" -H 'Content-Type: application/json' \
            -d "{\"sql\":\"CREATE SCHEMA IF NOT EXISTS power; CREATE TABLE IF NOT EXISTS power.$t (i BIGINT)\"}"
    done
    writers=()
    for t in a b c; do
        write "$t" &
        writers+=($!)
    done
    sleep "$((2 + RANDOM % 2)).$((RANDOM % 10))"
    kill -STOP "$server_pid"
    sleep 0.1 # what was answered is noted
    for t in a b c; do cp "$work/acknowledged-$t" "$work/wanted-$t"; done
    cut_power
    kill -9 "${writers[@]}" "$server_pid"
    wait "${writers[@]}" "$server_pid" 2>/dev/null
    after_the_cut || { bad "round $round: the image cannot be mounted" "$(<"$work/stderr")"; finish; }
    for t in a b c; do
        query "SELECT i FROM power.$t" | sort >"$work/there"
        lost=$(sort "$work/wanted-$t" | comm -23 - "$work/there" | wc -l)
        equal "round $round: rows of $t that were acknowledged and are lost" "$lost $(<"$work/stderr")" "0 "
        equal "round $round: rows of $t that are there twice" "$(uniq -d "$work/there" | wc -l)" 0
    done
done
echo "$cuts cuts, $(cat "$work"/wanted-* | wc -l) rows acknowledged"
finish

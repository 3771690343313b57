#!/bin/sh
# What a folder holds, a line for each entry: path, kind, mode, and of what is no folder names, length, time, target of
# a link; then the SHA-256 of each file. Needs GNU find.
set -eu
cd "$1"
find . -mindepth 1 \( -type d -printf '%P\t%y\t%m\n' -o -printf '%P\t%y\t%m\t%n\t%s\t%T@\t%l\n' \) | LC_ALL=C sort
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum

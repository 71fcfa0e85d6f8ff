#!/bin/sh
# Says what was collected last.
set -eu
tail -n 1 "$DATA/free" | while read -r day free; do echo "$day: $free kB were free"; done

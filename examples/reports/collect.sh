#!/bin/sh
# Adds a line of numbers that the report is made from.
set -eu
mkdir -p "$DATA"
printf '%s %s\n' "$(date +%F)" "$(df -Pk / | awk 'NR == 2 { print $4 }')" >>"$DATA/free"
echo "collected"

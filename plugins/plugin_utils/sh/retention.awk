# Which copies go. Pure: reads lines "<stamp> good" or "<stamp> bad" in any order, writes the stamps to remove, oldest first. A stamp is the moment
# of a copy in UTC, 20261122T030000Z. In: now (a stamp), last, daily, weekly, monthly (how many to keep), max_age_days (0: no limit).
# The newest good copy stays whatever the numbers say. A bad one stays only until there is a newer good one.
function day_of(stamp,   y, m, d) { # days since 1970-01-01, by the civil calendar
  y = substr(stamp, 1, 4) + 0
  m = substr(stamp, 5, 2) + 0
  d = substr(stamp, 7, 2) + 0
  if (m <= 2) { y -= 1; m += 12 }
  return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
}
function seconds_of(stamp) {
  return day_of(stamp) * 86400 + substr(stamp, 10, 2) * 3600 + substr(stamp, 12, 2) * 60 + substr(stamp, 14, 2)
}
# One more of its kind may be kept: the first seen of a period is its last copy, as the newest come first.
function is_kept(kind, period, most) {
  if (most == 0 || (kind, period) in seen) return 0
  if (++kept[kind] > most) return 0
  seen[kind, period] = 1
  return 1
}
$2 == "good" || $2 == "bad" { stamps[++count] = $1; state[$1] = $2 }
END {
  for (i = 2; i <= count; i++) { # newest first
    stamp = stamps[i]
    for (j = i - 1; j >= 1 && stamps[j] < stamp; j--) stamps[j + 1] = stamps[j]
    stamps[j + 1] = stamp
  }
  for (i = 1; i <= count; i++) {
    stamp = stamps[i]
    if (state[stamp] == "bad") {
      if (found) going[stamp] = 1
      continue
    }
    day = day_of(stamp)
    keep = is_kept("last", stamp, last)
    if (is_kept("daily", day, daily)) keep = 1
    if (is_kept("weekly", int((day + 3) / 7), weekly)) keep = 1
    if (is_kept("monthly", substr(stamp, 1, 6), monthly)) keep = 1
    if (max_age_days > 0 && seconds_of(now) - seconds_of(stamp) > max_age_days * 86400) keep = 0
    if (found && !keep) going[stamp] = 1
    found = 1
  }
  for (i = count; i >= 1; i--) if (stamps[i] in going) print stamps[i]
}

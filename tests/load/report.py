"""Collects single figures and prints tables: median (range) a server, and ratios of medians."""
import json
import statistics

NAMES = ("gatehouse", "prosody", "ejabberd")
SIP_NAMES = ("gatehouse", "kamailio")


def number(x):
    return "%.0f" % x if abs(x) >= 1000 else "%.1f" % x if abs(x) >= 10 else "%.2f" % x


def cell(values):
    if not values:
        return "-"
    mid = number(statistics.median(values))
    return mid if len(values) == 1 else "%s (%s–%s)" % (mid, number(min(values)), number(max(values)))


class Figures:
    def __init__(self):
        self.rows = {}      # (part, clients, kind, what) -> {server: [values]}

    def add(self, key, server, value):
        self.rows.setdefault(key, {}).setdefault(server, []).append(value)

    @staticmethod
    def _ratio(row, one, other):
        ours, theirs = row.get(one), row.get(other)
        if not ours or not theirs or statistics.median(theirs) <= 0 or statistics.median(ours) <= 0:
            return "-"
        return "%.2f" % (statistics.median(ours) / statistics.median(theirs))

    def table(self, part, names=NAMES, pairs=None):
        """Markdown; the last columns say how many times the other's figure ours is. pairs: of which two; else
        the first one's to each other's."""
        heads = ["%s to %s" % p for p in pairs] if pairs else ["to " + n for n in names[1:]]
        pairs = pairs or [(names[0], n) for n in names[1:]]
        lines = ["", "| clients | kind | figure | %s |" % " | ".join(list(names) + heads),
                 "|---" * (3 + len(names) + len(pairs)) + "|"]
        for (p, clients, kind, what), row in self.rows.items():
            if p == part:
                cells = [cell(row.get(n)) for n in names] + [self._ratio(row, *p) for p in pairs]
                lines.append("| %d | %s | %s | %s |" % (clients, kind, what, " | ".join(cells)))
        return "%s\n%s" % (part, "\n".join(lines))

    def write(self, path):
        rows = [dict(zip(("part", "clients", "kind", "figure"), key), values=row) for key, row in self.rows.items()]
        with open(path, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)

#!/usr/bin/env python3
"""Writes NAME.expected.jsonl beside each NAME.nmea: the fixes it holds, found without Dipper's code.

    python3 testdata/nmea/expected.py DIR_WITH_GPSD_CHK_FILES

An instant is all sentences of one UTC time of day that follow each other. It has a fix unless one kind of sentence in it
denies that (RMC status V or mode N, GGA quality 0, GNS all N, GLL V, GSA all 1). Where gpsd's own output for the recording
(NAME.log.chk) has the instant, its time, position and mode are written; the script stops if its own reading differs by
more than 1e-6 degree. Instants that gpsd does not report are written from the script's own reading and listed.
"""
import datetime as dt
import glob
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SENTENCE = re.compile(rb"\$([A-Z0-9]{5},[^$*\r\n]*)\*([0-9A-Fa-f]{2})")
FINE = 1e-6


def sentences(data):
    data = re.sub(rb"(?m)^#[\x09\x20-\x7e\x80-\xff]*\r?\n", b"", data)
    for m in SENTENCE.finditer(data):
        total = 0
        for c in m[1]:
            total ^= c
        if total == int(m[2], 16):
            yield m[1].decode("latin-1").split(",")


def degrees(value, hemisphere):
    whole, _, frac = value.partition(".")
    deg = int(whole[:-2]) + float(whole[-2:] + "." + (frac or "0")) / 60
    return -deg if hemisphere in "SW" else deg


def milliseconds(t):
    h, m, s = int(t[:2]), int(t[2:4]), float(t[4:])
    return round((h * 3600 + m * 60 + s) * 1000)


class Instant:
    def __init__(self, ms, mode):
        self.ms, self.said, self.place, self.date = ms, {}, None, None
        self.altitude, self.modes, self.carried = False, [], mode

    def say(self, kind, valid):
        self.said[kind] = self.said.get(kind, False) or valid

    def locate(self, kind, talker, f):
        if not (f[0] and f[2]):
            return
        decimals = len(f[0].partition(".")[2])
        rank = (decimals, talker == "GN")
        if self.place is None or rank >= self.place[0]:
            self.place = (rank, degrees(f[0], f[1]), degrees(f[2], f[3]))

    def fixed(self):
        return self.place and all(self.said.values()) and not (self.modes and max(self.modes) == 1)

    def mode(self):
        if self.altitude:
            return 3
        return max(self.modes) if self.modes and max(self.modes) > 1 else self.carried or 2


def date6(s):
    yy = int(s[4:6])
    return dt.date(yy + (1900 if yy >= 80 else 2000), int(s[2:4]), int(s[:2]))


def instants(data):
    now, mode = None, 0
    for f in sentences(data):
        talker, kind, f = f[0][:2], f[0][2:], f[1:]
        if kind == "GSA" and f[1].isdigit():
            mode = int(f[1])
            if now:
                now.modes.append(mode)
        clock = {"RMC": 0, "GGA": 0, "GNS": 0, "GLL": 4, "ZDA": 0}.get(kind)
        if clock is None or clock >= len(f) or not f[clock]:
            continue
        ms = milliseconds(f[clock])
        if now is None or abs(ms - now.ms) >= 10:
            if now:
                yield now
            now = Instant(ms, mode)
        if kind == "RMC":
            valid = f[1] == "A" and (len(f) < 12 or f[11] != "N")
            now.say(kind, valid)
            if valid:
                now.locate(kind, talker, f[2:6])
                now.date = now.date or (date6(f[8]) if len(f[8]) == 6 else None)
        elif kind == "GGA":
            now.say(kind, f[5] not in ("", "0"))
            if f[5] not in ("", "0"):
                now.locate(kind, talker, f[1:5])
                now.altitude |= f[8] != ""
        elif kind == "GNS":
            valid = f[5].strip("N") != ""
            now.say(kind, valid)
            if valid:
                now.locate(kind, talker, f[1:5])
                now.altitude |= f[8] != ""
        elif kind == "GLL":
            valid = f[5] != "V" and (len(f) < 7 or f[6] != "N")
            now.say(kind, valid)
            if valid:
                now.locate(kind, talker, f[0:4])
        elif kind == "ZDA" and f[1] and f[2] and f[3]:
            now.date = dt.date(int(f[3]), int(f[2]), int(f[1]))
    if now:
        yield now


def own(data):
    """The fixes, as (time, lat, lon, mode)."""
    out, undated, date, last = [], [], None, None
    for i in instants(data):
        if not i.fixed():
            continue
        if i.date:
            for u in undated:
                out.append((u, i.date - dt.timedelta(days=1) if u.ms - i.ms > 43200000 else i.date))
            undated, date = [], i.date
        elif date is None:
            undated.append(i)
            continue
        elif last - i.ms > 43200000:
            date += dt.timedelta(days=1)
        last = i.ms
        out.append((i, date))
    for i, day in out:
        t = dt.datetime.combine(day, dt.time()) + dt.timedelta(milliseconds=i.ms)
        yield t.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (t.microsecond // 1000), i.place[1], i.place[2], i.mode()


def theirs(path):
    """gpsd's last word on each instant with a position."""
    out = {}
    for line in open(path, errors="replace"):
        if line.startswith('{"class":"TPV"'):
            r = json.loads(line)
            if r["mode"] >= 2 and "time" in r and "lat" in r and "lon" in r:
                out[r["time"]] = (r["lat"], r["lon"], r["mode"])
    return out


def main(gpsd):
    for path in sorted(glob.glob(os.path.join(HERE, "*.nmea"))):
        name = os.path.basename(path)[: -len(".nmea")]
        chk = os.path.join(gpsd, name + ".log.chk")
        oracle = theirs(chk) if os.path.exists(chk) else {}
        lines, alone, differ = [], [], []
        for time, lat, lon, mode in own(open(path, "rb").read()):
            if time in oracle:
                glat, glon, gmode = oracle.pop(time)
                if abs(lat - glat) > FINE or abs(lon - glon) > FINE:
                    sys.exit(f"{name} {time}: {lat},{lon} here, {glat},{glon} in gpsd")
                if mode != gmode:
                    differ.append(f"{time} mode {mode}, gpsd {gmode}")
                lat, lon = glat, glon
            else:
                alone.append(time)
            lines.append('{"time":"%s","lat":%.9f,"lon":%.9f,"mode":%d}\n' % (time, lat, lon, mode))
        if oracle:
            sys.exit(f"{name}: only gpsd has {sorted(oracle)}")
        with open(os.path.join(HERE, name + ".expected.jsonl"), "w") as f:
            f.writelines(lines)
        kind = "gpsd agrees" if os.path.exists(chk) else "no gpsd output"
        print(f"{name}: {len(lines)} fixes, {kind}; not in gpsd's: {alone[:4] if os.path.exists(chk) else '-'}; {differ}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

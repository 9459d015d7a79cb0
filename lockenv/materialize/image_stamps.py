"""Times of a build that scripts wrote into text, put back to the epoch; and keys made meanwhile.

No list of files can know every script. But a time of day to the second that lies within the very
minutes of the build is one that somebody wrote down just then, whatever the file is.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAYS = b"Mon Tue Wed Thu Fri Sat Sun".split()
_CLOCK = rb"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
_DAY, _MONTH = b"|".join(_DAYS), b"|".join(_MONTHS)
#: As date(1), ctime(3), RFC 5322 and ISO 8601 have them, in the C locale that scripts run in.
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rb"(?:(?P<weekday>%b) )?(?P<month>%b) (?P<day>[ \d]\d) %b(?: (?:UTC|GMT))? (?P<year>\d{4})"
        % (_DAY, _MONTH, _CLOCK),
        rb"(?:(?P<weekday>%b),? )?(?P<day>\d\d?)[ /-](?P<month>%b)[ /-](?P<year>\d{4})[ :]%b"
        % (_DAY, _MONTH, _CLOCK),
        rb"(?<!\d)(?P<year>\d{4})[-/.](?P<month>\d\d)[-/.](?P<day>\d\d)(?:[T_]|,? +)%b" % _CLOCK,
        rb"(?<!\w)(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T?%b(?![\dA-Ya-z_])"
        % rb"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)",
    )
)
#: Seconds or milliseconds since 1970; a word of its own, as digits of a digest may look so.
_COUNTS = re.compile(rb"(?<![\w.])(?P<count>\d{10})(?P<rest>\d{3})?(?!\w)")
#: RFC 1952, 2.3: the time of the file that was compressed, for which nothing answers.
_GZIP, _GZIP_TIME = b"\x1f\x8b\x08", slice(4, 8)


def without_stamps(content: bytes, window: tuple[int, int], epoch: int) -> bytes:
    """The content with every time inside the window (both ends in) put to the epoch.

    Text alone: in other files a number may mean anything. Of gzip's files the header.
    """
    if content[:3] == _GZIP and len(content) > _GZIP_TIME.stop:
        return _regzipped(content, window, epoch)
    if b"\0" in content:
        return content
    moment = time.gmtime(epoch)
    for pattern in _DATES:
        content = pattern.sub(lambda found: _redated(found, window, moment), content)
    return _COUNTS.sub(lambda found: _recounted(found, window, epoch), content)


def _regzipped(content: bytes, window: tuple[int, int], epoch: int) -> bytes:
    stamp = int.from_bytes(content[_GZIP_TIME], "little")
    if not window[0] <= stamp <= window[1]:
        return content
    head, rest = content[: _GZIP_TIME.start], content[_GZIP_TIME.stop :]
    return head + (epoch & 0xFFFFFFFF).to_bytes(4, "little") + rest


def _redated(found: re.Match[bytes], window: tuple[int, int], moment: time.struct_time) -> bytes:
    parts = found.groupdict()
    month = parts["month"]
    number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
    seconds = parts.get("second")
    fields = [int(parts[name]) for name in ("year", "day", "hour", "minute")]
    try:
        stamp = calendar.timegm((fields[0], number, *fields[1:], int(seconds or 0)))
    except ValueError:  # a month 13, say
        return found[0]
    # Of a time to the minute, any second of that minute may be meant.
    if not window[0] <= stamp + (0 if seconds else 59) or not stamp <= window[1]:
        return found[0]
    new: dict[str, Callable[[bytes], bytes]] = {
        "year": lambda _: b"%04d" % moment.tm_year,
        "month": lambda old: (
            _MONTHS[moment.tm_mon - 1] if old in _MONTHS else b"%02d" % moment.tm_mon
        ),
        # The width must not tell on which day of the month the build was.
        "day": lambda _: (b"%02d" if is_day_first else b"%2d") % moment.tm_mday,
        "weekday": lambda _: _DAYS[moment.tm_wday],
        "hour": lambda _: b"%02d" % moment.tm_hour,
        "minute": lambda _: b"%02d" % moment.tm_min,
        "second": lambda _: b"%02d" % moment.tm_sec,
        "fraction": lambda _: b"0",
    }
    is_day_first = month not in _MONTHS or found.start("day") < found.start("month")
    whole, start = bytearray(found[0]), found.start()
    spans = sorted((found.span(name), name) for name, text in parts.items() if text is not None)
    for (first, last), name in reversed(spans):
        whole[first - start : last - start] = new[name](parts[name])
    return bytes(whole)


def _recounted(found: re.Match[bytes], window: tuple[int, int], epoch: int) -> bytes:
    if not window[0] <= int(found["count"]) <= window[1]:
        return found[0]
    return b"%010d" % epoch + (b"000" if found["rest"] else b"")


_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
#: PKCS #3 and X9.42, as `openssl dhparam` and `certtool` write them.
_PARAMETERS = re.compile(rb"-----BEGIN (?:X9\.42 )?DH PARAMETERS-----")
_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----"
)
#: X.690: a UTCTime, tag 23 and 13 bytes; a certificate's first one is when it begins to hold.
_UTC_TIME = re.compile(rb"\x17\x0d(\d{12})Z")


def secret_in(content: bytes, window: tuple[int, int]) -> str | None:
    """Why no image may hold a file that a script made, if it is a key or a key's certificate.

    Or the parameters of a key exchange, which are found by chance and differ each time.
    """
    if _PRIVATE_KEY.search(content):
        return "a private key that a script made is a secret"
    if _PARAMETERS.search(content):
        return "parameters that a script chose by chance; made by openssl dhparam"
    certificate = _CERTIFICATE.search(content)
    if certificate is None:
        return None
    try:
        found = _UTC_TIME.search(base64.b64decode(certificate[1]))
        begins = time.strptime(found[1].decode(), "%y%m%d%H%M%S") if found else None
    except (binascii.Error, ValueError):
        return None
    if begins is not None and window[0] <= calendar.timegm(begins) <= window[1]:
        return "the certificate of a key that a script made"
    return None

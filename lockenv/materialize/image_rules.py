"""What is made canonical in a root after maintainer scripts ran, each with the reason.

The whole list of rules, so that one number names them: a change of any rule is a new number, and
locks keep the number that their digests were made with.
"""

from __future__ import annotations

import hashlib
import re
import struct
from typing import TYPE_CHECKING

from lockenv.materialize.image_plan import CONSTANT_TIME
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.formats.tar import Entry

#: 2: diversions and overridden modes that packages ask for before they are unpacked.
#: 3: links of a project stay links; without scripts the linker's cache, shadow and records of ours.
#: 4: stages by Pre-Depends, a name for the host, times and keys that scripts write, databases of
#: servers.
#: 5: ucf's registry, parameters of Diffie-Hellman, a proxy's password; the host's name in
#: /etc/hosts while scripts run.
NORMALISATION = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """Paths (a regular expression over the whole path), what is done to them, and why.

    ``told``: the user is told, as what is dropped must be made again where the image runs: keys,
    identities, databases.
    """

    pattern: str
    action: str
    reason: str
    told: bool = False


#: First match wins. ``drop`` leaves a path out, ``empty`` keeps the file without content,
#: ``drop-new`` leaves out what no package ships; so does ``shipped``, which keeps the rest as it
#: is shipped. ``keystore`` rewrites a Java keystore's dates, ``listing`` sorts what a folder was
#: listed into, ``sorted-lines`` all lines below the head, ``languages`` TeX's.
RULES: tuple[Rule, ...] = (
    Rule(r"etc/machine-id", "empty", "the identity of one machine, made at first start", told=True),
    Rule(r"var/lib/dbus/machine-id", "drop", "the identity of one machine", told=True),
    Rule(r"etc/ssh/ssh_host_[a-z0-9]+_key(\.pub)?", "drop", "a host key is a secret", told=True),
    Rule(r"etc/munge/munge\.key", "drop", "a cluster's key is a secret", told=True),
    Rule(r"etc/ssl/private/ssl-cert-snakeoil\.key", "drop", "a key is a secret", told=True),
    Rule(
        r"etc/ssl/certs/ssl-cert-snakeoil\.pem",
        "drop",
        "the certificate of a dropped key",
        told=True,
    ),
    Rule(
        r"etc/bind/rndc\.key", "drop-new", "a key is a secret; made by rndc-confgen -a", told=True
    ),
    Rule(
        r"etc/shadowsocks-libev/config\.json",
        "drop-new",
        "holds a password; made by dpkg-reconfigure shadowsocks-libev",
        told=True,
    ),
    Rule(r"var/lib/rabbitmq/\.erlang\.cookie", "drop-new", "a cluster's secret", told=True),
    Rule(r"var/lib/phpmyadmin/blowfish_secret\.inc\.php", "drop-new", "a secret", told=True),
    Rule(r"etc/(nvme/host(nqn|id)|hostid)", "drop-new", "the identity of one machine", told=True),
    Rule(r"etc/iscsi/initiatorname\.iscsi", "drop-new", "the identity of one machine", told=True),
    Rule(r"etc/dropbear/dropbear_[a-z0-9]+_host_key", "drop", "a host key is a secret", told=True),
    Rule(
        r"var/lib/postgresql",
        "shipped",
        "given away only where a script can see whose it is, which single-id mode hides",
    ),
    Rule(
        r"var/lib/postgresql/.+|etc/postgresql/[0-9].*",
        "drop-new",
        "a cluster has an identity of its own; made by pg_createcluster",
        told=True,
    ),
    Rule(
        r"var/lib/mysql/.+",
        "drop-new",
        "a database holds times and identities; made by mariadb-install-db",
        told=True,
    ),
    Rule(
        r"etc/apt/apt\.conf\.d/02autoremove-postgresql",
        "drop-new",
        "names the clusters; PostgreSQL's own hook writes it anew",
    ),
    Rule(
        r"etc/ldap/slapd\.d(/.*)?|var/lib/ldap/.+",
        "drop-new",
        "a directory has an identity and a password; made by dpkg-reconfigure slapd",
        told=True,
    ),
    Rule(
        r"etc/aliases\.db", "drop-new", "holds the time of the build; made by newaliases", told=True
    ),
    Rule(r"var/lib/systemd/random-seed", "drop", "a secret of one machine", told=True),
    Rule(r"var/log/(.*/)?[^/]*\.log", "drop", "holds the time of the build"),
    Rule(r"var/log/apt/.+", "drop", "holds the time of the build"),
    Rule(r"var/cache/ldconfig/aux-cache", "drop", "holds inode numbers"),
    Rule(r"var/lib/ucf/(hashfile|registry)\.[0-9]+", "drop", "a backup of a moment in the build"),
    Rule(
        r"var/lib/ucf/(hashfile|registry)",
        "sorted-lines",
        "scripts hand their files to ucf in the order of a folder on disk",
    ),
    Rule(r"var/cache/debconf/.*-old", "drop", "a backup that depends on the order of runs"),
    Rule(r"var/cache/apt/.*\.bin", "drop", "a cache of apt's own"),
    Rule(r"var/lib/dpkg/(status|available|diversions|statoverride)-old", "drop", "a backup"),
    Rule(r"var/lib/dpkg/(lock|lock-frontend|triggers/Lock)", "drop", "a lock file"),
    Rule(r"var/lib/dpkg/updates/.+", "drop", "dpkg's journal"),
    Rule(r"var/lib/apt/(lists|periodic)/.+", "drop-new", "apt's own state"),
    Rule(r"etc/(passwd|group|shadow|gshadow|subuid|subgid)-", "drop", "a backup"),
    Rule(r"etc/\.pwd\.lock", "drop", "a lock file"),
    Rule(r"root/\.(rnd|cache|gnupg|wget-hsts)(/.*)?", "drop", "what tools leave in root's home"),
    Rule(r"usr/share/info/dir(\.old)?", "drop", "entries stand in the order of a folder on disk"),
    Rule(
        r"var/lib/texmf/(fmtutil\.cnf|updmap\.cfg)-.+",
        "sorted-lines",
        "TeX joins its parts in the order of a folder on disk",
    ),
    Rule(
        r"var/lib/texmf/tex/generic/config/language\.(dat|dat\.lua|def)",
        "languages",
        "TeX joins its languages in the order of a folder on disk",
    ),
    Rule(r"(.*/)?ls-R", "listing", "TeX lists names in the order of a folder on disk"),
    Rule(
        r"var/lib/texmf/web2c/.+\.(log|fmt)",
        "drop",
        "TeX writes the time into formats; built anew at first use",
    ),
    Rule(
        r"etc/ssl/certs/java/cacerts", "keystore", "each certificate carries the time of its import"
    ),
    Rule(
        r"usr/sbin/policy-rc\.d", "drop-new", "ours: it refuses to start services while scripts run"
    ),
    Rule(r"(dev|proc|sys)/.+", "drop", "mounted by whatever runs the image"),
    Rule(r"(run|tmp|var/tmp)/.+", "drop-new", "what does not outlive a boot"),
    Rule(r"(.*/)?\.nfs[0-9a-f]+", "drop", "a network file system's open file"),
)

_COMPILED: tuple[tuple[re.Pattern[str], Rule], ...] = tuple(
    (re.compile(rule.pattern), rule) for rule in RULES
)
#: One expression that says at once that no rule applies, as for nearly all paths.
_ANY = re.compile("|".join(f"(?:{rule.pattern})" for rule in RULES))


def rule_for(path: str) -> Rule | None:
    """The rule that a path falls under."""
    if not _ANY.fullmatch(path):
        return None
    return next((rule for pattern, rule in _COMPILED if pattern.fullmatch(path)), None)


def timed(entry: Entry, epoch: int) -> Entry:
    """The entry with the time that it has in an image.

    Directories have one constant time, so that a layer does not depend on what lies in others;
    all else keeps its own, but for what is younger than the epoch: scripts made that just now.
    """
    is_folder = entry.kind == "directory"
    time = CONSTANT_TIME if is_folder else max(0, min(entry.mtime, epoch))
    return entry if entry.mtime == time else replace(entry, mtime=time)


def owned(entry: Entry) -> Entry:
    """The entry with the owner that it has in an image.

    shadow-utils copy the group that they see, and where ownership is recorded they see root's:
    Debian's group for both is shadow, 42.
    """
    if entry.path in {"etc/shadow", "etc/gshadow"} and entry.gid == 0:
        return replace(entry, gid=42)
    return entry


def rewriter(rule: Rule | None) -> Callable[[bytes], bytes] | None:
    """What a rule does to a file's content, if anything."""
    if rule is None:
        return None
    return {
        "empty": _emptied,
        "keystore": _undated,
        "listing": _sorted_listing,
        "sorted-lines": _sorted_lines,
        "languages": _sorted_languages,
    }.get(rule.action)


def _emptied(_content: bytes) -> bytes:
    return b""


def _sorted_listing(content: bytes) -> bytes:
    """An ``ls -R``: its folders, and the names in each, sorted; what stands before them stays."""
    head, *paragraphs = content.split(b"\n\n")
    folders = []
    for paragraph in paragraphs:
        name, *names = paragraph.strip(b"\n").split(b"\n")
        folders.append(b"\n".join([name, *sorted(names)]))
    return b"\n\n".join([head, *sorted(folders)]) + b"\n"


def _sorted_lines(content: bytes) -> bytes:
    """The comments that stand first, then all other lines, sorted."""
    lines = content.splitlines(keepends=True)
    count = next((n for n, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
    return b"".join([*lines[:count], *sorted(lines[count:])])


#: What one language is in each of TeX's three lists, known by how the list begins. The first,
#: English, carries a comment, so it stays where it is.
_LANGUAGES = (
    (b"%% e-TeX", rb"\\addlanguage\{[^\n]*\n"),
    (b"--", rb"  \['[^\n]*\n(?:    [^\n]*\n)*  \},\n"),
    (b"", rb"[^%=\s][^%\n]*\n(?:=[^%\n]*\n)*"),
)


def _sorted_languages(content: bytes) -> bytes:
    unit = next(unit for start, unit in _LANGUAGES if content.startswith(start))
    return re.sub(
        rb"(?m)(?:^%b)+" % unit,
        lambda found: b"".join(sorted(re.findall(rb"(?m)^" + unit, found[0]))),
        content,
    )


#: The format that keytool calls JKS: magic, version 2, and a keyed digest at the end.
_JKS = struct.Struct(">III")
_JKS_MAGIC = 0xFEEDFEED
_TRUSTED = 2
#: The password that Debian gives the store of certificates, and the salt of Java's own digest.
_KEY = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"


def _undated(content: bytes) -> bytes:
    """A keystore of certificates, sorted by alias, each imported at the constant time."""
    if len(content) < _JKS.size + 20:
        return content
    magic, version, count = _JKS.unpack_from(content)
    if (magic, version) != (_JKS_MAGIC, 2):
        return content
    place, entries = _JKS.size, []
    for _ in range(count):
        tag, length = struct.unpack_from(">IH", content, place)
        if tag != _TRUSTED:
            return content
        alias = content[place + 6 : place + 6 + length]
        place += 6 + length + 8
        (kind,) = struct.unpack_from(">H", content, place)
        (size,) = struct.unpack_from(">I", content, place + 2 + kind)
        rest = content[place : place + 6 + kind + size]
        place += len(rest)
        head = struct.pack(">IH", tag, length) + alias + struct.pack(">Q", CONSTANT_TIME * 1000)
        entries.append((alias, head + rest))
    body = content[: _JKS.size] + b"".join(entry for _, entry in sorted(entries))
    # Java's keystores of this kind end with SHA-1; it protects nothing here.
    return body + hashlib.sha1(_KEY + body).digest()  # noqa: S324

"""Make the environment of a lock that was never synced here, if the store has all its parts.

What a lock selects is written down when it is made (`lockenv.workflows.wishes`); what each wheel
brings lies beside it in the store (`lockenv.workflows.syncing.parts`). Put together they are a list
as of an environment that was made before (`lockenv.workflows.seen`), and every file is looked at
as there.

On the path of remembered answers: imports nothing heavy.
"""

import os

from lockenv.workflows.seen import (
    LIST_FORM,
    MARK,
    UNFIT,
    UnfitError,
    fits_place,
    is_damaged,
    kept_by,
    listed,
    make_listed,
    read_fields,
)

#: A checker reads the types below as if they were imported; nothing is.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Raised when the form of a part changes.
PART_FORM = f"lockenv part 1 {LIST_FORM}"


class Part:
    """What a part says, as it is read.

    ``placed`` are rows of a path below the environment, the absolute path of its source, size and
    time, first of those that are not in ``library`` (paths in the archive): for these ``facts``
    have a digest and whether they can be run.
    """

    def __init__(self, path: str) -> None:
        fields = iter(read_fields(path, PART_FORM))
        place = path.rpartition("/")[0]
        self.row, site = next(fields), next(fields)
        self.folders = listed(fields)
        others = listed(fields)
        self.facts = list(zip(others[4::6], others[5::6], strict=True))
        library = listed(fields)
        self.library = library[::3]
        self.placed: list[str] = []
        for at in range(0, len(others), 6):
            source = others[at + 1]
            self.placed += [
                *(others[at], source if source[:1] == "/" else f"{place}/{source}"),
                *others[at + 2 : at + 4],
            ]
        files = f"{place}/files/"
        for inside, size, time in zip(library[::3], library[1::3], library[2::3], strict=True):
            self.placed += (site + inside, files + inside, size, time)
        self.written = listed(fields)


def make_joined(text: str, root: str, prompt: str) -> bool:
    """Make what a wish says at ``root``, where nothing is yet; whether that was done."""
    if not fits_place(root, prompt) or os.path.lexists(root):
        return False
    try:
        fields = iter(text.split(_BETWEEN))
        note, selection, pairs = next(fields), next(fields), next(fields)
        trees = os.path.dirname(note)  # noqa: PTH120 - likewise
        # The second time is that of a list (`lockenv.workflows.syncing.trees`).
        if os.path.exists(note) or is_damaged(root, trees):  # noqa: PTH110 - pathlib is heavy
            return False
        with kept_by(trees):
            parts = [Part(path) for path in listed(fields)]
            tree = f"{trees}/none"
            make_listed(_joined(fields, parts), tree, root, prompt, (selection, pairs))
        with open(note, "ab"):  # noqa: PTH123 - likewise
            pass
    except UNFIT:
        return False
    return True


#: Between the fields of a wish, which may be no part of one.
_BETWEEN = "\x02"


def render_wish(fields: "list[str]") -> str:
    """The text of a wish; ValueError where it cannot be one."""
    if any(_BETWEEN in field or "\0" in field for field in fields):
        raise ValueError(_BETWEEN)
    return _BETWEEN.join(fields)


def _joined(fields: "Iterator[str]", parts: "list[Part]") -> "Iterator[str]":
    """The fields of a list from what a wish says of the environment itself, and the parts."""
    yield from (next(fields) for _ in range(4))  # interpreter, packages, state, touched
    site_packages, stamped = next(fields), listed(fields)
    folders, links, written = listed(fields), listed(fields), listed(fields)
    placed: list[str] = []
    rows = []
    for part in parts:
        offset = len(written) // 3
        folders += part.folders
        placed += part.placed
        texts = part.written
        if texts:
            texts[2::3] = [_renumbered(one, offset) for one in texts[2::3]]
            written += texts
        rows.append(_renumbered(part.row, offset))
    _check_apart(placed[::4], written[::3], folders)
    yield from (f"[{', '.join(rows)}]", site_packages)
    for names in (stamped, [], list(dict.fromkeys(folders)), links, placed, written):
        yield str(len(names))
        yield from names


def _renumbered(text: str, offset: int) -> str:
    """The text with its marks of other texts counted from ``offset``."""
    first, *parts = text.split(MARK)
    found = [first]
    for part in parts:
        if part[:1] in "DH":
            number, semicolon, rest = part[1:].partition(";")
            part = f"{part[:1]}{int(number) + offset}{semicolon}{rest}"  # noqa: PLW2901 - the same
        found.append(part)
    return MARK.join(found)


def _check_apart(placed: "list[str]", written: "list[str]", folders: "list[str]") -> None:
    """Refuse packages that meet in one path: whether they may is told by more than is here."""
    paths = {*placed, *written}
    if len(paths) < len(placed) + len(written) or not paths.isdisjoint(folders):
        raise UnfitError("two packages write one path")

"""
What a power cut leaves of a directory, as hard as a real machine could make it and no harder.

What is assumed of the machine:

  - A sync that succeeded before the cut made durable every write and every size of its file that had ended when it
    began. Nothing else does: no order among what was not synced, no time after which it is written anyway.
  - Of what was not synced, each write is there, is not, or is there in some of its 512-byte sectors. A sector is
    written whole or not at all, and never harms its neighbours or the bytes within it that were not written (SQLite
    calls this powersafe overwrite and expects it). Writes that never arrived may leave the file at its old size, or at
    its new one with zeros in it.
  - Sizes and names are metadata and are journaled: the changes of one file's size that are there are the first ones,
    likewise of the names in the directory. After a shrinking that was undone, what was later written beyond it is gone
    too: it went to other blocks.
  - Only a sync of the directory makes names durable: what was created, renamed or removed in it before. (ext4 also
    keeps the name of a new file that was synced itself; POSIX does not promise it, and neither do we rely on it.)
  - A failed sync leaves all as it was, still to be written; with C{lost} set, as on Linux, the pages count as clean:
    their content is gone for good, whatever later syncs say, unless something writes to the page again, which brings
    the whole page, as the program sees it, back into play.
  - The directory itself was durable before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from tests.disk.diary import CREATED, OPENED, RENAMED, RESIZED, SYNCED, UNLINKED, WRITTEN, Operation

SECTOR = 512
PAGE = 4096


class Write:
    """
    Bytes on their way to the disk.

    @ivar data: None where they were lost on the way, and only the size that they made is left.
    """

    __slots__ = ("data", "end", "ended", "offset")

    def __init__(self, offset: int, data: bytes | None, ended: float, end: int = 0) -> None:
        self.offset = offset
        self.data = data
        self.end = offset + len(data) if data is not None else end
        self.ended = ended


class Resize:
    """
    A new size on its way to the disk.

    @ivar shrinks: it is less than what was.
    """

    __slots__ = ("ended", "shrinks", "size")

    def __init__(self, size: int, ended: float, shrinks: bool = False) -> None:
        self.size = size
        self.ended = ended
        self.shrinks = shrinks


class File:
    """
    One file, whatever its names.

    @ivar seen: what programs read.
    @ivar disk: what is there after a power cut in any case.
    @ivar pending: what leads from one to the other.
    """

    def __init__(self, content: bytes = b"") -> None:
        self.seen = bytearray(content)
        self.disk = bytearray(content)
        self.pending: list[Write | Resize] = []
        self._lost: set[int] = set()  # pages that count as clean and are not

    def write(self, offset: int, data: bytes, ended: float) -> None:
        """
        A program wrote.
        """
        _write(self.seen, offset, data)
        self.pending.append(Write(offset, data, ended))
        for page in self._lost.intersection(range(offset // PAGE, (offset + len(data) - 1) // PAGE + 1)):
            self._lost.remove(page)
            again = bytes(self.seen[page * PAGE : (page + 1) * PAGE])
            self.pending.append(Write(page * PAGE, again, ended))

    def resize(self, size: int, ended: float) -> None:
        """
        A program made it longer or shorter.
        """
        self.pending.append(Resize(size, ended, size < len(self.seen)))
        _resize(self.seen, size)
        self._lost = {page for page in self._lost if page * PAGE < size}

    def sync(self, began: float) -> None:
        """
        All that had ended when the sync began is durable.
        """
        later = []
        for change in self.pending:
            if change.ended > began:
                later.append(change)
            elif isinstance(change, Resize):
                _resize(self.disk, change.size)
            elif change.data is not None:
                _write(self.disk, change.offset, change.data)
            elif len(self.disk) < change.end:
                _resize(self.disk, change.end)
        self.pending = later

    def lose(self, began: float) -> None:
        """
        A sync failed, and what it should have written counts as clean.
        """
        for number, change in enumerate(self.pending):
            if change.ended <= began and isinstance(change, Write) and change.data:
                self._lost.update(range(change.offset // PAGE, (change.end - 1) // PAGE + 1))
                self.pending[number] = Write(change.offset, None, change.ended, change.end)

    def image(self, random: Random, also: Iterable[Write | Resize] = ()) -> bytes:
        """
        What a power cut may leave.

        @param also: what was under way.
        """
        content = bytearray(self.disk)
        pending = [*self.pending, *also]
        sizes = sum(isinstance(change, Resize) for change in pending)
        sizes = random.choice((0, sizes, random.randint(0, sizes)))  # so many are there
        keep = _taste(random, len(pending))
        zeros = random.random() < 0.3  # a write that is not there has still made the file longer
        undone: int | None = None  # beyond it nothing arrives
        for number, change in enumerate(pending):
            if isinstance(change, Resize):
                if sizes > 0:
                    sizes -= 1
                    _resize(content, change.size)
                elif change.shrinks and (undone is None or change.size < undone):
                    undone = change.size
                continue
            end = change.end if undone is None else min(change.end, undone)
            if zeros and end > len(content):
                _resize(content, end)
            if change.data is not None:
                for first, last in keep.pieces(number, change.offset, end):
                    _write(content, first, change.data[first - change.offset : last - change.offset])
        return bytes(content)


class _Taste:
    """
    Which writes of one file arrive: the same writes meet all of none, all, the first, the last, and any.

    @ivar first: the first that may arrive; C{last} the first that may not.
    @ivar whole: how likely one of those arrives whole; C{torn} how likely in pieces.
    """

    def __init__(self, random: Random, first: int, last: int, whole: float, torn: float) -> None:
        self._random = random
        self.first = first
        self.last = last
        self.whole = whole
        self.torn = torn

    def pieces(self, number: int, offset: int, end: int) -> Iterator[tuple[int, int]]:
        """
        The parts of a write that arrive.
        """
        if end <= offset:
            return
        random = self._random
        chance = random.random()
        if number == self.last and self.whole:  # the one that was on its way: always in pieces
            chance = self.whole
        elif not self.first <= number < self.last:
            return
        if chance < self.whole:
            yield offset, end
        elif chance < self.whole + self.torn:
            while offset < end:
                after = min(end, (offset // SECTOR + 1) * SECTOR)
                if random.random() < 0.5:
                    yield offset, after
                offset = after


def _taste(random: Random, count: int) -> _Taste:
    somewhere = random.randint(0, count)
    return random.choice(
        (
            _Taste(random, 0, 0, 0.0, 0.0),  # nothing
            _Taste(random, 0, count, 1.0, 0.0),  # everything
            _Taste(random, 0, somewhere, 1.0, 1.0),  # the first ones, the next in pieces
            _Taste(random, somewhere, count, 1.0, 0.0),  # the last ones
            _Taste(random, 0, count, random.random(), 0.1),  # any
            _Taste(random, 0, count, 0.0, 1.0),  # all in pieces
        )
    )


class _Change:
    """
    Names that come, or go (None), in one step.
    """

    def __init__(self, names: dict[str, File | None], ended: float) -> None:
        self._names = names
        self.ended = ended

    def within(self, folder: str) -> bool:
        return any(name.rpartition("/")[0] == folder for name in self._names)

    def apply(self, names: dict[str, File]) -> None:
        for name, file in self._names.items():
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file


class Disk:
    """
    A directory as programs see it, and all that a power cut may leave of it.

    @ivar under_way: writes and sizes that had begun and not ended.
    """

    def __init__(self, base: Mapping[str, bytes] | None = None) -> None:
        """
        @param base: what was there, durably, before the recording.
        """
        self.under_way: list[Operation] = []
        self._names = {name: File(content) for name, content in (base or {}).items()}
        self._durable = dict(self._names)
        self._changes: list[_Change] = []
        self._files: dict[int, File] = {}

    def apply(self, operation: Operation) -> None:
        """
        This happened next.
        """
        kind, name, ended = operation.kind, operation.name, operation.ended
        if kind == WRITTEN:
            self._files[operation.file].write(operation.offset, operation.data, ended)
        elif kind == RESIZED:
            self._files[operation.file].resize(operation.offset, ended)
        elif kind == SYNCED:
            self._sync(operation)
        elif kind == CREATED:
            file = self._files[operation.file] = File()
            self._call({name: file}, ended)
        elif kind == OPENED:
            if name in self._names:
                self._files[operation.file] = self._names[name]
        elif kind == RENAMED:
            self._call({name: None, operation.target: self._names[name]}, ended)
        elif kind == UNLINKED:
            self._call({name: None}, ended)

    def _call(self, names: dict[str, File | None], ended: float) -> None:
        change = _Change(names, ended)
        change.apply(self._names)
        self._changes.append(change)

    def _sync(self, operation: Operation) -> None:
        began = operation.began
        if operation.directory:
            if operation.failed:
                return
            later = []
            for change in self._changes:
                if change.ended <= began and change.within(operation.name):
                    change.apply(self._durable)
                else:
                    later.append(change)
            self._changes = later
        elif not operation.failed:
            self._files[operation.file].sync(began)
        elif operation.lost:
            self._files[operation.file].lose(began)

    def seen(self) -> dict[str, bytes]:
        """
        What programs read now.
        """
        return {name: bytes(file.seen) for name, file in self._names.items()}

    def image(self, random: Random) -> dict[str, bytes]:
        """
        What a power cut at this moment may leave.
        """
        names = dict(self._durable)
        count = len(self._changes)
        for change in self._changes[: random.choice((0, count, random.randint(0, count)))]:
            change.apply(names)
        also: dict[int, list[Write | Resize]] = {}
        for each in self.under_way:
            file = self._files.get(each.file)
            if file is not None and each.kind == WRITTEN:
                also.setdefault(id(file), []).append(Write(each.offset, each.data, each.ended))
            elif file is not None:
                also.setdefault(id(file), []).append(Resize(each.offset, each.ended, each.offset < len(file.seen)))
        return {name: file.image(random, also.get(id(file), ())) for name, file in names.items()}


def _write(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def replay(
    operations: Sequence[Operation], moments: Iterable[float], base: Mapping[str, bytes] | None = None
) -> Iterator[tuple[float, Disk]]:
    """
    The disk at each of these moments, the earliest first.
    """
    disk = Disk(base)
    longest = max((each.ended - each.began for each in operations), default=0.0)
    at = 0
    for moment in sorted(moments):
        while at < len(operations) and operations[at].ended <= moment:
            disk.apply(operations[at])
            at += 1
        disk.under_way = []
        for each in operations[at:]:
            if each.ended > moment + longest:
                break
            if each.began < moment and each.kind in (WRITTEN, RESIZED):
                disk.under_way.append(each)
        yield moment, disk


def lay_down(image: Mapping[str, bytes], folder: Path) -> None:
    """
    Make the files.
    """
    for name, content in image.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

"""Every write to the disk, in order, and what a folder would hold after the first few of them."""

import io
import os
from pathlib import Path

import h5py

from particleflow.files import disk, opening


class LoggedFile(io.RawIOBase):
    """A file that reports what is written to it."""

    def __init__(self, path, mode, log):
        self._name, self._log = path.name, log
        self._file = open(path, "w+b" if mode == "w" else "r+b", buffering=0)  # noqa: SIM115
        if mode == "w":
            log.append(("truncate", self._name, 0))

    def write(self, data):
        data = bytes(data)
        self._log.append(("write", self._name, self._file.tell(), data))
        return self._file.write(data)

    def truncate(self, size=None):
        size = self._file.tell() if size is None else size
        self._log.append(("truncate", self._name, size))
        return self._file.truncate(size)

    def readinto(self, buffer):
        return self._file.readinto(buffer)

    def seek(self, offset, whence=os.SEEK_SET):
        return self._file.seek(offset, whence)

    def tell(self):
        return self._file.tell()

    def flush(self):
        pass

    def readable(self):
        return True

    seekable = writable = readable

    def close(self):
        self._file.close()
        super().close()


def keep(monkeypatch):
    """Let all files be written through the log that is returned."""
    log = []

    def open_file(path, mode):
        return h5py.File(LoggedFile(Path(path), mode, log), mode, **opening.OPEN_OPTIONS)

    def rename(source, target, rename=disk.rename):
        log.append(("rename", source.name, target.name))
        rename(source, target)

    def remove(path, remove=disk.remove):
        log.append(("remove", path.name))
        remove(path)

    monkeypatch.setattr(opening, "open_file", open_file)
    monkeypatch.setattr(disk, "rename", rename)
    monkeypatch.setattr(disk, "remove", remove)
    return log


class Folder:
    """Files by name, as they are after some of the log."""

    def __init__(self):
        self.files = {}

    def apply(self, entry):
        """Let one thing of the log happen; returns whether a file was changed."""
        kind, name, *rest = entry
        if kind == "truncate":
            data = self.files.setdefault(name, bytearray())
            size = rest[0]
            data[:] = data[:size] + bytes(max(0, size - len(data)))
        elif kind == "write":
            data, (offset, new) = self.files[name], rest
            data.extend(bytes(max(0, offset + len(new) - len(data))))
            data[offset : offset + len(new)] = new
        elif kind == "rename":
            self.files[rest[0]] = self.files.pop(name)
        elif kind == "remove":
            self.files.pop(name, None)
        return kind in ("truncate", "write", "rename", "remove")

    def write_to(self, path):
        """Put all files there."""
        path.mkdir(exist_ok=True)
        for name, data in self.files.items():
            (path / name).write_bytes(data)

"""The records of a run: one JSON object a line, appended as it is measured.

    header  what was asked for, where, and every job
    skip    a peer that is not there, and why
    count   a job's calibration: messages, and who takes part
    run     one record of an adapter; round 0 is the warm-up
    fail    an adapter that did not do it, and why
    end     complete, or how it ended
"""

import json
import os


class Log:
    """Keeps every line in memory as well, so that a full disk loses none."""

    def __init__(self, path):
        self.path = path
        self.lines = []
        self.file = None

    def begin(self):
        if os.path.isfile(self.path) and os.path.getsize(self.path) > 0:
            os.replace(self.path, self.path + ".old")
        self.file = open(self.path, "w", encoding="utf-8")

    def resume(self):
        """Goes on behind the last whole line."""
        self.lines, length = read_lines(self.path)
        self.lines = [line for line in self.lines if line["type"] != "end"]
        self.file = open(self.path, "r+", encoding="utf-8")
        self.file.seek(length)
        self.file.truncate()

    def add(self, line_type, **fields):
        line = {"type": line_type, **fields}
        self.lines.append(line)
        self.file.write(json.dumps(line, separators=(",", ":")) + "\n")
        self.file.flush()

    def close(self):
        try:
            if self.file:
                self.file.close()
        except OSError:
            pass  # it was said when the line was written


def read_lines(path):
    """All whole lines, and how many bytes they are."""
    lines, length = [], 0
    with open(path, "rb") as file:
        for raw in file:
            if not raw.endswith(b"\n"):
                break
            try:
                line = json.loads(raw)
            except ValueError:
                raise ValueError(f"{path}: not a record: {raw[:60]!r}") from None
            if not isinstance(line, dict) or "type" not in line:
                raise ValueError(f"{path}: not a record: {raw[:60]!r}")
            lines.append(line)
            length += len(raw)
    if not lines or lines[0]["type"] != "header":
        raise ValueError(f"{path}: no records of a run")
    return lines, length

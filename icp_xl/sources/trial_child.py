"""Run by :mod:`icp_xl.sources.trial`, in a process of its own: try whether calamine survives a workbook.

Takes the workbook's bytes from standard input. It is started by its path, not imported, so that it costs no more
than an interpreter's start; the exit code is 0 when the reader came through or refused in good order.
"""

from __future__ import annotations

import io
import sys


def main(library: str, memory: str, sheet: str) -> int:
    """Open the workbook and read ``sheet``, or every sheet when it is empty."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limit; there the time limit of the caller must do.
    sys.path.append(library)
    import python_calamine

    try:
        book = python_calamine.load_workbook(io.BytesIO(sys.stdin.buffer.read()))
        for name in [sheet] if sheet else book.sheet_names:
            book.get_sheet_by_name(name)
    except Exception:
        return 0  # The caller will hear the same, and knows what to do.
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))

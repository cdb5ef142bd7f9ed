"""Linear algebra by one thread, so that sums come out the same on every machine.

Several threads add up in an order that hangs on how many there are; a product of matrices then differs in its last
digits, and what is fitted with it in more. Ours are small, so that more threads would mostly burn time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

#: What libraries look at that are loaded only later, or by processes started meanwhile.
_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@contextmanager
def one_thread() -> Iterator[None]:
    """Until the block ends, one thread for every library of linear algebra, and in every process begun in it."""
    from threadpoolctl import threadpool_limits

    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

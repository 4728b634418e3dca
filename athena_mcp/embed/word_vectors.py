"""A vector for each word, for comparing texts word by word; kept between calls, since people use few words often."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float32]

CAPACITY = 8_192
"""Words kept; of 256 dimensions 8 MiB. The words of a few hundred memories are far fewer."""


class WordVectors:
    """Unit vectors of words: the mean of their tokens' vectors. Used by one thread at a time.

    `token_ids` gives the tokens of a word, `table` has a row a token.
    """

    def __init__(self, token_ids: Callable[[str], Sequence[int]], table: Any, capacity: int = CAPACITY) -> None:
        import numpy as np

        self._token_ids = token_ids
        self._table = table
        self._capacity = capacity
        self._rows: dict[str, int] = {}
        self._kept: Matrix = np.zeros((capacity, table.shape[1]), np.float32)

    def of(self, words: Sequence[str]) -> Matrix:
        """One row a word, in order; a word without known tokens gets zeros."""
        import numpy as np

        if len(words) > self._capacity:
            return np.stack([self.vector(word) for word in words])
        unknown = [word for word in dict.fromkeys(words) if word not in self._rows]
        if len(self._rows) + len(unknown) > self._capacity:
            # Starting anew is as good as forgetting the oldest: what is used often is back at once.
            self._rows.clear()
            unknown = list(dict.fromkeys(words))
        for word in unknown:
            row = self._rows[word] = len(self._rows)
            self._kept[row] = self.vector(word)
        return self._kept[[self._rows[word] for word in words]]

    def vector(self, word: str) -> Matrix:
        """The row of one word, which is not kept; or of a whole text."""
        import numpy as np

        ids = self._token_ids(word)
        if not ids:
            return np.zeros(self._table.shape[1], np.float32)
        # The sum points where the mean does, and is had sooner; so is the root of the product rather than the norm.
        total = np.add.reduce(self._table[ids], axis=0, dtype=np.float32)
        length = math.sqrt(float(total @ total))
        return np.asarray(total / length if length > 0 else total, np.float32)

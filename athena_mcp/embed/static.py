"""The default embedder: WordLlama's static token vectors; its weights are inside the wheel, nothing is downloaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.word_vectors import WordVectors
from athena_mcp.errors import EmbedderUnavailable

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

NAME = "wordllama/l2_supercat_256"
DIMENSION = 256
INLINE_CHARS = 4_000
"""Texts up to this many characters together take well under a millisecond and stay on the event loop."""


class StaticEmbedder:
    """256 dimensions, about 25 µs a query."""

    name = NAME
    dimension = DIMENSION

    def __init__(self, model: Any) -> None:
        self._model = model
        self.word_vectors = WordVectors(self._token_ids, model.embedding)
        """Vectors of single words, from the same table."""

    @classmethod
    def load(cls) -> StaticEmbedder:
        """Read the weights (about 0.3 s; blocking). Raises EmbedderUnavailable where the package has no wheel."""
        try:
            import wordllama
        except ImportError as error:
            raise EmbedderUnavailable(
                "The embedder wordllama is not installed; on this platform it has no wheel."
            ) from error
        # Its loader looks online for the tokenizer unless told where the wheel keeps it.
        folder = Path(wordllama.__file__).parent
        try:
            model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True, dim=DIMENSION)
        except (OSError, ValueError) as error:
            raise EmbedderUnavailable("The embedder's files are damaged; reinstall wordllama.") from error
        _keep_no_texts(model.tokenizer)
        return cls(model)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector a text; a text without a known token gets a zero vector."""
        if sum(map(len, texts)) <= INLINE_CHARS:
            return self._embed(texts)
        return await anyio.to_thread.run_sync(self._embed, texts)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _token_ids(self, word: str) -> list[int]:
        ids: list[int] = self._model.tokenizer.encode(word, add_special_tokens=False).ids
        return ids

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        import numpy as np

        if len(texts) == 1:
            # A batch is tokenized in threads; for a single text, waking them takes longer than all else.
            return [self.word_vectors.vector(texts[0])]
        pooled = np.nan_to_num(self._model.embed(list(texts)))
        lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
        return list(pooled / np.maximum(lengths, 1e-9))


def _keep_no_texts(tokenizer: Any) -> None:
    """Turn off the tokenizer's cache of words: this one does not split at spaces, so that each whole text is a word.

    It would keep ten thousand texts of up to 256 bytes, 7 kB for each, and a text hardly ever comes twice.
    """
    resize = getattr(tokenizer.model, "_resize_cache", None)
    if resize is not None:  # newer than tokenizers 0.20
        resize(0)


def static_handle() -> EmbedderHandle:
    """The default embedder, not yet loaded; nameless where its package is not installed."""
    installed = importlib.util.find_spec("wordllama") is not None
    return EmbedderHandle(StaticEmbedder.load, name=NAME if installed else None, dimension=DIMENSION)

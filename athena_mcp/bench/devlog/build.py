"""From a repository to a case: which commit each entry of the changelog is about.

The rule, which never looks at what entry and commit say:
1. An entry that names a pull request or issue is about the commits whose subject names the same number, or whose
   message closes it.
2. Any other entry is about the commit that first added its first line to the changelog: who wrote the entry with the
   change it tells of. Not when that commit wrote more than MAX_ENTRIES_A_COMMIT entries at once, or is a release by
   its subject: then somebody collected what others had done.
3. A commit that touched nothing but changelogs is no answer. An entry with more than MAX_ANSWERS left is too vague.
Entries without an answer are left out, and counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from athena_mcp.bench.devlog.changelog import MIN_KEY_CHARS, Entry, is_changelog, is_question, read_entries
from athena_mcp.bench.devlog.history import ChangelogRepository, Introductions
from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.quality.case import Case, CaseMemory, CaseQuery
from athena_mcp.jsonable import isoformat
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.transfer.git_history import commit_to_record
from athena_mcp.transfer.git_log import Commit, GitRange

MAX_ENTRIES_A_COMMIT = 3
MAX_ANSWERS = 4
MAX_FILES = 50
"""How many of a commit's files are looked at; one that touched so many touched more than changelogs."""
BODY_CHARS = 600
"""How much of a message is remembered: its subject and the first lines of its body."""
DEFAULT_COMMITS = 20_000

Rule = Literal["by number", "by first line"]

_RELEASE = re.compile(r"^\W*(?:chore\W*)?(?:release|version|bump|prepar\w+|v?\d+\.\d+(?:\.\d+)*)\b", re.I)
_IN_SUBJECT = re.compile(r"(?<![\w&/])#(\d+)\b")
_CLOSES = re.compile(r"\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?):?\s+(?:[\w.-]+/[\w.-]+)?#(\d+)\b", re.I)


@dataclass(frozen=True, slots=True)
class Devlog:
    """A case, and how it came about."""

    case: Case
    changelog: str
    entries: int
    too_short: int
    repeated: int
    matched: Mapping[Rule, int]

    @property
    def unmatched(self) -> int:
        """Entries of which no rule says what they are about."""
        return self.entries - self.too_short - self.repeated - sum(self.matched.values())

    def sentence(self) -> str:
        """The numbers for people."""
        rules = ", ".join(f"{count:,} {rule}" for rule, count in self.matched.items())
        matched = sum(self.matched.values())
        return (
            f"{self.changelog}: {self.entries:,} entries, {matched:,} matched to a commit ({rules}), "
            f"{self.unmatched:,} not, {self.too_short:,} too short to ask with, {self.repeated:,} repeated."
        )


def build_devlog(path: Path, *, changelog: str | None = None, max_commits: int = DEFAULT_COMMITS) -> Devlog:
    """The case of the repository at `path`; `changelog` is a tracked file, else the one with the most entries.

    Raises TransferError when git cannot read it, BenchFailed when there is no usable changelog.
    """
    repository = ChangelogRepository(path)
    name, entries = _find_changelog(repository, changelog)
    with repository.commits(GitRange(max_count=max_commits), max_files=MAX_FILES) as history:
        commits = list(history)
    matcher = _Matcher(commits, repository.introductions(name), entries)
    queries: list[CaseQuery] = []
    matched: Counter[Rule] = Counter({"by number": 0, "by first line": 0})
    too_short = repeated = 0
    asked: set[str] = set()
    case_name = f"devlog-{path.resolve().name or 'repository'}"
    for entry in entries:
        if not is_question(entry.question):
            too_short += 1
        elif entry.question.casefold() in asked:
            repeated += 1
        elif (found := matcher.match(entry)) is not None:
            asked.add(entry.question.casefold())
            matched[found.rule] += 1
            queries.append(CaseQuery(entry.question, found.commits, case_name, found.rule))
    if not queries:
        raise BenchFailed(
            f"None of the {len(entries)} entries of {name} could be matched to a commit: none names a pull request "
            "that a commit names too, and none was written in the commit that it is about."
        )
    memories = tuple(_memory(commit) for commit in commits)
    return Devlog(Case(case_name, memories, tuple(queries)), name, len(entries), too_short, repeated, dict(matched))


def _find_changelog(repository: ChangelogRepository, given: str | None) -> tuple[str, list[Entry]]:
    names = [given] if given is not None else [path for path in repository.tracked() if is_changelog(path)]
    if not names:
        raise BenchFailed("There is no changelog with a usual name in the repository. Name it with --changelog.")
    read = {name: list(read_entries(repository.read(name))) for name in names}
    best = max(read, key=lambda name: len(read[name]))
    if not read[best]:
        raise BenchFailed(f"{', '.join(names)}: no list items. Entries must be items of a list (-, * or +).")
    return best, read[best]


@dataclass(frozen=True, slots=True)
class _Match:
    commits: frozenset[str]
    rule: Rule


class _Matcher:
    """Finds an entry's commits by the rule of this module."""

    def __init__(self, commits: Sequence[Commit], introductions: Introductions, entries: Sequence[Entry]) -> None:
        self._commits = {commit.sha: commit for commit in commits}
        self._introductions = introductions
        self._by_number: defaultdict[int, set[str]] = defaultdict(set)
        for commit in commits:
            for number in _numbers_of(commit):
                self._by_number[number].add(commit.sha)
        self._entries_of = Counter(introductions.commit_of.get(entry.key) for entry in entries)

    def match(self, entry: Entry) -> _Match | None:
        """The commits, or None when the rule gives none."""
        named = {sha for number in entry.numbers for sha in self._by_number.get(number, ())}
        if answers := self._answers(named):
            return _Match(answers, "by number") if len(answers) <= MAX_ANSWERS else None
        wrote = self._introductions.commit_of.get(entry.key)
        if wrote is None or len(entry.key) < MIN_KEY_CHARS or self._entries_of[wrote] > MAX_ENTRIES_A_COMMIT:
            return None
        if wrote in self._commits and _RELEASE.match(_subject(self._commits[wrote])):
            return None
        answers = self._answers({wrote})
        return _Match(answers, "by first line") if answers else None

    def _answers(self, shas: set[str]) -> frozenset[str]:
        return frozenset(sha for sha in shas if sha in self._commits and not _only_changelogs(self._commits[sha]))


def _memory(commit: Commit) -> CaseMemory:
    """The commit as `athena-mcp import --git` would remember it, but for the end of a long message."""
    record: MemoryRecord = commit_to_record(commit, "devlog")
    content = record.content
    if len(content) > BODY_CHARS:
        end = content.rfind("\n", BODY_CHARS // 2, BODY_CHARS)
        content = content[: end if end > 0 else BODY_CHARS].rstrip()
    at = isoformat(commit.authored_at) if commit.authored_at is not None else None
    return CaseMemory(commit.sha, content, at, record.session_id)


def _numbers_of(commit: Commit) -> set[int]:
    found = _IN_SUBJECT.findall(_subject(commit)) + _CLOSES.findall(commit.message)
    return {int(number) for number in found}


def _subject(commit: Commit) -> str:
    return commit.message.strip().partition("\n")[0]


def _only_changelogs(commit: Commit) -> bool:
    return all(is_changelog(name) for name in commit.files)

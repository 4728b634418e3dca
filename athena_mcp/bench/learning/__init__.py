"""What the executor learns, or could, beside what it does without: the reasons for docs/benchmarks.md, Learning."""

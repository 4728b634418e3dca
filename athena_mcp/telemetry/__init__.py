"""What a process counts about itself: exact counters and latency percentiles, in constant memory, without I/O."""

from __future__ import annotations

from athena_mcp.telemetry.histogram import LatencyHistogram
from athena_mcp.telemetry.samples import ForgetSample, RecallSample, RememberSample
from athena_mcp.telemetry.statistics import SECTIONS, Statistics

__all__ = ["SECTIONS", "ForgetSample", "LatencyHistogram", "RecallSample", "RememberSample", "Statistics"]

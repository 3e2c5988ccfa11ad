"""From effects to decisions: policies, segments, verdicts."""

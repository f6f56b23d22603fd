"""annotate: human calibration of LLM judges."""

"""The judge: an LLM that grades by the very rubric that raters use, as one more rater."""

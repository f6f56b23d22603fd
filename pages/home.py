"""My work: what I have done."""

from annotate.ui import session

rater = session.require_rater()

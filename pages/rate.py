"""Rate: one unit in the middle, the form beside it."""

from annotate.ui import session

rater = session.require_rater()

"""Starting the process that works off a run: one of its own, which outlives the page."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from annotate.settings import get_settings
from db.tables import JudgeRun, now

ROOT = Path(__file__).parents[2]


def launch(run_id: int) -> None:
    """Start `annotate judge resume RUN` beside this process; its progress is in the database."""
    subprocess.Popen(
        [sys.executable, "-m", "annotate", "judge", "resume", str(run_id)],
        env={
            **os.environ,
            "ANNOTATE_DATABASE_URL": get_settings().database_url,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def remaining(run: JudgeRun) -> timedelta | None:
    """How long the rest will take at the pace so far; None where nothing tells."""
    done = run.counts.get("done", 0) + run.counts.get("failed", 0)
    waiting = run.counts.get("queued", 0) + run.counts.get("leased", 0)
    took = now() - run.started_at
    if run.state != "running" or not done or not waiting or took < timedelta(seconds=3):
        return None
    return took * (waiting / done)

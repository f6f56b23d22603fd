"""Starting the process that works off a run: one of its own, which outlives the page."""

import os
import subprocess
import sys
from pathlib import Path

from annotate.settings import get_settings

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

"""Starting the process that works off a run: one of its own, which outlives the page."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

from annotate.settings import get_settings

ROOT = Path(__file__).parents[2]
_LOG = logging.getLogger(__name__)


def launch(run_id: int) -> None:
    """Start `annotate judge resume RUN` beside this process; its progress is in the database, and
    what it says, why it could not start say, is in this process's log."""
    process = subprocess.Popen(
        [sys.executable, "-m", "annotate", "judge", "resume", str(run_id)],
        env={
            **os.environ,
            "ANNOTATE_DATABASE_URL": get_settings().database_url,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    threading.Thread(target=_listen, args=(process, run_id), daemon=True).start()


def _listen(process: subprocess.Popen[str], run_id: int) -> None:
    assert process.stderr is not None
    with process:
        for line in process.stderr:
            _LOG.warning("judge run %s: %s", run_id, line.rstrip())

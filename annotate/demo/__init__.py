"""The demo workspace: everything in it is invented and simulated.

Pennywharf, a bookkeeping and payments service for small businesses, does not exist, and neither
do its customers, its help pages or its assistant. `outputs.jsonl` holds what the assistant
answered, written by hand, in the file format of outputs; request metrics and user signals are
made up to go with it. Some inputs carry text that is hostile on purpose (markup, prompt
injections, invisible characters): it must be shown as plain text.

`truth.jsonl` says for each output how good it is: the scores that careful raters would agree on,
its failures as tags of the rubric `rag-answer`, and from 0 to 1 how much such raters would differ.
The ratings of the demo are simulated from it.
"""

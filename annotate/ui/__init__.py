"""What the pages share: who is signed in, messages, the output viewer and the rubric form."""

"""What won and lost opportunities say of the pipeline score, sheet by sheet."""

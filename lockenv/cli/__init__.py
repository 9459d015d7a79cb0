"""Words in, words out: options, progress, messages and the exit status; the only printer."""

"""Lock, sync, check and the other verbs, as functions without a terminal."""

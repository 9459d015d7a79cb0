"""Other worlds' spellings, each behind a door of its own; pure: bytes and text in, values out."""

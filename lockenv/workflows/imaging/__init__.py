"""How `image` makes an image of a lock, where it goes, and what runs in it."""

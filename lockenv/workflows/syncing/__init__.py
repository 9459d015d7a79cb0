"""How `sync` makes an environment: its interpreter, its builds, its trees."""

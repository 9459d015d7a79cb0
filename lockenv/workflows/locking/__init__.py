"""How `lock` finds its answer: cell by cell, layer by layer."""

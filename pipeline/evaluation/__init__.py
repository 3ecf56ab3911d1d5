"""How often decisions are right: measured on labelled rows, with intervals, slices, and peers' rules beside them."""

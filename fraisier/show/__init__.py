"""5. Rows -> what a person or a program reads: aligned tables, live progress, JSON."""

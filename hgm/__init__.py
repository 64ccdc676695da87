"""A lab in which coding and GUI agents improve themselves."""

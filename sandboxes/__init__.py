"""Where untrusted code runs, and how only bytes under limits come back from there."""

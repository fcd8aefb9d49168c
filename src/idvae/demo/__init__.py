"""A model in the browser: actions compute, page draws, gate and server keep it to this machine."""

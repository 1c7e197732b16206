"""What is sold, what it costs, and when: pure values that read no clock and do no I/O."""

"""What this machine is and what will work on it. Reads, and changes nothing."""

"""What two plugins need, with no plugin's policy."""

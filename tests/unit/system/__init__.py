"""What the operating system is asked, and tells."""

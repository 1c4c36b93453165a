"""What is in a folder: applications, frameworks, commands of servers; and `licorne init`."""

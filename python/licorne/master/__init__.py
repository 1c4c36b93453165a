"""What the master consists of, beside its decisions (`supervisor`) and its face (`arbiter`)."""

"""Shell text as commands whose words know where each value was decided. Nothing is executed."""

"""What a dialect is made of: its declaration, reader, detection and edits."""

"""What surrounds a file: settings, workspace, launchers, lock files, hardware."""

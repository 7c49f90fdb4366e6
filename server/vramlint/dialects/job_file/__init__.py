"""vramlint's own dialect (docs/job-file.md)."""

"""The API of rules: the context they look at, findings with their fixes, directives in comments."""

"""The rows: peewee classes with columns and no policy."""

"""Pages, API and files over HTTP. Reads the tables; every change goes through flow, gallery or accounts."""

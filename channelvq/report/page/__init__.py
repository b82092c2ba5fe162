"""The report: a sweep as one HTML page that needs no network, for a reader who gets it by mail."""

"""Who is speaking, and the ledger of edits that keeps one conversation in two views; pure."""

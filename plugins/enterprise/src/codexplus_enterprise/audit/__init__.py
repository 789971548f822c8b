"""The account of what was decided and done."""

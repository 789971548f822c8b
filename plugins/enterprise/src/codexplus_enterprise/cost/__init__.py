"""What requests cost: usage, prices, subscription windows and budgets."""

"""Sources, records, splits, examples, and the rows of tokens that models read of them."""

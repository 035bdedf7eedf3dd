"""Language models behind servers: what they are asked, what is kept of their answers, and what that costs."""

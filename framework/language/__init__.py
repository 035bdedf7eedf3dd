"""What tables, pages and sentences say, in English and Russian."""

"""A generator of Russian paragraphs about people, with questions: the project's own text."""

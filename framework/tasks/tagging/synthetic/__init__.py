"""Generated news in Russian, with the persons, places, organisations and dates in them."""

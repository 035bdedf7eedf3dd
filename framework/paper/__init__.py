"""What the paper reports: Galeev & Panishchev, 2022, distillation of Russian models that answer questions."""

"""How sessions begin: the first step, the second one, and what proves an owner again."""

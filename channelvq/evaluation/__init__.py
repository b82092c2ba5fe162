"""How good a picture is, what theory allows, and what others have published."""

"""Released models on the Hugging Face hub; nothing here talks to it before it is asked to."""

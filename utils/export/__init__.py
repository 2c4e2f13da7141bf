"""A trained model leaves PyTorch: its file for other engines, an engine that reads it, a server with Ollama's interface."""

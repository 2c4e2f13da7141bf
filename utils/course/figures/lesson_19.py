"""The figures of lesson 19."""

"""The way of an image: encryption in the browser, decryption in the worker."""

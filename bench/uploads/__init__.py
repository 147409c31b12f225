"""The way of a picture: encryption in the browser, decryption in the worker."""

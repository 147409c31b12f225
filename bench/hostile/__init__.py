"""Web pages while hostile connections hold on to the server."""

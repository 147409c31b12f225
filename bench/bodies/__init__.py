"""Three images of 15 MiB in one JSON body: the longest turn of the loop and the peak of memory."""

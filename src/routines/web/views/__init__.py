"""What templates show, as ready values: no template decides or reckons anything.

Nothing is read here; the pages hand in what the services found.
"""

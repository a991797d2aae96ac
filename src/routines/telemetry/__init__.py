"""What is measured of a running server, as Prometheus and OpenTelemetry have it, and whether it is ready for work.

Nothing of the service is decided here, and no other package knows those libraries.
"""

# The service in a container, from the wheel; docs/operations.md says how to run it.
FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY src src
COPY examples examples
# uv, unlike pip, takes the hashes of a constraints file; it is itself installed by the lock's.
RUN awk '/^[a-z]/ { wanted = /^uv==/ } wanted' requirements.lock > uv.txt \
    && python -m venv /uv \
    && /uv/bin/python -m pip install --no-cache-dir --require-hashes -r uv.txt
RUN /uv/bin/uv build --wheel --no-python-downloads --build-constraint requirements.lock --out-dir dist .
RUN /uv/bin/uv venv --no-python-downloads --python 3.12 /opt/routines \
    && /uv/bin/uv pip install --no-cache --compile-bytecode --python /opt/routines --constraint requirements.lock "$(echo dist/routines-*.whl)[traces]"

FROM python:3.12-slim
# A home that agents find, and data that the volume takes over with its owner.
RUN groupadd --gid 10001 routines \
    && useradd --uid 10001 --gid 10001 --create-home --home-dir /home/routines --shell /usr/sbin/nologin routines \
    && install -d -m 0700 -o routines -g routines /data
COPY --from=build /opt/routines /opt/routines
COPY LICENSE /usr/share/doc/routines/LICENSE
ENV PATH=/opt/routines/bin:/usr/local/bin:/usr/bin:/bin \
    ROUTINES_HOST=0.0.0.0 \
    ROUTINES_PORT=3100 \
    ROUTINES_AUTH=authenticated \
    ROUTINES_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 3100
STOPSIGNAL SIGTERM
# Straight to the port, whatever proxy the environment names; the program itself would take a second of CPU to load.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; server = http.client.HTTPConnection('127.0.0.1', int(os.environ['ROUTINES_PORT']), timeout=4); server.request('GET', '/api/health'); sys.exit(server.getresponse().status != 200)"]
ENTRYPOINT ["routines"]
CMD ["serve"]

# The GPU metrics exporter for a kind cluster. Context: what write_exporter_context writes.
ARG IMAGE=ebbtide:demo
# The same Python as in IMAGE.
ARG BUILD_IMAGE=python:3.12-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY requirements.txt ./
RUN python3 -m venv /opt/tools \
 && /opt/tools/bin/pip install --no-cache-dir --no-deps --only-binary=:all: --require-hashes --target=/opt/exporter \
      -r requirements.txt
COPY e2e /opt/exporter/e2e

FROM ${IMAGE}
COPY --from=build /opt/exporter /opt/exporter
ENV PYTHONPATH=/opt/exporter
ENTRYPOINT ["python", "-m", "e2e.exporter"]

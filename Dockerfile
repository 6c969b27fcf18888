# Builds with Docker, BuildKit or buildah. BASE_IMAGE needs Python 3.11 or newer as `python3`; the same image with
# `venv` is BUILD_IMAGE. On Debian: python3, and python3-venv for the build.
ARG BASE_IMAGE=python:3.12-slim
ARG BUILD_IMAGE=${BASE_IMAGE}

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
RUN python3 -m venv /opt/ebbtide && python3 -m venv /opt/tools
COPY locks/runtime.txt locks/dev.txt locks/
RUN /opt/ebbtide/bin/pip install --no-cache-dir --no-deps --only-binary=:all: --require-hashes -r locks/runtime.txt
# The build backend, at the locked versions, in an environment that stays behind.
RUN awk '/^[a-z]/ {keep = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/} keep' locks/dev.txt \
      > locks/build.txt \
 && /opt/tools/bin/pip install --no-cache-dir --no-deps --only-binary=:all: --require-hashes -r locks/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
# Python 3.11 puts setuptools into every environment; later ones do not, and then there is nothing to take out.
RUN /opt/tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && /opt/ebbtide/bin/pip install --no-cache-dir --no-deps /tmp/wheel/*.whl \
 && /opt/ebbtide/bin/pip uninstall --quiet --yes setuptools \
 && /opt/ebbtide/bin/pip check \
 && /opt/ebbtide/bin/pip uninstall --yes pip

FROM ${BASE_IMAGE}
COPY --from=build /opt/ebbtide /opt/ebbtide
# Bytecode was written above; the root file system may be read-only. The user has no entry in /etc/passwd, and libraries
# ask for its home.
ENV PATH=/opt/ebbtide/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
LABEL org.opencontainers.image.title="Ebbtide" \
      org.opencontainers.image.description="Pauses idle GPU work on Kubernetes safely and says what it saves" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
ENTRYPOINT ["ebbtide"]

# The sandbox image: what an agent and a grader find inside a container. Nothing starts it yet; sandboxes are bubblewrap's
# until the Docker sandbox is there. The lab's own code is never copied in: .dockerignore keeps the build context empty.
# Where python's image cannot be pulled: --build-arg BASE_IMAGE=<any Debian with python3 and pip>.
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends git patch \
 && rm -rf /var/lib/apt/lists/*
# Debian's own Python refuses pip without this; python:slim takes no notice.
RUN PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --no-cache-dir "pytest>=8.3"
WORKDIR /workspace

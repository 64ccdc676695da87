# The sandbox image: what an agent and a grader find inside a container. `hgm image` builds it from this text alone; the
# lab's own code is never in it. Any Debian or Ubuntu will do as a base: hgm image --base-image IMAGE
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
# Where python3 is Debian's own, pytest is too; another Python gets it from pip.
RUN set -eu; \
    packages="git patch procps"; \
    case "$(command -v python3 || true)" in ''|/usr/bin/*|/bin/*) packages="$packages python3 python3-pytest" ;; esac; \
    apt-get update -q; \
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*; \
    python3 -c 'import pytest' 2>/dev/null || python3 -m pip install --no-cache-dir 'pytest>=8.3'; \
    python3 -m pytest --version
# So that whoever looks its own name up finds one.
RUN echo 'agent:x:10001:10001:agent:/tmp:/bin/sh' >>/etc/passwd && echo 'agent:x:10001:' >>/etc/group
WORKDIR /workspace
# A container that is to end, ends: nothing in it is waited for.
STOPSIGNAL SIGKILL

"""Starts the image of a service, and tests the service once its own health check is healthy."""

import os
import urllib.request

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy


@pytest.fixture(scope="module")
def shop():
    container = DockerContainer(os.environ.get("IMAGE", "example")).with_exposed_ports(8080)
    # The command is that of the image. Only the interval, in nanoseconds, is shorter: a test waits
    # for the first check.
    container.with_kwargs(healthcheck={"interval": 500_000_000})
    container.waiting_for(HealthcheckWaitStrategy().with_startup_timeout(60))
    with container:
        yield container


def test_it_answers(shop):
    url = f"http://{shop.get_container_host_ip()}:{shop.get_exposed_port(8080)}/healthz"
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"ok\n"

"""A small gRPC service with the standard health service, grpc.health.v1.

SIGUSR1 drains it: it continues to serve, but reports NOT_SERVING. SIGUSR2 reverts that.
"""

import signal
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVICE = "shop.Cart"
Status = health_pb2.HealthCheckResponse


def count(request, context):
    """Takes the place of generated code: bytes in, bytes out."""
    return b"0"


server = grpc.server(ThreadPoolExecutor(max_workers=4))
handlers = {"Count": grpc.unary_unary_rpc_method_handler(count)}
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
reported = health.HealthServicer()
health_pb2_grpc.add_HealthServicer_to_server(reported, server)

signals = SimpleQueue()
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, lambda received, _: signals.put(received))

server.add_insecure_port("[::]:50051")
server.start()
status = Status.SERVING
while True:
    for name in ("", SERVICE):
        reported.set(name, status)
    received = signals.get()
    if received == signal.SIGTERM:
        server.stop(grace=5).wait()
        break
    status = Status.NOT_SERVING if received == signal.SIGUSR1 else Status.SERVING

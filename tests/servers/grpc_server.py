"""A gRPC server from the grpcio and grpcio-health-checking packages: grpc_server.py ADDRESS MODE [CERTIFICATE KEY [CA]]

ADDRESS is 127.0.0.1:PORT or unix:PATH. With CERTIFICATE the server speaks TLS; with CA it also requires
a client certificate from that CA. MODE:
  health   the health service: the server as a whole is SERVING, db is NOT_SERVING, cache is UNKNOWN
  bare     no health service
  guarded  the health service for clients that send `authorization: Bearer right`
  slow     a health service that answers after 300 ms for the service "late", and never for "never"
"""

import sys
import threading
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

Response = health_pb2.HealthCheckResponse


class Guard(grpc.ServerInterceptor):
    def intercept_service(self, continuation, details):
        if ("authorization", "Bearer right") in details.invocation_metadata:
            return continuation(details)

        def refuse(_request, context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token: \x1b[31mgrün 100%")

        return grpc.unary_unary_rpc_method_handler(refuse)


class Slow(health_pb2_grpc.HealthServicer):
    def Check(self, request, context):
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(0.3 if request.service == "late" else None)
        return Response(status=Response.SERVING)


def main():
    address, mode, *pair = sys.argv[1:]
    interceptors = [Guard()] if mode == "guarded" else []
    # By default other servers could share the port.
    options = [("grpc.so_reuseport", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=interceptors, options=options)
    if mode in ("health", "guarded"):
        servicer = health.HealthServicer()
        servicer.set("db", Response.NOT_SERVING)
        servicer.set("cache", Response.UNKNOWN)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if mode == "slow":
        health_pb2_grpc.add_HealthServicer_to_server(Slow(), server)
    if pair:
        certificate, key, *roots = (open(path, "rb").read() for path in pair)
        credentials = grpc.ssl_server_credentials([(key, certificate)], *roots, require_client_auth=bool(roots))
        server.add_secure_port(address, credentials)
    else:
        server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


main()

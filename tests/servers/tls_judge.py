"""A TLS server that reports how its clients behave: tls_judge.py PORT CERTIFICATE KEY CA VERSION MODE

VERSION is 1.2 or 1.3. MODE:
  watch    sends eight session tickets, and a response in two halves, the second one late; prints a line
           for each connection, which says how the client closed it
  silent   requires a client certificate, and closes without an alert if it gets none
  reset    the same, but closes with a reset
  asking   requests a client certificate, and closes without an alert right after the handshake
  anybody  requests none, and closes in the same way
"""

import socket
import ssl
import struct
import sys
import threading
import time

port, certificate, key, authority, version, mode = int(sys.argv[1]), *sys.argv[2:7]

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.load_verify_locations(authority)
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, f"TLSv{version.replace('.', '_')}")
context.set_alpn_protocols(["h2"])
if mode == "watch":
    context.num_tickets = 8
elif mode == "asking":
    context.verify_mode = ssl.CERT_OPTIONAL
elif mode != "anybody":
    context.verify_mode = ssl.CERT_REQUIRED


def handshake(raw):
    """Performs a handshake without the alert that openssl sends to a refused client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    while True:
        try:
            tls.do_handshake()
            raw.sendall(outgoing.read())
            return
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            piece = raw.recv(4096)
            if not piece:
                return
            incoming.write(piece)
        except ssl.SSLError:
            return


def watch(raw):
    with context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False) as client:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 1000)
        time.sleep(0.02)
        client.sendall(b"x" * 1000)
        while client.recv(4096):
            pass
        # What follows below TLS: the end of the stream, or a reset.
        raw = client.detach()
        with socket.socket(fileno=raw) as raw:
            while raw.recv(4096):
                pass


def serve(raw):
    if mode == "watch":
        try:
            watch(raw)
            print("close_notify", flush=True)
        except OSError as error:
            print(error, flush=True)
        return
    with raw:
        try:
            handshake(raw)
            if mode == "reset":
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass


listener = socket.create_server(("127.0.0.1", port), backlog=64)
while True:
    raw, _ = listener.accept()
    threading.Thread(target=serve, args=(raw,), daemon=True).start()

"""A scripted TLS server: tls_script.py PORT CERTIFICATE KEY END STEP...

Each STEP is TEXT*COUNT@MILLISECONDS: after that pause, the server sends COUNT copies of TEXT in one
record. It starts when it has received a request, or at once if the first step is "early". END is what
follows: "notify" (close_notify), "close" (without an alert), "hold" (nothing, until the client closes),
"again" (the last step, repeatedly) or "junk" (a record that cannot be decrypted, in one segment with
the last step).
"""

import os
import socket
import ssl
import sys
import threading
import time

port, certificate, key, end = int(sys.argv[1]), *sys.argv[2:5]
steps = sys.argv[5:]
early = steps[0] == "early"
steps = [step.rsplit("@", 1) for step in steps[early:]]
steps = [(text.rsplit("*", 1), int(pause) / 1000) for text, pause in steps]
steps = [(text.encode().decode("unicode_escape").encode("latin-1") * int(count), pause) for (text, count), pause in steps]

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


def serve(raw):
    try:
        with context.wrap_socket(raw, server_side=True) as client:
            request = b""
            while not early and b"\r\n\r\n" not in request:
                piece = client.recv(4096)
                if not piece:
                    return
                request += piece
            if end == "junk":
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            for record, pause in steps:
                time.sleep(pause)
                client.sendall(record)
            while end == "again":
                time.sleep(steps[-1][1])
                client.sendall(steps[-1][0])
            if end == "junk":
                os.write(client.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            if end in ("hold", "junk"):
                client.recv(1)
            if end == "notify":
                client.unwrap()
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", port), backlog=64)
while True:
    raw, _ = listener.accept()
    threading.Thread(target=serve, args=(raw,), daemon=True).start()

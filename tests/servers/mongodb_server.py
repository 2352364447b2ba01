"""MongoDB's protocol for the tests: MockupDB, a server by authors of MongoDB's drivers, answers
`isMaster` like a server in the given state. PyMongo, the official driver, shows that the answers are
what clients expect.

    mongodb_server.py serve STATE PORT
    mongodb_server.py client PORT         prints what kind of server PyMongo takes it for
"""

import datetime
import sys
import threading

import bson
import mockupdb
import pymongo

NOW = datetime.datetime(2026, 11, 30, 12)
MEMBERS = {
    "hosts": [f"db-{number}.db.example:27017" for number in range(40)],
    "setName": "rs0",
    "setVersion": 7,
    "me": "db-0.db.example:27017",
    "primary": "db-0.db.example:27017",
    "tags": {"zone": "a", "nested": {"ok": 0, "ismaster": False}},
    "electionId": bson.ObjectId(b"election-id1"),
    "lastWrite": {"opTime": {"ts": bson.Timestamp(1, 1), "t": bson.Int64(3)}, "lastWriteDate": NOW},
    "$clusterTime": {
        "clusterTime": bson.Timestamp(1, 1),
        "signature": {"hash": b"\0" * 20, "keyId": bson.Int64(1)},
    },
    "operationTime": bson.Timestamp(1, 1),
}
# What every server answers, in the order of MongoDB 7.
COMMON = {
    "maxBsonObjectSize": 16777216,
    "maxMessageSizeBytes": 48000000,
    "maxWriteBatchSize": 100000,
    "localTime": NOW,
    "logicalSessionTimeoutMinutes": 30,
    "connectionId": 42,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "readOnly": False,
}
NEITHER = {"ismaster": False, "secondary": False}
STATES = {
    "standalone": {"ismaster": True},
    "mongos": {"ismaster": True, "msg": "isdbgrid"},
    "primary": {**MEMBERS, "ismaster": True, "secondary": False},
    "secondary": {**MEMBERS, "ismaster": False, "secondary": True},
    "hidden": {**MEMBERS, "ismaster": False, "secondary": True, "passive": True, "hidden": True},
    "arbiter": {**MEMBERS, **NEITHER, "arbiterOnly": True},
    "recovering": {**MEMBERS, **NEITHER},
    "uninitiated": {**NEITHER, "info": "Does not have a valid replica set config", "isreplicaset": True},
}
ERRORS = {
    "stopping": {
        "topologyVersion": {"processId": bson.ObjectId(b"process-id12"), "counter": bson.Int64(9)},
        "ok": 0.0,
        "errmsg": "The server is in quiesce mode and will shut down",
        "code": 91,
        "codeName": "ShutdownInProgress",
        "remainingQuiesceTimeMillis": bson.Int64(14927),
    },
    "strict": {
        "ok": 0.0,
        "errmsg": "The apiVersion parameter is required, please configure your MongoClient's API version",
        "code": 498870,
        "codeName": "Location498870",
    },
}


def serve(state, port):
    answer = ERRORS.get(state) or {
        "topologyVersion": {"processId": bson.ObjectId(b"process-id12"), "counter": bson.Int64(6)},
        **STATES[state],
        **COMMON,
        "ok": 1.0,
    }
    server = mockupdb.MockupDB(port=port, verbose=True, auto_ismaster=answer)
    server.autoresponds("ping")
    server.run()
    threading.Event().wait()


def client(port):
    client = pymongo.MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=10000)
    client.admin.command("ping", read_preference=pymongo.ReadPreference.NEAREST)
    (server,) = client.topology_description.server_descriptions().values()
    print(server.server_type_name)


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    client(int(sys.argv[2]))

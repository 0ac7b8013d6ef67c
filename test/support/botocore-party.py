"""The other party of test/contract/wire-botocore.test.ts: botocore's own serializers and parsers.

Reads one JSON object a line and answers one a line. {"service", "operation", "input"} gives the request that the AWS
CLI would send, in "protocol"; {"service", "operation", "answer": {"status", "headers", "body"}} gives what it would return. Dates and
bytes travel as {"$date": milliseconds} and {"$bytes": base64}.
"""

import base64
import datetime
import json
import sys
from urllib.parse import urlencode

import botocore.compat
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
loader = botocore.loaders.Loader()
models = {}


def model_of(service):
    if service not in models:
        models[service] = botocore.model.ServiceModel(loader.load_service_model(service, "service-2"), service)
    return models[service]


def decode(value):
    if isinstance(value, dict):
        if "$date" in value:
            return EPOCH + datetime.timedelta(milliseconds=value["$date"])
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        return {name: decode(item) for name, item in value.items()}
    return [decode(item) for item in value] if isinstance(value, list) else value


def encode(value):
    if isinstance(value, datetime.datetime):
        return {"$date": round((value - EPOCH) / datetime.timedelta(milliseconds=1))}
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: encode(item) for name, item in value.items()}
    return [encode(item) for item in value] if isinstance(value, list) else value


def serialize(protocol, operation, value):
    serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
    request = serializer.serialize_to_request(value, operation)
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    if isinstance(body, str):
        body = body.encode("utf-8")
    query = request["query_string"]
    return {
        "method": request["method"],
        "path": request["url_path"],
        "query": query if isinstance(query, str) else urlencode(query, doseq=True),
        "headers": dict(request["headers"]),
        "body": base64.b64encode(body or b"").decode(),
    }


def parse(protocol, operation, answer):
    parser = botocore.parsers.create_parser(protocol)
    body = base64.b64decode(answer["body"])
    response = {
        "status_code": answer["status"],
        "headers": botocore.compat.HTTPHeaders.from_dict(answer["headers"]),
        # The parser decodes plain bytes; a stream it hands on as it is.
        "body": bytearray(body) if operation.has_streaming_output else body,
    }
    try:
        return encode(parser.parse(response, operation.output_shape))
    except Exception as error:
        return {"$error": repr(error)}


for line in sys.stdin:
    order = json.loads(line)
    model = model_of(order["service"])
    operation = model.operation_model(order["operation"])
    protocol = {"rpc-cbor": "smithy-rpc-v2-cbor"}.get(order["protocol"], order["protocol"])
    if "input" in order:
        result = serialize(protocol, operation, decode(order["input"]))
    else:
        result = parse(protocol, operation, order["answer"])
    print(json.dumps(result), flush=True)
